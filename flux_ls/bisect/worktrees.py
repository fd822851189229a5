"""Throw-away checkouts: folders that hold one revision after the other, and what a killed run left of such.

They lie apart from the user's checkout, in memory where there is room, and have a repository of their own
(`git/checkouts.py`): whatever runs in them finds nothing of the user's to change.
"""

import contextlib
import errno
import os
import secrets
import shutil
import signal
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from flux_ls.git.asking import GitError
from flux_ls.git.checkouts import Checkout, Checkouts
from flux_ls.git.removing import remove
from flux_ls.git.repository import Repository
from flux_ls.room import FULL, no_room

MARK = "FLUX_BISECT"
"""Names, in the environment of all that runs in such a folder, the scratch folder that it belongs to."""
_MEMORY = Path("/dev/shm")
_MARKED_NS = 10**18
_SPARE = 512 << 20
"""Room in memory that is left to others."""
_LEAST = 64 << 10
"""With less room, what fails may fail for want of it."""


class NoRoom(Exception):
    """Nothing can be written where the folders are; the message says where, why, and what to do."""


class Worktree:
    """One of the folders; used by one run at a time."""

    def __init__(self, checkout: Checkout) -> None:
        self.folder = checkout.folder
        self.commit: str | None = None
        self.used = False
        """Something ran in it since it was made."""
        self._checkout = checkout
        self._folders: set[str] = set()

    def holds(self, commit: str) -> bool:
        """Whether it is the commit, with nothing else in it."""
        return self.commit == commit and not self.used

    def put(self, commit: str) -> None:
        """Makes it the commit, with nothing else in it. Raises GitError."""
        self.commit, ran = None, self.used
        entered = self._entered() if ran else ()
        if ran:
            self._checkout.renew()
        # Until it is whole, it is to be looked into.
        self.used = True
        try:
            if entered:
                self._checkout.remove_left(entered)
            self._checkout.put(commit)
        except GitError:
            if not ran:
                raise
            # A run may have broken what git knows of the files: none of them is trusted.
            self._checkout.clear()
            self._checkout.put(commit)
        self._mark(self.folder)
        self.commit, self.used = commit, False

    def _entered(self) -> list[str]:
        """The folders in which a run made or removed anything: that changes their time."""
        return [folder for folder in self._folders if _time_of(folder) != _MARKED_NS]

    def _mark(self, top: Path) -> None:
        """Gives every folder the same time. Only those with another one have to be looked into for new ones."""
        known, ahead = self._folders, [str(top), *self._folders]
        self._folders = set()
        while ahead:
            folder = ahead.pop()
            if folder in self._folders:
                continue
            changed = _time_of(folder)
            if changed is None:
                continue
            self._folders.add(folder)
            if folder not in known or changed != _MARKED_NS:
                with os.scandir(folder) as entries:
                    ahead += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
                os.utime(folder, ns=(_MARKED_NS, _MARKED_NS))


def _time_of(folder: str) -> int | None:
    """None where there is no folder."""
    try:
        status = os.lstat(folder)
    except OSError:
        return None
    return status.st_mtime_ns if stat.S_ISDIR(status.st_mode) else None


