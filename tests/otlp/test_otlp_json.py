"""OTLP/JSON becomes the message that it means, or is refused as a misfit."""

import base64
import json
import re
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from flux_ls.otlp.otlp_json import MAX_DEPTH, Misfit, read_json
from flux_ls.otlp.payload import Undecodable, decode
from tests.examples import examples

from .payloads import LOGS, PARENT_ID, SPAN_ID, TRACE, TRACE_ID, as_json


def span(text: str | bytes) -> Span:
    return read_json(text.encode() if isinstance(text, str) else text, Span)


def test_a_trace_as_otlp_shows_it() -> None:
    message = read_json(as_json(TRACE), ExportTraceServiceRequest)
    resource = message.resource_spans[0]
    assert resource.resource.attributes[0].value.string_value == "shop"
    scope = resource.scope_spans[0]
    assert (scope.scope.name, scope.scope.version) == ("shop.web", "2.1.0")
    assert scope.spans[0] == Span(
        trace_id=bytes.fromhex(TRACE_ID),
        span_id=bytes.fromhex(SPAN_ID),
        parent_span_id=bytes.fromhex(PARENT_ID),
        name="GET /orders",
        kind=Span.SPAN_KIND_SERVER,
        start_time_unix_nano=1544712660000000000,
        end_time_unix_nano=1544712661000000000,
        attributes=[{"key": "http.request.method", "value": {"string_value": "GET"}}],
    )


