"""What one request did in this process, collected while it runs: the recording, and where in it we are.

Nothing here needs OpenTelemetry or a running recorder: without one, `current()` is None and costs next to nothing.
"""

import random
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from typing import Any, Final, Literal, Protocol

Kind = Literal["internal", "server", "client", "producer", "consumer"]

MANY_SPANS: Final = 2000
"""A recording is sent in pieces of this many spans."""
_MOST_SPANS: Final = 2 * MANY_SPANS
"""What a recording holds when it cannot be sent; what comes on top is counted and dropped."""

_ids = random.Random()  # not the application's: seeding that must neither repeat our ids nor be disturbed by us

now_ns: Callable[[], int] = time.time_ns


def new_span_id() -> int:
    return _ids.getrandbits(64) or 1


def new_trace_id() -> int:
    return _ids.getrandbits(128) or 1


class MadeEvent:
    """An event of a span that the recorder makes."""

    __slots__ = ("at_ns", "attributes", "name")

    def __init__(self, name: str, at_ns: int, attributes: Mapping[str, object]) -> None:
        self.name = name
        self.at_ns = at_ns
        self.attributes = attributes


class MadeSpan:
    """A span that the recorder makes itself, cheaply.

    Attributes are scalars, or values captured as trees, which become JSON text when it is exported.
    """

    __slots__ = (
        "attributes",
        "common",
        "end_ns",
        "error",
        "events",
        "kind",
        "name",
        "parent_id",
        "scope",
        "span_id",
        "start_ns",
    )

    def __init__(
        self,
        name: str,
        span_id: int,
        parent_id: int,
        start_ns: int,
        end_ns: int,
        *,
        scope: str,
        kind: Kind = "internal",
        attributes: dict[str, object] | None = None,
        events: list[MadeEvent] | None = None,
        error: str | None = None,
    ) -> None:
        self.name = name
        self.span_id = span_id
        self.parent_id = parent_id
        """0 for none."""
        self.start_ns = start_ns
        self.end_ns = end_ns
        self.scope = scope
        self.kind: Kind = kind
        self.attributes: dict[str, object] = {} if attributes is None else attributes
        self.common: dict[str, object] | None = None
        """Attributes that all spans of the same function have; never changed, so that they are encoded only once."""
        self.events: list[MadeEvent] = [] if events is None else events
        self.error = error
        """What went wrong, in one line; None when nothing did."""


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

    def take(self, span: "MadeSpan | Ended") -> None:
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

    def end(self, root: "MadeSpan | Ended") -> None:
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
CURRENT: Final[ContextVar[Recording | None]] = ContextVar("flux_recording", default=None)
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


def disconnect() -> None:
    """Nothing is recorded any more; what is open is forgotten."""
    connect(_nowhere, _no_span)
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


class OpenRecording:
    """A recording whose first span the recorder makes itself; `close` ends it."""

    __slots__ = ("_attributes", "_kind", "_name", "_parent", "_start_ns", "_token", "recording")

    def __init__(self, name: str, kind: Kind, attributes: dict[str, object]) -> None:
        self._name = name
        self._kind: Kind = kind
        self._attributes = attributes
        self._start_ns = now_ns()
        self._token: Any = None
        self._parent: Any = None
        self.recording = Recording(new_trace_id(), new_span_id())

    def close(self, error: str | None = None, *, name: str | None = None, here: bool = True) -> None:
        """Ends it; `error` says in one line what it failed of. `here` is where it was opened, not another context."""
        recording = self.recording
        if recording.ended:
            return
        if error is not None:
            recording.failed = True
        BY_SPAN.pop(recording.root_id, None)
        leave_context(recording)
        if self._token is not None and here:
            from opentelemetry import context

            context.detach(self._token)
            self._token = None
        recording.end(
            MadeSpan(
                name or self._name,
                recording.root_id,
                0,
                self._start_ns,
                now_ns(),
                scope="flux_ls.record",
                kind=self._kind,
                attributes=self._attributes,
                error=error,
            )
        )

    def begin(self) -> None:
        enter_context(self.recording)
        if _current_span is _no_span:
            return
        from opentelemetry import context, trace

        BY_SPAN[self.recording.root_id] = self.recording
        parent = trace.NonRecordingSpan(
            trace.SpanContext(
                self.recording.trace_id,
                self.recording.root_id,
                is_remote=False,
                trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED),
            )
        )
        self._parent = parent
        self._token = context.attach(trace.set_span_in_context(parent))

    def is_around(self) -> bool:
        """Whether what runs here was begun inside of it, even if it is over."""
        return CURRENT.get() is self.recording or (self._parent is not None and _current_span() is self._parent)

    def leave_everywhere(self) -> None:
        """In contexts that go on with it, such as those of threads, nothing belongs to it from now on."""
        from opentelemetry.trace import INVALID_SPAN_CONTEXT

        BY_SPAN.pop(self.recording.root_id, None)
        OPEN.pop(self.recording.root_id, None)
        self.recording.ended = True
        if self._parent is not None:
            self._parent._context = INVALID_SPAN_CONTEXT


def open_recording(name: str, *, kind: Kind = "internal", attributes: dict[str, object] | None = None) -> OpenRecording:
    """Begins a recording of something that has no SDK span of its own: a script's run, a test.

    SDK spans that are started meanwhile are children of its first span.
    """
    opened = OpenRecording(name, kind, {} if attributes is None else attributes)
    opened.begin()
    return opened


def enter_context(recording: Recording) -> None:
    """What runs here from now on belongs to the recording."""
    recording.outer = CURRENT.get()
    CURRENT.set(recording)
    OPEN[recording.root_id] = recording


def leave_context(recording: Recording) -> None:
    """Undoes `enter_context` where it was done; another context keeps it, see `current`."""
    if CURRENT.get() is recording:
        outer = recording.outer
        CURRENT.set(outer if outer is not None and not outer.ended else None)
    recording.outer = None


def forget_after_fork() -> None:
    """In a new child process: what the parent has open, the parent sends."""
    _ids.seed()
    for recording in list(OPEN.values()):
        recording.spans.clear()
        recording.annotations.clear()
        # What happens in this process is late, and sent on its own.
        recording.ended = recording.closed = True
        recording.queued = False
    OPEN.clear()
