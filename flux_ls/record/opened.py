"""A recording of what has no SDK span of its own: a script's run, a test."""

from typing import Any

from flux_ls.record.made import Kind, MadeSpan, new_span_id, new_trace_id, now_ns
from flux_ls.record.recording import (
    BY_SPAN,
    CURRENT,
    OPEN,
    Recording,
    current_span,
    enter_context,
    is_connected,
    leave_context,
)


class OpenRecording:
    """A recording whose first span the recorder makes itself; `close` ends it."""

    __slots__ = ("_attributes", "_kind", "_name", "_parent", "_start_ns", "_token", "recording")

    def __init__(self, name: str, kind: Kind, attributes: dict[str, object], start_ns: int) -> None:
        self._name = name
        self._kind: Kind = kind
        self._attributes = attributes
        self._start_ns = start_ns
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
        if not is_connected():
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
        return CURRENT.get() is self.recording or (self._parent is not None and current_span() is self._parent)

    def leave_everywhere(self) -> None:
        """In contexts that go on with it, such as those of threads, nothing belongs to it from now on."""
        from opentelemetry.trace import INVALID_SPAN_CONTEXT

        BY_SPAN.pop(self.recording.root_id, None)
        OPEN.pop(self.recording.root_id, None)
        self.recording.ended = True
        if self._parent is not None:
            self._parent._context = INVALID_SPAN_CONTEXT


def open_recording(
    name: str, *, kind: Kind = "internal", attributes: dict[str, object] | None = None, start_ns: int | None = None
) -> OpenRecording:
    """Begins a recording of something that has no SDK span of its own: a script's run, a test.

    SDK spans that are started meanwhile are children of its first span. `start_ns` is when it began, if that was
    before.
    """
    told = {} if attributes is None else attributes
    opened = OpenRecording(name, kind, told, now_ns() if start_ns is None else start_ns)
    opened.begin()
    return opened
