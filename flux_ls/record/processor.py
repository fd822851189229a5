"""The span processor: opens a recording at the first span of a request here, fills it, and ends it."""

from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.trace import StatusCode

from flux_ls.record.awaited import AWAITING, FAILED, MOST_FAILED
from flux_ls.record.guard import tell
from flux_ls.record.recording import (
    BY_SPAN,
    CURRENT,
    Recording,
    enter_context,
    leave_context,
    running_call,
    running_call_in,
)

_MANY_RUNNING = 20_000
"""Spans that are never ended must not be remembered for ever."""


class RecordingProcessor(SpanProcessor):
    """Holds what ended until its request has; the application's own processors do not notice it."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002
        try:
            context = span.context
            span_id = context.span_id
            parent = span.parent
            recording = None
            if parent is not None and not parent.is_remote:
                recording = BY_SPAN.get(parent.span_id)
                if recording is None:
                    # The parent has ended already, or was not sampled.
                    current = CURRENT.get()
                    if current is not None and current.trace_id == context.trace_id:
                        recording = current
            if recording is None:
                recording = Recording(context.trace_id, span_id)
                enter_context(recording)
            elif parent is not None and (call := running_call(parent.span_id)) is not None:
                recording.parents[span_id] = call
            _runs(span, span_id, recording)
        except Exception as error:
            tell("the start of a span", error)

    def on_start_below(self, span: Span, span_id: int, parent: Any, recording: Recording) -> None:
        """The same for a span whose parent, in this process, is known and being recorded."""
        try:
            call = running_call_in(parent)
            if call is not None:
                recording.parents[span_id] = call
            _runs(span, span_id, recording)
        except Exception as error:
            tell("the start of a span", error)

    def on_end(self, span: ReadableSpan) -> None:
        try:
            span_id = span.context.span_id
            recording = BY_SPAN.pop(span_id, None)
            if recording is None:
                return
            failed = FAILED.get()
            if failed is not None and len(failed) < MOST_FAILED and getattr(span, "_events", True):
                failed.append(span)
            if not recording.failed and _failed(span):
                recording.failed = True
            if span_id == recording.root_id and not recording.ended:
                leave_context(recording)
                recording.end(span)
            else:
                recording.take(span)
        except Exception as error:
            tell("the end of a span", error)

    def shutdown(self) -> None:
        from flux_ls.record.export import flush_at_exit

        flush_at_exit()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        from flux_ls.record.export import flush

        return flush(min(timeout_millis / 1000, 1.0))


def _runs(span: Span, span_id: int, recording: Recording) -> None:
    if len(BY_SPAN) >= _MANY_RUNNING:
        BY_SPAN.pop(next(iter(BY_SPAN)), None)
    BY_SPAN[span_id] = recording
    awaiting = AWAITING.get()
    if awaiting is not None:
        awaiting.started(span)


def _failed(span: ReadableSpan) -> bool:
    # A 5xx answer is ERROR already, as every instrumentation of a server does it.
    if span.status.status_code is StatusCode.ERROR:
        return True
    if not getattr(span, "_events", True):  # what `events` copies
        return False
    return any(event.name == "exception" for event in span.events)
