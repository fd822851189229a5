"""The thread that packs and sends, and the queue before it: bounded, never in the application's way, safe to fork."""

import contextvars
import functools
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from flux_ls.record import recording as recordings
from flux_ls.record.export.packing import Destination, Parcel
from flux_ls.record.export.patience import Patience
from flux_ls.record.export.sending import Busy, Refused, Trouble
from flux_ls.record.export.taken import Taken
from flux_ls.record.guard import guarded, say_once, tell
from flux_ls.record.recording import OPEN, Recording

BATCH_S: Final = 0.2
"""How long a request that went well waits for others; one that failed waits for nobody."""
SOON: Final = 32
"""As many that wait are encoded before they are sent: what lives for long costs the application's garbage collector,
and what is done for a few at a time, each time with cold caches, costs more than that."""
LOOK_S: Final = 2.5
"""How often to look for recordings that have been open for long."""
LONG_NS: Final = 5_000_000_000
"""A recording is sent in pieces, and nobody can hold it, after this long."""
_FORGOTTEN_NS: Final = 3600 * 1_000_000_000
_FLUSH_S: Final = 1.0
MANY_WAIT: Final = 2_000
"""Recordings that wait to be packed."""
MUCH_WAITS: Final = 16 * 1024 * 1024
"""Bytes that wait to be sent."""


