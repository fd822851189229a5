"""What one request did in this process, collected while it runs: the recording, and where in it we are.

Nothing here needs OpenTelemetry or a running recorder: without one, `current()` is None and costs next to nothing.
"""

import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from typing import Any, Final, Protocol
from weakref import WeakValueDictionary, ref

from flux_ls.record.made import MadeSpan
from flux_ls.record.redaction import remembered
from flux_ls.record.redaction.remembered import Remembered

MANY_SPANS: Final = 2000
"""A recording is sent in pieces of this many spans."""
_MOST_SPANS: Final = 2 * MANY_SPANS
"""What a recording holds when it cannot be sent; what comes on top is counted and dropped."""


class Ended(Protocol):
    """An SDK span that has ended, as far as it matters here."""

    @property
    def context(self) -> Any: ...


class Counted(Protocol):
    """A function whose calls are counted."""

    @property
    def function(self) -> str: ...


class Calls:
    """The calls of one function while a request runs."""

    __slots__ = ("left", "run")

    def __init__(self) -> None:
        self.left = _kept_calls
        """How many more are kept; below zero, how many were only counted."""
        self.run: tuple[Any, Any] = (None, None)
        """What the function's wrapper runs, and the module's names that go with it."""


class _CallsByFunction(dict[Counted, Calls]):
    def __missing__(self, function: Counted) -> Calls:
        calls = self[function] = Calls()
        return calls


_kept_calls = 50


def keep_calls(most: int) -> None:
    """How many calls of each function a request keeps, from now on."""
    global _kept_calls
    _kept_calls = most


class Recording:
    """What one request did in this process, from the start of its first span here until it is handed to the sender.

    It takes what it is given from any thread, without locks. One that was sent goes on taking: what comes late is sent
    on its own.
    """

    __slots__ = (
        "_holds",
        "added_to_root",
        "annotations",
        "calls",
        "closed",
        "dropped",
        "ended",
        "ended_ns",
        "failed",
        "omitted_calls",
        "outer",
        "parents",
        "queued",
        "root",
        "root_id",
        "secrets",
        "seen",
        "sent_again",
        "spans",
        "started_ns",
        "touched_ns",
        "trace_id",
    )

    def __init__(self, trace_id: int, root_id: int) -> None:
        self.trace_id = trace_id
        self.root_id = root_id
        self.calls = _CallsByFunction()
        self.omitted_calls: dict[str, int] = {}
        """Calls counted and not kept, by the function's name."""
        self.seen: dict[object, object] = {}
        """What the parts of the recorder want to remember for the length of this request, by a key of their own."""
        self.spans: list[MadeSpan | Ended] = []
        """What has ended and is not sent yet."""
        self.annotations: dict[int, dict[str, object]] = {}
        """What is to be added to SDK spans, by span id."""
        self.parents: dict[int, int] = {}
        """The function call that an SDK span was started in, by the span's id."""
        self.root: MadeSpan | Ended | None = None
        """The first span, once it has ended."""
        self.added_to_root: dict[str, object] = {}
        """What the first span was sent with."""
        self.sent_again = 0
        """How often the first span was sent again, with what was found out late."""
        self.failed = False
        self.ended = False
        """Whether the first span has ended."""
        self.closed = False
        """Whether it was handed over as a whole."""
        self.queued = False
        """Whether the sender is going to look at it."""
        self.dropped = 0
        self.started_ns = self.touched_ns = time.monotonic_ns()
        self.ended_ns = 0
        self.outer: Recording | None = None
        self.secrets = Remembered()
        """What is known to be a secret in it; see `share_secrets`."""
        self._holds: list[None] = []

    def add(self, span: MadeSpan) -> None:
        """Adds a span that the recorder made."""
        if span.error is not None:
            self.failed = True
        self.take(span)

    def annotate(self, span_id: int, attributes: Mapping[str, object]) -> None:
        """Adds attributes to an SDK span of this recording, whether it has ended or not; the last one wins by key."""
        known = self.annotations.get(span_id)
        if known is None:
            self.annotations[span_id] = dict(attributes)
        else:
            known.update(attributes)
        if self.closed and not self.queued:
            hand_over(self)

    def take_omitted_calls(self) -> dict[str, int]:
        """The calls that were only counted since this was asked last."""
        omitted, self.omitted_calls = self.omitted_calls, {}
        for function, calls in list(self.calls.items()):
            if calls.left < 0:
                omitted[function.function] = omitted.get(function.function, 0) - calls.left
                calls.left = 0
        return omitted

    def hold(self) -> None:
        """Keeps it open past the end of its first span, until `release`, or for some seconds at most."""
        self._holds.append(None)

    def release(self) -> None:
        if self._holds:
            self._holds.pop()
        if self.ended and not self._holds:
            self.close()

    def mark_failed(self) -> None:
        self.failed = True

    # What follows is between the span processor, the sender and this.

    def take(self, span: MadeSpan | Ended) -> None:
        """A span has ended."""
        spans = self.spans
        if len(spans) >= MANY_SPANS:
            if len(spans) >= _MOST_SPANS:
                self.dropped += 1
                return
            if not self.queued:
                hand_over(self)
        spans.append(span)
        if self.closed and not self.queued:
            hand_over(self)

    def end(self, root: MadeSpan | Ended) -> None:
        """The first span has ended, and with it the request, unless somebody holds on."""
        self.root = root
        self.ended = True
        self.ended_ns = time.monotonic_ns()
        self.take(root)
        if not self._holds:
            self.close()

    def close(self) -> None:
        """Hands it over as a whole."""
        if self.closed:
            return
        self.closed = True
        OPEN.pop(self.root_id, None)
        hand_over(self)


