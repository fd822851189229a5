"""Headers name the form of a body, and gzip is undone within bounds."""

import gzip
import random
import time
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from flux_ls.otlp.payload import MAX_BODY, TooLarge, Undecodable, decode, decompress, encoding_of, format_of, gunzip

from .payloads import trace_message

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/x-protobuf", "protobuf"),
        ("Application/X-Protobuf; anything=goes", "protobuf"),
        ("application/json", "json"),
        ("application/json; charset=utf-8", "json"),
        ('application/json;charset="UTF-8"', "json"),
        ("application/json; charset=utf-16", None),
        ("text/plain", None),
        ("application/x-www-form-urlencoded", None),
        ("multipart/form-data; boundary=x", None),
        ("text/plain; application/json", None),
        ("application/protobuf", None),
        ("", None),
    ],
)
def test_content_types(content_type: str, expected: str | None) -> None:
    assert format_of(content_type) == expected


@pytest.mark.parametrize(
    ("content_encoding", "expected"),
    [
        ("", "identity"),
        ("identity", "identity"),
        ("gzip", "gzip"),
        ("GZip", "gzip"),
        ("x-gzip", "gzip"),
        ("gzip, identity", "gzip"),
        ("deflate", None),
        ("br", None),
        ("zstd", None),
        ("gzip, gzip", None),
        ("gzip;q=1", None),
    ],
)
def test_content_encodings(content_encoding: str, expected: str | None) -> None:
    assert encoding_of(content_encoding) == expected


@given(st.lists(st.binary(max_size=2000), min_size=1, max_size=4), st.integers(0, 9))
def test_gunzip_is_what_gzip_does(members: list[bytes], level: int) -> None:
    packed = b"".join(gzip.compress(member, level) for member in members)
    assert gunzip(packed, MIB) == gzip.decompress(packed)


@given(st.binary(max_size=500))
def test_any_bytes_unpack_or_are_refused(body: bytes) -> None:
    try:
        unpacked = gunzip(body, MIB)
    except Undecodable:
        if body:  # to the gzip module nothing at all is an empty file
            with pytest.raises((OSError, EOFError, zlib.error)):
                gzip.decompress(body)
        return
    assert unpacked == gzip.decompress(body)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"plain text", id="not gzip"),
        pytest.param(zlib.compress(b"x"), id="zlib"),
        pytest.param(gzip.compress(b"x" * 100)[:-1], id="cut in the trailer"),
        pytest.param(gzip.compress(random.Random(1).randbytes(3 * MIB))[:-9], id="cut in the data"),
        pytest.param(gzip.compress(b"x")[:5], id="cut in the header"),
        pytest.param(gzip.compress(b"x") + b"garbage", id="garbage behind"),
        pytest.param(gzip.compress(b"x") + b"\0\0x", id="garbage behind padding"),
        pytest.param(gzip.compress(b"x")[:-8] + b"\1" * 8, id="wrong checksum"),
        pytest.param(gzip.compress(b"") * 5000, id="thousands of members"),
    ],
)
def test_broken_gzip(body: bytes) -> None:
    with pytest.raises(Undecodable):
        gunzip(body, 4 * MIB)


def test_padding_behind_gzip() -> None:
    assert gunzip(gzip.compress(b"x") + b"\0" * 3 * MIB, MIB) == b"x"


@pytest.mark.parametrize(("size", "fits"), [(MIB - 1, True), (MIB, True), (MIB + 1, False), (20 * MIB, False)])
@pytest.mark.parametrize("members", [1, 2])
def test_the_limit_is_on_what_comes_out(size: int, fits: bool, members: int) -> None:
    data = random.Random(size).randbytes(size // 2) + bytes(size - size // 2)
    cut = len(data) // members if members > 1 else len(data)
    packed = gzip.compress(data[:cut], 1) + (gzip.compress(data[cut:], 1) if members > 1 else b"")
    if fits:
        assert gunzip(packed, MIB) == data
    else:
        with pytest.raises(TooLarge):
            gunzip(packed, MIB)


def test_a_bomb_costs_no_more_than_the_limit() -> None:
    bomb = gzip.compress(bytes(512 * MIB), 1)
    tracemalloc.start()
    started = time.process_time()
    with pytest.raises(TooLarge, match="64 MiB"):
        decompress(bomb, "gzip")
    took, (_, peak) = time.process_time() - started, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2.5 * MAX_BODY
    assert took < 5


def test_an_empty_body_is_an_empty_export() -> None:
    assert decode(b"", "protobuf", ExportTraceServiceRequest) == ExportTraceServiceRequest()
    with pytest.raises(Undecodable):
        decode(b"", "json", ExportTraceServiceRequest)


@given(st.binary(max_size=300), st.integers(0, 400))
def test_any_protobuf_bytes_are_a_message_or_undecodable(noise: bytes, at: int) -> None:
    real = trace_message(spans=3).SerializeToString()
    for body in (noise, real[:at], real[:at] + noise + real[at:]):
        try:
            message = decode(body, "protobuf", ExportTraceServiceRequest)
        except Undecodable:
            continue
        assert ExportTraceServiceRequest.FromString(message.SerializeToString()) == message


def test_what_is_undecodable_is_not_repeated() -> None:
    secret = b"password=hunter2"
    for format in ("protobuf", "json"):
        with pytest.raises(Undecodable) as caught:
            decode(secret, format, ExportTraceServiceRequest)
        assert "hunter2" not in str(caught.value)
