"""Builds the export requests that tests send: span trees with exceptions, as real SDKs word them.

traces(span("POST /signup", kind="server", status=500, children=[span("charge", raises=TIMEOUT)]))

What a recorder adds is told by `recorded` and `transaction`, with `resource=RECORDER` as it names itself:

span("create_user", attributes=recorded(input={"plan": None}, output=User))
transaction("rolled_back", row("users", {"id": 42}, before={"plan": "free"}, after={"plan": None}, by="create_user"))
"""

import hashlib
import itertools
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from flux_ls.record import wire

Kind = Literal["unspecified", "internal", "server", "client", "producer", "consumer"]
MS = 1_000_000
RECORDER = {wire.RECORDER: "python/0.1.0", wire.RECORDER_FORMAT: wire.FORMAT}
_NOTHING: Any = object()
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Raises:
    """An exception with its Python stack: `frames` are (path, line, function, source), outermost first."""

    type: str
    message: str
    frames: tuple[tuple[str, int, str, str], ...] = ()
    cause: "Raises | None" = None
    context: "Raises | None" = None
    """What was being handled."""

    @property
    def stacktrace(self) -> str:
        before = ""
        if self.cause is not None:
            before = (
                f"{self.cause.stacktrace}\nThe above exception was the direct cause of the following exception:\n\n"
            )
        elif self.context is not None:
            before = (
                f"{self.context.stacktrace}\nDuring handling of the above exception, another exception occurred:\n\n"
            )
        stack = "".join(
            f'  File "{path}", line {line}, in {function}\n' + (f"    {source}\n" if source else "")
            for path, line, function, source in self.frames
        )
        return f"{before}Traceback (most recent call last):\n{stack}{self.type}: {self.message}\n"

    def attributes(self) -> dict[str, Any]:
        return {
            "exception.type": self.type,
            "exception.message": self.message,
            "exception.stacktrace": self.stacktrace,
        }


class RaisesInNode(Raises):
    """An exception with the stack that V8 tells; `frames` are outermost first, too."""

    @property
    def stacktrace(self) -> str:
        places = (f"\n    at {function} ({path}:{line}:5)" for path, line, function, _ in reversed(self.frames))
        return f"{self.type}: {self.message}{''.join(places)}"


@dataclass(frozen=True)
class Row:
    """A row change as a span event; `by` is the name of the span that wrote it."""

    attributes: Mapping[str, Any]
    at_ms: float
    by: str | None


@dataclass(frozen=True)
class SpanNode:
    """A span and what it called. Times are milliseconds after the trace's start."""

    name: str
    kind: Kind = "internal"
    start_ms: float = 0
    ms: float = 10
    failed: bool = False
    message: str = ""
    raises: Raises | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    service: str | None = None
    children: tuple["SpanNode", ...] = ()
    rows: tuple[Row, ...] = ()


def span(
    name: str,
    *,
    kind: Kind = "internal",
    start_ms: float = 0,
    ms: float = 10,
    failed: bool | None = None,
    message: str = "",
    raises: Raises | None = None,
    attributes: Mapping[str, Any] | None = None,
    service: str | None = None,
    children: Sequence[SpanNode] = (),
    rows: Sequence[Row] = (),
) -> SpanNode:
    """A span; one that raises is ERROR unless `failed` says otherwise."""
    return SpanNode(
        name=name,
        kind=kind,
        start_ms=start_ms,
        ms=ms,
        failed=raises is not None if failed is None else failed,
        message=message,
        raises=raises,
        attributes=attributes or {},
        service=service,
        children=tuple(children),
        rows=tuple(rows),
    )


def recorded(
    input: object = _NOTHING, output: object = _NOTHING, locals: Sequence[Mapping[str, Any]] = ()
) -> dict[str, str]:
    """The attributes of a span of which a recorder kept input, output or the locals at a failure."""
    told = {wire.INPUT: input, wire.OUTPUT: output, wire.LOCALS: list(locals) or _NOTHING}
    return {name: json.dumps(value) for name, value in told.items() if value is not _NOTHING}


def row(
    table: str,
    key: Mapping[str, Any],
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    outcome: str | None = None,
    at_ms: float = 0,
    by: str | None = None,
    at: tuple[str, int, str] | None = None,
) -> Row:
    """A change of a row: an insert without `before`, a delete without `after`; `at` is path, line, function."""
    told: dict[str, Any] = {wire.ROW_TABLE: table, wire.ROW_KEY: json.dumps(key)}
    told[wire.ROW_OPERATION] = "insert" if before is None else "delete" if after is None else "update"
    if before is not None:
        told[wire.ROW_BEFORE] = json.dumps(before)
    if after is not None:
        told[wire.ROW_AFTER] = json.dumps(after)
    if outcome is not None:
        told[wire.ROW_OUTCOME] = outcome
    if at is not None:
        told |= {"code.file.path": at[0], "code.line.number": at[1], "code.function.name": at[2]}
    return Row(told, at_ms, by)


def transaction(outcome: str, *rows: Row, start_ms: float = 0, ms: float = 10) -> SpanNode:
    """The span of a transaction with row changes; each has its outcome unless it has one of its own."""
    told = [replace(each, attributes={wire.ROW_OUTCOME: outcome, **each.attributes}) for each in rows]
    return span(wire.TRANSACTION, start_ms=start_ms, ms=ms, attributes={wire.OUTCOME: outcome}, rows=told)


