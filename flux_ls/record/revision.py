"""Which revision of the checkout this process runs, whether it was dirty, and which texts git does not have."""

import hashlib
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from flux_ls.record.guard import tell
from flux_ls.record.wire import DIRTY, REVISION

_GIT_S: Final = 5.0
_LARGEST: Final = 4 * 1024 * 1024
_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})


class Checkout:
    """The checkout around a folder, as git sees it when this is made. Without git or a checkout it knows nothing."""

    def __init__(self, folder: Path | None) -> None:
        """Without a folder it knows nothing, and asks nobody."""
        self._folder = folder
        self._started_ns = time.time_ns()
        self._attributes: Mapping[str, object] | None = _NOTHING if folder is None else None
        self._root: Path | None = None
        self._blobs: dict[tuple[str, int], str | None] = {}
        self._thread: threading.Thread | None = None

    def look(self) -> None:
        """Asks git in the background."""
        _forget_threads_in_children(self)
        thread = threading.Thread(target=self._ask, name="flux-revision", daemon=True)
        thread.pydev_do_not_trace = thread.is_pydev_daemon_thread = True  # type: ignore[attr-defined]
        self._thread = thread
        thread.start()

    def settle(self, timeout_s: float) -> None:
        """Waits until git has answered."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)

    def before_fork(self) -> None:
        # It takes a moment, and a process with one thread is safe to fork.
        self.settle(0.5)

    def after_fork_in_child(self) -> None:
        self._thread = None

    def attributes(self) -> Mapping[str, object]:
        """The revision and whether it was dirty; always the same object."""
        if self._attributes is None:
            self.settle(_GIT_S)
        if self._attributes is None:
            self._ask()
        return self._attributes or _NOTHING

    def blobs(self, paths: Iterable[str]) -> dict[str, str]:
        """The git blob ids of those files that differ from the revision and are still what this process runs."""
        if not self.attributes() or self._root is None:
            return {}
        stamps: dict[str, int] = {}
        for path in paths:
            try:
                stat = Path(path).stat()
            except (OSError, ValueError):
                continue
            # What was saved after the start may not be what runs.
            if stat.st_mtime_ns <= self._started_ns and stat.st_size <= _LARGEST:
                stamps[path] = stat.st_mtime_ns
        unknown = [path for path, stamp in stamps.items() if (path, stamp) not in self._blobs]
        if unknown:
            for path, blob in self._changed(unknown).items():
                self._blobs[path, stamps[path]] = blob
        return {path: blob for path, stamp in stamps.items() if (blob := self._blobs.get((path, stamp))) is not None}

    def _changed(self, paths: Sequence[str]) -> dict[str, str | None]:
        root = self._root
        assert root is not None
        inside = {}
        for path in paths:
            resolved = Path(path).resolve()
            if resolved.is_relative_to(root):
                inside[resolved.relative_to(root).as_posix()] = path
        blobs: dict[str, str | None] = dict.fromkeys(paths)
        if not inside:
            return blobs
        told = self._git(root, "status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--", *inside)
        for entry in (told or "").split("\0"):
            path_of = inside.get(entry[3:])
            if path_of is not None:
                content = Path(path_of).read_bytes()
                blobs[path_of] = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
        return blobs

    def _ask(self) -> None:
        try:
            top = (self._git(self._folder, "rev-parse", "--show-toplevel") or "").strip() if self._folder else ""
            if top:
                self._root = Path(top).resolve()
                self._attributes = _read_status(
                    self._git(self._root, "status", "--porcelain=v2", "--branch", "--untracked-files=no") or ""
                )
        except Exception as error:
            tell("asking git for the revision", error)
        if self._attributes is None:
            self._attributes = _NOTHING

    def _git(self, folder: Path, *words: str) -> str | None:
        git = shutil.which("git")
        if git is None:
            return None
        environ = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        done = subprocess.run(
            [git, "--literal-pathspecs", "-c", "core.fsmonitor=false", *words],
            cwd=folder,
            env={**environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_GIT_S,
            check=False,
        )
        return done.stdout.decode("utf-8", "surrogateescape") if done.returncode == 0 else None


def _forget_threads_in_children(checkout: Checkout) -> None:
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=checkout.before_fork, after_in_child=checkout.after_fork_in_child)


def _read_status(told: str) -> Mapping[str, object]:
    revision = ""
    dirty = False
    for line in told.splitlines():
        if line.startswith("# branch.oid "):
            revision = line.removeprefix("# branch.oid ").strip()
        elif not line.startswith("#"):
            dirty = True
    if not revision or not revision.isalnum():
        return _NOTHING
    return {REVISION: revision, DIRTY: dirty}