class Scratch:
    """The folder around them, gone when it is closed, or at the next start."""

    def __init__(self, repository: Repository, room: int, most: int = 3) -> None:
        """`room` is what a checkout takes, in bytes; there are `most` of them at most. Raises GitError and NoRoom."""
        self._most = most
        name = secrets.token_hex(6)
        base = _base(most * room)
        self._lock = FileLock(base / f"{name}.lock")
        try:
            base.mkdir(mode=0o700, exist_ok=True)
            self._lock.acquire(timeout=0)
        except OSError as error:
            raise NoRoom(no_room(error, base.parent)) from error
        if not _ours(base):
            raise GitError(f"{base} is not a folder of yours alone: remove it")
        self.folder = Path(os.path.realpath(base / name))
        self.checkout_s = 0.0
        """How long the latest one took."""
        self._idle: list[Worktree] = []
        self._count = 0
        self._order: Mapping[str, int] = {}
        self._wanted: Collection[str] = ()
        self._making: set[str] = set()
        self._changed = threading.Condition()
        """Guards what stands above."""
        try:
            with self.room():
                (self.folder / "git").mkdir(parents=True, mode=0o700)
                self._checkouts = Checkouts(self.folder / "git", repository)
        except BaseException:
            self._leave()
            raise

    @contextlib.contextmanager
    def room(self) -> Iterator[None]:
        """What fails to write for want of it raises NoRoom."""
        try:
            yield
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise NoRoom(no_room(error, self.folder)) from error

    def has_room(self) -> None:
        """Raises NoRoom where nothing more can be written."""
        with self.room():
            if shutil.disk_usage(self.folder).free < _LEAST:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.folder))

    @contextlib.contextmanager
    def at(self, commit: str) -> Iterator[Worktree]:
        """A folder with the commit, nobody else's meanwhile. Raises GitError."""
        with self._changed:
            # To begin anew would take longer than to wait for whoever makes it ready.
            self._changed.wait_for(lambda: commit not in self._making)
            tree = self._taken(commit, self._idle) or self._another()
        try:
            if not tree.holds(commit):
                self._put(tree, commit)
            yield tree
        finally:
            # What a run left in it must not meet the next one, not even of the same commit.
            tree.used = True
            self._give_back(tree)

    def line_up(self, commits: Iterable[str]) -> None:
        """Tells the order of commits: what holds one is the quicker made another one, the nearer they stand."""
        with self._changed:
            self._order = {commit: at for at, commit in enumerate(commits)}

    def want(self, commits: Collection[str]) -> None:
        """These may be asked for next; others that wait to be made ready are not."""
        with self._changed:
            self._wanted = commits

    def prepare(self, commit: str) -> None:
        """Has a folder ready for when the commit is asked for, if it is wanted by the time. Raises GitError."""
        with self._changed:
            if commit not in self._wanted or commit in self._making or self._is_ready(commit):
                return
            tree = self._taken(commit, self._free()) or (self._another() if self._count < self._most else None)
            if tree is None:
                return
            self._making.add(commit)
        try:
            self._put(tree, commit)
        finally:
            self._give_back(tree, made=commit)

    def _put(self, tree: Worktree, commit: str) -> None:
        began = time.monotonic()
        tree.put(commit)
        self.checkout_s = time.monotonic() - began

    def _is_ready(self, commit: str) -> bool:
        return any(tree.holds(commit) for tree in self._idle)

    def _free(self) -> list[Worktree]:
        return [tree for tree in self._idle if tree.used or tree.commit not in self._wanted]

    def _taken(self, commit: str, trees: Collection[Worktree]) -> Worktree | None:
        """The one of these that is ready, or that is the quickest made so; None for none."""
        tree = min(trees, key=lambda tree: (not tree.holds(commit), self._apart(tree, commit)), default=None)
        if tree is not None:
            self._idle.remove(tree)
        return tree

    def _another(self) -> Worktree:
        self._count += 1
        return Worktree(self._checkouts.add(str(self._count), self.folder / str(self._count)))

    def _apart(self, tree: Worktree, commit: str) -> int:
        return abs(self._order.get(tree.commit or "", -1) - self._order.get(commit, -1))

    def _give_back(self, tree: Worktree, made: str = "") -> None:
        with self._changed:
            self._idle.append(tree)
            self._making.discard(made)
            self._changed.notify_all()

    def close(self) -> None:
        self._checkouts.close()
        self._leave()

    def _leave(self) -> None:
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
            return _MEMORY / _name()
    return Path(tempfile.gettempdir()) / _name()


def _runs_programs(folder: Path) -> bool:
    return not hasattr(os, "ST_NOEXEC") or not os.statvfs(folder).f_flag & os.ST_NOEXEC


def _name() -> str:
    return f"flux-bisect-{os.getuid()}" if hasattr(os, "getuid") else "flux-bisect"


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
