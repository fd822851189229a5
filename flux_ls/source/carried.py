"""A recorded frame carried from the text that ran to today's text: which line became of it, by git's differences.

A line counts as the same (`exact`, `moved`) only where no other can be meant: differences do not tell which of two
equal lines is new. What is in doubt is `edited`, inside the right function.
"""

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from flux_ls.model import AnchorState, Frame
from flux_ls.source.anchors import Anchor, alike, anchored, at_head, holds_code
from flux_ls.source.bodies import body_lines, likeness, most_alike, same_body
from flux_ls.source.functions import Function
from flux_ls.source.line_map import LineMap
from flux_ls.source.places import Evidence, Place, Text, evidence, place_at

_TELLING = 8
"""Characters from which on a line that stands elsewhere in its function is known again."""
_ALIKE = 0.5
_MOST_LOOKED_AT = 200
"""Likeness costs: it is asked of so many lines."""


class Ran(Struct, frozen=True):
    """A frame in the text that ran."""

    frame: Frame
    text: Text
    scope: Function | None
    """The function that the frame ran; None for the module, or where functions are not read."""

    @property
    def line(self) -> str:
        return self.text.lines[self.frame.line - 1].strip()


def ran(frame: Frame, text: Text) -> Ran | None:
    """The frame in a text; None where that text cannot be the one that ran."""
    if frame not in text.ran:
        telling = Evidence.TEXT_AT_LINE if (frame.source or "").strip() else Evidence.POSSIBLE
        found = evidence(frame, text)
        fits = found >= telling and found != Evidence.FUNCTION
        text.ran[frame] = place_at(frame, text, frame.line) if fits else None
    here = text.ran[frame]
    return None if here is None else Ran(frame, text, here.scope)


def carry(before: Ran, today: Text, lines: LineMap, *, same_file: bool = True) -> Anchor | None:
    """Where the frame is in what became of its file; None where the file has no such code any more.

    `lines` leads from the text that ran to today's. `same_file` is False where the file has another name by now.
    """
    at = lines.at(before.frame.line)
    function = _function(before, today, lines)
    if function is None and before.scope is not None:
        if at is None or today.functions is None or not holds_code(before.frame, today, at):
            return None
        # The line outlived its function: it was taken into another one.
        around = today.functions.enclosing(at)
        if around is None or (lines.instead_of(before.scope.line) and _has_grown(around, before, today)):
            # Or its head is being typed anew, and the function above has its lines until there is one again.
            return None
        return anchored("edited", Place(at, around), before.frame, today)
    # Mostly somebody types elsewhere: then neither has to be found out line by line.
    whole = lines.untouched(_lines_of(before.scope, before.text)) == _lines_of(function, today)
    if at is not None and _runs(function, today, at) and (whole or _sure(before, function, today, lines)):
        state: AnchorState = "exact" if same_file and at == before.frame.line else "moved"
        edited = not whole and not _same_code(before, function, today)
        return anchored(state, Place(at, function), before.frame, today, function_edited=edited)
    if at is None and (elsewhere := _only_copy(before, function, today)):
        edited = not whole and not _same_code(before, function, today)
        return anchored("moved", elsewhere, before.frame, today, function_edited=edited)
    return _edited(before, function, today, lines, at)


def carry_elsewhere(before: Ran, today: Text) -> Anchor | None:
    """Where the frame is in another file, which its function was moved to; None where that does not have it.

    It has when it has a function of that name and much the same body, or under another name of the same body.
    """
    if before.scope is None or today.functions is None:
        return None
    body = body_lines(before.scope, before.text)
    named = [each for each in today.functions.named(_bare(before.scope.name)) if each.kind == before.scope.kind]
    if before.scope.kind == "lambda":
        # It has no name of its own to be known by.
        close = [each for each in named if body and same_body(body, body_lines(each, today))]
    else:
        close = [each for each in named if likeness(body, body_lines(each, today)) >= _ALIKE]
    function = close[0] if len(close) == 1 else None
    if function is None and not named:
        function = most_alike(before.scope, before.text, today)
        if function is not None and not same_body(body, body_lines(function, today)):
            return None
    if function is None:
        return None
    if copy := _only_copy(before, function, today):
        edited = not same_body(body, body_lines(function, today))
        return anchored("moved", copy, before.frame, today, function_edited=edited)
    return _edited(before, function, today, None, None)


