"""Folders that hold the files of one commit after the other, apart from the user's checkout."""

import os
from pathlib import Path

from flux_ls.git.asking import ENVIRONMENT, GitError, answer, git_in, paths_of
from flux_ls.git.repository import Repository

_CHECKOUT_SECONDS = 300.0


class Checkouts:
    """Folders that hold the files of one commit after the other, apart from the user's checkout.

    The repository of their own in `home` has no object: it reads those of the user's. Nothing that is configured for
    the user's applies there, so that no filter runs, and what a program in such a folder asks of git changes nothing
    that is the user's.
    """

    def __init__(self, home: Path, repository: Repository) -> None:
        """Raises GitError."""
        self._home = home
        self._repository = repository
        format, objects = repository.object_format(), repository.objects()
        (home / "objects" / "info").mkdir(parents=True)
        (home / "refs").mkdir()
        (home / "objects" / "info" / "alternates").write_bytes(os.fsencode(_quoted(objects)) + b"\n")
        extension = f"\trepositoryformatversion = {int(format != 'sha1')}\n"
        extensions = f"[extensions]\n\tobjectformat = {format}\n" if format != "sha1" else ""
        (home / "config").write_text(f"[core]\n{extension}\tbare = true\n\thooksPath = {os.devnull}\n{extensions}")
        (home / "HEAD").write_text("ref: refs/heads/none\n")

    def add(self, name: str, folder: Path) -> "Checkout":
        """A folder that holds nothing yet; a program in it sees a repository without branches."""
        own = self._home / "worktrees" / name
        own.mkdir(parents=True)
        (own / "commondir").write_text("../..\n")
        (own / "gitdir").write_text(f"{folder / '.git'}\n")
        (own / "HEAD").write_text("ref: refs/heads/none\n")
        folder.mkdir(parents=True)
        (folder / ".git").write_text(f"gitdir: {own}\n")
        return Checkout(own, self._home, folder, self._repository)


class Checkout:
    """One of these folders."""

    def __init__(self, own: Path, common: Path, folder: Path, repository: Repository) -> None:
        self.folder = folder
        self._repository = repository
        self._own = own
        self._git = git_in(folder)
        self._environment = {
            **ENVIRONMENT,
            "GIT_DIR": str(own),
            "GIT_COMMON_DIR": str(common),
            "GIT_WORK_TREE": str(folder),
            "GIT_INDEX_FILE": str(own / "index"),
            "GIT_OBJECT_DIRECTORY": str(common / "objects"),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": "",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_COUNT": "0",
        }

    def put(self, commit: str) -> None:
        """Makes the folder's tracked files those of the commit, whatever was done to them. Raises GitError."""
        words = ("-c", "core.bare=false", "read-tree", "-u", "--reset", commit)
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
        words = ("-c", "core.bare=false", "ls-files", "-z", "--others", "--directory")
        return paths_of(answer(self._git, words, environment=self._environment))


def _quoted(path: Path) -> str:
    """As git reads a line of `alternates`: one that looks quoted or like a comment has to be quoted."""
    text = str(path)
    if text[:1] not in ('"', "#") and "\n" not in text:
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
