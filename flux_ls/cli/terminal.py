"""Text for a terminal: colours where they are wanted, recorded text that can do no harm, widths that line up."""

import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Mapping
from typing import Any, Literal, TextIO

import click

Paint = Literal["good", "bad", "warn", "dim", "title", "mark"]

_STYLES: dict[Paint, dict[str, Any]] = {
    "good": {"fg": "green"},
    "bad": {"fg": "red"},
    "warn": {"fg": "yellow"},
    "dim": {"dim": True},
    "title": {"bold": True},
    "mark": {"fg": "cyan"},
}
# Joiners build emoji and Indic letters, and move nothing.
_HARMLESS = {"\u200c", "\u200d"}
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
LONGEST_LINE = 2000
"""Characters of one line of a recorded message that are shown; `--json` has all of them."""
_JSON_RISKS = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Terminal:
    """Where a command's answer goes."""

    def __init__(self, environ: Mapping[str, str] = os.environ, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self.is_tty = self._out.isatty()
        self.color = _wants_color(environ, self.is_tty)

    @property
    def width(self) -> int | None:
        """Columns to fit into, as wide as the window is now; None when nobody has to."""
        return shutil.get_terminal_size((100, 24)).columns if self.is_tty else None

    def paint(self, text: str, paint: Paint | None) -> str:
        return click.style(text, **_STYLES[paint]) if paint is not None and self.color and text else text

    def say(self, line: str = "") -> None:
        click.echo(line, file=self._out, color=True)

    def ask(self, prompt: str) -> None:
        """A question that waits for a key on the same line."""
        click.echo(self.paint(prompt, "dim"), file=self._out, color=True, nl=False)
        self.flush()

    def answered(self) -> None:
        """Takes the question away where the terminal can."""
        click.echo("\r\x1b[K" if self.color else "", file=self._out, color=True, nl=not self.color)

    def json(self, line: bytes) -> None:
        """A line of JSON that is safe to look at on a terminal, too."""
        text = _JSON_RISKS.sub(lambda match: f"\\u{ord(match[0]):04x}", line.decode())
        click.echo(text, file=self._out, color=True)

    def flush(self) -> None:
        self._out.flush()


def _wants_color(environ: Mapping[str, str], is_tty: bool) -> bool:
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return environ["FORCE_COLOR"] != "0"
    return is_tty and environ.get("TERM") != "dumb"


def plain(text: str) -> str:
    """Recorded text as one line that only shows: what would move the cursor, colour or reorder is spelled out."""
    if text.isprintable():
        return text
    return "".join(char if _shows(char) else _spelled(char) for char in text)


def plain_lines(text: str, limit: int = 20) -> list[str]:
    """Recorded text of several lines, each safe to show; what is beyond `limit` lines is counted."""
    lines = text.split("\n")
    shown = [_readable(line) for line in lines[:limit]]
    return shown if len(lines) <= limit else [*shown, f"… {len(lines) - limit} more lines"]


def first_line(text: str) -> str:
    """The first line of recorded text, safe to show."""
    return _readable(text.partition("\n")[0])


def _readable(line: str) -> str:
    """A line that is no longer than anybody reads."""
    line = line.removesuffix("\r")
    beyond = len(line) - LONGEST_LINE
    text = plain(line[:LONGEST_LINE].expandtabs(4))
    return text if beyond <= 0 else f"{text}… {beyond:,} more characters"


def _shows(char: str) -> bool:
    return char.isprintable() or char in _HARMLESS or unicodedata.category(char) == "Zs"


def _spelled(char: str) -> str:
    code = ord(char)
    return _NAMED.get(char) or (
        f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    )


def columns(text: str) -> int:
    """How many columns a terminal gives to the text."""
    if text.isascii():
        return len(text)
    return sum(_columns_of(char) for char in text)


def _columns_of(char: str) -> int:
    if unicodedata.combining(char) or char in _HARMLESS or char == "\ufe0f":
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def padded(text: str, width: int) -> str:
    return text + " " * max(0, width - columns(text))


def clipped(text: str, width: int | None) -> str:
    """The text in at most `width` columns, an ellipsis for what is left out; None is no limit."""
    if width is None or columns(text) <= width:
        return text
    kept, used = [], 0
    for char in text:
        used += _columns_of(char)
        if used > max(width, 1) - 1:
            break
        kept.append(char)
    return "".join(kept) + "…"


def wrapped(text: str, width: int | None, indent: str = "", after: str = "") -> list[str]:
    """The text broken at spaces into lines of at most `width` columns, the following ones after `indent` + `after`.

    A word that is longer than a line stays whole: it is a path, an address or a name that somebody will copy.
    """
    if width is None or columns(indent) + columns(text) <= width:
        return [indent + text]
    lines, line = [], indent
    empty = True
    for word in text.split(" "):
        if not empty and columns(line) + 1 + columns(word) > width:
            lines.append(line)
            line, empty = indent + after, True
        line += word if empty else f" {word}"
        empty = False
    return [*lines, line]


def clipped_middle(text: str, width: int | None) -> str:
    """Like `clipped`, with both ends kept: for paths, where the end says most."""
    if width is None or columns(text) <= width:
        return text
    half = max(width - 1, 2) // 2
    head, tail = clipped(text, half + 1)[:-1], clipped(text[::-1], half + 1)[:-1][::-1]
    return f"{head}…{tail}"
