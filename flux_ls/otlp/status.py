"""Error bodies of OTLP: `google.rpc.Status` as protobuf and as JSON, and `RetryInfo`."""

import enum
import math

import msgspec
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration


class Code(enum.IntEnum):
    """The codes of `google.rpc.Code` that a receiver answers with."""

    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14


def status_json(code: Code, message: str) -> bytes:
    return msgspec.json.encode({"code": int(code), "message": message})


def status_protobuf(code: Code, message: str, retry_after_s: float | None = None) -> bytes:
    """A serialized `Status`; with `retry_after_s`, a `RetryInfo` among its details."""
    # Three fields do not earn a dependency on googleapis-common-protos.
    encoded = bytes([0x08, code]) + _delimited(2, message.encode("utf-8", "replace"))
    if retry_after_s is not None:
        encoded += _delimited(3, _retry_info(retry_after_s))
    return encoded


def retry_after_header(retry_after_s: float) -> bytes:
    """Whole seconds, as HTTP wants them; at least one."""
    return str(max(1, math.ceil(retry_after_s))).encode()


def _retry_info(retry_after_s: float) -> bytes:
    delay = Duration()
    delay.FromNanoseconds(int(retry_after_s * 1e9))
    detail = Any(
        type_url="type.googleapis.com/google.rpc.RetryInfo",
        value=_delimited(1, delay.SerializeToString()),
    )
    return detail.SerializeToString()


def _delimited(field: int, value: bytes) -> bytes:
    length = len(value)
    size = bytearray()
    while length > 0x7F:
        size.append(length & 0x7F | 0x80)
        length >>= 7
    size.append(length)
    return bytes([field << 3 | 2]) + bytes(size) + value
