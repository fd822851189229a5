"""The one thread in which received bodies are decompressed, decoded and handed to the sink."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from flux_ls.otlp.payload import MAX_BODY
from flux_ls.otlp.sink import Sink, SinkBusy

T = TypeVar("T")

log = logging.getLogger(__name__)


class Worker:
    """A bounded queue in front of a sink, for use from one event loop.

    The sink is opened, used and closed in the worker's thread. `max_waiting` exports may wait, and `max_bytes` of
    bodies may be held by those that are being received or wait.
    """

    def __init__(self, open_sink: Callable[[], Sink], *, max_waiting: int = 64, max_bytes: int = 4 * MAX_BODY) -> None:
        self._open_sink = open_sink
        self._max_waiting = max_waiting
        self._max_bytes = max_bytes
        self._waiting = 0
        self._bytes = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="flux-otlp")
        self._sink: Sink | None = None

    async def start(self) -> None:
        """Opens the sink; what that raises, this raises."""
        self._sink = await self._submit(self._open_sink)

    async def stop(self) -> None:
        """Finishes what is queued, then closes the sink."""
        close = getattr(self._sink, "close", None)
        if close is not None:
            await self._submit(close)
        self._sink = None
        self._thread.shutdown(wait=False)

    @property
    def idle(self) -> bool:
        return self._waiting == 0 and self._bytes == 0

    def hold(self, size: int) -> None:
        """Counts bytes of a body that came in; `SinkBusy` when there are too many. Pair with `release`."""
        if self._bytes + size > self._max_bytes:
            raise SinkBusy(1.0, "too many bodies are being received, try again")
        self._bytes += size

    def release(self, size: int) -> None:
        self._bytes -= size

    async def export(self, work: Callable[[Sink], T]) -> T:
        """The result of `work` on the sink; `SinkBusy` when too many wait already."""
        sink = self._sink
        if sink is None:
            raise SinkBusy(1.0, "the collector is starting or stopping, try again")
        if self._waiting >= self._max_waiting:
            raise SinkBusy(1.0, "too many exports are waiting, try again")
        return await self._submit(lambda: work(sink))

    async def when_idle(self, work: Callable[[], T]) -> T | None:
        """What `work` returns, run in the worker's thread if nothing waits for it; else None."""
        if not self.idle or self._sink is None:
            return None
        return await self._submit(work)

    def _submit(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        self._waiting += 1
        loop = asyncio.get_running_loop()
        future: Future[T] = self._thread.submit(work)

        # A client that hangs up cancels the waiting, not the work: count the work itself.
        def done(_: object) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._one_done)

        future.add_done_callback(done)
        return asyncio.wrap_future(future, loop=loop)

    def _one_done(self) -> None:
        self._waiting -= 1
