"""An export request sorted by trace: the raw messages, and the few facts that are asked of every span.

Walking attributes in Python is what decoding costs, so nothing here looks at one: a span keeps its bytes and is
decoded when somebody asks for it.
"""

from collections.abc import Iterable, Iterator, Mapping, Set
from typing import NamedTuple

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from flux_ls.otlp.decode import Glimpse, glimpse
from flux_ls.otlp.slices import Unusual, spans_of
from flux_ls.record import wire

TraceExport = ExportTraceServiceRequest
LogExport = ExportLogsServiceRequest

_STATUS_ERROR = 2
_RECORDER = wire.RECORDER.encode()
_NO_ID = bytes(8)
"""Some exporters send this as the parent of a root."""


class Origin(NamedTuple):
    """Resource and instrumentation scope, as they came."""

    resource: bytes
    scope: bytes


class Chunk:
    """The spans that one export brings of one trace and one origin."""

    __slots__ = ("raws", "span_ids")

    def __init__(self) -> None:
        self.span_ids: list[bytes] = []
        self.raws: list[bytes] = []


class TracePart:
    """What one export brings of one trace."""

    __slots__ = ("chunks", "first_ns", "last_ns", "notable", "root", "rooted", "trace_id")

    def __init__(self, trace_id: bytes, start_ns: int, end_ns: int) -> None:
        self.trace_id = trace_id
        self.first_ns = start_ns
        self.last_ns = end_ns
        self.notable = False
        """A span has status ERROR or an exception event."""
        self.root: tuple[bytes, int] | None = None
        """The root span and the index of its origin, if there is exactly one."""
        self.rooted = False
        """There is a root span."""
        self.chunks: dict[int, Chunk] = {}
        """By index of the origin."""

    def span_ids(self) -> list[bytes]:
        return [span_id for chunk in self.chunks.values() for span_id in chunk.span_ids]

    def without_superseded(self, ends: Mapping[bytes, int], recorded: Set[int] = frozenset()) -> "TracePart":
        """The same without spans that end no later than `ends` says; of those given twice, the last to end.

        Of two that end together the recorder's copy counts, which has all that the other has: a service may export to
        the same collector on its own.
        """
        latest: dict[bytes, tuple[Glimpse, int, bytes]] = {}
        for origin, chunk in self.chunks.items():
            for span_id, raw in zip(chunk.span_ids, chunk.raws, strict=True):
                seen = glimpse(raw)
                before = latest[span_id][0].end_ns if span_id in latest else ends.get(span_id, -1)
                if seen.end_ns > before or (seen.end_ns == before and origin in recorded):
                    latest[span_id] = (seen, origin, raw)
        part = TracePart(self.trace_id, self.first_ns, self.last_ns)
        part.notable = self.notable
        for span_id, (seen, origin, raw) in latest.items():
            part.add(origin, span_id, raw)
            if seen.parent_id is None:
                part.add_root(origin, raw)
        return part

    def chunk(self, origin: int) -> Chunk:
        """What comes of this origin; made when it is the first of it."""
        chunk = self.chunks.get(origin)
        if chunk is None:
            chunk = self.chunks[origin] = Chunk()
        return chunk

    def add(self, origin: int, span_id: bytes, raw: bytes) -> None:
        chunk = self.chunk(origin)
        chunk.span_ids.append(span_id)
        chunk.raws.append(raw)

    def add_root(self, origin: int, raw: bytes) -> None:
        self.root = None if self.rooted else (raw, origin)
        self.rooted = True


class SpanBatch(NamedTuple):
    origins: list[Origin]
    parts: list[TracePart]
    rejected: int
    recorded: frozenset[int] = frozenset()
    """The origins, by index, that say a recorder was at work: only their spans carry inputs and row changes."""


class LogRow(NamedTuple):
    """One log record that carries an exception of a request; `origin` indexes the batch's origins."""

    trace_id: bytes
    at_ns: int
    origin: int
    raw: bytes


class LogBatch(NamedTuple):
    origins: list[Origin]
    rows: list[LogRow]
    rejected: int


