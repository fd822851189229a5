"""The functions of a Python file: qualified names and ranges by tree-sitter, also while the file does not parse."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import ClassVar, Literal

from msgspec import Struct

from flux_ls.source.edits import Span
from flux_ls.source.lines import split_lines
from flux_ls.source.outline import Outline
from flux_ls.source.pieces import Piece, pieces, pieces_after
from flux_ls.source.scopes import LAMBDA as LAMBDA

MODULE = "<module>"


class Function(Struct, frozen=True):
    """A piece of code that runs in a frame of its own: a `def`, a lambda, or the body of a class.

    Lines and columns are 1-based, columns count code points.
    """

    name: str
    """Qualified: `Class.method`, `outer.inner`, `outer.<lambda>`."""
    kind: Literal["def", "lambda", "class"]
    first_line: int
    """Of the first decorator, if there is one."""
    line: int
    """Of the `def`, `class` or `lambda`."""
    header_line: int
    """Of the colon: up to here (decorators, defaults, bases) code runs in the frame around as well."""
    last_line: int
    name_column: int
    name_end_column: int
    """End exclusive, on `line`."""

    def covers(self, line: int) -> bool:
        return self.first_line <= line <= self.last_line

    def answers_to(self, name: str) -> bool:
        """Whether it has that name, bare (`method`) or qualified as far as is known (`Class.method`)."""
        return self.name == name or self.name.endswith("." + name)


class FunctionIndex:
    """What runs where in one text."""

    knows_every_name: ClassVar = True
    comment_mark: ClassVar = "#"

    def __init__(self, pieces: Sequence[Piece], outline: Outline | None = None) -> None:
        self._pieces = pieces
        self._rows = [0, *accumulate([piece.count for piece in pieces])]
        """The first of each piece."""
        self._outline = outline or Outline.of(pieces)
        self._made: dict[int, Function] = {}
        self._covered: dict[int, list[int]] = {}

    @classmethod
    def parse(cls, text: str) -> "FunctionIndex":
        """The index of any text: what does not parse is read by its indentation."""
        return cls(pieces(split_lines(text)))

    def after(self, lines: Sequence[str], span: Span) -> "FunctionIndex":
        """The index of the lines that this text has become where `span` says."""
        after = pieces_after(self._pieces, lines, span)
        return FunctionIndex(after, self._outline.after(self._pieces, after))

    @property
    def scopes(self) -> tuple[Function, ...]:
        """In the order of their first lines, class bodies included."""
        return tuple(self._scope(position) for position in range(self._outline.starts[-1]))

    @property
    def functions(self) -> tuple[Function, ...]:
        return tuple(scope for scope in self.scopes if scope.kind != "class")

    def comment(self, line: int) -> int | None:
        """The column of the comment on a line, if it has one."""
        row, position = self._at(line)
        return next((column for at, column in self._pieces[position].comments if row + at + 1 == line), None)

    def enclosing(self, line: int) -> Function | None:
        """The innermost function that the line belongs to; None at module level and in a class body there.

        A decorator belongs to its function. A lambda owns the lines that begin inside it.
        """
        for position in self._covering(line):
            scope = self._scope(position)
            if scope.kind == "def" or (scope.kind == "lambda" and line > scope.line):
                return scope
        return None

    def executing(self, line: int) -> tuple[Function | None, ...]:
        """Whose frames can report this line, innermost first; None stands for the module.

        More than one where a line holds parts of two: a lambda in a call, a default value in a `def`.
        """
        reached: list[Function | None] = []
        for position in self._covering(line):
            scope = self._scope(position)
            reached.append(scope)
            if line > scope.header_line and not (scope.kind == "lambda" and line == scope.last_line):
                return tuple(reached)
        return (*reached, None)

    def named(self, name: str) -> tuple[Function, ...]:
        """The functions and class bodies of that name, bare (`method`) or qualified as far as is known."""
        return tuple(self._scope(position) for position in self._outline.named(name))

    def keeps(self, line: int, before: object) -> bool:
        """Whether an edit elsewhere, in the text that had the index `before`, left what runs at a line and its comment
        as they were, and in their place. Tells only what is told at a glance: False says nothing.

        But for classes, whose ends may be far below.
        """
        if not isinstance(before, FunctionIndex):
            return False
        (row, at), (row_before, was) = self._at(line), before._at(line)
        if self._pieces[at] is not before._pieces[was] or row != row_before:
            return False
        starts, names = self._outline.starts, self._outline.names
        first = before._outline.starts[was]
        shift = starts[at] - first
        own = [position for position in before._covering(line) if position >= first]
        if not own or any(names[each + shift] != before._outline.names[each] for each in own):
            return False
        for each in own:
            if each not in before._outline.ends and (made := before._made.get(each)) is not None:
                self._made[each + shift] = made
        return True

    def _covering(self, line: int) -> list[int]:
        """The positions of the scopes that reach over a line, innermost first, without a look at those that do not come
        near it."""
        known = self._covered.get(line)
        if known is not None:
            return known
        row, at = self._at(line)
        piece, start, ends = self._pieces[at], self._outline.starts[at], self._outline.ends
        row, depth = line - 1 - row, len(piece.context)
        covering = [
            position
            for position, scope in enumerate(piece.scopes[depth:], start=start)
            # A class that goes on in the next pieces has all that follows its head.
            if scope.first_row <= row and (row <= scope.last_row or position in ends)
        ]
        covering.reverse()
        for level in range(depth - 1, -1, -1):
            position = self._outline.opens[at][level]
            if ends[position][0] > at or row <= piece.scopes[level].last_row:
                covering.append(position)
        self._covered[line] = covering
        return covering

    def _at(self, line: int) -> tuple[int, int]:
        """The row that the piece of a line begins at, and which piece that is."""
        position = bisect_right(self._rows, line - 1, hi=len(self._pieces)) - 1
        return self._rows[position], position

    def _scope(self, position: int) -> Function:
        made = self._made.get(position)
        if made is None:
            made = self._made[position] = self._make(position)
        return made

    def _make(self, position: int) -> Function:
        at = bisect_right(self._outline.starts, position) - 1
        piece, row = self._pieces[at], self._rows[at]
        scope = piece.scopes[position - self._outline.starts[at] + len(piece.context)]
        last_row = row + scope.last_row
        if (end := self._outline.ends.get(position)) is not None:
            last_row = max(last_row, self._rows[end[0]] + self._pieces[end[0]].scopes[end[1]].last_row)
        return Function(
            name=self._outline.names[position],
            kind=scope.kind,
            first_line=row + scope.first_row + 1,
            line=row + scope.row + 1,
            header_line=row + scope.header_row + 1,
            last_line=last_row + 1,
            name_column=scope.name_column,
            name_end_column=scope.name_end_column,
        )