# What the processor knows of. Dicts, whose single operations are atomic.
OPEN: Final[dict[int, Recording]] = {}
"""Recordings that were not handed over, by the id of their first span."""
BY_SPAN: Final[dict[int, Recording]] = {}
"""The recording of every span that runs."""
_SECRETS: Final[WeakValueDictionary[int, Remembered]] = WeakValueDictionary()
"""By trace, of those that have any, for as long as a recording of it is there."""
CURRENT: Final[ContextVar[Recording | None]] = ContextVar("flux_recording", default=None)
_LEFT: Final[ContextVar["tuple[int, ref[Remembered]] | None"]] = ContextVar("flux_left", default=None)
"""The trace that was left here last, and its secrets: what a request does after its answer is recorded by itself."""
_CALL: Final[ContextVar[tuple[int, Any] | None]] = ContextVar("flux_call", default=None)
"""The function call that runs, and the SDK span that it was entered in."""


class _NoSpan:
    """Stands for OpenTelemetry's current span while there is no recorder."""

    span_id = 0
    trace_id = 0

    def get_span_context(self) -> "_NoSpan":
        return self


def _no_span() -> Any:
    return _NO_SPAN


_NO_SPAN = _NoSpan()
_current_span: Callable[[], Any] = _no_span


def current_span() -> Any:
    """OpenTelemetry's current span."""
    return _current_span()


def _nowhere(_: Recording) -> None:
    return None


hand_over: Callable[[Recording], None] = _nowhere
"""Takes what there is to send. Set by `connect`."""


def connect(sender: Callable[[Recording], None], current_span: Callable[[], Any]) -> None:
    """Tells where recordings go, and how to ask OpenTelemetry for its current span."""
    global hand_over, _current_span
    hand_over, _current_span = sender, current_span
    remembered.ask(_secrets_here)


def is_connected() -> bool:
    """Whether a recorder runs."""
    return _current_span is not _no_span


def disconnect() -> None:
    """Nothing is recorded any more; what is open is forgotten."""
    connect(_nowhere, _no_span)
    remembered.ask()
    OPEN.clear()
    BY_SPAN.clear()


def current() -> Recording | None:
    """The recording of what runs here; None when nothing is recorded."""
    recording = CURRENT.get()
    if recording is not None and not recording.ended:
        return recording
    if recording is None and not BY_SPAN:
        return None
    # A thread that has OpenTelemetry's context and not ours; or a context that outlives its request, which counts only
    # when OpenTelemetry too holds that what runs here belongs to it.
    context = _current_span().get_span_context()
    found = BY_SPAN.get(context.span_id)
    if found is not None:
        return found
    return recording if recording is not None and recording.trace_id == context.trace_id else None


def any_secrets() -> bool:
    """Whether anything is known to be a secret in any recording."""
    return bool(_SECRETS)


def share_secrets(trace_id: int, secrets: Remembered) -> None:
    """What one recording of a trace knows, all of them know that this process has."""
    secrets.share(_SECRETS.setdefault(trace_id, secrets))


def _secrets_here() -> Remembered | None:
    recording = current()
    if recording is None:
        return None
    if not recording.secrets:
        share_secrets(recording.trace_id, recording.secrets)  # it is about to know one
    return recording.secrets


def position() -> int:
    """The id of the span that something which happens now belongs under: the call or SDK span that runs; 0 for none."""
    span = _current_span()
    call = _CALL.get()
    if call is not None and call[1] is span:
        return call[0]
    span_id: int = span.get_span_context().span_id
    return span_id


def enter(call_span_id: int) -> Token[tuple[int, Any] | None]:
    """The function call runs from now on; SDK spans started meanwhile become its children when they are exported."""
    return _CALL.set((call_span_id, _current_span()))


def enter_call(call_span_id: int) -> tuple[int, Token[tuple[int, Any] | None]]:
    """`position` and then `enter`, in one."""
    span = _current_span()
    call = _CALL.get()
    parent_id: int = call[0] if call is not None and call[1] is span else span.get_span_context().span_id
    return parent_id, _CALL.set((call_span_id, span))


def leave(token: Token[tuple[int, Any] | None]) -> None:
    try:
        _CALL.reset(token)
    except ValueError:  # a generator that was begun in another context
        before = token.old_value
        _CALL.set(None if before is Token.MISSING else before)


def running_call(span_id: int) -> int | None:
    """The function call that runs directly in the SDK span."""
    call = _CALL.get()
    return call[0] if call is not None and call[1].get_span_context().span_id == span_id else None


def running_call_in(span: Any) -> int | None:
    """The same, for who has the span itself."""
    call = _CALL.get()
    return call[0] if call is not None and call[1] is span else None


def enter_context(recording: Recording) -> None:
    """What runs here from now on belongs to the recording."""
    recording.outer = CURRENT.get()
    left = _LEFT.get()
    if left is not None and left[0] == recording.trace_id and (secrets := left[1]()) is not None:
        recording.secrets = secrets
    CURRENT.set(recording)
    OPEN[recording.root_id] = recording


def leave_context(recording: Recording) -> None:
    """Undoes `enter_context` where it was done; another context keeps it, see `current`."""
    if CURRENT.get() is recording:
        outer = recording.outer
        CURRENT.set(outer if outer is not None and not outer.ended else None)
    _LEFT.set((recording.trace_id, ref(recording.secrets)))
    recording.outer = None


def forget_after_fork() -> None:
    """In a new child process: what the parent has open, the parent sends."""
    for recording in list(OPEN.values()):
        recording.spans.clear()
        recording.annotations.clear()
        # What happens in this process is late, and sent on its own.
        recording.ended = recording.closed = True
        recording.queued = False
    OPEN.clear()