def test_logs_as_otlp_shows_them() -> None:
    message = read_json(as_json(LOGS), ExportLogsServiceRequest)
    record = message.resource_logs[0].scope_logs[0].log_records[0]
    assert record.trace_id.hex() == TRACE_ID.lower()
    assert record.severity_number == 10
    values = {pair.key: pair.value for pair in record.attributes}
    assert values["boolean"].bool_value is True
    assert values["int"].int_value == 10
    assert values["double"].double_value == 637.704
    assert values["bytes"].bytes_value == b"\0\xff"
    assert [value.string_value for value in values["array"].array_value.values] == ["many", "values"]
    assert values["map"].kvlist_value.values[0].value.string_value == "some value"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", Span()),
        ("\ufeff{}", Span()),
        ('{"name": null, "attributes": null, "status": null, "kind": null, "traceId": null}', Span()),
        ('{"notAField": {"deep": [1]}, "name": "a"}', Span(name="a")),
        ('{"traceId": "aB00fF"}', Span(trace_id=b"\xab\x00\xff")),
        ('{"traceId": ""}', Span()),
        ('{"trace_id": "ab", "start_time_unix_nano": "5"}', Span(trace_id=b"\xab", start_time_unix_nano=5)),
        ('{"startTimeUnixNano": 18446744073709551615}', Span(start_time_unix_nano=2**64 - 1)),
        ('{"startTimeUnixNano": "18446744073709551615"}', Span(start_time_unix_nano=2**64 - 1)),
        ('{"startTimeUnixNano": 1.5e9}', Span(start_time_unix_nano=1_500_000_000)),
        ('{"kind": 3}', Span(kind=3)),
        ('{"kind": "SPAN_KIND_CLIENT"}', Span(kind=3)),
        ('{"kind": "3"}', Span(kind=3)),
        ('{"kind": 99}', Span(kind=99)),
        ('{"kind": "SPAN_KIND_OF_TOMORROW"}', Span()),
        ('{"status": {"code": 2, "message": "no"}}', Span(status={"code": 2, "message": "no"})),
        ('{"flags": 257, "droppedEventsCount": 4294967295}', Span(flags=257, dropped_events_count=2**32 - 1)),
        ('{"links": [{"traceId": "01", "spanId": "02"}]}', Span(links=[{"trace_id": b"\1", "span_id": b"\2"}])),
        ('{"name": "\\ud83d\\ude00"}', Span(name="\U0001f600")),
        ('{"name": "cut \\ud83d"}', Span(name="cut \ufffd")),
        ('{"name": "\\ude00\\\\ud83d"}', Span(name="\ufffd\\ud83d")),
        ('{"name": "\\ud83d\\ud83d\\ude00"}', Span(name="\ufffd\U0001f600")),
    ],
)
def test_what_the_rules_allow(text: str, expected: Span) -> None:
    assert span(text) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"stringValue": ""}, {"string_value": ""}),
        ({"intValue": "-9223372036854775808"}, {"int_value": -(2**63)}),
        ({"intValue": 0}, {"int_value": 0}),
        ({"intValue": None, "boolValue": False}, {"bool_value": False}),
        ({"doubleValue": 3}, {"double_value": 3.0}),
        ({"doubleValue": "1e3"}, {"double_value": 1000.0}),
        ({"doubleValue": "-Infinity"}, {"double_value": float("-inf")}),
        ({"bytesValue": "_-8"}, {"bytes_value": b"\xff\xef"}),
        ({"arrayValue": {"values": [None, {"intValue": 1}]}}, {"array_value": {"values": [{}, {"int_value": 1}]}}),
        ({"arrayValue": {}}, {"array_value": {}}),
        ({}, {}),
    ],
)
def test_values(value: Any, expected: Any) -> None:
    text = json.dumps({"attributes": [{"key": "k", "value": value}]})
    assert span(text) == Span(attributes=[{"key": "k", "value": expected}])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "truncated"),
        ("[]", "expected an object"),
        ("null", "expected an object"),
        ('"x"', "expected an object"),
        ("{", "truncated"),
        ("{} {}", "trailing"),
        ('{"name": 1}', "name: expected a string"),
        ('{"name": {"a": "b"}}', "name: expected a string"),
        ('{"traceId": "5B8"}', "traceId: expected an id in hex"),
        ('{"traceId": "W47/95gDgQPSabYzgT/GDA=="}', "traceId: expected an id in hex"),
        ('{"traceId": 12}', "traceId: expected an id in hex"),
        ('{"traceId": ["ab"]}', "traceId: expected an id in hex"),
        ('{"startTimeUnixNano": -1}', "startTimeUnixNano: the integer is out of range"),
        ('{"startTimeUnixNano": "18446744073709551616"}', "out of range"),
        ('{"startTimeUnixNano": 1.5}', "expected an integer"),
        ('{"startTimeUnixNano": "1_0"}', "expected an integer"),
        ('{"startTimeUnixNano": " 10"}', "expected an integer"),
        ('{"startTimeUnixNano": "' + "9" * 5000 + '"}', "expected an integer"),
        ('{"startTimeUnixNano": true}', "expected an integer"),
        ('{"kind": true}', "kind: expected an integer"),
        ('{"kind": 4294967296}', "kind: the integer is out of range"),
        ('{"attributes": {"key": "a"}}', "attributes: expected an array"),
        ('{"attributes": [1]}', "attributes: expected an object"),
        ('{"attributes": [null]}', "attributes: expected an object"),
        (
            '{"attributes": [{"key": "a", "value": {"intValue": "x"}}]}',
            "attributes.value.intValue: expected an integer",
        ),
        ('{"attributes": [{"key": "a", "value": {"bytesValue": "a"}}]}', "bytesValue: expected base64"),
        ('{"attributes": [{"key": "a", "value": {"bytesValue": "§§§§"}}]}', "bytesValue: expected base64"),
        ('{"attributes": [{"key": "a", "value": {"boolValue": "true"}}]}', "boolValue: expected true or false"),
        ('{"attributes": [{"key": "a", "value": {"doubleValue": "x"}}]}', "doubleValue: expected a number"),
        ('{"status": []}', "status: expected an object"),
        ("[" * 100_000, "nested too deep"),
        ('{"a":' * 100_000, "nested too deep"),
    ],
)
def test_misfits_say_where_and_not_what(text: str, says: str) -> None:
    with pytest.raises(Misfit, match=re.escape(says)) as caught:
        span(text)
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize("body", [b"\xff\xfe", b'{"name": "\xff"}', b'{"name": "\xed\xa0\x80"}'])
def test_what_is_not_utf8(body: bytes) -> None:
    with pytest.raises(Misfit):
        span(body)


