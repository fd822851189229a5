"""A terminal's screen as an SVG that needs nothing from elsewhere, and looks the same wherever it is drawn."""

import io
import re
from collections.abc import Iterator
from xml.sax.saxutils import escape

from rich.ansi import AnsiDecoder
from rich.cells import cell_len
from rich.color import Color
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import TerminalTheme

THEME = TerminalTheme(
    (20, 22, 27),
    (224, 226, 234),
    [
        (7, 8, 13),
        (255, 130, 130),
        (140, 227, 150),
        (252, 206, 110),
        (140, 190, 255),
        (226, 160, 255),
        (124, 226, 226),
        (238, 241, 248),
    ],
    [
        (125, 130, 142),
        (255, 150, 150),
        (160, 240, 170),
        (255, 220, 140),
        (166, 206, 255),
        (236, 186, 255),
        (150, 240, 240),
        (255, 255, 255),
    ],
)
_FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
_CELL, _ROW, _SIZE = 8.4, 18.0, 14.0
_MARGIN, _BAR = 12.0, 36.0
_BUTTONS = ("#ff5f57", "#febc2e", "#28c840")

# What tmux writes and rich does not read: kinds of underline, and its colour.
_UNDERLINE = re.compile(r"(?<=[\[;])4:[1-5](?=[;m])")
_UNDERLINE_COLOUR = re.compile(r"(?<=[\[;])58[:;](?:2[:;](?:\d*[:;])?\d+[:;]\d+[:;]\d+|5[:;]\d+)(?=[;m])")
# Runs of blanks are left out: renderers do not agree on how wide they are.
_WORDS = re.compile(r"\S+(?: \S+)*")


def svg(picture: str, *, columns: int, title: str) -> str:
    """`picture` has its colours as escape sequences, a line for each row."""
    rows = list(_rows(picture))
    width = 2 * _MARGIN + columns * _CELL
    height = _BAR + len(rows) * _ROW + _MARGIN
    frame = f'width="{width - 1:g}" height="{height - 1:g}" rx="8" fill="{THEME.background_color.hex}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>text {{ font: {_SIZE:g}px {_FONTS}; fill: {THEME.foreground_color.hex}; }}</style>",
        f'<rect x="0.5" y="0.5" {frame} stroke="#4a4e57"/>',
        *(f'<circle cx="{20 + 18 * at}" cy="18" r="6" fill="{fill}"/>' for at, fill in enumerate(_BUTTONS)),
        f'<text x="{width / 2:g}" y="23" text-anchor="middle" opacity="0.7">{escape(title)}</text>',
    ]
    for number, row in enumerate(rows):
        parts += _drawn(row, _BAR + number * _ROW)
    return "\n".join([*parts, "</svg>", ""])


def _rows(picture: str) -> Iterator[list[Segment]]:
    readable = _UNDERLINE_COLOUR.sub("24", _UNDERLINE.sub("4", picture))
    # One decoder for all: a colour lasts beyond the end of its line.
    lines = list(AnsiDecoder().decode(readable))
    while lines and not lines[-1].plain.strip():
        lines.pop()
    console = Console(file=io.StringIO(), width=10_000, force_terminal=True, color_system="truecolor")
    for line in lines:
        yield [segment for segment in line.render(console) if segment.text]


def _drawn(row: list[Segment], top: float) -> Iterator[str]:
    cell = 0
    for segment in row:
        style = segment.style or Style.null()
        fill, ground = _colours(style)
        cells = cell_len(segment.text)
        if ground != THEME.background_color.hex:
            yield (
                f'<rect x="{_MARGIN + cell * _CELL:g}" y="{top:g}" width="{cells * _CELL:g}" height="{_ROW:g}" '
                f'fill="{ground}" shape-rendering="crispEdges"/>'
            )
        for words in _WORDS.finditer(segment.text):
            at = cell + cell_len(segment.text[: words.start()])
            yield (
                f'<text x="{_MARGIN + at * _CELL:g}" y="{top + 13.5:g}" textLength="{cell_len(words[0]) * _CELL:g}" '
                f'lengthAdjust="spacingAndGlyphs"{_attributes(style, fill)}>{escape(words[0])}</text>'
            )
        cell += cells


def _colours(style: Style) -> tuple[str, str]:
    def shown(colour: Color | None, *, foreground: bool) -> str:
        plain = THEME.foreground_color if foreground else THEME.background_color
        return plain.hex if colour is None else colour.get_truecolor(THEME, foreground=foreground).hex

    fill, ground = shown(style.color, foreground=True), shown(style.bgcolor, foreground=False)
    return (ground, fill) if style.reverse else (fill, ground)


def _attributes(style: Style, fill: str) -> str:
    # All as CSS: an attribute would lose against the sheet.
    told = {
        "fill": fill if fill != THEME.foreground_color.hex else None,
        "font-weight": "bold" if style.bold else None,
        "font-style": "italic" if style.italic else None,
        "text-decoration": "underline" if style.underline else None,
        "opacity": "0.6" if style.dim else None,
    }
    css = ";".join(f"{name}:{value}" for name, value in told.items() if value is not None)
    return f' style="{css}"' if css else ""