def http(
    method: str,
    path: str,
    status: int = 200,
    *,
    route: str | None = None,
    query: str = "",
    children: Sequence[SpanNode] = (),
    attributes: Mapping[str, Any] | None = None,
    **rest: Any,
) -> SpanNode:
    """The SERVER span of an HTTP request."""
    told: dict[str, Any] = {
        "http.request.method": method,
        "url.path": path,
        "http.response.status_code": status,
        **({"http.route": route} if route else {}),
        **({"url.query": query} if query else {}),
        **(attributes or {}),
    }
    made = span(f"{method} {route or path}", kind="server", attributes=told, children=children, **rest)
    return replace(made, failed=made.failed or status >= 500)


def new_trace_id() -> str:
    return hashlib.blake2b(f"{time.time_ns()}-{next(_numbers)}".encode(), digest_size=16).hexdigest()


def traces(
    *roots: SpanNode,
    trace_id: str | None = None,
    at_ns: int | None = None,
    service: str = "shop",
    resource: Mapping[str, Any] | None = None,
    parent_id: str = "",
    only: Sequence[str] | None = None,
    without: Sequence[str] = (),
) -> ExportTraceServiceRequest:
    """One trace for each root, or all in `trace_id`. `only` and `without` pick spans by name, as if others were late.

    `at_ns` is when the traces start; by default, just long enough ago that they have ended.
    """
    message = ExportTraceServiceRequest()
    for root in roots:
        id = trace_id or new_trace_id()
        start = at_ns if at_ns is not None else time.time_ns() - int((root.start_ms + root.ms) * MS)
        ids = {node.name: span_id for node, span_id, _ in _walk(root, id, parent_id)}
        for node, span_id, parent in _walk(root, id, parent_id):
            if node.name in without or (only is not None and node.name not in only):
                continue
            group = message.resource_spans.add(resource=_resource(node.service or service, resource))
            scope = group.scope_spans.add()
            scope.scope.name = "tests.telemetry"
            wire_span = _wire(node, id, span_id, parent, start)
            for each in node.rows:
                by = {wire.ROW_SPAN: ids.get(each.by, "f" * 16)} if each.by is not None else {}
                at = start + int(each.at_ms * MS)
                attributes = _attributes({**each.attributes, **by})
                wire_span.events.add(name=wire.ROW_CHANGE, time_unix_nano=at, attributes=attributes)
            scope.spans.append(wire_span)
    return message


def logs(
    root: SpanNode,
    raises: Raises,
    *,
    of: str,
    trace_id: str,
    at_ns: int | None = None,
    service: str = "shop",
    event_name: str = "",
) -> ExportLogsServiceRequest:
    """An exception in a log record, on the span called `of` of a trace that `traces(root, trace_id=…)` makes."""
    message = ExportLogsServiceRequest()
    record = message.resource_logs.add(resource=_resource(service, None)).scope_logs.add().log_records.add()
    record.trace_id = bytes.fromhex(trace_id)
    record.span_id = bytes.fromhex(span_id_of(root, trace_id, of))
    record.time_unix_nano = at_ns if at_ns is not None else time.time_ns()
    record.event_name = event_name
    record.attributes.extend(_attributes(raises.attributes()))
    return message


def span_id_of(root: SpanNode, trace_id: str, name: str) -> str:
    """The id that the span of this name gets in the trace."""
    return next(span_id for node, span_id, _ in _walk(root, trace_id, "") if node.name == name)


def _walk(root: SpanNode, trace_id: str, parent_id: str) -> Iterator[tuple[SpanNode, str, str]]:
    """Each span with its id and its parent's; ids depend on the trace and the place in the tree only."""
    numbers = itertools.count()
    waiting = [(root, parent_id)]
    while waiting:
        node, parent = waiting.pop()
        span_id = hashlib.blake2b(f"{trace_id}-{next(numbers)}".encode(), digest_size=8).hexdigest()
        yield node, span_id, parent
        waiting.extend((child, span_id) for child in reversed(node.children))


def _wire(node: SpanNode, trace_id: str, span_id: str, parent_id: str, at_ns: int) -> WireSpan:
    start = at_ns + int(node.start_ms * MS)
    end = start + int(node.ms * MS)
    wire = WireSpan(
        trace_id=bytes.fromhex(trace_id),
        span_id=bytes.fromhex(span_id),
        parent_span_id=bytes.fromhex(parent_id),
        name=node.name,
        kind=WireSpan.SpanKind.Value(f"SPAN_KIND_{node.kind.upper()}"),
        start_time_unix_nano=start,
        end_time_unix_nano=end,
        attributes=_attributes(node.attributes),
    )
    if node.failed:
        wire.status.code = Status.STATUS_CODE_ERROR
        wire.status.message = node.message
    if node.raises is not None:
        wire.events.add(name="exception", time_unix_nano=end, attributes=_attributes(node.raises.attributes()))
    return wire


def _resource(service: str, more: Mapping[str, Any] | None) -> Resource:
    return Resource(attributes=_attributes({"service.name": service, **(more or {})}))


def _attributes(values: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in values.items()]


def _value(value: Any) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, list | tuple):
        made = AnyValue()
        made.array_value.values.extend(map(_value, value))
        return made
    return AnyValue(string_value=str(value))
