"""Stored bytes as spans, resources and exceptions."""

import base64
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as WireResource
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from flux_ls.model import Span
from flux_ls.otlp.decode import decode_exception_log, decode_resource, decode_scope, decode_span, glimpse
from tests.telemetry import Raises

RESOURCE = decode_resource(WireResource().SerializeToString())
LOST = Raises("KeyError", "'plan'", (("/srv/shop/shop/plans.py", 7, "plan_of", "return PLANS[name]"),))


def decoded(**fields: Any) -> Span:
    return decode_span(WireSpan(**fields).SerializeToString(), RESOURCE, "scope")


def listed(*values: AnyValue) -> AnyValue:
    made = AnyValue()
    made.array_value.values.extend(values)
    return made


def mapped(**values: AnyValue) -> AnyValue:
    made = AnyValue()
    made.kvlist_value.values.extend(KeyValue(key=key, value=value) for key, value in values.items())
    return made


def texts(values: dict[str, str]) -> list[KeyValue]:
    return [KeyValue(key=key, value=AnyValue(string_value=value)) for key, value in values.items()]


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        (AnyValue(string_value="text"), "text"),
        (AnyValue(string_value=""), ""),
        (AnyValue(bool_value=True), True),
        (AnyValue(bool_value=False), False),
        (AnyValue(int_value=-(2**63)), -(2**63)),
        (AnyValue(int_value=0), 0),
        (AnyValue(double_value=0.5), 0.5),
        (AnyValue(double_value=float("inf")), float("inf")),
        (AnyValue(bytes_value=b"\0\xff"), base64.b64encode(b"\0\xff").decode()),
        (AnyValue(bytes_value=b""), ""),
        (AnyValue(), None),
        (listed(), []),
        (listed(AnyValue(int_value=1), AnyValue(string_value="a"), AnyValue()), [1, "a", None]),
        (mapped(), {}),
        (mapped(a=listed(mapped(b=AnyValue(bytes_value=b"x"))), c=AnyValue()), {"a": [{"b": "eA=="}], "c": None}),
    ],
)
def test_values_of_every_kind(wire: AnyValue, expected: object) -> None:
    value = decoded(attributes=[KeyValue(key="k", value=wire)]).attributes["k"]
    assert value == expected
    assert type(value) is type(expected)


def test_values_nested_too_deep_are_cut() -> None:
    wire = AnyValue(string_value="core")
    for _ in range(30):
        wire = listed(wire)
    value: Any = decoded(attributes=[KeyValue(key="k", value=wire)]).attributes["k"]
    depth = 0
    while isinstance(value, list):
        (value,), depth = value, depth + 1
    assert value is None
    assert 10 < depth < 30


def test_of_an_attribute_given_twice_the_last_counts() -> None:
    assert decoded(attributes=[*texts({"k": "first"}), *texts({"k": "last"})]).attributes == {"k": "last"}


def test_names_of_old_are_normalised() -> None:
    assert decoded(attributes=texts({"http.method": "GET"})).attributes == {"http.request.method": "GET"}


def test_what_a_span_says() -> None:
    span = decoded(
        trace_id=bytes(15) + b"\1",
        span_id=bytes(7) + b"\2",
        parent_span_id=bytes(7) + b"\3",
        name="charge",
        kind=WireSpan.SPAN_KIND_CLIENT,
        start_time_unix_nano=10,
        end_time_unix_nano=30,
        status=Status(code=Status.STATUS_CODE_ERROR, message="no"),
        events=[WireSpan.Event(name="note", time_unix_nano=20, attributes=texts({"a": "b"}))],
    )
    assert (span.trace_id, span.span_id, span.parent_id) == ("0" * 31 + "1", "0" * 15 + "2", "0" * 15 + "3")
    assert (span.name, span.kind, span.start_ns, span.end_ns) == ("charge", "client", 10, 30)
    assert (span.status, span.status_message, span.scope) == ("error", "no", "scope")
    (event,) = span.events
    assert (event.name, event.at_ns, event.attributes) == ("note", 20, {"a": "b"})
    assert span.exceptions == ()


@pytest.mark.parametrize("parent", [b"", bytes(8)])
def test_a_parent_of_zeros_is_none(parent: bytes) -> None:
    assert decoded(parent_span_id=parent).parent_id is None


@pytest.mark.parametrize(
    ("start_ns", "end_ns", "expected"),
    [(10, 30, (10, 30)), (30, 10, (30, 30)), (0, 30, (30, 30)), (10, 0, (10, 10)), (0, 0, (0, 0))],
)
def test_no_span_ends_before_it_starts(start_ns: int, end_ns: int, expected: tuple[int, int]) -> None:
    span = decoded(start_time_unix_nano=start_ns, end_time_unix_nano=end_ns)
    assert (span.start_ns, span.end_ns) == expected


