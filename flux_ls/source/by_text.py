"""A recorded frame against today's text by its function and text alone, where what ran is not known.

A wrong line is worse than none. `exact` and `moved` need the recorded text in the recorded function and no second
place that fits as well; for a stack trace without text, `exact` needs a file that nobody touched since.
"""

from flux_ls.model import Frame
from flux_ls.source.anchors import Anchor, alike, anchored, at_head, code_at
from flux_ls.source.functions import Function
from flux_ls.source.places import Place, Text, copies, reach, recorded_scopes
from flux_ls.source.tokens import token_range

_ALIKE = 0.6
_NEARLY = 0.75
_TELLING = 8
"""Characters from which on a line that stands elsewhere is known again, if no other function has one like it."""
_LONG = 24
"""Characters from which on it is known again in its function whatever others have."""
_MAX_ALIKE_LINES = 400
"""Likeness costs far more than equality: it is asked only of the nearest lines."""


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
        return anchored("exact", here, frame, text)
    scopes = recorded_scopes(frame, text)
    if len(found) == 1 and _is_telling(frame, text) and not _may_be_a_twin(found[0], frame, text, scopes):
        return anchored("moved", found[0], frame, text)
    if found:
        # Several lines fit: which of them failed went with the old line numbers.
        return anchored("edited", here or _nearest(found, frame.line), frame, text)
    if not scopes:
        return _no_function(frame)
    if likest := _most_alike(frame, text):
        return anchored("edited", likest, frame, text)
    if None in scopes:
        return Anchor("gone", frame.line, reason="the recorded line is not in the file any more")
    return _in_function(frame, text, scopes)


def _is_telling(frame: Frame, text: Text) -> bool:
    """Whether the recorded text is no phrase, which is written anew as easily as it goes: `try:`, `return self`."""
    wanted = (frame.source or "").strip()
    if len(wanted) >= _LONG:
        return True
    return len(wanted) >= _TELLING and sum(line.strip() == wanted for line in text.lines) == 1


def _may_be_a_twin(place: Place, frame: Frame, text: Text, scopes: tuple[Function | None, ...]) -> bool:
    """Whether the one line with the text may be another than the recorded one, which then changed or went.

    It may where a line like it stands at the recorded place, or a function of the same name is nearer to that.
    """
    wanted = (frame.source or "").strip()
    if code_at(frame, text, frame.line) and alike(wanted, text, frame.line, _NEARLY):
        return True
    distance = _distance(place.scope, frame.line)
    return any(scope is not None and _distance(scope, frame.line) < distance for scope in scopes)


def _distance(scope: Function | None, line: int) -> int:
    return max(scope.first_line - line, line - scope.last_line, 0) if scope is not None else 0


def _by_line(frame: Frame, text: Text, untouched: bool) -> Anchor:
    scopes = recorded_scopes(frame, text)
    if not scopes:
        return _no_function(frame)
    here = code_at(frame, text, frame.line)
    if here:
        fits = frame.column is None or frame.language != "javascript" or token_range(text.lines[here.line - 1], frame)
        return anchored("exact" if untouched and fits else "edited", here, frame, text)
    if None in scopes:
        return Anchor("gone", frame.line, reason=f"line {frame.line} holds no such code today")
    return _in_function(frame, text, scopes)


def _no_function(frame: Frame) -> Anchor:
    return Anchor("gone", frame.line, reason=f"{frame.function} is not in the file any more")


def _in_function(frame: Frame, text: Text, scopes: tuple[Function | None, ...]) -> Anchor:
    """The recorded line while the function still has code there, else the head nearest to it."""
    here = code_at(frame, text, frame.line)
    if here:
        return anchored("edited", here, frame, text)
    head = _nearest([Place(scope.line, scope) for scope in scopes if scope], frame.line)
    return at_head(head, text)


def _nearest(places: list[Place], line: int) -> Place:
    return min(places, key=lambda place: abs(place.line - line))


def _most_alike(frame: Frame, text: Text) -> Place | None:
    """The line of the frame's function that is most like the recorded text, if one is and no other is as much."""
    wanted = (frame.source or "").strip()
    best, places = _ALIKE, list[Place]()
    for line in sorted(reach(frame, text), key=lambda line: abs(line - frame.line))[:_MAX_ALIKE_LINES]:
        ratio = alike(wanted, text, line, best)
        if ratio and (place := code_at(frame, text, line)):
            places = [*places, place] if ratio == best else [place]
            best = ratio
    return places[0] if len(places) == 1 else None
