"""The functions of a Python file: qualified names and ranges by tree-sitter, also while the file does not parse."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from flux_ls.source.edits import Span
from flux_ls.source.lines import split_lines
from flux_ls.source.pieces import Piece, pieces, pieces_after
from flux_ls.source.scopes import LAMBDA as LAMBDA
from flux_ls.source.scopes import Scope

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

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._pieces = pieces
        self.comments: dict[int, int] = {}
        """Line of each comment, with the column it starts at."""
        nested = list[Function]()
        self._around = list[int]()
        reach = dict[int, int]()
        row = 0
        open_classes: list[int] = []
        for piece in pieces:
            depth = len(piece.context)
            for level, scope in enumerate(piece.scopes[:depth]):
                reach[open_classes[level]] = row + scope.last_row + 1
            shift = len(nested) - depth
            for scope in piece.scopes[depth:]:
                around = scope.around
                outer = -1 if around < 0 else open_classes[around] if around < depth else around + shift
                name = scope.name if outer < 0 else f"{nested[outer].name}.{scope.name}"
                self._around.append(outer)
                nested.append(_function(scope, name, row))
            open_classes = open_classes[: len(piece.following)]
            if piece.opened >= 0:
                open_classes = [*open_classes[: len(piece.following) - 1], piece.opened + shift]
            for at, column in piece.comments:
                self.comments[row + at + 1] = column
            row += piece.count
        for position, last_line in reach.items():
            nested[position] = replace(nested[position], last_line=max(last_line, nested[position].last_line))
        self.scopes = tuple(nested)
        """In the order of their first lines, class bodies included."""
        self._by_name = defaultdict[str, list[Function]](list)
        for each in self.scopes:
            self._by_name[_bare(each.name)].append(each)
        self._first_lines = [each.first_line for each in self.scopes]

    @classmethod
    def parse(cls, text: str) -> "FunctionIndex":
        """The index of any text: what does not parse is read by its indentation."""
        return cls(pieces(split_lines(text)))

    def after(self, lines: Sequence[str], span: Span) -> "FunctionIndex":
        """The index of the lines that this text has become where `span` says."""
        return FunctionIndex(pieces_after(self._pieces, lines, span))

    @property
    def functions(self) -> tuple[Function, ...]:
        return tuple(scope for scope in self.scopes if scope.kind != "class")

    def enclosing(self, line: int) -> Function | None:
        """The innermost function that the line belongs to; None at module level and in a class body there.

        A decorator belongs to its function. A lambda owns the lines that begin inside it.
        """
        for scope in self._covering(line):
            if scope.kind == "def" or (scope.kind == "lambda" and line > scope.line):
                return scope
        return None

    def executing(self, line: int) -> tuple[Function | None, ...]:
        """Whose frames can report this line, innermost first; None stands for the module.

        More than one where a line holds parts of two: a lambda in a call, a default value in a `def`.
        """
        reached: list[Function | None] = []
        for scope in self._covering(line):
            reached.append(scope)
            if line > scope.header_line and not (scope.kind == "lambda" and line == scope.last_line):
                return tuple(reached)
        return (*reached, None)

    def named(self, name: str) -> tuple[Function, ...]:
        """The functions and class bodies of that name, bare (`method`) or qualified as far as is known."""
        return tuple(scope for scope in self._by_name.get(_bare(name), ()) if scope.answers_to(name))

    def _covering(self, line: int) -> list[Function]:
        """The scopes that reach over a line, innermost first, without a look at those that do not come near it."""
        seen: set[int] = set()
        ahead = [bisect_right(self._first_lines, line) - 1]
        while ahead:
            position = ahead.pop()
            if position < 0 or position in seen:
                continue
            seen.add(position)
            ahead.append(self._around[position])
            if self._first_lines[position] == line:
                # One that ends where this one begins.
                ahead.append(position - 1)
        return [self.scopes[position] for position in sorted(seen, reverse=True) if self.scopes[position].covers(line)]


def _bare(name: str) -> str:
    return name.rpartition(".")[2]


def _function(scope: Scope, name: str, rows: int) -> Function:
    return Function(
        name,
        scope.kind,
        scope.first_row + rows + 1,
        scope.row + rows + 1,
        scope.header_row + rows + 1,
        scope.last_row + rows + 1,
        scope.name_column,
        scope.name_end_column,
    )
