"""Recorded values as Python source, as formatters leave it; nothing in them gets out of its quotes."""

import json
import math
from collections.abc import Iterator, Mapping

WIDTH = 88
"""What Black and Ruff take for a line unless they are told otherwise."""
INDENT = "    "


class Name(str):
    """Stands in a tree where the source has a name and not a value."""

    __slots__ = ()


def text(value: str) -> str:
    """A string literal in double quotes, or in single ones where those need fewer escapes."""
    quote = "'" if value.count('"') > value.count("'") else '"'
    return quote + "".join(_escaped(char, quote) for char in value) + quote


def _escaped(char: str, quote: str) -> str:
    if char in (quote, "\\"):
        return "\\" + char
    # What cannot be printed could hide what follows it, or turn it around.
    return char if char.isprintable() else repr(char)[1:-1]


def octets(value: bytes) -> str:
    """A bytes literal."""
    quote = "'" if value.count(b'"') > value.count(b"'") else '"'
    shown = (
        "\\" + chr(byte) if chr(byte) in (quote, "\\") else chr(byte) if 32 <= byte < 127 else repr(bytes([byte]))[2:-1]
        for byte in value
    )
    return f"b{quote}{''.join(shown)}{quote}"


def lines(value: object, before: str, after: str, depth: int) -> Iterator[str]:
    """The lines of `before`, the value and `after`: a container on one line for each of its items."""
    indent = INDENT * depth
    if isinstance(value, Mapping) and value:
        yield f"{indent}{before}{{"
        for key, inner in value.items():
            yield from lines(inner, f"{text(str(key))}: ", ",", depth + 1)
        yield f"{indent}}}{after}"
    elif isinstance(value, list | tuple) and value:
        opening, closing = "[]" if isinstance(value, list) else "()"
        if isinstance(value, tuple) and not any(isinstance(each, Mapping | list | tuple) for each in value):
            comma = "," if len(value) == 1 else ""
            short = f"{indent}{before}({', '.join(map(scalar, value))}{comma}){after}"
            if len(short) <= WIDTH:
                yield short
                return
        yield f"{indent}{before}{opening}"
        for inner in value:
            yield from lines(inner, "", ",", depth + 1)
        yield f"{indent}{closing}{after}"
    else:
        yield f"{indent}{before}{scalar(value)}{after}"


def scalar(value: object) -> str:
    """A value without parts, or an empty container."""
    if isinstance(value, Name):
        return str(value)
    if isinstance(value, str):
        return text(value)
    if isinstance(value, bytes):
        return octets(value)
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, list | tuple):
        return "[]" if isinstance(value, list) else "()"
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({text(repr(value))})"
    return repr(value)


def tree_of(body: bytes) -> object:
    """What a JSON body holds. ValueError when it is none, or would not be the same when it is written again."""
    tree = json.loads(body)
    if not isinstance(tree, dict | list):
        raise ValueError("no JSON object or list")
    return tree
