"""Where in today's text the code of a recorded frame can be, and how much speaks for it."""

from collections.abc import Sequence
from enum import IntEnum
from itertools import chain

from msgspec import Struct

from flux_ls.model import Frame
from flux_ls.source.edits import Span
from flux_ls.source.functions import MODULE, Function
from flux_ls.source.index import Index
from flux_ls.source.names import recorded_names


class Text(Struct, frozen=True):
    """Today's text of a file."""

    lines: Sequence[str]
    functions: Index | None
    """None where functions are not read: a language without its grammar, or a template."""
    length: int = 0
    """Characters of all of it."""
    newline: str = "\n"
    """How most of its lines end."""
    found: dict[Frame, list["Place"]] = {}
    """The copies of recorded lines that were looked for in it."""
    ran: dict[Frame, "Place | None"] = {}
    """Where frames are in it that were asked whether it is what ran; None where it cannot be."""


class Place(Struct, frozen=True):
    """A line, and the function that a frame there runs; None is the module, or not known."""

    line: int
    scope: Function | None


class Evidence(IntEnum):
    """What a text holds of a recorded frame, weakest first."""

    NONE = 0
    """It cannot be this file: the function is not there, or the file is too short."""
    POSSIBLE = 1
    """Nothing speaks for it or against it."""
    FUNCTION = 2
    FUNCTION_AT_LINE = 3
    TEXT = 4
    TEXT_AT_LINE = 5


def evidence(frame: Frame, text: Text) -> Evidence:
    """How well the text fits the frame."""
    found = copies(frame, text)
    if found:
        return Evidence.TEXT_AT_LINE if any(place.line == frame.line for place in found) else Evidence.TEXT
    scopes = recorded_scopes(frame, text)
    if None in scopes:
        return Evidence.POSSIBLE if 1 <= frame.line <= len(text.lines) else Evidence.NONE
    if not scopes:
        return Evidence.NONE
    return Evidence.FUNCTION_AT_LINE if place_at(frame, text, frame.line) else Evidence.FUNCTION


def copies(frame: Frame, text: Text) -> list[Place]:
    """Where the recorded text stands in code that the frame can have run."""
    found = text.found.get(frame)
    if found is None:
        found = text.found[frame] = _copies(frame, text)
    return found


def _copies(frame: Frame, text: Text) -> list[Place]:
    wanted = (frame.source or "").strip()
    if not wanted:
        return []
    lines = text.lines
    equal = (line for line in reach(frame, text) if wanted in lines[line - 1] and lines[line - 1].strip() == wanted)
    return [place for line in equal if (place := place_at(frame, text, line))]


def recorded_scopes(frame: Frame, text: Text) -> tuple[Function | None, ...]:
    """The functions that the frame may have run: `(None,)` is the module or any, `()` that it is not there."""
    if text.functions is None:
        return (None,)
    names = recorded_names(frame)
    if not names or names == (MODULE,):
        return (None,)
    found = (scopes for name in names if (scopes := text.functions.named(name)))
    if text.functions.knows_every_name:
        return next(found, ())
    return tuple(dict.fromkeys(chain.from_iterable(found))) or (None,)


def place_at(frame: Frame, text: Text, line: int) -> Place | None:
    """The line as a place of the frame's function; None if a frame of that function cannot report it."""
    if not 1 <= line <= len(text.lines):
        return None
    if text.functions is None:
        return Place(line, None)
    names = recorded_names(frame)
    if not names or not (text.functions.knows_every_name or any(text.functions.named(name) for name in names)):
        return Place(line, _likeliest(text.functions, line))
    for scope in text.functions.executing(line):
        if (MODULE in names) if scope is None else any(scope.answers_to(name) for name in names):
            return Place(line, scope)
    return None


def _likeliest(functions: Index, line: int) -> Function | None:
    """The function that a line belongs to, for a frame that does not tell."""
    around = functions.enclosing(line)
    if functions.knows_every_name or around in (executing := functions.executing(line)):
        return around
    # What initialises the fields of a class runs in no function that has a name.
    return executing[-1]


def undisturbed(line: int, before: Text, after: Text, edit: Span) -> bool:
    """Whether a line is what and where it was, in a function of which an edit left everything as it was."""
    if before.functions is None or after.functions is None:
        return False
    if line > edit.first and edit.count != edit.last - edit.first:
        return False
    kept = after.functions.keeps(line, before.functions)
    scope, *around = before.functions.executing(line)
    if scope is None or (edit.first < scope.last_line and edit.last >= scope.first_line):
        return False
    if kept and all(each is None or each.kind != "class" for each in (scope, *around)):
        return True
    # A quote far below makes a text of what was a comment.
    if before.functions.comment(line) != after.functions.comment(line):
        return False
    return after.functions.executing(line) == (scope, *around)


def reach(frame: Frame, text: Text) -> Sequence[int]:
    """The lines that the frame's function can be on, ascending."""
    scopes = recorded_scopes(frame, text)
    if None in scopes:
        return range(1, len(text.lines) + 1)
    return sorted({line for scope in scopes if scope for line in range(scope.first_line, scope.last_line + 1)})
