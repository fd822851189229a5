"""Throw-away checkouts: folders that hold one revision after the other, and what a killed run left of such.

They lie apart from the user's checkout, in memory where there is room, and have a repository of their own
(`git/checkouts.py`): whatever runs in them finds nothing of the user's to change.
"""

import contextlib
import os
import secrets
import shutil
import signal
import stat
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from flux_ls.git.asking import GitError
from flux_ls.git.checkouts import Checkout, Checkouts
from flux_ls.git.repository import Repository

MARK = "FLUX_BISECT"
"""Names, in the environment of all that runs in such a folder, the scratch folder that it belongs to."""
_MEMORY = Path("/dev/shm")
_MARKED_NS = 10**18
_SPARE = 512 << 20
"""Room in memory that is left to others."""


class Worktree:
    """One of the folders; used by one run at a time."""

    def __init__(self, checkout: Checkout) -> None:
        self.folder = checkout.folder
        self.commit: str | None = None
        self.used = False
        """Something ran in it since it was made."""
        self._checkout = checkout
        self._folders: set[str] = set()

    def put(self, commit: str) -> None:
        """Makes it the commit, with nothing else in it. Raises GitError."""
        self.commit = None
        if self.used and self._entered():
            for path in self._checkout.left():
                if path.rstrip("/") != ".git":
                    remove(self.folder / path)
        self._checkout.put(commit)
        self._mark(self.folder)
        self.commit, self.used = commit, False

    def _entered(self) -> bool:
        """Whether a run made or removed anything: that changes the time of the folder around it."""
        try:
            return any(os.stat(folder).st_mtime_ns != _MARKED_NS for folder in self._folders)  # noqa: PTH116
        except OSError:
            return True

    def _mark(self, top: Path) -> None:
        """Gives every folder the same time. Only those with another one have to be looked into for new ones."""
        known, ahead = self._folders, [str(top), *self._folders]
        self._folders = set()
        while ahead:
            folder = ahead.pop()
            if folder in self._folders:
                continue
            try:
                changed = folder not in known or os.stat(folder).st_mtime_ns != _MARKED_NS  # noqa: PTH116
            except OSError:
                continue
            self._folders.add(folder)
            if changed:
                with os.scandir(folder) as entries:
                    ahead += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
                os.utime(folder, ns=(_MARKED_NS, _MARKED_NS))


class Scratch:
    """The folder around them, gone when it is closed, or at the next start."""

    def __init__(self, repository: Repository, room: int, most: int = 3) -> None:
        """`room` is what a checkout takes, in bytes; there are `most` of them at most. Raises GitError."""
        base = _base(most * room)
        self._most = most
        name = secrets.token_hex(6)
        self._lock = FileLock(base / f"{name}.lock")
        self._lock.acquire(timeout=0)
        self.folder = Path(os.path.realpath(base / name))
        self.in_memory = base.parent == _MEMORY
        self._idle: list[Worktree] = []
        self._count = 0
        self._guard = threading.Lock()
        try:
            (self.folder / "git").mkdir(parents=True, mode=0o700)
            self._checkouts = Checkouts(self.folder / "git", repository)
        except BaseException:
            self.close()
            raise

    @contextlib.contextmanager
    def at(self, commit: str) -> Iterator[Worktree]:
        """A folder with the commit, nobody else's meanwhile. Raises GitError."""
        tree = self._taken(commit)
        try:
            if tree.commit != commit or tree.used:
                tree.put(commit)
            yield tree
        finally:
            # What a run left in it must not meet the next one, not even of the same commit.
            tree.used = True
            with self._guard:
                self._idle.append(tree)

    def prepare(self, commit: str) -> None:
        """Has a folder ready for when the commit is asked for. Raises GitError."""
        with self._guard:
            if any(tree.commit == commit and not tree.used for tree in self._idle):
                return
        tree = self._taken(commit)
        try:
            tree.put(commit)
        finally:
            with self._guard:
                self._idle.append(tree)

    def _taken(self, commit: str) -> Worktree:
        with self._guard:
            ready = [tree for tree in self._idle if tree.commit == commit and not tree.used]
            free = [tree for tree in self._idle if tree.commit is None or tree.used]
            found: list[Worktree] = [*ready, *free, *(self._idle if self._count >= self._most else ())]
            if found:
                self._idle.remove(found[0])
                return found[0]
            self._count += 1
            number = self._count
        return Worktree(self._checkouts.add(str(number), self.folder / str(number)))

    def close(self) -> None:
        try:
            # What has left its run's session, as services do, is still there.
            _end(self.folder)
            remove(self.folder)
        finally:
            self._lock.release()
            with contextlib.suppress(OSError):
                Path(self._lock.lock_file).unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()


def sweep() -> int:
    """Removes what runs left that were killed, and ends what still runs there; how many there were."""
    swept = 0
    for base in (_MEMORY / _name(), Path(tempfile.gettempdir()) / _name()):
        if not _ours(base):
            continue
        for folder in base.iterdir():
            if not folder.is_dir() or folder.is_symlink():
                continue
            lock = FileLock(base / f"{folder.name}.lock")
            try:
                lock.acquire(timeout=0)
            except (Timeout, OSError):
                continue
            try:
                _end(folder)
                remove(folder)
                swept += 1
            finally:
                lock.release()
                with contextlib.suppress(OSError):
                    Path(lock.lock_file).unlink()
    return swept


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


def unsuited(repository: Repository, commit: str) -> list[str]:
    """What a checkout will lack: submodules, and the contents of files that LFS keeps. Raises GitError."""
    tree = repository.tree(commit)
    said = []
    if tree.submodules:
        said.append(f"submodules stay empty in the checkouts: {', '.join(tree.submodules[:5])}")
    for path in tree.attributes:
        blob = repository.blob(commit, path)
        if blob is not None and b"filter=lfs" in blob.content:
            said.append(f"files that Git LFS keeps ({path}) are pointers in the checkouts, without their contents")
            break
    return said


def _base(room: int) -> Path:
    """Where scratch folders go: in memory, if that leaves enough of it."""
    with contextlib.suppress(OSError, GitError):
        if _MEMORY.is_dir() and _runs_programs(_MEMORY) and shutil.disk_usage(_MEMORY).free > room + _SPARE:
            return _made(_MEMORY / _name())
    return _made(Path(tempfile.gettempdir()) / _name())


def _runs_programs(folder: Path) -> bool:
    return not hasattr(os, "ST_NOEXEC") or not os.statvfs(folder).f_flag & os.ST_NOEXEC


def _name() -> str:
    return f"flux-bisect-{os.getuid()}" if hasattr(os, "getuid") else "flux-bisect"


def _made(base: Path) -> Path:
    base.mkdir(mode=0o700, exist_ok=True)
    if not _ours(base):
        raise GitError(f"{base} is not a folder of yours alone: remove it")
    return base


def _ours(base: Path) -> bool:
    """Anybody may put a folder of that name where all may write."""
    try:
        status = base.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and (not hasattr(os, "getuid") or status.st_uid == os.getuid())


def _end(folder: Path) -> None:
    """Ends what runs have left running, known by its environment; where there is no /proc, it ends by itself."""
    if sys.platform != "linux":
        return
    mark = os.fsencode(f"{MARK}={os.path.realpath(folder)}")
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                os.kill(int(entry.name), signal.SIGKILL)
