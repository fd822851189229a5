"""The bytes of each span, cut out of the body of an export: quicker than writing again what was just read.

Only the outermost fields of OTLP's messages are looked at. Whatever is unusual about their encoding is left to the
library that reads the whole.
"""

from typing import Final

_RESOURCE_SPANS: Final = 0x0A
_SCOPE_SPANS: Final = 0x12
_SPANS: Final = 0x12
"""Number and wire type in one byte, as everybody writes them."""
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


class Unusual(Exception):
    """The encoding is not the one that everybody writes."""


def spans_of(body: bytes) -> list[list[list[bytes]]]:
    """By resource and scope, as `resource_spans` and `scope_spans` have them, the bytes of the spans.

    Raises `Unusual`.
    """
    try:
        return [
            [_fields(scope, _SPANS) for scope in _fields(resource, _SCOPE_SPANS)]
            for resource in _fields(body, _RESOURCE_SPANS)
        ]
    except IndexError:
        raise Unusual from None


def _fields(message: bytes, wanted: int) -> list[bytes]:
    """The contents of the field, as often as it comes."""
    found: list[bytes] = []
    at, end = 0, len(message)
    while at < end:
        if message[at] == wanted:
            length = message[at + 1]
            at += 2
            if length > 127:
                second = message[at]
                if second < 128:
                    length += (second - 1) << 7
                    at += 1
                else:
                    length, at = _varint(message, at - 1)
            found.append(message[at : at + length])
            at += length
        else:
            at = _skipped(message, at, wanted)
    if at != end:
        raise Unusual
    return found


def _skipped(message: bytes, at: int, wanted: int) -> int:
    """Where the next field begins."""
    tag, at = _varint(message, at)
    if tag == wanted or tag >> 3 == 0:
        raise Unusual
    kind = tag & 7
    if kind == _LENGTH and tag >> 3 != wanted >> 3:
        length, at = _varint(message, at)
        return at + length
    if kind == _VARINT:
        return _varint(message, at)[1]
    if kind == _FIXED64:
        return at + 8
    if kind == _FIXED32:
        return at + 4
    raise Unusual


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
        if shift > 63:
            raise Unusual
