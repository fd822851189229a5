"""Between Flux's terms and the protocol's: paths and URIs, code points and the client's position units.

Flux counts lines and columns from 1, columns in code points, ends exclusive. The protocol counts both from 0, columns
in the code units that were agreed on at the start.
"""

import ntpath
import os
import posixpath
import re
from typing import Literal
from urllib.parse import quote, unquote, urlsplit

from lsprotocol import types

Encoding = Literal["utf-8", "utf-16", "utf-32"]

_WINDOWS = os.name == "nt"
_DRIVE = re.compile(r"/?[A-Za-z]:")
_FAR_RIGHT = 1 << 20
"""Past the end of any line: clients take it for the end. Used only where the text of the line is unknown."""


def uri_to_path(uri: str, *, windows: bool = _WINDOWS) -> str | None:
    """The absolute path behind a `file:` URI; None for every other document."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    if parts.scheme.lower() != "file":
        return None
    # A lone `#` or `?` in a path that a client forgot to escape is still part of its path.
    raw = parts.path + (f"?{parts.query}" if parts.query else "") + (f"#{parts.fragment}" if parts.fragment else "")
    path = unquote(raw, errors="surrogateescape")
    if not path or "\0" in path:
        return None
    host = "" if parts.netloc.lower() == "localhost" else unquote(parts.netloc)
    if not windows:
        # A share on another host has no path here.
        return None if host else posixpath.normpath("/" + path.lstrip("/"))
    if host:
        return ntpath.normpath(f"\\\\{host}{path}")
    if _DRIVE.match(path):
        path = path.lstrip("/")
        path = path[0].lower() + path[1:]
    return ntpath.normpath(path)


def path_to_uri(path: str, *, windows: bool = _WINDOWS) -> str:
    """The `file:` URI of an absolute path, spelled as VS Code spells it."""
    host = ""
    if windows:
        path = path.replace("\\", "/")
        if path.startswith("//"):
            host, _, path = path[2:].partition("/")
        elif _DRIVE.match(path):
            path = path[0].lower() + path[1:]
        path = "/" + path.lstrip("/")
    return f"file://{quote(host)}{quote(os.fsencode(path) if not windows else path, safe='/')}"


def units(text: str, encoding: Encoding) -> int:
    """The length of `text` in the client's units."""
    if encoding == "utf-32" or text.isascii():
        return len(text)
    if encoding == "utf-8":
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def code_points(line: str, column: int, encoding: Encoding) -> int:
    """How many code points of `line` lie before `column` units: inside a character counts as before it."""
    if encoding == "utf-32" or line.isascii():
        return min(column, len(line))
    if encoding == "utf-16" and max(line) <= "\uffff":
        return min(column, len(line))
    passed = 0
    for index, character in enumerate(line):
        code = ord(character)
        if encoding == "utf-16":
            passed += 2 if code > 0xFFFF else 1
        else:
            passed += 1 if code < 0x80 else 2 if code < 0x800 else 3 if code < 0x10000 else 4
        if passed > column:
            return index
    return len(line)


def to_position(line: int, column: int, text: str | None, encoding: Encoding) -> types.Position:
    """A place, 1-based and in code points, in the client's terms; `text` is the line's, when it is known."""
    before = column - 1
    return types.Position(line - 1, before if text is None else units(text[:before], encoding))


def to_range(
    line: int, column: int | None, end_column: int | None, text: str | None, encoding: Encoding
) -> types.Range:
    """A range on one line; without columns, the line from its first to its last visible character."""
    body = None if text is None else text.rstrip()
    if column is None:
        column = 1 if body is None else len(body) - len(body.lstrip()) + 1
        end_column = None
    if end_column is None:
        end_column = _FAR_RIGHT if body is None else max(len(body) + 1, column)
    if text is not None:
        column = min(column, len(text) + 1)
        end_column = min(max(end_column, column), len(text) + 1)
    return types.Range(to_position(line, column, text, encoding), to_position(line, end_column, text, encoding))