@pytest.mark.parametrize("number", [-1, 6, 7, 2**31 - 1, -(2**31)])
def test_kinds_and_statuses_of_the_future_are_unspecified(number: int) -> None:
    raw = WireSpan(name="x").SerializeToString()
    # Protobuf keeps enum numbers that it does not know.
    wire = WireSpan.FromString(raw)
    wire.kind = number  # type: ignore[assignment]
    wire.status.code = number  # type: ignore[assignment]
    span = decode_span(wire.SerializeToString(), RESOURCE, "")
    assert (span.kind, span.status) == ("unspecified", "unset")


def test_exceptions_are_read_from_events() -> None:
    span = decoded(
        end_time_unix_nano=9,
        events=[
            WireSpan.Event(name="exception", time_unix_nano=5, attributes=texts(LOST.attributes())),
            WireSpan.Event(name="exception", time_unix_nano=6),
            WireSpan.Event(name="exception", time_unix_nano=2**64 - 1, attributes=texts({"exception.type": "Odd"})),
        ],
    )
    first, odd = span.exceptions
    assert (first.raised.type, first.raised.message, first.recorded_in, first.at_ns) == (
        "KeyError",
        "'plan'",
        "event",
        5,
    )
    assert [(frame.path, frame.line) for frame in first.raised.frames] == [("/srv/shop/shop/plans.py", 7)]
    assert first.stacktrace == LOST.stacktrace
    assert (odd.raised.type, odd.at_ns) == ("Odd", 9)  # no store holds the year 2554
    assert [event.name for event in span.events] == ["exception"]  # the one that says nothing


def test_exceptions_are_read_from_log_records() -> None:
    record = LogRecord(
        span_id=b"12345678",
        observed_time_unix_nano=7,
        event_name="http.server.request.exception",
        attributes=texts(LOST.attributes()),
    )
    found = decode_exception_log(record.SerializeToString(), RESOURCE)
    assert found is not None
    span_id, exception = found
    assert span_id == b"12345678".hex()
    assert (exception.raised.type, exception.recorded_in, exception.at_ns) == ("KeyError", "log", 7)
    assert exception.event_name == "http.server.request.exception"
    record.time_unix_nano = 5
    again = decode_exception_log(record.SerializeToString(), RESOURCE)
    assert again is not None
    assert again[1].at_ns == 5


@pytest.mark.parametrize("attributes", [{}, {"exception.type": ""}, {"exception.escaped": "False"}])
def test_a_log_record_without_an_exception_is_none(attributes: dict[str, str]) -> None:
    assert decode_exception_log(LogRecord(attributes=texts(attributes)).SerializeToString(), RESOURCE) is None


def test_the_same_bytes_give_the_same_resource_unless_they_are_many() -> None:
    small, large = (
        WireResource(attributes=texts({"service.name": "shop" * size})).SerializeToString() for size in (1, 10_000)
    )
    assert decode_resource(small) is decode_resource(bytes(bytearray(small)))
    assert decode_resource(large) == decode_resource(large)
    assert decode_resource(large) is not decode_resource(large)
    for name in ("flask", "f" * 50_000):
        assert decode_scope(InstrumentationScope(name=name).SerializeToString()) == name


@st.composite
def wire_spans(draw: st.DrawFn) -> WireSpan:
    moments = st.integers(0, 2**63 - 1) | st.sampled_from([0, 1, 2**63 - 1])
    code: Any = draw(st.sampled_from([0, 1, 2]))
    span: Any = WireSpan(
        trace_id=draw(st.binary(min_size=16, max_size=16)),
        span_id=draw(st.binary(min_size=8, max_size=8)),
        parent_span_id=draw(st.sampled_from([b"", bytes(8), b"parentid", b"odd"])),
        name=draw(st.text(max_size=8)),
        start_time_unix_nano=draw(moments),
        end_time_unix_nano=draw(moments),
        status=Status(code=code),
    )
    span.kind = draw(st.integers(-2, 9))
    for name in draw(st.lists(st.sampled_from(["exception", "note"]), max_size=3)):
        attributes = texts({"exception.message": draw(st.text(max_size=20)), "exception.type": "E"})
        span.events.add(name=name, time_unix_nano=draw(st.integers(0, 2**64 - 1)), attributes=attributes)
    return cast(WireSpan, span)


@given(wire_spans())
def test_a_glimpse_tells_what_decoding_tells(wire: WireSpan) -> None:
    raw = wire.SerializeToString()
    seen, span = glimpse(raw), decode_span(raw, RESOURCE, "")
    assert (seen.span_id, seen.parent_id, seen.kind) == (span.span_id, span.parent_id, span.kind)
    assert (seen.start_ns, seen.end_ns) == (span.start_ns, span.end_ns)
    assert seen.notable == (span.status == "error" or bool(span.exceptions))
    assert all(record.at_ns < 2**63 for record in span.exceptions)
