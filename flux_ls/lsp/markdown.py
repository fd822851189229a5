"""Recorded text in Markdown, so that it can be read but never acts: no link, no command, no HTML, no image.

Text from a trace is data of whoever sent the request; editors run what looks like a link in a hover.
"""

import re

CUT = "…"

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]|[\U000e0000-\U000e007f]"
)
_RUNS = re.compile(r"`+")


def visible(text: str) -> str:
    """The text with control characters, and those that change the order of reading, as escapes."""
    return _UNSEEN.sub(
        lambda match: f"\\x{ord(match[0]):02x}" if ord(match[0]) < 256 else f"\\u{ord(match[0]):04x}", text
    )


def shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: max(limit - 1, 0)] + CUT


def one_line(text: str, limit: int = 200) -> str:
    """The text in one line of at most `limit` characters."""
    return shortened(visible(" ".join(text[: limit * 4].split())), limit)


def code(text: str, limit: int = 200) -> str:
    """Inline code; inside it Markdown reads nothing."""
    body = one_line(text, limit)
    if not body:
        return ""
    ticks = "`" * (1 + max((len(run) for run in _RUNS.findall(body)), default=0))
    space = " " if body.startswith("`") or body.endswith("`") else ""
    return f"{ticks}{space}{body}{space}{ticks}"


def fence(text: str, language: str = "text", limit: int = 1000) -> str:
    """A block of code; longer than any fence inside it."""
    body = shortened(visible(text.replace("\r\n", "\n").replace("\r", "\n")), limit).rstrip("\n")
    ticks = "`" * max(3, 1 + max((len(run) for run in _RUNS.findall(body)), default=0))
    return f"{ticks}{language}\n{body}\n{ticks}"