def _function(before: Ran, today: Text, lines: LineMap) -> Function | None:
    """What became of the function: by where its head is, by its name, or by its body."""
    scope = before.scope
    if scope is None or today.functions is None:
        return None
    at = lines.at(scope.line)
    heads = [] if at is None else [each for each in today.functions.executing(at) if each and each.line == at]
    heads = [each for each in heads if each.kind == scope.kind]
    if scope.kind != "lambda" and len(heads) == 1 and heads[0].name == scope.name:
        return heads[0]
    named = [each for each in today.functions.named(scope.name) if each.name == scope.name and each.kind == scope.kind]
    if scope.kind == "lambda" and at is None and scope.last_line > scope.header_line:
        # Many may have its name: one of several lines is what its lines are in.
        holder = _holding(scope, before, today, lines)
        return holder if holder is not None and holder.kind == "lambda" else None
    if scope.kind == "lambda" and named:
        return _nearest(named, at or scope.line)
    if len(heads) == 1 and not named:
        return heads[0]
    if len(named) == 1:
        return named[0]
    body = body_lines(scope, before.text)
    if named:
        same = [each for each in named if same_body(body, body_lines(each, today))]
        return same[0] if len(same) == 1 else _nearest(named, at or _around(before, lines))
    return _holding(scope, before, today, lines) or most_alike(scope, before.text, today)


def _holding(scope: Function, before: Ran, today: Text, lines: LineMap) -> Function | None:
    """The function that has most of the unchanged lines of one that is gone, and not much else."""
    assert today.functions is not None
    body = body_lines(scope, before.text)
    kept = [at for line in range(scope.line, scope.last_line + 1) if (at := lines.at(line)) is not None]
    holders = Counter(around for at in kept if (around := today.functions.enclosing(at)) is not None)
    for holder, count in holders.most_common(1):
        most = 2 * count > len(kept) and 2 * count > scope.last_line - scope.line
        if most and likeness(body, body_lines(holder, today)) >= _ALIKE and not _has_grown(holder, before, today):
            return holder
    return None


def _has_grown(function: Function, before: Ran, today: Text) -> bool:
    """Whether a function of today was there before, and has all that it had."""
    if before.text.functions is None or function.kind == "lambda":
        return False  # Many have its name.
    then = [each for each in before.text.functions.named(function.name) if each.name == function.name]
    body = Counter(body_lines(function, today))
    return any(Counter(body_lines(each, before.text)) <= body for each in then)


def _around(before: Ran, lines: LineMap) -> int:
    """About where a line that was changed would be."""
    return next(
        (at for line in range(before.frame.line - 1, 0, -1) if (at := lines.at(line)) is not None), before.frame.line
    )


def _nearest(scopes: list[Function], line: int) -> Function | None:
    return min(scopes, key=lambda scope: abs(scope.line - line), default=None)


def _runs(function: Function | None, today: Text, line: int) -> bool:
    """Whether a frame of the function can be on the line."""
    return today.functions is None or function in today.functions.executing(line)


def _sure(before: Ran, function: Function | None, today: Text, lines: LineMap) -> bool:
    """Whether no other line can be meant than the one that the differences tell, where the function is not as a whole
    as it was.

    None can where as many lines of its kind are in its function as were then, each where the differences have it; nor
    where nothing was put in or taken out between it and the nearest lines above and below that are the only ones of
    their kind.
    """
    old, new = _reach(before.scope, before.text), _reach(function, today)
    copies = old.copies(before.line)
    if copies and [lines.at(line) for line in copies] == new.copies(before.line):
        return True
    return all(_fenced(before.frame.line, lines, old, new, step) for step in (-1, 1))


def _fenced(line: int, lines: LineMap, old: "_Reach", new: "_Reach", step: int) -> bool:
    """Whether from a line on in one direction nothing differs up to one that is the only one of its kind."""
    at = lines.at(line)
    while at is not None:
        line += step
        if line not in old.lines:
            # Where the function ends on this side, it does so in both texts.
            return at + step not in new.lines
        following = lines.at(line)
        if following != at + step:
            return False
        at = following
        if old.single(line) and new.single(at):
            return True
    return False


