"""OTLP's common messages as protobuf, written by hand: attributes, and what they are made of.

The same few attributes come with every span: what was encoded once is remembered.
"""

from collections.abc import Iterable, Mapping, Sequence
from struct import Struct
from typing import Any, Final

from flux_ls.record.export.texts import readable, readable_list, readable_value

_MOST_KNOWN: Final = 8192
_LONGEST_KNOWN: Final = 256
_INT64: Final = 2**63

_double = Struct("<d").pack


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


_SMALL: Final = [_varint(number) for number in range(4096)]


def varint(number: int) -> bytes:
    return _SMALL[number] if number < 4096 else _varint(number)


def utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which UTF-8 does not have
        return text.encode("utf-8", "backslashreplace")


def sized(content: bytes) -> bytes:
    """The content of a field that has a length, after its tag."""
    return varint(len(content)) + content


# A `KeyValue` with its length, to be put after the tag of the field that it is in.

_heads: dict[str, bytes] = {}
_befores: dict[tuple[str, int], bytes] = {}
_known_texts: dict[tuple[str, str], bytes] = {}
_known_numbers: dict[tuple[str, int], bytes] = {}


def forget() -> None:
    """The rules of what is a secret have changed."""
    _known_texts.clear()


def _head(key: str) -> bytes:
    head = _heads.get(key)
    if head is None:
        if len(_heads) >= _MOST_KNOWN:
            _heads.clear()
        head = _heads[key] = b"\n" + sized(utf8(key))
    return head


def before_text(key: str, length: int) -> bytes:
    """What comes before a text of so many bytes, to make an attribute of it."""
    before = _befores.get((key, length))
    if before is None:
        head = _head(key)
        size = varint(length)
        value_size = varint(1 + len(size) + length)
        whole = len(head) + 1 + len(value_size) + 1 + len(size) + length
        before = b"".join((varint(whole), head, b"\x12", value_size, b"\n", size))
        if len(_befores) >= _MOST_KNOWN:
            _befores.clear()
        _befores[key, length] = before
    return before


def _pair(key: str, value: bytes) -> bytes:
    return sized(b"%b\x12%b" % (_head(key), sized(value)))


def _text(key: str, value: str) -> bytes:
    if type(value) is not str:
        value = str(value)
    told = readable_value(key, value)
    text = utf8(told)
    pair = before_text(key, len(text)) + text
    # A secret is neither remembered here, nor overlooked when it comes again.
    if len(value) <= _LONGEST_KNOWN and told == value:
        if len(_known_texts) >= _MOST_KNOWN:
            _known_texts.clear()
        _known_texts[key, value] = pair
    return pair


def _number(key: str, value: int) -> bytes:
    pair = _pair(key, _integer(value))
    if 0 <= value < 1000:
        if len(_known_numbers) >= _MOST_KNOWN:
            _known_numbers.clear()
        _known_numbers[key, value] = pair
    return pair


def add_pairs(parts: list[bytes], tag: bytes, attributes: Mapping[str, Any]) -> None:
    """Adds attributes; what has no place in OTLP is left out."""
    known_texts, known_numbers, append = _known_texts, _known_numbers, parts.append
    for key, value in attributes.items():
        kind = type(value)
        pair: bytes | None
        if kind is str:
            pair = known_texts.get((key, value)) or _text(key, value)
        elif kind is int:
            pair = known_numbers.get((key, value)) or _number(key, value)
        elif isinstance(value, str):
            pair = _text(key, str(value))
        else:
            told = _value(readable_list(key, value) if isinstance(value, list | tuple) else value)
            if told is None:
                continue
            pair = _pair(key, told)
        append(tag)
        append(pair)


# The content of an `AnyValue`.


def _integer(value: int) -> bytes:
    if 0 <= value < _INT64:
        return b"\x18" + varint(value)
    if -_INT64 <= value < 0:
        return b"\x18" + _varint(value + 2 * _INT64)
    return _string(str(value))


def _string(value: str) -> bytes:
    return b"\n" + sized(utf8(value))


def _value(value: Any) -> bytes | None:
    if isinstance(value, str):
        return _string(readable(str(value)))
    if isinstance(value, bool):
        return b"\x10\x01" if value else b"\x10\x00"
    if isinstance(value, int):
        return _integer(int(value))
    if isinstance(value, float):
        return b"\x21" + _double(value)
    if isinstance(value, bytes):
        return b"\x3a" + sized(value)
    if isinstance(value, list | tuple):
        return b"\x2a" + sized(_array(value))
    if isinstance(value, Mapping):
        return b"\x32" + sized(_fields((str(key), each) for key, each in value.items()))
    return None


def _array(values: Sequence[Any]) -> bytes:
    return b"".join(b"\n" + sized(_value(each) or b"") for each in values)


def _fields(pairs: Iterable[tuple[str, Any]]) -> bytes:
    parts: list[bytes] = []
    add_pairs(parts, b"\n", dict(pairs))
    return b"".join(parts)
