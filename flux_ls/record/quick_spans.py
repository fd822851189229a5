"""The SDK's spans, made with less work: for the provider that the recorder sets up where nobody else has.

They are what the SDK would have made, and go where those would go. Left out is what comes to nothing here: asking the
sampler about a request that begins here or a span below one that was sampled, locks around single operations of a dict,
lists of events and links that stay empty, and a copy of the span for a processor that only reads it.
"""

from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any, Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.context import Context
from opentelemetry.sdk.trace import EventBase, SynchronousMultiSpanProcessor, Tracer, TracerProvider, _Span
from opentelemetry.sdk.trace.sampling import DEFAULT_ON
from opentelemetry.sdk.util import BoundedList
from opentelemetry.trace import (
    INVALID_SPAN_CONTEXT,
    Link,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    get_current_span,
)
from opentelemetry.util.types import Attributes, AttributeValue

from flux_ls.record.guard import tell
from flux_ls.record.made import new_span_id, new_trace_id, now_ns
from flux_ls.record.processor import RecordingProcessor
from flux_ls.record.providers import Ids
from flux_ls.record.recording import BY_SPAN, current_span

_PLAIN: Final = frozenset({str, int, bool, float})
"""Values of attributes that the SDK takes as they are."""
_UNSET: Final = Status(StatusCode.UNSET)
_FIRST: Final = TraceFlags(TraceFlags.SAMPLED | getattr(TraceFlags, "RANDOM_TRACE_ID", 0))
"""Of a span that no other is above: our ids are random."""


class _Late:
    """An attribute that is made when it is asked for first; all threads get the same."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self._make = make
        self._name = ""

    def __set_name__(self, _: type, name: str) -> None:
        self._name = name

    def __get__(self, owner: Any, _: type | None = None) -> Any:
        return self if owner is None else owner.__dict__.setdefault(self._name, self._make(owner))


class _QuickAttributes(BoundedAttributes):
    """Those of a span that runs."""

    _lock = _Late(lambda _: Lock())

    def __init__(self, most: int | None) -> None:
        self._dict: dict[str, Any] = {}
        self.maxlen = most
        self.dropped = 0
        self.max_value_len = None
        self._immutable = False


class QuickSpan(_Span):
    """As the SDK's, but for what is said above."""

    _lock = _Late(lambda _: Lock())

    def __init__(self, tracer: "QuickTracer", name: str, context: SpanContext, parent: SpanContext | None) -> None:
        self._name = name
        self._context = context
        self._parent = parent
        self._kind = SpanKind.INTERNAL
        self._instrumentation_info = tracer.instrumentation_info
        self._instrumentation_scope = tracer._instrumentation_scope
        self._start_time: int | None = None
        self._end_time: int | None = None
        self._resource = tracer.resource
        self._status = _UNSET
        self._sampler = DEFAULT_ON
        self._trace_config = None
        self._record_exception = True
        self._set_status_on_exception = True
        self._span_processor: Any = tracer.span_processor
        self._limits: Any = tracer._span_limits
        self._attributes: Any = _QuickAttributes(self._limits.max_span_attributes)
        self._events: Any = ()
        self._links: Any = ()
        self._record_end_metrics = None

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        if type(value) in _PLAIN and type(key) is str and key and self._end_time is None:
            attributes = self._attributes
            known = attributes._dict
            if key not in known and len(known) < attributes.maxlen:
                known[key] = value
                return
        super().set_attribute(key, value)

    def set_attributes(self, attributes: Mapping[str, AttributeValue]) -> None:
        for key, value in attributes.items():
            if type(value) not in _PLAIN or type(key) is not str:
                super().set_attributes(attributes)
                return
        for key, value in attributes.items():
            self.set_attribute(key, value)

    def _add_event(self, event: EventBase) -> None:
        with self._lock:
            if self._events == ():
                self._events = BoundedList(self._limits.max_events)
        super()._add_event(event)

    def _add_link(self, link: Link) -> None:
        with self._lock:
            if self._links == ():
                self._links = BoundedList(self._limits.max_links)
        super()._add_link(link)

    def end(self, end_time: int | None = None) -> None:
        processors = self._span_processor._span_processors
        if self._end_time is not None or len(processors) != 1 or type(processors[0]) is not RecordingProcessor:
            super().end(end_time)
            return
        self._end_time = now_ns() if end_time is None else end_time
        self._attributes._immutable = True
        processors[0].on_end(self)


class QuickTracer(Tracer):
    """Makes the commonest spans itself, and has the SDK make all others."""

    def become_the_sdks(self) -> None:
        """From now on the SDK makes all of them."""
        object.__setattr__(self, "__class__", Tracer)

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = (),
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> Span:
        around = current_span() if context is None else get_current_span(context)
        above: SpanContext | None = around.get_span_context()
        recording = None
        flags, state = _FIRST, None
        if above is None or not above.is_valid:
            above = None
        else:
            recording = BY_SPAN.get(above.span_id)
            flags, state = above.trace_flags, above.trace_state
        if (
            links
            or (above is not None and (recording is None or above.is_remote or not flags & TraceFlags.SAMPLED))
            or not self._tracer_config.is_enabled
        ):
            return super().start_span(
                name, context, kind, attributes, links, start_time, record_exception, set_status_on_exception
            )
        trace_id = new_trace_id() if above is None else above.trace_id
        span_id = new_span_id()
        span = QuickSpan(self, name, SpanContext(trace_id, span_id, False, flags, state), above)
        span._kind = kind
        if attributes:
            span.set_attributes(attributes)
        if not record_exception:
            span._record_exception = False
        if not set_status_on_exception:
            span._set_status_on_exception = False
        span._start_time = now_ns() if start_time is None else start_time
        processors = self.span_processor._span_processors
        if recording is not None and len(processors) == 1 and type(processors[0]) is RecordingProcessor:
            processors[0].on_start_below(span, span_id, around, recording)
        else:
            self.span_processor.on_start(span, parent_context=context)
        return span


class Provider(TracerProvider):
    """The SDK's, whose tracers make quick spans where that comes to the same."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(id_generator=Ids(), **settings)

    def get_tracer(self, *args: Any, **kwargs: Any) -> Any:
        tracer = super().get_tracer(*args, **kwargs)
        if type(tracer) is Tracer and _comes_to_the_same(tracer):
            tracer.__class__ = QuickTracer
        return tracer


def _comes_to_the_same(tracer: Any) -> bool:
    """Whether nothing is set that quick spans do not know of, and the SDK is of a version that they are made after."""
    try:
        limits = tracer._span_limits
        if (
            tracer.sampler is not DEFAULT_ON
            or type(tracer.id_generator) is not Ids
            or limits.max_span_attribute_length is not None
            or not limits.max_span_attributes
            or type(tracer._tracer_metrics).__name__ != "NoOpTracerMetrics"
            or type(tracer.span_processor) is not SynchronousMultiSpanProcessor
        ):
            return False
        theirs = _Span("", INVALID_SPAN_CONTEXT, resource=tracer.resource, limits=limits)
        ours = QuickSpan(tracer, "", INVALID_SPAN_CONTEXT, INVALID_SPAN_CONTEXT)
        return _names(theirs) == _names(ours) and _names(theirs._attributes) == _names(ours._attributes)
    except Exception as error:
        tell("looking at OpenTelemetry's spans", error)
        return False


def _names(made: Any) -> set[str]:
    late = {name for each in type(made).__mro__ for name, value in vars(each).items() if type(value) is _Late}
    return late | set(vars(made))
