"""Folders that hold the files of one commit after the other, apart from the user's checkout."""

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from msgspec import Struct

from flux_ls.git.asking import ENVIRONMENT, GitError, Talk, answer, git_in
from flux_ls.git.contents import Contents
from flux_ls.git.index import Unread
from flux_ls.git.laying import Laid, Unfit, is_attributes
from flux_ls.git.removing import remove
from flux_ls.git.repository import Repository

_CHECKOUT_SECONDS = 300.0
_PROBE = 64 << 10


class _Kind(Struct, frozen=True):
    """What the repositories of all folders have in common."""

    format: str
    objects: Path
    """Where the user's are."""

    def environment(self, own: Path, folder: Path) -> dict[str, str]:
        return {
            **ENVIRONMENT,
            "GIT_DIR": str(own),
            "GIT_WORK_TREE": str(folder),
            "GIT_INDEX_FILE": str(own / "index"),
            "GIT_OBJECT_DIRECTORY": str(own / "objects"),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": "",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_COUNT": "0",
            "GIT_CONFIG_PARAMETERS": "",
        }

    def lay(self, own: Path) -> None:
        """Makes a repository without branches, where none or half of one is."""
        extensions = f"[extensions]\n\tobjectformat = {self.format}\n" if self.format != "sha1" else ""
        version = int(self.format != "sha1")
        core = f"[core]\n\trepositoryformatversion = {version}\n\thooksPath = {os.devnull}\n"
        (own / "refs").mkdir(exist_ok=True)
        (own / "objects" / "info").mkdir(parents=True, exist_ok=True)
        (own / "objects" / "info" / "alternates").write_bytes(os.fsencode(_quoted(self.objects)) + b"\n")
        (own / "config").write_text(core + extensions)
        (own / "HEAD").write_text("ref: refs/heads/none\n")


class Checkouts:
    """Makes such folders. Each has a repository of its own in `home`, which has no objects but those of the user's.

    Nothing that is configured for the user's applies there, so that no filter runs, and what a program in such a folder
    asks of git changes nothing that is the user's.
    """

    def __init__(self, home: Path, repository: Repository) -> None:
        """Raises GitError."""
        self._home = home
        self._repository = repository
        self._kind = _Kind(repository.object_format(), repository.objects())
        self._asked = home / "asked"
        self._asked.mkdir(parents=True)
        self._kind.lay(self._asked)
        self._idle: list[Contents] = []

    def add(self, name: str, folder: Path) -> "Checkout":
        """A folder that holds nothing yet; a program in it sees a repository without branches."""
        own = self._home / name
        own.mkdir(parents=True)
        folder.mkdir(parents=True)
        return Checkout(own, folder, self._repository, self._kind, self._contents)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    @contextlib.contextmanager
    def _contents(self) -> Iterator[Contents]:
        """Nobody else's meanwhile. Raises GitError."""
        try:
            contents = self._idle.pop()
        except IndexError:
            contents = Contents(self._talk)
        try:
            yield contents
        except Unfit:
            self._idle.append(contents)
            raise
        except BaseException:
            contents.close()
            raise
        self._idle.append(contents)

    def _talk(self, words: Sequence[str]) -> Talk:
        return Talk(git_in(self._asked), words, self._kind.environment(self._asked, self._asked))


class Checkout:
    """One of these folders."""

    def __init__(
        self,
        own: Path,
        folder: Path,
        repository: Repository,
        kind: _Kind,
        contents: Callable[[], AbstractContextManager[Contents]],
    ) -> None:
        self.folder = folder
        self._repository = repository
        self._own = own
        self._git = git_in(folder)
        self._kind = kind
        self._environment = kind.environment(own, folder)
        self._contents = contents
        self._laid: Laid | None = None
        """What is in the folder; None where that is not known."""
        self.renew()

    def renew(self) -> None:
        """Makes its repository what it was at first, whatever a run did to it: settings, branches, a stash, locks.

        Objects that nothing names any more stay.
        """
        for entry in self._own.iterdir():
            if entry.name not in ("index", "objects"):
                remove(entry)
        self._kind.lay(self._own)
        tie, told = self.folder / ".git", f"gitdir: {self._own}\n".encode()
        if tie.is_symlink() or not tie.is_file() or tie.read_bytes() != told:
            remove(tie)
            tie.write_bytes(told)

    def put(self, commit: str) -> None:
        """Makes the folder's files those of the commit, whatever was done to them. Raises GitError and OSError.

        What a run added is still there, unless it was removed before.
        """
        laid, self._laid = self._laid, None
        if laid is None:
            self.clear()
        if laid is None or not self._lay(laid, commit):
            self._put(commit)
        (self._own / "HEAD").write_text(f"{commit}\n")

    def clear(self) -> None:
        """Removes all files, and lets git know nothing of them."""
        self._laid = None
        remove(self._own / "index")
        for path in self.folder.iterdir():
            if path.name != ".git":
                remove(path)

    def remove_left(self, folders: Iterable[str]) -> None:
        """Removes what the commit does not have; `folders` are those that differ from when it was put there."""
        for path in self._laid.left(folders) if self._laid is not None else ():
            remove(path)

    def _lay(self, laid: Laid, commit: str) -> bool:
        """Whether what is there was made the commit, without git where it is told to."""
        try:
            with self._contents() as contents:
                laid.put(commit, contents)
        except Unfit:
            if self._same_attributes(laid.commit, commit):
                laid.leave_to_git()
            else:
                # Git leaves a file as it is whose content stays, whatever another attribute would make of it.
                self.clear()
            return False
        except (GitError, OSError):
            # It is half one commit and half another.
            self.clear()
            return False
        self._laid = laid
        return True

    def _put(self, commit: str) -> None:
        words = ("read-tree", "-u", "--reset", commit)
        try:
            answer(self._git, words, environment=self._environment, seconds=_CHECKOUT_SECONDS)
        except GitError as error:
            if self._repository.is_partial():
                how = "git fetch --refetch --no-filter"
                raise GitError(
                    f"this clone does not have all files of {commit[:12]}, and nothing is fetched: {how}"
                ) from error
            self._find_room(commit)
            raise
        with contextlib.suppress(Unread, GitError, OSError), self._contents() as contents:
            self._laid = Laid(self.folder, self._own / "index", self._kind.format, commit, contents)

    def _find_room(self, commit: str) -> None:
        """Raises OSError where it is full: git does not always say so."""
        (self._own / "probe").write_bytes(bytes(_PROBE))
        (self._own / "probe").unlink()
        with contextlib.suppress(GitError):
            if shutil.disk_usage(self.folder).free < self._repository.tree(commit).bytes:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.folder))

    def _same_attributes(self, before: str, after: str) -> bool:
        try:
            with self._contents() as contents:
                return not any(map(is_attributes, contents.differences(before, after)))
        except (GitError, OSError):
            return False


def _quoted(path: Path) -> str:
    """As git reads a line of `alternates`: one that looks quoted or like a comment has to be quoted."""
    text = str(path)
    if text[:1] not in ('"', "#") and "\n" not in text:
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
