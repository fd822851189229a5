"""The functions of a text by its tree, kept up as the text is typed in: only what changed is looked at again.

While the text does not parse, the functions are those of the last text that did, moved as the lines moved.
"""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from typing import ClassVar

from tree_sitter import Tree

from flux_ls.source.edits import Span
from flux_ls.source.functions import Function
from flux_ls.source.languages.parts import Change, Followed, Grammar, Parts, as_bytes, edited, marks_of
from flux_ls.source.languages.tree_scopes import Scopes
from flux_ls.source.lines import split_lines
from flux_ls.source.scopes import column_of


class TreeIndex:
    """What runs where in one text."""

    knows_every_name: ClassVar = False
    comment_mark: ClassVar = ""

    def __init__(
        self, grammar: Grammar, lines: Sequence[str], scopes: Scopes, followed: Followed | None, sound: bool
    ) -> None:
        self._grammar = grammar
        self._lines = lines
        self._scopes = scopes
        self._followed = followed
        self._sound = sound
        """Whether the scopes are those of a text that parsed."""
        self._by_name: dict[str, list[Function]] | None = None
        self._firsts = [scope.first_line for scope in scopes.functions]

    @classmethod
    def parse(cls, grammar: Grammar, text: str, *, followed: bool = False) -> "TreeIndex":
        """The index of any text; `followed` for one that is going to change, whose tree is worth its room."""
        lines = split_lines(text)
        data = as_bytes(lines)
        return cls._read(grammar, lines, data, grammar.parser.parse(data), None, followed)

    @classmethod
    def _read(
        cls, grammar: Grammar, lines: Sequence[str], data: bytes, tree: Tree, change: Change | None, followed: bool
    ) -> "TreeIndex":
        kept: Parts = {}
        marks, comments = marks_of(grammar, tree.root_node, change, kept)
        scopes = Scopes.of(marks, comments, lines, grammar.dialect)
        sound = not tree.root_node.has_error
        return cls(grammar, lines, scopes, Followed(data, tree, kept) if followed else None, sound)

    def after(self, lines: Sequence[str], span: Span) -> "TreeIndex":
        """The index of the lines that this text has become where `span` says."""
        was, data = self._followed, as_bytes(lines)
        change = None
        if was is None:
            tree = self._grammar.parser.parse(data)
        else:
            tree, change = edited(self._grammar, was, self._lines, lines, data, span)
        after = self._read(self._grammar, lines, data, tree, change, True)
        if after._sound or not self._sound:
            return after
        scopes = self._scopes.moved(span, len(lines), after._scopes.comments)
        return TreeIndex(self._grammar, lines, scopes, after._followed, sound=True)

    def keeps(self, line: int, before: object) -> bool:  # noqa: ARG002
        """Nothing is told at a glance: the scopes of a text are read together."""
        return False

    @property
    def scopes(self) -> tuple[Function, ...]:
        """In the order of their first lines, class bodies included."""
        return self._scopes.functions

    @property
    def functions(self) -> tuple[Function, ...]:
        return tuple(scope for scope in self.scopes if scope.kind != "class")

    def comment(self, line: int) -> int | None:
        """The column from which on a line holds nothing but comments, if it ends with one."""
        row, found = line - 1, None
        position = bisect_right(self._scopes.comments, (row + 1,)) - 1
        while position >= 0 and self._scopes.comments[position][2] >= row:
            first, begin, last, end = self._scopes.comments[position]
            if last == row and (code := _code_after(self._lines, row, end)) is not None and code != found:
                break
            found = column_of(self._lines, row, begin if first == row else 0)
            position -= 1
        return found

    def enclosing(self, line: int) -> Function | None:
        """The innermost function that the line belongs to; None at module level and in a class body there.

        A decorator belongs to its function. One without a name owns the lines that begin inside it.
        """
        for position in self._covering(line):
            scope = self.scopes[position]
            if scope.kind == "def" or (scope.kind == "lambda" and line > scope.line):
                return scope
        return None

    def executing(self, line: int) -> tuple[Function | None, ...]:
        """Whose frames can report this line, innermost first; None stands for the module.

        More than one where a line holds parts of two: a function in a call, a default value, what follows its end.
        """
        reached: list[Function | None] = []
        for position in self._covering(line):
            scope = self.scopes[position]
            reached.append(scope)
            if line > scope.header_line and not (line == scope.last_line and self._goes_on(position)):
                return tuple(reached)
        return (*reached, None)

    def _goes_on(self, position: int) -> bool:
        """Whether the code around a scope goes on where that ends."""
        row = self.scopes[position].last_line - 1
        rest = _rest(self._lines, row, self._scopes.ends[position])
        return any(char.isalnum() or char in "(_$[`" for char in re.split(r"//|/\*", rest)[0])

    def named(self, name: str) -> tuple[Function, ...]:
        """The functions and class bodies of that name, bare (`method`) or qualified as far as is known."""
        if self._by_name is None:
            self._by_name = defaultdict(list)
            for scope in self.scopes:
                ending = scope.name
                while ending:
                    self._by_name[ending].append(scope)
                    ending = ending.partition(".")[2]
        return tuple(self._by_name.get(name, ()))

    def _covering(self, line: int) -> list[int]:
        """The scopes that reach over a line, innermost first."""
        around, covering = self._scopes.around, []
        position = bisect_right(self._firsts, line) - 1
        # Of those that begin on one line, one may end before another begins.
        while position >= 0 and self._firsts[position] == line:
            if self.scopes[position].covers(line):
                covering.append(position)
            position -= 1
        while position >= 0:
            if self.scopes[position].covers(line):
                covering.append(position)
            position = around[position]
        return covering


def _rest(lines: Sequence[str], row: int, byte: int) -> str:
    """What follows on a line."""
    line = lines[row] if row < len(lines) else ""
    return line[byte:] if line.isascii() else line.encode("utf-8", "replace")[byte:].decode("utf-8", "ignore")


def _code_after(lines: Sequence[str], row: int, byte: int) -> int | None:
    """The column of the first that follows on a line, if anything does."""
    rest = _rest(lines, row, byte)
    code = rest.lstrip()
    return column_of(lines, row, byte) + len(rest) - len(code) if code else None
