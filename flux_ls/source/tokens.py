"""The responsible text on a line: columns are 1-based code points, end exclusive."""

import re

from flux_ls.model import Frame
from flux_ls.source.index import Index

_COMMENT_ONLY = re.compile(r"//|/\*|\*/|\* |\*$")
_TOKEN = re.compile(r"(?:new\s+)?[\w$.]*[\w$]|[^\w\s]")


def code_range(line: int, text: str, functions: Index | None, frame: Frame) -> tuple[int, int] | None:
    """The line's text without indentation and trailing comment; None if it holds no code."""
    start = len(text) - len(text.lstrip()) + 1
    end = len(text) + 1
    if functions is not None:
        end = functions.comment(line) or end
    elif frame.language != "python":
        if _COMMENT_ONLY.match(text.lstrip()):
            return None
        end = _slash_comment(text) + 1
    end = len(text[: end - 1].rstrip()) + 1
    return (start, end) if end > start else None


def token_range(text: str, frame: Frame) -> tuple[int, int] | None:
    """The token that a JavaScript frame's column (UTF-16 units) names; None if no token starts there."""
    if frame.language != "javascript" or frame.column is None or frame.column < 1:
        return None
    before = text.encode("utf-16-le", "surrogatepass")[: 2 * (frame.column - 1)]
    if len(before) < 2 * (frame.column - 1):
        return None
    start = len(before.decode("utf-16-le", "replace"))
    if start and _is_word(text[start - 1]) and _is_word(text[start : start + 1]):
        return None
    token = _TOKEN.match(text, start)
    return (start + 1, token.end() + 1) if token else None


def _is_word(char: str) -> bool:
    return char.isalnum() or char in ("_", "$")


def _to_the_end(text: str, position: int) -> bool:
    return text.find("*/", position) in (-1, len(text.rstrip()) - 2)


def _slash_comment(text: str) -> int:
    """Where `//` or a `/*` that runs to the end begins, or the length of the text."""
    quote = ""
    position = 0
    while position < len(text):
        char = text[position]
        if char == "\\":
            position += 1
        elif quote:
            quote = "" if char == quote else quote
        elif char in "\"'`":
            quote = char
        elif text.startswith("//", position) or (text.startswith("/*", position) and _to_the_end(text, position)):
            return position
        position += 1
    return len(text)
