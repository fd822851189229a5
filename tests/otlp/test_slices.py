"""Cutting spans out of an export's body: the same bytes that reading and writing them gives, or none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from flux_ls.otlp.batch import read_spans
from flux_ls.otlp.slices import Unusual, spans_of


def export(sizes: list[list[list[int]]]) -> ExportTraceServiceRequest:
    """By resource and scope, spans with names of these lengths."""
    message = ExportTraceServiceRequest()
    for scopes in sizes:
        resource_spans = message.resource_spans.add(schema_url="r" * len(scopes))
        resource_spans.resource.attributes.add(key="service.name").value.string_value = "shop"
        for spans in scopes:
            scope_spans = resource_spans.scope_spans.add(schema_url="s")
            scope_spans.scope.name = "scope"
            for number, length in enumerate(spans, 1):
                scope_spans.spans.add(
                    trace_id=bytes(15) + b"\1",
                    span_id=number.to_bytes(8, "big"),
                    name="n" * length,
                    start_time_unix_nano=1,
                    end_time_unix_nano=2,
                )
    return message


def written(message: ExportTraceServiceRequest) -> list[list[list[bytes]]]:
    return [
        [[span.SerializeToString() for span in scope_spans.spans] for scope_spans in resource_spans.scope_spans]
        for resource_spans in message.resource_spans
    ]


@given(st.lists(st.lists(st.lists(st.sampled_from([0, 1, 80, 90, 127, 128, 300, 20_000]), max_size=3), max_size=3)))
def test_the_same_as_written_anew(sizes: list[list[list[int]]]) -> None:
    message = export(sizes)
    assert spans_of(message.SerializeToString()) == written(message)


@given(st.binary(max_size=200))
def test_anything_at_all(body: bytes) -> None:
    try:
        spans_of(body)
    except Unusual:
        return


@given(st.integers(0, 400), st.integers(0, 255))
def test_a_damaged_body(at: int, byte: int) -> None:
    body = bytearray(export([[[3, 200]], [[1]]]).SerializeToString())
    body[at % len(body)] = byte
    try:
        message = ExportTraceServiceRequest.FromString(bytes(body))
    except Exception:
        return
    batch = read_spans(message, bytes(body))
    again = read_spans(message)
    # Bytes that stand in another order, or more than once, mean the same.
    assert [part.span_ids() for part in batch.parts] == [part.span_ids() for part in again.parts]
    assert batch.rejected == again.rejected


SPAN = export([[[3]]]).resource_spans[0].scope_spans[0].spans[0].SerializeToString()


def field(tag: bytes, content: bytes) -> bytes:
    return tag + bytes([len(content)]) + content


@pytest.mark.parametrize(
    "body",
    [
        field(b"\x0a", field(b"\x12", field(b"\x92\x00", SPAN))),
        field(b"\x8a\x00", field(b"\x12", field(b"\x12", SPAN))),
        field(b"\x0a", field(b"\x12", b"\x13\x14" + field(b"\x12", SPAN))),
        field(b"\x0a", field(b"\x12", b"\x12" + bytes([len(SPAN) | 128, 0]) + SPAN)),
        field(b"\x0a", field(b"\x12", b"\x12" + bytes([len(SPAN) | 128, 128, 0]) + SPAN)),
        field(b"\x0a", field(b"\x12", field(b"\xfa\x3e", b"new") + field(b"\x12", SPAN) + b"\x78\x05")),
    ],
    ids=["long span tag", "long resource tag", "group", "long length", "longer length", "unknown fields"],
)
def test_unusual_encodings_are_read_all_the_same(body: bytes) -> None:
    message = ExportTraceServiceRequest.FromString(body)
    (part,) = read_spans(message, body).parts
    assert [raw for chunk in part.chunks.values() for raw in chunk.raws] == [SPAN]


def test_a_span_is_kept_in_the_very_bytes_that_came() -> None:
    unordered = SPAN[18:] + b"\xfa\x3e\x03new" + SPAN[:18]
    body = field(b"\x0a", field(b"\x12", field(b"\x12", unordered)))
    (part,) = read_spans(ExportTraceServiceRequest.FromString(body), body).parts
    assert [raw for chunk in part.chunks.values() for raw in chunk.raws] == [unordered]
