"""Folders that hold the files of one commit after the other, apart from the user's checkout."""

import contextlib
import os
import shutil
import stat
from pathlib import Path

from flux_ls.git.asking import ENVIRONMENT, GitError, answer, git_in, paths_of
from flux_ls.git.repository import Repository

_CHECKOUT_SECONDS = 300.0


class Checkouts:
    """Makes such folders. Each has a repository of its own in `home`, which has no objects but those of the user's.

    Nothing that is configured for the user's applies there, so that no filter runs, and what a program in such a folder
    asks of git changes nothing that is the user's.
    """

    def __init__(self, home: Path, repository: Repository) -> None:
        """Raises GitError."""
        self._home = home
        self._repository = repository
        self._format, self._objects = repository.object_format(), repository.objects()

    def add(self, name: str, folder: Path) -> "Checkout":
        """A folder that holds nothing yet; a program in it sees a repository without branches."""
        own = self._home / name
        own.mkdir(parents=True)
        folder.mkdir(parents=True)
        return Checkout(own, folder, self._repository, self._format, self._objects)


class Checkout:
    """One of these folders."""

    def __init__(self, own: Path, folder: Path, repository: Repository, format: str, objects: Path) -> None:
        self.folder = folder
        self._repository = repository
        self._own = own
        self._git = git_in(folder)
        self._environment = {
            **ENVIRONMENT,
            "GIT_DIR": str(own),
            "GIT_WORK_TREE": str(folder),
            "GIT_INDEX_FILE": str(own / "index"),
            "GIT_OBJECT_DIRECTORY": str(own / "objects"),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": "",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_COUNT": "0",
        }
        extensions = f"[extensions]\n\tobjectformat = {format}\n" if format != "sha1" else ""
        version = int(format != "sha1")
        self._config = f"[core]\n\trepositoryformatversion = {version}\n\thooksPath = {os.devnull}\n{extensions}"
        self._alternates = os.fsencode(_quoted(objects)) + b"\n"
        self.renew()

    def renew(self) -> None:
        """Makes its repository what it was at first, whatever a run did to it: settings, branches, a stash, locks.

        What it knows of the files in the folder stays, as do objects that nothing names any more.
        """
        for entry in self._own.iterdir():
            if entry.name not in ("index", "objects"):
                remove(entry)
        (self._own / "refs").mkdir(exist_ok=True)
        (self._own / "objects" / "info").mkdir(parents=True, exist_ok=True)
        (self._own / "objects" / "info" / "alternates").write_bytes(self._alternates)
        (self._own / "config").write_text(self._config)
        (self._own / "HEAD").write_text("ref: refs/heads/none\n")
        tie, told = self.folder / ".git", f"gitdir: {self._own}\n".encode()
        if tie.is_symlink() or not tie.is_file() or tie.read_bytes() != told:
            remove(tie)
            tie.write_bytes(told)

    def forget(self) -> None:
        """Lets it know nothing of the files in the folder: all of them are left over then."""
        remove(self._own / "index")

    def put(self, commit: str) -> None:
        """Makes the folder's tracked files those of the commit, whatever was done to them. Raises GitError."""
        words = ("read-tree", "-u", "--reset", commit)
        try:
            answer(self._git, words, environment=self._environment, seconds=_CHECKOUT_SECONDS)
        except GitError as error:
            if self._repository.is_partial():
                how = "git fetch --refetch --no-filter"
                raise GitError(
                    f"this clone does not have all files of {commit[:12]}, and nothing is fetched: {how}"
                ) from error
            raise
        (self._own / "HEAD").write_text(f"{commit}\n")

    def left(self) -> tuple[str, ...]:
        """Paths in the folder that the commit does not have, folders with a slash at their end. Raises GitError."""
        words = ("ls-files", "-z", "--others", "--directory")
        return paths_of(answer(self._git, words, environment=self._environment))


def remove(path: Path) -> None:
    """Removes a file or folder, also from under folders that nobody may write to."""

    def again(_function: object, name: str, _: object) -> None:
        for each in (os.path.dirname(name), name):  # noqa: PTH120
            with contextlib.suppress(OSError):
                mode = os.lstat(each).st_mode
                if not stat.S_ISLNK(mode) and str(each).startswith(str(path)):
                    os.chmod(each, stat.S_IRWXU)  # noqa: PTH101
        with contextlib.suppress(OSError):
            shutil.rmtree(name) if os.path.isdir(name) and not os.path.islink(name) else os.unlink(name)  # noqa: PTH108, PTH112, PTH114

    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, onerror=again)
    else:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()


def _quoted(path: Path) -> str:
    """As git reads a line of `alternates`: one that looks quoted or like a comment has to be quoted."""
    text = str(path)
    if text[:1] not in ('"', "#") and "\n" not in text:
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