def read_spans(message: TraceExport, body: bytes = b"") -> SpanBatch:
    """The spans of an export request; those without valid ids or with times past 2262 are rejected.

    `body` is what the message was read from, if that was protobuf: the spans are then kept in the very bytes.
    """
    came = _raws(message, body)
    origins: dict[Origin, int] = {}
    parts: dict[bytes, TracePart] = {}
    recorded: set[int] = set()
    rejected = 0
    for resource_spans in message.resource_spans:
        resource = resource_spans.resource.SerializeToString()
        for scope_spans in resource_spans.scope_spans:
            origin = origins.setdefault(Origin(resource, scope_spans.scope.SerializeToString()), len(origins))
            if _RECORDER in resource:
                recorded.add(origin)
            # The one loop that every span of every user goes through: no calls in it that can be done without. Spans of
            # one trace come in a row.
            latest = b""
            for span, raw in zip(scope_spans.spans, next(came), strict=True):
                trace_id, span_id = span.trace_id, span.span_id
                start_ns, end_ns = span.start_time_unix_nano, span.end_time_unix_nano
                if len(span_id) != 8 or start_ns >> 63 or end_ns >> 63 or span_id == _NO_ID:
                    rejected += 1
                    continue
                # As decoding has it: no start is the end, and no span ends before it starts.
                if not start_ns:
                    start_ns = end_ns
                elif end_ns < start_ns:
                    end_ns = start_ns
                if trace_id != latest or not latest:
                    found = parts.get(trace_id)
                    if found is None:
                        if len(trace_id) != 16 or not any(trace_id):
                            rejected += 1
                            continue
                        found = parts[trace_id] = TracePart(trace_id, start_ns, end_ns)
                    part, latest = found, trace_id
                    chunk = part.chunk(origin)
                    keep_id, keep_raw = chunk.span_ids.append, chunk.raws.append
                if start_ns < part.first_ns:
                    part.first_ns = start_ns
                if end_ns > part.last_ns:
                    part.last_ns = end_ns
                parent_id = span.parent_span_id
                if not parent_id or parent_id == _NO_ID:
                    part.add_root(origin, raw)
                if not part.notable and (
                    span.status.code == _STATUS_ERROR
                    or ((events := span.events) and any(event.name == "exception" for event in events))
                ):
                    part.notable = True
                keep_id(span_id)
                keep_raw(raw)
    return SpanBatch(list(origins), list(parts.values()), rejected, frozenset(recorded))


def _raws(message: TraceExport, body: bytes) -> Iterator[Iterable[bytes]]:
    """For each scope of each resource, the bytes of its spans."""
    try:
        sliced = spans_of(body) if body else None
    except Unusual:
        sliced = None
    # An element of a repeated field may come in pieces that only reading it joins.
    if sliced is not None and [[len(scope) for scope in resource] for resource in sliced] == [
        [len(scope_spans.spans) for scope_spans in resource_spans.scope_spans]
        for resource_spans in message.resource_spans
    ]:
        for resource in sliced:
            yield from resource
        return
    for resource_spans in message.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            yield [span.SerializeToString() for span in scope_spans.spans]


def read_exception_logs(message: LogExport) -> LogBatch:
    """The log records that tell of an exception inside a trace; all others are accepted and not kept."""
    origins: dict[Origin, int] = {}
    rows: list[LogRow] = []
    rejected = 0
    for resource_logs in message.resource_logs:
        resource = resource_logs.resource.SerializeToString()
        for scope_logs in resource_logs.scope_logs:
            origin = origins.setdefault(Origin(resource, scope_logs.scope.SerializeToString()), len(origins))
            for record in scope_logs.log_records:
                if len(record.trace_id) != 16 or not any(record.trace_id):
                    continue
                if not any(pair.key.startswith("exception.") for pair in record.attributes):
                    continue
                at_ns = record.time_unix_nano or record.observed_time_unix_nano
                if at_ns >> 63:
                    rejected += 1
                    continue
                rows.append(LogRow(record.trace_id, at_ns, origin, record.SerializeToString()))
    return LogBatch(list(origins), rows, rejected)
