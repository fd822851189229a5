"""Long work off the event loop: with progress, cancellation, and an orderly end."""

import asyncio
import logging
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcRequestCancelled

if TYPE_CHECKING:
    from flux_ls.lsp.protocol import FluxProtocol

log = logging.getLogger(__name__)

T = TypeVar("T")

SHOW_AFTER_S = 0.3
"""Work that is done before shows no progress of its own: most answers take milliseconds."""
REPORT_EVERY_S = 0.1
CREATE_TIMEOUT_S = 5.0
WORKERS = 4
LONG_WORKERS = 2
"""For what takes minutes, so that it holds up no question."""


class Stopped(Exception):
    """Raised inside of work that was told to stop."""


class Job:
    """What work sees of its surroundings. Used from the thread that works."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.stop = threading.Event()
        self.said: tuple[str, int | None] | None = None
        """The latest of what it reported, until somebody has shown it."""

    def check(self) -> None:
        """Raises Stopped when nobody wants the result any more; long work calls it often."""
        if self.stop.is_set():
            raise Stopped(self.title)

    def report(self, message: str, percentage: int | None = None) -> None:
        """Shows how far it is, and checks."""
        self.check()
        self.said = (message, percentage)


class Jobs:
    """All running work of a session."""

    def __init__(self, protocol: "FluxProtocol") -> None:
        self._protocol = protocol
        self._executor = ThreadPoolExecutor(WORKERS, thread_name_prefix="flux-job")
        self._long = ThreadPoolExecutor(LONG_WORKERS, thread_name_prefix="flux-long")
        self._running: dict[Job, asyncio.Future[object]] = {}
        self._closed = False

    async def run(
        self, title: str, work: Callable[[Job], T], *, token: types.ProgressToken | None = None, long: bool = False
    ) -> T:
        """The result of `work`, done in a thread. `token` is the client's own, when it asked for progress.

        Cancelling the caller, or the progress in the editor, sets `job.stop`.
        """
        if self._closed:
            raise JsonRpcRequestCancelled(f"{title}: the server is shutting down")
        job = Job(title)
        executor = self._long if long else self._executor
        future = asyncio.get_running_loop().run_in_executor(executor, work, job)
        self._running[job] = future  # type: ignore[assignment]
        future.add_done_callback(lambda done: self._ended(job, done))
        if token is not None or self._supports_progress:
            showing = asyncio.create_task(self._progress(job, future, token))
            showing.add_done_callback(lambda task: task.cancelled() or task.exception())
        try:
            # Shielded: a thread cannot be cancelled, only asked; until it has ended it counts as running.
            return await asyncio.shield(future)
        except Stopped:
            raise JsonRpcRequestCancelled(f"{title}: cancelled") from None
        except asyncio.CancelledError:
            job.stop.set()
            raise

    async def stop_all(self, timeout: float) -> bool:
        """Tells all work to stop and waits for it; False when some of it did not within `timeout` seconds."""
        self._closed = True
        for job in self._running:
            job.stop.set()
        pending = set(self._running.values())
        if pending:
            _, pending = await asyncio.wait(pending, timeout=timeout)
        for executor in (self._executor, self._long):
            executor.shutdown(wait=False, cancel_futures=True)
        return not pending

    def _ended(self, job: Job, future: "asyncio.Future[T]") -> None:
        self._running.pop(job, None)
        if not future.cancelled() and (error := future.exception()) is not None and job.stop.is_set():
            # Nobody waits for it any more, and asyncio would complain that the exception was never looked at.
            log.debug("%s stopped: %r", job.title, error)

    @property
    def _supports_progress(self) -> bool:
        window = self._protocol.client_capabilities.window
        return window is not None and bool(window.work_done_progress)

    async def _progress(self, job: Job, future: "asyncio.Future[T]", token: types.ProgressToken | None) -> None:
        progress = self._protocol.progress
        if token is None:
            if (await asyncio.wait({future}, timeout=SHOW_AFTER_S))[0]:
                return
            token = f"flux-{uuid.uuid4()}"
            try:
                await asyncio.wait_for(progress.create_async(token), CREATE_TIMEOUT_S)
            except (JsonRpcException, TimeoutError) as error:
                log.info("%s: the client shows no progress: %s", job.title, error)
                return
        try:
            progress.begin(token, types.WorkDoneProgressBegin(job.title, cancellable=True))
            progress.tokens[token].add_done_callback(lambda _: job.stop.set())
            while True:
                done = future.done()
                # What was said last is shown, however soon it came after something else, or before the end.
                said, job.said = job.said, None
                if said is not None:
                    message, percentage = said
                    report = types.WorkDoneProgressReport(cancellable=True, message=message, percentage=percentage)
                    progress.report(token, report)
                if done:
                    break
                await asyncio.wait({future}, timeout=REPORT_EVERY_S)
            progress.end(token, types.WorkDoneProgressEnd())
        finally:
            progress.tokens.pop(token, None)
