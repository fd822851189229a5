"""A received body becomes an export request: content types, bounded decompression, protobuf and JSON."""

import zlib
from typing import Literal, TypeVar

from google.protobuf.message import Message

from flux_ls.otlp.otlp_json import Misfit, read_json

MAX_BODY = 64 * 1024 * 1024
"""Bytes of a body, as sent and after decompression."""

Format = Literal["protobuf", "json"]
Encoding = Literal["identity", "gzip"]
M = TypeVar("M", bound=Message)

_FORMATS: dict[str, Format] = {"application/x-protobuf": "protobuf", "application/json": "json"}
_CHARSETS = ("utf-8", "utf8", "us-ascii")
_GZIP_STEP = 1024 * 1024
_GZIP_MEMBERS = 1024


class Undecodable(ValueError):
    """The body is not what its headers say; the message never repeats any of it."""


class TooLarge(ValueError):
    """More than `MAX_BODY` bytes."""

    def __init__(self, limit: int = MAX_BODY) -> None:
        super().__init__(f"the body is larger than {limit // (1024 * 1024)} MiB; send smaller batches")


def format_of(content_type: str) -> Format | None:
    """What a Content-Type announces; None for what is not OTLP."""
    media_type, *parameters = content_type.split(";")
    found = _FORMATS.get(media_type.strip().lower())
    if found == "json":
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in _CHARSETS:
                return None
    return found


def encoding_of(content_encoding: str) -> Encoding | None:
    """What a Content-Encoding announces; None for what is not understood."""
    codings = [coding.strip().lower() for coding in content_encoding.split(",")]
    applied = [coding for coding in codings if coding not in ("", "identity")]
    if not applied:
        return "identity"
    return "gzip" if applied in (["gzip"], ["x-gzip"]) else None


def decompress(body: bytes, encoding: Encoding, limit: int = MAX_BODY) -> bytes:
    """The body without its encoding. Raises `TooLarge` as soon as it passes `limit`, `Undecodable`."""
    if encoding == "identity":
        if len(body) > limit:
            raise TooLarge(limit)
        return body
    return gunzip(body, limit)


def gunzip(body: bytes, limit: int) -> bytes:
    """All members of a gzip stream, never holding more than `limit` bytes of what comes out."""
    parts: list[bytes] = []
    size = members = 0
    rest = memoryview(body)
    stream = zlib.decompressobj(wbits=31)
    try:
        while True:
            step = rest[:_GZIP_STEP]
            part = stream.decompress(step, limit - size + 1)
            size += len(part)
            if size > limit:
                raise TooLarge(limit)
            parts.append(part)
            left_over = len(stream.unused_data if stream.eof else stream.unconsumed_tail)
            consumed = len(step) - left_over
            rest = rest[consumed:]
            if stream.eof:
                members += 1
                if not rest or (rest[0] == 0 and not rest.tobytes().strip(b"\0")):  # zeros at the end are padding
                    break
                if members == _GZIP_MEMBERS:
                    raise Undecodable(f"gzip: more than {_GZIP_MEMBERS} members")
                stream = zlib.decompressobj(wbits=31)
            elif not rest or (not consumed and not part):
                raise Undecodable("gzip: the stream ends early")
    except zlib.error as error:
        raise Undecodable(f"gzip: {_zlib_reason(error)}") from None
    return parts[0] if len(parts) == 1 else b"".join(parts)


def decode(body: bytes, format: Format, message_type: type[M]) -> M:
    """The export request in a decompressed body. Raises `Undecodable`, whatever the bytes."""
    try:
        if format == "json":
            return read_json(body, message_type)
        message = message_type()
        message.ParseFromString(body)
    except Misfit as error:
        raise Undecodable(f"OTLP/JSON: {error}") from None
    except Exception as error:
        # upb answers some malformed input with SystemError or MemoryError instead of DecodeError.
        raise Undecodable(f"not a valid {message_type.DESCRIPTOR.name} ({type(error).__name__})") from None
    return message


def _zlib_reason(error: zlib.error) -> str:
    return str(error).rpartition(": ")[2] or "not a gzip stream"
