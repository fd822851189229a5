"""Python definitions by their indentation alone: how a reader finds them while the file does not parse."""

import re
from collections.abc import Container, Iterator, Sequence
from typing import Literal

from msgspec import Struct

_HEADER = re.compile(r"([ \t\f]*)(?:async[ \t]+)?(def|class)[ \t]+(\w+)")
_HEADER_END = re.compile(r":[ \t]*(?:#.*)?$")
_MAX_HEADER_LINES = 40


class Header(Struct, frozen=True):
    """A `def` or `class` line and the rows it reaches; rows and columns are 0-based."""

    name: str
    kind: Literal["def", "class"]
    indent: int
    first_row: int
    row: int
    header_row: int
    body_row: int
    """Where its own code begins: after the header, if that has an end."""
    last_row: int
    name_column: int


def headers(lines: Sequence[str], quoted: Container[int]) -> Iterator[Header]:
    """Every line that starts a definition, with its block: what follows further right, up to a line that does not.

    `quoted` are the rows inside text blocks, which may stand anywhere.
    """
    open_headers: list[tuple[int, re.Match[str]]] = []
    last_code = 0
    for row, line in enumerate(lines):
        text = line.strip()
        if not text or text.startswith("#") or row in quoted:
            continue
        wide = width(line)
        # A closing bracket ends a header or a call, not the block.
        if text[0] not in ")]}":
            while open_headers and width(lines[open_headers[-1][0]]) >= wide:
                yield _header(lines, *open_headers.pop(), last_code)
        if match := _HEADER.match(line):
            open_headers.append((row, match))
        last_code = row
    for opened in reversed(open_headers):
        yield _header(lines, *opened, last_code)


def width(line: str) -> int:
    """How far a line is indented; a form feed starts over, a tab reaches the next multiple of eight."""
    wide = 0
    for char in line:
        if char == " ":
            wide += 1
        elif char == "\t":
            wide += 8 - wide % 8
        elif char == "\f":
            wide = 0
        else:
            break
    return wide


def indentation(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t\f"))]


def _header(lines: Sequence[str], row: int, match: re.Match[str], last_row: int) -> Header:
    indent = len(match[1])
    first_row = row
    while first_row > 0 and lines[first_row - 1].startswith(match[1] + "@"):
        first_row -= 1
    header_row = body_row = row
    for end in range(row, min(last_row, row + _MAX_HEADER_LINES) + 1):
        if _HEADER_END.search(lines[end]):
            header_row, body_row = end, end + 1
            break
    return Header(
        name=match[3],
        kind="class" if match[2] == "class" else "def",
        indent=indent,
        first_row=first_row,
        row=row,
        header_row=header_row,
        body_row=body_row,
        last_row=last_row,
        name_column=match.start(3),
    )
