"""The worker that ties the store's issues to today's text, and hands out what each file has to show.

One thread owns the workspace and does everything that reads files. It takes news of the store, edits and
settings from a queue, works off all that has gathered, and hands out a new snapshot. The event loop only ever looks
at the latest one.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from flux_ls.lsp.known_issues import KnownIssues
from flux_ls.lsp.open_files import Buffer
from flux_ls.lsp.placing import Placing
from flux_ls.lsp.snapshot import Snapshot
from flux_ls.lsp.suspects import Suspicion
from flux_ls.lsp.trials import Trial
from flux_ls.lsp.watch import News
from flux_ls.model import Issue, Proof
from flux_ls.source.workspace import Workspace

log = logging.getLogger(__name__)

LOOK_AT_FILES_EVERY_S = 1.0
"""How soon a file that changes on disk without the editor is noticed."""
LOOK_FOR_FILES_EVERY_S = 30.0
"""How soon a file that was missing is found, when the editor did not open it."""


class Surroundings(Struct, frozen=True):
    """Where files are looked for, and whether handled errors are shown in a file."""

    roots: tuple[Path, ...] = ()
    path_map: tuple[str, ...] = ()
    handled: tuple[tuple[str, bool], ...] = ()
    """Folders, and whether their settings show handled errors; a folder before those around it."""


class Touched(Struct, frozen=True):
    """A file was saved: look at it now."""

    path: str


class Tried(Struct, frozen=True):
    """Requests were replayed."""

    trials: tuple[Trial, ...]


_Message = News | Buffer | Surroundings | Touched | Tried | Suspicion | Future[None] | None


class Findings:
    """The worker. Everything public may be called from any thread; the hooks are called in the worker's.

    `on_mended` gets issues that were seen mended just now, which the store does not know yet.
    """

    def __init__(
        self, on_snapshot: Callable[[Snapshot], None], on_mended: Callable[[list[tuple[Issue, Proof]]], None]
    ) -> None:
        self._on_snapshot = on_snapshot
        self._on_mended = on_mended
        self._messages: queue.SimpleQueue[_Message] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="flux-findings", daemon=True)
        self._known = KnownIssues()
        self._placing = Placing(self._known)
        self._surroundings = Surroundings()
        self._snapshot: Snapshot | None = None
        self.took_s = 0.0
        """How long it took to bring the findings up to date last time."""

    def start(self) -> None:
        self._thread.start()

    def put(self, message: News | Buffer | Surroundings | Touched | Tried | Suspicion) -> None:
        self._messages.put(message)

    def settled(self) -> Future[None]:
        """Done when all that was put before is in a snapshot that was handed out."""
        done: Future[None] = Future()
        self._messages.put(done)
        return done

    def stop(self) -> None:
        self._messages.put(None)

    def join(self, timeout: float) -> bool:
        self._thread.join(timeout)
        return not self._thread.is_alive()

    @contextmanager
    def workspace(self) -> Iterator[Workspace]:
        """The workspace, for a question; the worker waits meanwhile."""
        with self._placing.lock:
            yield self._placing.workspace

    # The thread.

    def _run(self) -> None:
        look_at = time.monotonic() + LOOK_AT_FILES_EVERY_S
        look_for = time.monotonic() + LOOK_FOR_FILES_EVERY_S
        while True:
            messages = self._gathered(max(look_at - time.monotonic(), 0))
            stop = None in messages
            waiting = [message for message in messages if isinstance(message, Future)]
            try:
                if not stop:
                    stale: set[int] = set()
                    beats = time.monotonic() >= look_at
                    if beats:
                        look_at = time.monotonic() + LOOK_AT_FILES_EVERY_S
                        if changed := self._placing.changed_on_disk():
                            # A checkout or a commit, maybe: git is asked again.
                            self._placing.refresh()
                            stale |= changed
                    if time.monotonic() >= look_for:
                        look_for = time.monotonic() + LOOK_FOR_FILES_EVERY_S
                        self._placing.refresh()
                        stale |= self._placing.unplaced()
                    if beats or stale or not self._is_up_to_date(messages):
                        began = time.monotonic()
                        self._take(messages, stale)
                        self.took_s = time.monotonic() - began
            except Exception:
                log.exception("the findings could not be brought up to date")
            for future in waiting:
                if future.set_running_or_notify_cancel():
                    future.set_result(None)
            if stop:
                return

    def _gathered(self, patience_s: float) -> list[_Message]:
        gathered: list[_Message] = []
        try:
            gathered.append(self._messages.get(timeout=patience_s))
            while True:
                gathered.append(self._messages.get_nowait())
        except queue.Empty:
            return gathered

    def _is_up_to_date(self, messages: Iterable[_Message]) -> bool:
        """Whether they only ask for the findings to be settled, and these are: the mouse moves often."""
        asked = all(isinstance(message, Future) for message in messages)
        return asked and self._snapshot is not None and not self._placing.has_learned()

    def _take(self, messages: Iterable[_Message], stale: set[int]) -> None:
        for message in messages:
            if isinstance(message, News):
                stale |= self._known.take_news(message)
            elif isinstance(message, Buffer):
                stale |= self._placing.take_buffer(message)
            elif isinstance(message, Touched):
                self._placing.forget(message.path)
                stale |= self._placing.of_file(message.path)
            elif isinstance(message, Tried):
                of_them, trials = self._known.take_trials(message.trials)
                stale |= of_them
                for body in (body for trial in trials for body in trial.bodies):
                    self._placing.forget(body.path)  # It may have been saved a moment ago.
            elif isinstance(message, Suspicion):
                self._placing.suspected.take(message)
                stale |= self._known.of_group(message.fingerprint)
            elif isinstance(message, Surroundings) and message != self._surroundings:
                self._surroundings = message
                self._placing.move_to(message.roots, message.path_map)
                stale |= self._known.by_id.keys()
        if stale or self._placing.has_learned():
            self._placing.place(stale)
        if mended := self._known.just_mended():
            self._on_mended(mended)
        # A finding grows stale without any news, so this is put together on every beat.
        snapshot = self._placing.snapshot(self._surroundings.handled)
        if snapshot != self._snapshot:
            self._snapshot = snapshot
            self._on_snapshot(snapshot)
