"""Export requests sorted by trace: every valid span is there once, and nothing makes it fall over."""

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from flux_ls.otlp.batch import TracePart, read_exception_logs, read_spans
from flux_ls.otlp.decode import glimpse

TRACE_IDS = st.sampled_from([b"a" * 16, b"b" * 16, b"c" * 16, bytes(16), b"", b"short", b"d" * 17])
SPAN_IDS = st.sampled_from([b"1" * 8, b"2" * 8, b"3" * 8, b"4" * 8, bytes(8), b"", b"odd"])
MOMENTS = st.sampled_from([0, 1, 5, 10**18, 2**63 - 1, 2**63, 2**64 - 1])


@st.composite
def exports(draw: st.DrawFn) -> ExportTraceServiceRequest:
    message = ExportTraceServiceRequest()
    for _ in range(draw(st.integers(0, 3))):
        group = message.resource_spans.add()
        group.resource.attributes.extend(attributes(service=draw(st.sampled_from("xy"))))
        for _ in range(draw(st.integers(0, 2))):
            scope = group.scope_spans.add()
            scope.scope.name = draw(st.sampled_from("xy"))
            for _ in range(draw(st.integers(0, 4))):
                span: Any = scope.spans.add(
                    trace_id=draw(TRACE_IDS),
                    span_id=draw(SPAN_IDS),
                    parent_span_id=draw(st.sampled_from([b"", bytes(8), b"1" * 8, b"odd"])),
                    start_time_unix_nano=draw(MOMENTS),
                    end_time_unix_nano=draw(MOMENTS),
                    name=str(len(scope.spans)),
                )
                span.status.code = draw(st.sampled_from([0, 1, 2]))
                for name in draw(st.lists(st.sampled_from(["exception", "note"]), max_size=2)):
                    span.events.add(name=name)
    return message


def attributes(**values: str) -> list[KeyValue]:
    return [KeyValue(key=key, value=AnyValue(string_value=value)) for key, value in values.items()]


def is_valid(span: Span) -> bool:
    return (
        len(span.trace_id) == 16
        and any(span.trace_id)
        and len(span.span_id) == 8
        and any(span.span_id)
        and max(span.start_time_unix_nano, span.end_time_unix_nano) < 2**63
    )


def stored(part: TracePart) -> list[tuple[int, bytes, bytes]]:
    return [
        (origin, span_id, raw)
        for origin, chunk in part.chunks.items()
        for span_id, raw in zip(chunk.span_ids, chunk.raws, strict=True)
    ]


@given(exports())
def test_every_valid_span_is_in_exactly_one_part_and_the_others_are_counted(message: ExportTraceServiceRequest) -> None:
    batch = read_spans(message)
    expected: Counter[Any] = Counter()
    rejected = 0
    for group in message.resource_spans:
        for scope in group.scope_spans:
            for span in scope.spans:
                if is_valid(span):
                    origin = (group.resource.SerializeToString(), scope.scope.SerializeToString())
                    expected[span.trace_id, origin, span.span_id, span.SerializeToString()] += 1
                else:
                    rejected += 1
    found = Counter(
        (part.trace_id, batch.origins[origin], span_id, raw)
        for part in batch.parts
        for origin, span_id, raw in stored(part)
    )
    assert found == expected
    assert batch.rejected == rejected
    assert len({part.trace_id for part in batch.parts}) == len(batch.parts)
    assert len(set(batch.origins)) == len(batch.origins)


@given(exports())
def test_what_a_part_tells_of_its_spans(message: ExportTraceServiceRequest) -> None:
    for part in read_spans(message).parts:
        seen = [glimpse(raw) for _, _, raw in stored(part)]
        assert part.first_ns == min(each.start_ns for each in seen)
        assert part.last_ns == max(each.end_ns for each in seen)
        assert part.notable == any(each.notable for each in seen)
        roots = [(raw, origin) for origin, _, raw in stored(part) if glimpse(raw).parent_id is None]
        assert part.rooted == bool(roots)
        assert part.root == (roots[0] if len(roots) == 1 else None)
        assert part.span_ids() == [span_id for _, span_id, _ in stored(part)]


@given(exports(), st.dictionaries(SPAN_IDS, MOMENTS))
def test_what_is_superseded_is_left_out(message: ExportTraceServiceRequest, ends: dict[bytes, int]) -> None:
    for part in read_spans(message).parts:
        before = [(origin, span_id, raw) for origin, span_id, raw in stored(part)]
        after = part.without_superseded(ends)
        assert [*stored(part)] == before
        expected: dict[bytes, int] = {}
        for _, span_id, raw in before:
            expected[span_id] = max(expected.get(span_id, -1), glimpse(raw).end_ns)
        expected = {span_id: end_ns for span_id, end_ns in expected.items() if end_ns > ends.get(span_id, -1)}
        assert {span_id: glimpse(raw).end_ns for _, span_id, raw in stored(after)} == expected
        assert len(stored(after)) == len(expected)
        roots = [(raw, origin) for origin, _, raw in stored(after) if glimpse(raw).parent_id is None]
        assert (after.rooted, after.root) == (bool(roots), roots[0] if len(roots) == 1 else None)


@given(
    st.lists(
        st.tuples(
            TRACE_IDS,
            MOMENTS,
            MOMENTS,
            st.lists(st.sampled_from(["exception.type", "exception.message", "message"]), max_size=3),
        )
    )
)
def test_log_records_of_exceptions_in_a_trace_are_kept(
    records: list[tuple[bytes, int, int, list[str]]],
) -> None:
    message = ExportLogsServiceRequest()
    scope = message.resource_logs.add().scope_logs.add()
    kept, rejected = [], 0
    for trace_id, at_ns, observed_ns, names in records:
        record = scope.log_records.add(
            trace_id=trace_id,
            time_unix_nano=at_ns,
            observed_time_unix_nano=observed_ns,
            attributes=attributes(**dict.fromkeys(names, "x")),
        )
        if len(trace_id) == 16 and any(trace_id) and any(name.startswith("exception.") for name in names):
            if (at_ns or observed_ns) < 2**63:
                kept.append((trace_id, at_ns or observed_ns, record.SerializeToString()))
            else:
                rejected += 1
    batch = read_exception_logs(message)
    assert [(row.trace_id, row.at_ns, row.raw) for row in batch.rows] == kept
    assert batch.rejected == rejected
    assert all(row.origin == 0 for row in batch.rows)


def test_groups_with_the_same_resource_and_scope_are_one_origin() -> None:
    message = ExportTraceServiceRequest()
    for number in range(3):
        group = message.resource_spans.add()
        group.resource.attributes.extend(attributes(service="shop"))
        scope = group.scope_spans.add()
        scope.scope.name = "flask"
        scope.spans.add(trace_id=b"a" * 16, span_id=bytes([number + 1]) * 8)
    batch = read_spans(message)
    (part,) = batch.parts
    assert len(batch.origins) == len(part.chunks) == 1
    assert len(part.span_ids()) == 3