class _Reach:
    """The lines that a function's frame can be on."""

    def __init__(self, text: Text, lines: range) -> None:
        self.lines = lines
        self._text = text
        self._known: dict[str, list[int]] | None = None
        """The lines of each text."""

    def text_of(self, line: int) -> str:
        return self._text.lines[line - 1].strip()

    def single(self, line: int) -> bool:
        """Whether no other line here has the text of this one."""
        return self.only(self.text_of(line)) is not None

    def only(self, wanted: str) -> int | None:
        """The one line that has the text; None where none or several have."""
        copies = self.copies(wanted)
        return copies[0] if len(copies) == 1 else None

    def copies(self, wanted: str) -> list[int]:
        if self._known is None:
            self._known = {}
            for line in self.lines:
                self._known.setdefault(self.text_of(line), []).append(line)
        return self._known.get(wanted, []) if wanted else []

    def beside(self, line: int) -> tuple[str | None, str | None]:
        """The nearest lines above and below that are not blank; None where the function ends."""
        above = (self.text_of(other) for other in range(line - 1, self.lines.start - 1, -1))
        below = (self.text_of(other) for other in range(line + 1, self.lines.stop))
        return next(filter(None, above), None), next(filter(None, below), None)


def _reach(scope: Function | None, text: Text) -> _Reach:
    return _Reach(text, _lines_of(scope, text))


def _lines_of(scope: Function | None, text: Text) -> range:
    last = len(text.lines)
    return range(1, last + 1) if scope is None else range(scope.first_line, min(scope.last_line, last) + 1)


def _only_copy(before: Ran, function: Function | None, today: Text) -> Place | None:
    """The line elsewhere in its function, where no difference leads to it, if it can only be that one.

    A line of the same text may have been written there while the one that ran was changed: it has to stand beside a
    line that it stood beside then, or where the function ends as well.
    """
    if (function is None) != (before.scope is None) or len(before.line) < _TELLING:
        return None
    old, new = _reach(before.scope, before.text), _reach(function, today)
    found = new.only(before.line) if old.single(before.frame.line) else None
    if found is None or not _runs(function, today, found):
        return None
    pairs = list(zip(old.beside(before.frame.line), new.beside(found), strict=True))
    beside = any(then is not None and then == now for then, now in pairs)
    if beside or (None, None) not in pairs or function is None or before.scope is None:
        return Place(found, function) if beside else None
    likely = likeness(body_lines(before.scope, before.text), body_lines(function, today)) >= _ALIKE
    return Place(found, function) if likely else None


def _same_code(before: Ran, function: Function | None, today: Text) -> bool:
    """Whether the function runs as it did, though its lines are not all as they were; of a module that is not asked."""
    if function is None or before.scope is None:
        return True
    return same_body(body_lines(before.scope, before.text), body_lines(function, today))


def _edited(
    before: Ran, function: Function | None, today: Text, lines: LineMap | None, at: int | None
) -> Anchor | None:
    """The nearest that is left of the line: what stands for it, what is most like it, or what stood beside it.

    `lines` is None where the function is in another file, to which no differences lead.
    """

    def here(line: int | None) -> Place | None:
        if line is None or not _runs(function, today, line) or not holds_code(before.frame, today, line):
            return None
        return Place(line, function)

    if place := here(at):
        return anchored("edited", place, before.frame, today)
    instead = (
        [place for line in lines.instead_of(before.frame.line) if (place := here(line))] if lines is not None else []
    )
    old, new = _reach(before.scope, before.text), _reach(function, today)
    within = instead
    if not instead and function is not None:
        # What became of another line did not become of this one.
        others = {_kept(line, lines, old, new) for line in old.lines}
        within = [place for line in new.lines if line not in others and (place := here(line))]
    if likest := _most_alike(before.line, within, today):
        return anchored("edited", likest, before.frame, today)
    if instead:
        return anchored("edited", instead[0], before.frame, today)
    for distance in range(1, len(old.lines)):
        for line in (before.frame.line - distance, before.frame.line + distance):
            if line in old.lines and (place := here(_kept(line, lines, old, new))):
                return anchored("edited", place, before.frame, today)
    return None if function is None else at_head(Place(function.line, function), today)


def _kept(line: int, lines: LineMap | None, old: "_Reach", new: "_Reach") -> int | None:
    """Where a line of the function that ran is in today's; without differences, the only one of its text is."""
    if lines is not None:
        return lines.at(line)
    return new.only(old.text_of(line)) if old.single(line) else None


def _most_alike(wanted: str, places: Sequence[Place], today: Text) -> Place | None:
    best, found = _ALIKE, None
    for place in places[:_MOST_LOOKED_AT]:
        ratio = alike(wanted, today, place.line, best)
        if ratio > best or (ratio and found is None):
            best, found = ratio, place
    return found


def _bare(name: str) -> str:
    return name.rpartition(".")[2]
