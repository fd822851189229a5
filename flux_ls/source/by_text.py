"""A recorded frame against today's text: which line is it now, and how sure is that.

A wrong line is worse than none. `exact` and `moved` need the recorded text in the recorded function and no second
place that fits as well; for a stack trace without text, `exact` needs a file that nobody touched since.
"""

from difflib import SequenceMatcher

from msgspec import Struct

from flux_ls.model import AnchorState, Frame
from flux_ls.source.functions import MODULE, Function
from flux_ls.source.places import Place, Text, copies, place_at, reach, recorded_scopes
from flux_ls.source.tokens import code_range, token_range

_ALIKE = 0.6
_NEARLY = 0.75
_MAX_ALIKE_LINES = 400
_MAX_ALIKE_LENGTH = 400
"""Likeness costs far more than equality: it is asked only of lines up to this length, nearest first."""


class Anchor(Struct, frozen=True):
    """Where a frame is in today's text; line and columns as in `LocatedFrame`."""

    state: AnchorState
    line: int
    column: int | None = None
    end_column: int | None = None
    function: str | None = None
    """Qualified name of today; None where it was not read."""
    function_line: int | None = None
    reason: str | None = None


def anchor(frame: Frame, text: Text, recorded_ns: int, modified_ns: int | None) -> Anchor:
    """Ties a frame to the text; `modified_ns` is the file's time, None for text that is not saved."""
    untouched = modified_ns is not None and modified_ns <= recorded_ns
    if (frame.source or "").strip():
        return _by_text(frame, text, untouched)
    return _by_line(frame, text, untouched)


def _by_text(frame: Frame, text: Text, untouched: bool) -> Anchor:
    found = copies(frame, text)
    here = next((place for place in found if place.line == frame.line), None)
    if here and (untouched or len(found) == 1):
        return _at("exact", here, frame, text)
    scopes = recorded_scopes(frame, text)
    if len(found) == 1 and not _may_be_a_twin(found[0], frame, text, scopes):
        return _at("moved", found[0], frame, text)
    if found:
        # Several lines fit: which of them failed went with the old line numbers.
        return _at("edited", here or _nearest(found, frame.line), frame, text)
    if not scopes:
        return _no_function(frame)
    if alike := _most_alike(frame, text):
        return _at("edited", alike, frame, text)
    if None in scopes:
        return Anchor("gone", frame.line, reason="the recorded line is not in the file any more")
    return _in_function(frame, text, scopes)


def _may_be_a_twin(place: Place, frame: Frame, text: Text, scopes: tuple[Function | None, ...]) -> bool:
    """Whether the one line with the text may be another than the recorded one, which then changed or went.

    It may where a line like it stands at the recorded place, or a function of the same name is nearer to that.
    """
    wanted = (frame.source or "").strip()
    if _code_at(frame, text, frame.line) and _alike(wanted, text, frame.line, _NEARLY):
        return True
    distance = _distance(place.scope, frame.line)
    return any(scope is not None and _distance(scope, frame.line) < distance for scope in scopes)


def _distance(scope: Function | None, line: int) -> int:
    return max(scope.first_line - line, line - scope.last_line, 0) if scope is not None else 0


def _by_line(frame: Frame, text: Text, untouched: bool) -> Anchor:
    scopes = recorded_scopes(frame, text)
    if not scopes:
        return _no_function(frame)
    here = _code_at(frame, text, frame.line)
    if here:
        fits = frame.column is None or frame.language != "javascript" or _token(here, frame, text) is not None
        return _at("exact" if untouched and fits else "edited", here, frame, text)
    if None in scopes:
        return Anchor("gone", frame.line, reason=f"line {frame.line} holds no such code today")
    return _in_function(frame, text, scopes)


def _no_function(frame: Frame) -> Anchor:
    return Anchor("gone", frame.line, reason=f"{frame.function} is not in the file any more")


def _in_function(frame: Frame, text: Text, scopes: tuple[Function | None, ...]) -> Anchor:
    """The recorded line while the function still has code there, else the head nearest to it."""
    here = _code_at(frame, text, frame.line)
    if here:
        return _at("edited", here, frame, text)
    head = _nearest([Place(scope.line, scope) for scope in scopes if scope], frame.line)
    assert head.scope is not None
    name, function_line = _today(head, text)
    return Anchor("edited", head.line, head.scope.name_column, head.scope.name_end_column, name, function_line)


def _code_at(frame: Frame, text: Text, line: int) -> Place | None:
    here = place_at(frame, text, line)
    return here if here and code_range(line, text.lines[line - 1], text.functions, frame) else None


def _nearest(places: list[Place], line: int) -> Place:
    return min(places, key=lambda place: abs(place.line - line))


def _most_alike(frame: Frame, text: Text) -> Place | None:
    """The line of the frame's function that is most like the recorded text, if one is and no other is as much."""
    wanted = (frame.source or "").strip()
    best, places = _ALIKE, list[Place]()
    for line in sorted(reach(frame, text), key=lambda line: abs(line - frame.line))[:_MAX_ALIKE_LINES]:
        ratio = _alike(wanted, text, line, best)
        if ratio and (place := _code_at(frame, text, line)):
            places = [*places, place] if ratio == best else [place]
            best = ratio
    return places[0] if len(places) == 1 else None


def _alike(wanted: str, text: Text, line: int, least: float) -> float:
    """How much a line is like the text, from 0 to 1; 0 below `least`."""
    today = text.lines[line - 1].strip()
    shorter, longer = sorted((len(today), len(wanted)))
    if longer > _MAX_ALIKE_LENGTH or 2 * shorter < least * (shorter + longer):
        return 0
    matcher = SequenceMatcher(a=today, b=wanted, autojunk=False)
    if matcher.real_quick_ratio() < least or matcher.quick_ratio() < least:
        return 0
    ratio = matcher.ratio()
    return ratio if ratio >= least else 0


def _at(state: AnchorState, place: Place, frame: Frame, text: Text) -> Anchor:
    code = code_range(place.line, text.lines[place.line - 1], text.functions, frame)
    if state == "exact":
        code = _token(place, frame, text) or code
    name, function_line = _today(place, text)
    column, end_column = code or (None, None)
    return Anchor(state, place.line, column, end_column, name, function_line)


def _token(place: Place, frame: Frame, text: Text) -> tuple[int, int] | None:
    return token_range(text.lines[place.line - 1], frame)


def _today(place: Place, text: Text) -> tuple[str | None, int | None]:
    """The qualified name of today, and the line of the `def` around."""
    if text.functions is None:
        return None, None
    if place.scope is None:
        return MODULE, None
    around = place.scope if place.scope.kind != "lambda" else text.functions.enclosing(place.scope.line)
    return place.scope.name, (around or place.scope).line