class Worker:
    """One per process that records."""

    def __init__(self, destination: Destination, record_rate: float, prepare: Callable[[Taken], None]) -> None:
        self._destination = destination
        self._prepare = prepare
        self._below = int(record_rate * 2**32)
        self._queue: deque[Recording] = deque()
        self._backlog: deque[Parcel] = deque()
        self._backlog_size = 0
        self._dropped = 0
        self._trouble = Trouble()
        self._send_at = 0.0
        """What has been encoded waits until then for more."""
        self._begin()

    def _begin(self) -> None:
        # Made when the first thing is recorded and anew in a child: whoever replaces `threading` has done it by then.
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._wake = threading.Event()
        self._asleep = self._busy = self._urgent = self._stopping = False
        self._flushes: list[threading.Event] = []
        self._patience = Patience()

    def hand_over(self, recording: Recording) -> None:
        """Takes note that the recording has something to send; the rest happens in the thread."""
        recording.queued = True
        if len(self._queue) >= MANY_WAIT:
            self._crowded()
        self._queue.append(recording)
        if recording.failed:
            self._urgent = True
            self._wake.set()
        elif self._asleep:
            self._asleep = False
            self._wake.set()
        elif len(self._queue) == SOON:
            self._wake.set()
        if self._thread is None:
            self._start()

    def _crowded(self) -> None:
        # A slow receiver: the oldest that went well goes.
        try:
            oldest = self._queue.popleft()
        except IndexError:
            return
        self._dropped += len(oldest.spans)
        oldest.spans.clear()
        oldest.annotations.clear()
        oldest.queued = False

    def _start(self) -> None:
        with self._starting:
            if self._thread is not None:
                return
            # A context of its own, or it would work as part of the request that happened to start it.
            thread = threading.Thread(
                target=contextvars.Context().run, args=(self._run,), name="flux-recorder", daemon=True
            )
            thread.pydev_do_not_trace = thread.is_pydev_daemon_thread = True  # type: ignore[attr-defined]
            self._stopping = False
            try:
                thread.start()
            except RuntimeError as error:  # the interpreter is going down: what is left goes with the last flush
                tell("starting the sender", error)
                return
            self._thread = thread

    def _run(self) -> None:
        from opentelemetry import context

        context.attach(context.set_value(context._SUPPRESS_INSTRUMENTATION_KEY, True, context.Context()))
        thread = threading.current_thread()
        self._patience.steps += 1
        while not self._stopping:
            try:
                self._wait()
                self._busy = True
                self._turn()
            except Exception as error:
                tell("sending", error)
                time.sleep(BATCH_S)
            finally:
                self._busy = False
        if self._thread is thread:
            self._thread = None
            self._go_on()  # it was told to end for a fork, which may be over by now

    def _wait(self) -> None:
        self._asleep = True
        if not self._queue and not self._flushes and not self._stopping:
            self._wake.wait(min(LOOK_S, self._until_next_try()))
        self._asleep = False
        self._wake.clear()
        if self._queue and not (self._urgent or self._flushes or self._stopping):
            now = time.monotonic()
            if not self._backlog:
                self._send_at = now + BATCH_S
            if len(self._queue) < SOON:
                self._wake.wait(self._send_at - now if self._send_at > now else BATCH_S)
                self._wake.clear()

    def _until_next_try(self) -> float:
        if not self._backlog:
            return LOOK_S
        return max(self._trouble.until - time.monotonic(), self._send_at - time.monotonic(), 0.01)

    def _turn(self) -> None:
        """Packs what waits, and sends what can be sent."""
        flushes, self._flushes = self._flushes, []
        urgent, self._urgent = self._urgent, False
        self._look_at_the_open(everything=bool(flushes))
        if urgent:
            self._pack_failing_first()
        else:
            self._pack()
        now = time.monotonic()
        if flushes or (now >= self._trouble.until and (urgent or now >= self._send_at)):
            self._send()
        for flushed in flushes:
            flushed.set()

    def _look_at_the_open(self, everything: bool) -> None:
        now = time.monotonic_ns()
        for recording in list(OPEN.values()):
            if recording.ended and now - recording.ended_ns > LONG_NS:
                recording.close()
            elif recording.spans and (everything or now - recording.touched_ns > LONG_NS) and not recording.queued:
                recording.queued = True
                self._queue.append(recording)
            elif now - recording.started_ns > _FORGOTTEN_NS and not recording.spans:
                OPEN.pop(recording.root_id, None)

    def _pack(self) -> None:
        taken: list[Taken] = []
        for _ in range(len(self._queue)):
            recording = self._queue.popleft()
            recording.queued = False
            recording.touched_ns = time.monotonic_ns()
            if recording.failed or self._chosen(recording):
                taken.append(self._take(recording))
            elif recording.closed or len(recording.spans) >= recordings.MANY_SPANS:
                recording.spans.clear()
                recording.annotations.clear()
        if not taken:
            return
        # What failed is what somebody waits for.
        taken.sort(key=lambda each: not each.failed)
        self._dropped += sum(each.dropped for each in taken)
        for parcel in self._destination.pack(taken, self._dropped):
            self._keep(parcel)

    def _take(self, recording: Recording) -> Taken:
        self._patience.steps += 1
        taken = Taken(recording)
        try:
            self._prepare(taken)
        except Exception as error:
            tell("preparing what is sent", error)
        return taken

    def _chosen(self, recording: Recording) -> bool:
        # By the trace's id, so that all services choose the same; by its middle, as samplers look at its end.
        return self._below >= 2**32 or (recording.trace_id >> 64 & 0xFFFFFFFF) < self._below

    def _keep(self, parcel: Parcel) -> None:
        last = self._backlog[-1] if self._backlog else None
        self._backlog_size += parcel.size
        if last is None or last.failed or parcel.failed or not last.add(parcel):
            self._backlog.append(parcel)
        while self._backlog_size > MUCH_WAITS and len(self._backlog) > 1:
            # The oldest, but rather of those that went well.
            gone = next((each for each in self._backlog if not each.failed), self._backlog[0])
            self._drop(gone)
            say_once("recorded requests are dropped: too much waits to be sent")

    def _drop(self, parcel: Parcel) -> None:
        self._backlog.remove(parcel)
        self._backlog_size -= parcel.size
        self._dropped += parcel.spans

    def _send(self) -> None:
        while self._backlog:
            parcel = self._backlog[0]
            self._patience.steps += 1
            try:
                self._destination.send(parcel)
            except Busy as busy:
                self._trouble.again(busy)
                return
            except Refused as refused:
                self._drop(parcel)
                say_once("recorded requests were not taken: %s", refused)
                continue
            except Exception as error:
                self._drop(parcel)
                tell("sending recorded requests", error)
                continue
            self._trouble.over()
            self._backlog.popleft()
            self._backlog_size -= parcel.size
            if self._urgent:
                self._urgent = False
                self._pack_failing_first()

    def _pack_failing_first(self) -> None:
        """A failure that came meanwhile overtakes what waits."""
        before = len(self._backlog)
        self._pack()
        self._backlog.rotate(len(self._backlog) - before)

    def flush(self, timeout_s: float) -> bool:
        """Whether everything that was recorded up to now was handled in time."""
        flushed = self._ask_for_flush()
        if flushed is None:
            return True
        if self._thread is None:
            return self._flush_here(timeout_s)
        return flushed.wait(timeout_s) and not self._backlog

    def flush_at_exit(self) -> None:
        """The last flush, as long as there is patience."""
        flushed = self._ask_for_flush()
        if flushed is None:
            return
        if self._thread is not None:
            self._patience.wait(flushed)
        elif (left_s := self._patience.left_s) > 0:
            began = time.monotonic()
            self._flush_here(left_s)
            self._patience.spend(time.monotonic() - began)

    def _ask_for_flush(self) -> threading.Event | None:
        """Set once it was tried; None when nothing waits."""
        waiting = self._queue or self._backlog or self._busy or any(each.spans for each in list(OPEN.values()))
        if not waiting:
            return None
        flushed = threading.Event()
        self._flushes.append(flushed)
        self._wake.set()
        if self._thread is None:
            self._start()
        return flushed

    def _flush_here(self, timeout_s: float) -> bool:
        # No thread can be started any more: the receiver gets this one chance.
        self._destination.hurry(timeout_s)
        self._turn()
        return not self._backlog

    def before_fork(self) -> None:
        """Lets the thread end if it can at once: a process with one thread is safe to fork."""
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return
        self._stopping = True
        self._wake.set()
        thread.join(0.05)

    def after_fork_in_parent(self) -> None:
        thread = self._thread
        if thread is not None and not thread.is_alive():
            self._thread = None
        self._stopping = False
        self._go_on()

    def _go_on(self) -> None:
        if self._thread is None and not self._stopping and (self._queue or self._backlog or self._flushes):
            self._start()

    def after_fork_in_child(self) -> None:
        """What waits is the parent's to send."""
        for recording in self._queue:
            recording.spans.clear()
            recording.annotations.clear()
            recording.queued = False
        self._queue.clear()
        self._backlog.clear()
        self._backlog_size = self._dropped = 0
        self._trouble = Trouble()
        self._destination.forget()
        self._begin()


