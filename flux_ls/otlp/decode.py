"""Stored protobuf bytes -> the model: spans, resources, and the exceptions in span events and log records."""

import base64
from functools import lru_cache
from typing import Any, NamedTuple, cast

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as WireResource
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from flux_ls.model import (
    AttributeValue,
    Event,
    ExceptionRecord,
    Language,
    Raised,
    Resource,
    Span,
    SpanKind,
    SpanStatus,
)
from flux_ls.otlp.semconv import normalised, resource_of
from flux_ls.otlp.stacktrace import DEFAULT_RULE, InAppRule, parse_stacktrace
from flux_ls.record import wire as names

_KINDS: tuple[SpanKind, ...] = ("unspecified", "internal", "server", "client", "producer", "consumer")
_STATUSES: tuple[SpanStatus, ...] = ("unset", "ok", "error")
_LANGUAGES: dict[str, Language] = {
    "python": "python",
    "nodejs": "javascript",
    "webjs": "javascript",
    "go": "go",
    "java": "java",
}
_MAX_DEPTH = 16
_INPUT = names.INPUT
_WORTH_KEEPING = 16384
"""Larger resources and scopes are decoded each time: somebody could send a great many of them."""


def decode_resource(raw: bytes) -> Resource:
    """The resource of stored bytes; the same bytes give the same object, unless there are very many of them."""
    return _kept_resource(raw) if len(raw) <= _WORTH_KEEPING else _resource(raw)


def decode_scope(raw: bytes) -> str:
    """The name of the instrumentation scope of stored bytes."""
    return _kept_scope(raw) if len(raw) <= _WORTH_KEEPING else _scope(raw)


def _resource(raw: bytes) -> Resource:
    return resource_of(_attributes(WireResource.FromString(raw).attributes))


def _scope(raw: bytes) -> str:
    return InstrumentationScope.FromString(raw).name


_kept_resource = lru_cache(maxsize=512)(_resource)
_kept_scope = lru_cache(maxsize=512)(_scope)


def decode_span(raw: bytes, resource: Resource, scope: str, rule: InAppRule = DEFAULT_RULE) -> Span:
    """The span of stored bytes, its exception events parsed and its other events beside them."""
    wire = WireSpan.FromString(raw)
    language = _language(resource)
    start_ns, end_ns = _times(wire)
    exceptions: list[ExceptionRecord] = []
    events: list[Event] = []
    for event in wire.events:
        attributes = _attributes(event.attributes)
        at_ns = event.time_unix_nano if event.time_unix_nano >> 63 == 0 else end_ns
        raised = _raised(attributes, language, rule) if event.name == "exception" else None
        if raised is None:
            events.append(Event(event.name, at_ns, attributes))
        else:
            stacktrace = _string(attributes.get("exception.stacktrace"))
            exceptions.append(ExceptionRecord(raised, "event", at_ns, stacktrace))
    return Span(
        trace_id=wire.trace_id.hex(),
        span_id=wire.span_id.hex(),
        parent_id=_parent_id(wire),
        name=wire.name,
        kind=_kind(wire),
        start_ns=start_ns,
        end_ns=end_ns,
        status=_STATUSES[wire.status.code] if 0 <= wire.status.code < len(_STATUSES) else "unset",
        status_message=wire.status.message,
        attributes=normalised(_attributes(wire.attributes)),
        resource=resource,
        scope=scope,
        exceptions=tuple(exceptions),
        events=tuple(events),
    )


class Glimpse(NamedTuple):
    """What can be told of a span without decoding it."""

    span_id: str
    parent_id: str | None
    kind: SpanKind
    start_ns: int
    end_ns: int
    notable: bool
    """It has status ERROR or an exception event."""


def glimpse(raw: bytes) -> Glimpse:
    wire = WireSpan.FromString(raw)
    return Glimpse(
        wire.span_id.hex(),
        _parent_id(wire),
        _kind(wire),
        *_times(wire),
        wire.status.code == Status.STATUS_CODE_ERROR or any(event.name == "exception" for event in wire.events),
    )


class RecordedInput(NamedTuple):
    """What went into a span, as far as that can be told without decoding all of it."""

    name: str
    kind: SpanKind
    start_ns: int
    value: AttributeValue


def recorded_input(raw: bytes) -> RecordedInput | None:
    """The input that a recorder noted on a span; None when there is none."""
    wire = WireSpan.FromString(raw)
    for pair in wire.attributes:
        if pair.key == _INPUT:
            return RecordedInput(wire.name, _kind(wire), _times(wire)[0], _value(pair.value, _MAX_DEPTH))
    return None


def decode_exception_log(
    raw: bytes, resource: Resource, rule: InAppRule = DEFAULT_RULE
) -> tuple[str, ExceptionRecord] | None:
    """The span id a log record belongs to and the exception it carries; None when it carries none."""
    wire = LogRecord.FromString(raw)
    attributes = _attributes(wire.attributes)
    raised = _raised(attributes, _language(resource), rule)
    if raised is None:
        return None
    return wire.span_id.hex(), ExceptionRecord(
        raised,
        "log",
        wire.time_unix_nano or wire.observed_time_unix_nano,
        _string(attributes.get("exception.stacktrace")),
        event_name=wire.event_name,
    )


def _parent_id(wire: WireSpan) -> str | None:
    # Some exporters send eight zero bytes as the parent of a root.
    return wire.parent_span_id.hex() if wire.parent_span_id.strip(b"\0") else None


def _kind(wire: WireSpan) -> SpanKind:
    return _KINDS[wire.kind] if 0 <= wire.kind < len(_KINDS) else "unspecified"


def _times(wire: WireSpan) -> tuple[int, int]:
    """Start and end; a span that does not say when it started did so when it ended."""
    start_ns, end_ns = wire.start_time_unix_nano, wire.end_time_unix_nano
    return start_ns or end_ns, max(start_ns, end_ns)


def _raised(attributes: dict[str, AttributeValue], language: Language | None, rule: InAppRule) -> Raised | None:
    kind, message = _string(attributes.get("exception.type")), _string(attributes.get("exception.message"))
    stacktrace = _string(attributes.get("exception.stacktrace"))
    if not (kind or message or stacktrace):
        return None
    return parse_stacktrace(stacktrace, type=kind, message=message, language=language, rule=rule)


def _language(resource: Resource) -> Language | None:
    return _LANGUAGES.get(_string(resource.attributes.get("telemetry.sdk.language")))


def _attributes(pairs: Any) -> dict[str, AttributeValue]:
    # Most values are text or a number, and asking for those is the quickest way to find out.
    attributes: dict[str, AttributeValue] = {}
    for pair in pairs:
        value = pair.value
        attributes[pair.key] = value.string_value or value.int_value or _value(value, _MAX_DEPTH)
    return attributes


def _value(value: AnyValue, depth: int) -> AttributeValue:
    which = value.WhichOneof("value")
    match which:
        case None:
            return None
        case "array_value":
            return [_value(item, depth - 1) for item in value.array_value.values] if depth else None
        case "kvlist_value":
            return {item.key: _value(item.value, depth - 1) for item in value.kvlist_value.values} if depth else None
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode("ascii")
        case _:
            return cast("str | bool | int | float", getattr(value, which))


def _string(value: AttributeValue) -> str:
    return value if isinstance(value, str) else ""
