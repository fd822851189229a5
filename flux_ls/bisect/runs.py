"""Runs at revisions: several at once, each in a folder of its own, the next folders made ready meanwhile."""

import contextlib
import threading
from collections.abc import Collection, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from types import TracebackType
from typing import Self

from msgspec import Struct

from flux_ls.bisect.executed import Executed, executed
from flux_ls.bisect.oracles import Aborted, Cancelled, Oracle, Said
from flux_ls.bisect.traces import Traced
from flux_ls.bisect.worktrees import Scratch
from flux_ls.git.asking import GitError
from flux_ls.source.lines import decode_source
from flux_ls.source.places import Text
from flux_ls.source.text_cache import MAX_BYTES, parsed

_BEAT_S = 0.1


class Finished(Struct, frozen=True):
    """A run, and what it executed, if it was traced and any Python ran."""

    commit: str
    said: Said
    executed: Executed | None


class Runs:
    """What runs now. Used from one thread."""

    def __init__(self, scratch: Scratch, oracle: Oracle, at_once: int, cancel: threading.Event) -> None:
        self._scratch = scratch
        self._oracle = oracle
        self._cancel = cancel
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="flux-bisect")
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="flux-bisect-ahead")
        self._running: dict[Future[Finished], tuple[str, threading.Event]] = {}
        self._begun = threading.Event()

    @property
    def commits(self) -> tuple[str, ...]:
        """What is being tried."""
        return tuple(commit for commit, stop in self._running.values() if not stop.is_set())

    @property
    def checkout_s(self) -> float:
        """How long the latest checkout took."""
        return self._scratch.checkout_s

    def start(self, commit: str, *, trace: bool = False) -> None:
        stop = threading.Event()
        self._scratch.want(())
        self._begun.clear()
        self._running[self._pool.submit(self._one, commit, stop, trace)] = (commit, stop)

    def wait_for_its_folder(self) -> None:
        """Until the latest run has one: to make it, and anything else meanwhile, takes longer than one by one."""
        while not self._begun.wait(_BEAT_S) and not self._cancel.is_set():
            pass

    def line_up(self, commits: Iterable[str]) -> None:
        """Tells the order of commits in the history."""
        self._scratch.line_up(commits)

    def prepare(self, commits: Collection[str]) -> None:
        """Makes folders ready for what may be asked next, the first one first, until the next one begins."""
        self._scratch.want(commits)
        for commit in commits:
            self._ahead.submit(self._make_ready, commit)

    def drop(self, commits: Collection[str]) -> None:
        """Ends the runs of commits that nobody asks about any more."""
        for commit, stop in self._running.values():
            if commit in commits:
                stop.set()

    def next(self) -> Finished | None:
        """The next run that ends; None when one that was dropped has. Raises what the run raised, and Cancelled."""
        while True:
            done, _ = wait(self._running, timeout=_BEAT_S, return_when=FIRST_COMPLETED)
            if self._cancel.is_set():
                raise Cancelled
            for future in done:
                _, stop = self._running.pop(future)
                if stop.is_set():
                    # Nobody asks any more, not even whether the search is to end.
                    with contextlib.suppress(Cancelled, Aborted, GitError):
                        future.result()
                    return None
                return future.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._scratch.want(())
        for _, stop in self._running.values():
            stop.set()
        self._pool.shutdown(cancel_futures=True)
        self._ahead.shutdown(cancel_futures=True)

    def _one(self, commit: str, stop: threading.Event, trace: bool) -> Finished:
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._scratch.room())
            try:
                tree = stack.enter_context(self._scratch.at(commit))
            finally:
                self._begun.set()
            said = self._oracle.ask(tree.folder, stop, scratch=self._scratch.folder, trace=trace)
            if said.verdict != "good":
                # It may have failed for want of that alone.
                self._scratch.has_room()
            traced = said.traced
            told = executed(traced, _texts(traced, tree.folder), said.told) if traced is not None else None
            return Finished(commit, said, told)

    def _make_ready(self, commit: str) -> None:
        # Whoever needs it meets the same error, and says it.
        with contextlib.suppress(GitError, OSError):
            self._scratch.prepare(commit)


def _texts(traced: Traced, folder: Path) -> dict[str, Text]:
    texts: dict[str, Text] = {}
    for path in {place.path for place in traced.calls}:
        with contextlib.suppress(OSError):
            file = folder / path
            if file.stat().st_size <= MAX_BYTES:
                texts[path] = parsed(file, decode_source(file.read_bytes()))
    return texts
