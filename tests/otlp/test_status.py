"""Status bodies are what google.rpc says they are."""

import json

import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from flux_ls.otlp.status import Code, retry_after_header, status_json, status_protobuf


@pytest.mark.parametrize("message", ["", "no", "x" * 127, "x" * 128, "ü" * 300, "y" * 70_000])
@pytest.mark.parametrize("code", list(Code))
def test_status(code: Code, message: str) -> None:
    assert Status.FromString(status_protobuf(code, message)) == Status(code=code, message=message)
    assert json.loads(status_json(code, message)) == {"code": int(code), "message": message}


@pytest.mark.parametrize(("seconds", "nanos"), [(0.25, 250_000_000), (0, 0)])
def test_retry_info(seconds: float, nanos: int) -> None:
    status = Status.FromString(status_protobuf(Code.UNAVAILABLE, "busy", seconds))
    retry_info = RetryInfo()
    assert status.details[0].Unpack(retry_info)
    assert retry_info.retry_delay == Duration(nanos=nanos)


@pytest.mark.parametrize(("seconds", "expected"), [(0, b"1"), (0.2, b"1"), (1, b"1"), (1.1, b"2"), (30, b"30")])
def test_retry_after(seconds: float, expected: bytes) -> None:
    assert retry_after_header(seconds) == expected
