"""The collector process: takes the lock, opens the store, listens, says so, and leaves in good order."""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterator

from flux_ls import __version__
from flux_ls.collector.daemon import CollectorFailed, private_folder, unwritable
from flux_ls.collector.found import Collector, find, info_file, lock_file, remove_info, write_info
from flux_ls.collector.ports import PortTaken, holder
from flux_ls.config import Settings
from flux_ls.otlp.http import HttpServer, Receiver
from flux_ls.otlp.listen import PortInUse, listen, port_of
from flux_ls.otlp.sink import Sink
from flux_ls.otlp.worker import Worker
from flux_ls.processes import alive

LOCK_WAIT_S = 10.0
_PRUNED_AT_ONCE = 2000
"""Requests: the exports that wait meanwhile must not run into their time-outs."""
FIRST_PRUNE_S = 5.0
PRUNE_BEAT_S = 600.0
FINDABLE_BEAT_S = 1.0
_FORCED = 130

log = logging.getLogger(__name__)


class AlreadyRunning(Exception):
    """Another collector serves the store."""

    def __init__(self, collector: Collector) -> None:
        super().__init__(
            f"a collector runs already for {collector.store} "
            f"(process {collector.pid}, flux {collector.version}, HTTP port {collector.http_port})"
        )
        self.collector = collector


def open_ingest(settings: Settings) -> Sink:
    """The sink that writes the settings' store."""
    from flux_ls.collector.ingest import Ingest
    from flux_ls.otlp.stacktrace import InAppRule

    rule = InAppRule(include=settings.in_app_include, exclude=settings.in_app_exclude)
    return Ingest(settings.store, rule, settings.redact_keys)