def nested(depth: int) -> bytes:
    """An attribute with so many arrays in arrays."""
    value = '{"arrayValue": {"values": [' * depth + '{"intValue": 1}' + "]}}" * depth
    return b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"attributes": [{"value": %s}]}]}]}]}' % value.encode()


def test_whatever_is_accepted_can_be_read_again_as_protobuf() -> None:
    deepest = 0
    for depth in range(MAX_DEPTH):
        try:
            message = decode(nested(depth), "json", ExportTraceServiceRequest)
        except Undecodable:
            break
        assert ExportTraceServiceRequest.FromString(message.SerializeToString()) == message
        deepest = depth
    assert 30 < deepest < 60
    with pytest.raises(Undecodable, match="nested too deep"):
        decode(nested(400), "json", ExportTraceServiceRequest)


any_values = st.recursive(
    st.one_of(
        st.builds(lambda text: {"stringValue": text}, st.text(st.characters(exclude_categories=["Cs"]))),
        st.builds(lambda flag: {"boolValue": flag}, st.booleans()),
        st.builds(lambda number: {"intValue": str(number)}, st.integers(-(2**63), 2**63 - 1)),
        st.builds(lambda number: {"doubleValue": number}, st.floats(allow_nan=False, allow_infinity=False)),
        st.builds(lambda data: {"bytesValue": base64.b64encode(data).decode()}, st.binary()),
        st.just({}),
    ),
    lambda values: st.one_of(
        st.builds(lambda items: {"arrayValue": {"values": items}}, st.lists(values, max_size=3)),
        st.builds(
            lambda items: {"kvlistValue": {"values": [{"key": key, "value": value} for key, value in items.items()]}},
            st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), values, max_size=3),
        ),
    ),
    max_leaves=8,
)
json_spans = st.fixed_dictionaries(
    {},
    optional={
        "traceId": st.binary(min_size=16, max_size=16),
        "spanId": st.binary(min_size=8, max_size=8),
        "name": st.text(st.characters(exclude_categories=["Cs"])),
        "kind": st.one_of(st.integers(0, 5), st.just("SPAN_KIND_SERVER")),
        "startTimeUnixNano": st.one_of(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1).map(str)),
        "attributes": st.lists(st.builds(lambda v: {"key": "k", "value": v}, any_values), max_size=4),
        "events": st.lists(st.just({"name": "exception", "timeUnixNano": "12"}), max_size=2),
        "status": st.fixed_dictionaries({}, optional={"code": st.integers(0, 2), "message": st.just("m")}),
        "droppedLinksCount": st.integers(0, 2**32 - 1),
        "unknown": st.integers(),
    },
)


@given(json_spans)
def test_it_is_what_protobuf_reads_but_for_the_ids(fields: dict[str, Any]) -> None:
    ids = {"traceId", "spanId"} & fields.keys()
    otlp = {**fields, **{name: fields[name].hex() for name in ids}}
    standard = {**fields, **{name: base64.b64encode(fields[name]).decode() for name in ids}}
    expected = json_format.Parse(json.dumps(standard), Span(), ignore_unknown_fields=True)
    assert read_json(json.dumps(otlp).encode(), Span) == expected


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda values: st.one_of(st.lists(values, max_size=3), st.dictionaries(st.text(max_size=3), values, max_size=3)),
    max_leaves=10,
)
field_names = [field.json_name for field in Span.DESCRIPTOR.fields]


@settings(max_examples=examples(300))
@given(
    st.one_of(
        st.binary(max_size=200),
        st.dictionaries(st.sampled_from(field_names), json_values).map(lambda value: json.dumps(value).encode()),
    )
)
def test_any_bytes_are_a_message_or_undecodable(body: bytes) -> None:
    try:
        message = decode(body, "json", Span)
    except Undecodable:
        return
    assert Span.FromString(message.SerializeToString()) is not None
