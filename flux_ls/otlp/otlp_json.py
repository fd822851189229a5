"""OTLP/JSON into protobuf messages, by the rules of OTLP where they differ from protobuf's JSON.

Trace and span ids are hex, enums are integers, unknown fields are ignored. Names are taken in lowerCamelCase and as
the .proto files spell them. The tables are made from the message descriptors, so a new field needs no work here.
"""

import base64
import binascii
import functools
import re
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

M = TypeVar("M", bound=Message)
Reader = Callable[[Any, int], Any]
"""Makes what a message's constructor takes out of a JSON value at a depth; raises `Misfit`."""

MAX_DEPTH = 100
"""Messages in messages; protobuf parsers stop there, so what is deeper could never be read again."""

_HEX_FIELDS = frozenset({"trace_id", "span_id", "parent_span_id"})
_BOM = b"\xef\xbb\xbf"
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a pair
    rb"|(?P<lone>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
    rb"|\\."
)
_INTEGER = re.compile(r"-?[0-9]{1,20}")
_DECIMAL = re.compile(r"-?[0-9]{1,400}(?:\.[0-9]{1,400})?(?:[eE][+-]?[0-9]{1,5})?")
_NOT_NUMBERS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}

_decode = msgspec.json.Decoder().decode


class Misfit(ValueError):
    """A value that does not fit its field; says where, never what it was."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path: list[str] = []

    def __str__(self) -> str:
        return f"{'.'.join(reversed(self.path))}: {self.reason}" if self.path else self.reason


def read_json(body: bytes, message_type: type[M]) -> M:
    """The message in a JSON body. Raises `Misfit`, or what protobuf raises when its own checks fail."""
    return message_type(**_reader(message_type.DESCRIPTOR)(_parse(body), 0))


def _parse(body: bytes) -> object:
    if body.startswith(_BOM):
        body = body[len(_BOM) :]
    try:
        return _decode(body)
    except RecursionError:
        raise Misfit("nested too deep") from None
    except UnicodeDecodeError:
        raise Misfit("not UTF-8") from None
    except msgspec.DecodeError as error:
        # JavaScript writes the half of a character that was cut in two as a lone surrogate: no reason to lose a batch.
        mended = _ESCAPE.sub(lambda match: rb"\ufffd" if match["lone"] else match[0], body)
        if mended != body:
            return _parse(mended)
        raise Misfit(str(error)) from None


@functools.cache
def _reader(descriptor: Descriptor) -> Reader:
    """Reads one message type into the arguments of its constructor."""
    fields: dict[str, tuple[str, Reader]] = {}

    def read(value: Any, depth: int) -> dict[str, Any]:
        if not fields:
            # Filled at first use: messages contain each other.
            for field in descriptor.fields:
                fields[field.json_name] = fields[field.name] = (field.name, _field_reader(field))
        if type(value) is not dict:
            raise Misfit("expected an object")
        if depth > MAX_DEPTH:
            raise Misfit("nested too deep")
        arguments = {}
        for key, item in value.items():
            known = fields.get(key)
            if known is None or item is None:
                continue
            name, reader = known
            try:
                arguments[name] = reader(item, depth + 1)
            except Misfit as misfit:
                misfit.path.append(key)
                raise
        return arguments

    return read


def _field_reader(field: FieldDescriptor) -> Reader:
    one = _value_reader(field)
    if not field.is_repeated:
        return one
    # A null among the values of an array is an AnyValue without a value.
    any_values = field.message_type is not None and field.message_type.name == "AnyValue"

    def many(value: Any, depth: int) -> list[Any]:
        if type(value) is not list:
            raise Misfit("expected an array")
        if any_values and None in value:
            value = [{} if item is None else item for item in value]
        return [one(item, depth) for item in value]

    return many


def _value_reader(field: FieldDescriptor) -> Reader:
    if field.message_type is not None:
        return _reader(field.message_type)
    if field.enum_type is not None:
        return _enum(field.enum_type)
    kind = field.cpp_type
    if kind == FieldDescriptor.CPPTYPE_STRING:
        if field.type != FieldDescriptor.TYPE_BYTES:
            return _text
        return _hex if field.name in _HEX_FIELDS else _base64
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return _bool
    if kind in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
        return _double
    bits = 64 if kind in (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64) else 32
    if kind in (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_INT32):
        return _integer(-(2 ** (bits - 1)), 2 ** (bits - 1))
    return _integer(0, 2**bits)


def _text(value: Any, _depth: int) -> str:
    if type(value) is not str:
        raise Misfit("expected a string")
    return value


def _hex(value: Any, _depth: int) -> bytes:
    try:
        return binascii.unhexlify(value)
    except (ValueError, TypeError):
        raise Misfit("expected an id in hex") from None


def _base64(value: Any, _depth: int) -> bytes:
    if type(value) is not str:
        raise Misfit("expected base64 text")
    standard = value.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (ValueError, binascii.Error):
        raise Misfit("expected base64 text") from None


def _bool(value: Any, _depth: int) -> bool:
    if type(value) is not bool:
        raise Misfit("expected true or false")
    return value


def _double(value: Any, _depth: int) -> float:
    if type(value) is str:
        if value in _NOT_NUMBERS:
            return _NOT_NUMBERS[value]
        if _DECIMAL.fullmatch(value):
            return float(value)
    elif type(value) in (float, int):
        try:
            return float(value)
        except OverflowError:
            pass
    raise Misfit("expected a number")


def _integer(low: int, end: int) -> Reader:
    def read(value: Any, _depth: int) -> int:
        if type(value) is not int:
            if (type(value) is str and _INTEGER.fullmatch(value)) or (type(value) is float and value.is_integer()):
                value = int(value)
            else:
                raise Misfit("expected an integer")
        if not low <= value < end:
            raise Misfit("the integer is out of range")
        return int(value)

    return read


def _enum(descriptor: EnumDescriptor) -> Reader:
    number = _integer(-(2**31), 2**31)
    names = {value.name: value.number for value in descriptor.values}

    def read(value: Any, depth: int) -> int:
        if type(value) is str and not _INTEGER.fullmatch(value):
            # A name that this version does not know is ignored like an unknown field.
            return names.get(value, 0)
        return int(number(value, depth))

    return read