def run(
    settings: Settings,
    foreground: bool,
    *,
    idle_exit: float | None = None,
    on_ready: Callable[[Collector], None] = lambda _: None,
    open_sink: Callable[[Settings], Sink] = open_ingest,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Receives until it is told to stop, or nothing happened for `idle_exit` seconds (0: never) of the `clock`.

    Without `idle_exit`, one in the foreground stays and one in the background goes by the settings. `on_ready` is
    called when both ports accept. Raises `AlreadyRunning`, `PortTaken`, `CollectorFailed`, what opening the store
    raises.
    """
    if idle_exit is None:
        idle_exit = 0 if foreground else settings.idle_exit
    private_folder(settings.store.parent)
    with _locked(settings):
        asyncio.run(_Serving(settings, idle_exit, on_ready, open_sink, clock).serve())


@contextlib.contextmanager
def _locked(settings: Settings) -> Iterator[None]:
    from filelock import FileLock, Timeout

    lock = FileLock(lock_file(settings.store), mode=0o600)
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            # One that is leaving, or a look whether it is held, lets go in a moment.
            lock.acquire(timeout=0.1)
            break
        except Timeout:
            if (running := find(settings.store)) is not None:
                raise AlreadyRunning(running) from None
            if time.monotonic() > deadline:
                held = f"another process holds {lock_file(settings.store)}"
                raise CollectorFailed(f"{held} but does not answer as a collector: end it first") from None
        except OSError as error:
            raise unwritable(settings.store.parent, error) from None
    try:
        yield
    finally:
        lock.release()


def _spare_the_garbage_collector() -> None:
    # What is loaded by now stays, and what an export makes goes by itself: no need to walk it all again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


class _Serving:
    """One run of the collector, from opening the store to closing it."""

    def __init__(
        self,
        settings: Settings,
        idle_exit: float,
        on_ready: Callable[[Collector], None],
        open_sink: Callable[[Settings], Sink],
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._idle_exit = idle_exit
        self._on_ready = on_ready
        self._worker = Worker(lambda: open_sink(settings))
        self._stop = asyncio.Event()
        self._stops: list[Callable[[], Awaitable[None]]] = []
        self._clock = clock
        self._active = clock()
        self._programs: set[int] = set()
        """Processes that `flux run` started."""

    async def serve(self) -> None:
        self._catch_signals()
        await self._worker.start()
        try:
            http_port = await self._start_http()
            grpc_port = await self._start_grpc()
            await self._until_stopped(self._ready(http_port, grpc_port))
        finally:
            await asyncio.gather(*(stop() for stop in self._stops))
            await self._worker.stop()

    async def _until_stopped(self, collector: Collector) -> None:
        _spare_the_garbage_collector()
        try:
            write_info(collector)
        except OSError as error:
            raise unwritable(collector.store.parent, error) from None
        # Nobody could ask for anything while it started, and with a store to bring up to date that may take long.
        self._touch()
        beats = [
            asyncio.create_task(beat)
            for beat in (self._leave_when_idle(), self._prune(), self._stay_findable(collector))
        ]
        try:
            log.info("flux %s: process %d receives for %s", collector.version, collector.pid, collector.store)
            self._on_ready(collector)
            await self._stop.wait()
            log.info("stopping")
        finally:
            for beat in beats:
                beat.cancel()
            # First of all: nobody shall be sent to a collector that is leaving.
            remove_info(self._settings.store)

    def _ready(self, http_port: int, grpc_port: int) -> Collector:
        return Collector(os.getpid(), http_port, grpc_port, self._settings.store, __version__, time.time_ns())

    async def _start_http(self) -> int:
        try:
            sockets = listen(self._settings.otlp_http_port)
        except PortInUse as error:
            by = await asyncio.to_thread(holder, error.port, self._settings.store)
            raise PortTaken(error.port, by, "otlp_http_port") from None
        server = HttpServer(Receiver(self._worker, self._health, self._touch, self._programs.add), sockets)
        await server.start()
        self._stops.append(server.stop)
        return port_of(sockets)

    async def _start_grpc(self) -> int:
        if not self._settings.otlp_grpc_port:
            return 0
        from flux_ls.otlp.grpc import GrpcServer, receives_otlp

        server = GrpcServer(self._worker, self._settings.otlp_grpc_port, self._touch)
        try:
            await server.start()
        except PortInUse as error:
            other = await asyncio.to_thread(receives_otlp, error.port)
            by = "another OpenTelemetry collector" if other else "another program"
            raise PortTaken(error.port, by, "otlp_grpc_port") from None
        self._stops.append(server.stop)
        return server.port

    def _health(self) -> dict[str, object]:
        return {"flux": __version__, "store": str(self._settings.store), "pid": os.getpid()}

    def _touch(self) -> None:
        self._active = self._clock()

    async def _leave_when_idle(self) -> None:
        if not self._idle_exit:
            return
        while not self._stop.is_set():
            # On Windows `flux run` itself stays, and nobody asks.
            gone = [pid for pid in self._programs if sys.platform == "win32" or not alive(pid)]
            self._programs.difference_update(gone)
            if self._programs:
                self._touch()
            left = self._active + self._idle_exit - self._clock()
            if left <= 0 and self._worker.idle:
                log.info("nothing happened for %g s", self._idle_exit)
                self._stop.set()
            await asyncio.sleep(max(left, 0.1))

    async def _stay_findable(self, collector: Collector) -> None:
        """Comes back to be found when the store's folder was removed: else it would hold the ports for nobody."""
        while True:
            await asyncio.sleep(FINDABLE_BEAT_S)
            if not info_file(collector.store).exists():
                with contextlib.suppress(OSError, CollectorFailed):
                    private_folder(collector.store.parent)
                    write_info(collector)

    async def _prune(self) -> None:
        wait_s = FIRST_PRUNE_S
        while True:
            await asyncio.sleep(wait_s)
            try:
                removed = await self._worker.when_idle(self._prune_once)
            except Exception:
                log.exception("pruning the store failed")
                removed = 0
            # Again soon while there was no time for it or there may be more.
            wait_s = PRUNE_BEAT_S if removed == 0 else min(1.0, PRUNE_BEAT_S)

    def _prune_once(self) -> int:
        """How many requests and log records were removed."""
        from flux_ls.store.retention import prune

        settings = self._settings
        now_ns = time.time_ns()
        pruned = prune(
            settings.store,
            days=settings.retention_days,
            bytes=settings.retention_bytes,
            now_ns=now_ns,
            at_most=_PRUNED_AT_ONCE,
        )
        return pruned.requests + pruned.logs

    def _catch_signals(self) -> None:
        loop = asyncio.get_running_loop()

        def on_signal() -> None:
            if self._stop.is_set():
                # Whatever is unfinished was not answered, so its senders still have it.
                os._exit(_FORCED)
            self._stop.set()

        if sys.platform == "win32":
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGBREAK):
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(on_signal))
        else:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(number, on_signal)