_worker: Worker | None = None
_forks_are_watched = False


def send_to(destination: Destination, record_rate: float, prepare: Callable[[Taken], None] = lambda _: None) -> None:
    """From now on recordings go there; `prepare` sees, in the sending thread, what is about to be packed."""
    global _worker, _forks_are_watched
    _worker = Worker(destination, record_rate, prepare)
    if not _forks_are_watched and hasattr(os, "register_at_fork"):
        _forks_are_watched = True
        os.register_at_fork(before=_before_fork, after_in_parent=_after_in_parent, after_in_child=_after_in_child)


def hand_over(recording: Recording) -> None:
    worker = _worker
    if worker is not None:
        try:
            worker.hand_over(recording)
        except Exception as error:
            tell("handing over a recording", error)


def flush(timeout_s: float = _FLUSH_S) -> bool:
    """Sends what was recorded up to now, within the time; whether that worked."""
    try:
        return _worker is None or _worker.flush(timeout_s)
    except Exception as error:
        tell("the flush", error)
        return False


@guarded
def flush_at_exit() -> None:
    """The last flush; however often it is asked for, nobody who does not get on holds up the exit."""
    if _worker is not None:
        _worker.flush_at_exit()


def stop() -> None:
    """Forgets the destination, after a last flush."""
    global _worker
    flush()
    worker, _worker = _worker, None
    if worker is not None:
        worker.before_fork()


@guarded
def _before_fork() -> None:
    if _worker is not None:
        _worker.before_fork()


@guarded
def _after_in_parent() -> None:
    if _worker is not None:
        _worker.after_fork_in_parent()


@guarded
def _after_in_child() -> None:
    recordings.forget_after_fork()
    if _worker is not None:
        _worker.after_fork_in_child()
    _flush_with_multiprocessing()


def _flush_with_multiprocessing() -> None:
    # Its children leave by os._exit, after their own finalizers.
    for name in ("multiprocessing.util", "billiard.util"):
        util: Any = sys.modules.get(name)
        if util is not None:
            util.register_after_fork(flush_at_exit, functools.partial(_finally, util))


def _finally(util: Any, last: Any) -> None:
    util.Finalize(None, last, exitpriority=0)
