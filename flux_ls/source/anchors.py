"""Anchors: where a recorded frame is in today's text, and how sure that is."""

from difflib import SequenceMatcher

from msgspec import Struct

from flux_ls.model import AnchorState, Frame
from flux_ls.source.functions import MODULE
from flux_ls.source.places import Place, Text, place_at
from flux_ls.source.tokens import code_range, token_range

_MAX_ALIKE_LENGTH = 400
"""Likeness costs far more than equality: it is asked only of lines up to this length."""


class Anchor(Struct, frozen=True):
    """Where a frame is in today's text; line and columns as in `LocatedFrame`."""

    state: AnchorState
    line: int
    column: int | None = None
    end_column: int | None = None
    function: str | None = None
    """Qualified name of today; None where it was not read, and for code in no function of other languages."""
    function_line: int | None = None
    function_edited: bool = False
    """The line is as it was, but its function is not."""
    reason: str | None = None


def anchored(state: AnchorState, place: Place, frame: Frame, text: Text, *, function_edited: bool = False) -> Anchor:
    """The anchor at a place, on the text there that is responsible."""
    today = text.lines[place.line - 1]
    code = code_range(place.line, today, text.functions, frame)
    if state == "exact":
        code = token_range(today, frame) or code
    name, function_line = _today(place, text)
    column, end_column = code or (None, None)
    return Anchor(state, place.line, column, end_column, name, function_line, function_edited)


def at_head(place: Place, text: Text) -> Anchor:
    """The anchor at the name of a function of which no line is left to point at."""
    assert place.scope is not None
    name, function_line = _today(place, text)
    return Anchor("edited", place.line, place.scope.name_column, place.scope.name_end_column, name, function_line)


def code_at(frame: Frame, text: Text, line: int) -> Place | None:
    """The line as a place of the frame's function, if it holds code."""
    here = place_at(frame, text, line)
    return here if here and holds_code(frame, text, line) else None


def holds_code(frame: Frame, text: Text, line: int) -> bool:
    return code_range(line, text.lines[line - 1], text.functions, frame) is not None


def alike(wanted: str, text: Text, line: int, least: float) -> float:
    """How much a line is like some code, from 0 to 1; 0 below `least`."""
    today = text.lines[line - 1].strip()
    shorter, longer = sorted((len(today), len(wanted)))
    if longer > _MAX_ALIKE_LENGTH or 2 * shorter < least * (shorter + longer):
        return 0
    matcher = SequenceMatcher(a=today, b=wanted, autojunk=False)
    if matcher.real_quick_ratio() < least or matcher.quick_ratio() < least:
        return 0
    ratio = matcher.ratio()
    return ratio if ratio >= least else 0


def _today(place: Place, text: Text) -> tuple[str | None, int | None]:
    """The qualified name of today, and the line of the `def` around."""
    if text.functions is None:
        return None, None
    if place.scope is None:
        return MODULE if text.functions.knows_every_name else None, None
    around = place.scope if place.scope.kind != "lambda" else text.functions.enclosing(place.scope.line)
    return place.scope.name, (around or place.scope).line
