"""The functions of a text by its tree, kept up as the text is typed in: only what changed is looked at again.

While the text does not parse, the functions are those of the last text that did, moved as the lines moved.
"""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal

from msgspec import Struct
from msgspec.structs import replace
from tree_sitter import Node, Parser, Point, Query, QueryCursor, Tree

from flux_ls.source.edits import Span
from flux_ls.source.functions import Function
from flux_ls.source.languages.dialect import Dialect, Kind, Named, opening
from flux_ls.source.lines import split_lines
from flux_ls.source.scopes import column_of

_SMALL = 4096
"""Bytes up to which a part of the tree is read by one query, whose answer is kept."""
_BETWEEN = re.compile(r"\s*(?:(?:export|default|abstract|declare)\s+)*")
"""What may stand between a decorator and its class or method."""


class Grammar(Struct, frozen=True):
    """A language as tree-sitter reads it."""

    dialect: Dialect
    parser: Parser
    query: Query


class _Mark(Struct, frozen=True):
    """A scope or decorator; rows count from where its part of the tree begins, columns are bytes."""

    kind: Literal["def", "lambda", "class", "decorator"]
    start: tuple[int, int]
    end: tuple[int, int]
    name: str = ""
    label: tuple[int, int, int] = (0, 0, 0)
    """Row, and where it begins and ends there."""
    header_row: int = 0
    body: tuple[int, int] = (0, 0)

    def lower(self, rows: int) -> "_Mark":
        row, column, end = self.label
        return _Mark(
            self.kind,
            (self.start[0] + rows, self.start[1]),
            (self.end[0] + rows, self.end[1]),
            self.name,
            (row + rows, column, end),
            self.header_row + rows,
            (self.body[0] + rows, self.body[1]),
        )


_Comment = tuple[int, int, int, int]
"""Row and column where it begins, and where it ends."""


class _Part(Struct, frozen=True):
    """What a small part of a tree holds."""

    marks: tuple[_Mark, ...]
    comments: tuple[_Comment, ...]


_Parts = dict[tuple[int, int, int], _Part]
"""Small parts by where they begin and end in the text, and by the kind of their nodes."""


class _Followed(Struct):
    """What a text's tree is kept for: reading the next text from it."""

    data: bytes
    tree: Tree
    parts: _Parts


class _Change(Struct):
    """What an edit left of a text: all parts that it did not touch, and whose tree it did not change."""

    parts: _Parts
    first: int
    """The byte that the edit begins at."""
    end: int
    """The byte after it, in the new text."""
    longer: int
    """By so many bytes than the one before."""
    touched: Sequence[tuple[int, int]]
    """Bytes of the new text whose tree is another than before."""

    def part(self, node: Node) -> _Part | None:
        begin, end = node.start_byte, node.end_byte
        if end < self.first:
            key = (begin, end, node.kind_id)
        elif begin >= self.end:
            key = (begin - self.longer, end - self.longer, node.kind_id)
        else:
            return None
        if any(begin <= last and first <= end for first, last in self.touched):
            return None
        return self.parts.get(key)


class TreeIndex:
    """What runs where in one text."""

    knows_every_name: ClassVar = False
    comment_mark: ClassVar = ""

    def __init__(
        self, grammar: Grammar, lines: Sequence[str], scopes: "_Scopes", followed: _Followed | None, sound: bool
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
        data = _bytes(lines)
        return cls._read(grammar, lines, data, grammar.parser.parse(data), None, followed)

    @classmethod
    def _read(
        cls, grammar: Grammar, lines: Sequence[str], data: bytes, tree: Tree, change: _Change | None, followed: bool
    ) -> "TreeIndex":
        kept: _Parts = {}
        marks, comments = _marks(grammar, tree.root_node, change, kept)
        scopes = _Scopes.of(marks, comments, lines, grammar.dialect)
        sound = not tree.root_node.has_error
        return cls(grammar, lines, scopes, _Followed(data, tree, kept) if followed else None, sound)

    def after(self, lines: Sequence[str], span: Span) -> "TreeIndex":
        """The index of the lines that this text has become where `span` says."""
        was, data = self._followed, _bytes(lines)
        change = None
        if was is None:
            tree = self._grammar.parser.parse(data)
        else:
            tree, change = _edited(self._grammar, was, self._lines, lines, data, span)
        after = self._read(self._grammar, lines, data, tree, change, True)
        if after._sound or not self._sound:
            return after
        scopes = self._scopes.moved(span, len(lines), after._scopes.comments)
        return TreeIndex(self._grammar, lines, scopes, after._followed, sound=True)

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


class _Scopes(Struct, frozen=True):
    """What a text holds."""

    functions: tuple[Function, ...]
    """In the order of the text."""
    around: tuple[int, ...]
    """The position of the scope around each, or -1."""
    ends: tuple[int, ...]
    """The byte of its last line that each ends before."""
    comments: list[_Comment]
    """In the order of the text."""

    @classmethod
    def of(cls, marks: Iterable[_Mark], comments: list[_Comment], lines: Sequence[str], dialect: Dialect) -> "_Scopes":
        ordered = sorted(marks, key=lambda mark: (mark.start, (-mark.end[0], -mark.end[1])))
        functions: list[Function] = []
        arounds: list[int] = []
        ends: list[int] = []
        open_: list[tuple[_Mark, int, Named]] = []
        decorated: list[_Mark] = []
        for mark in ordered:
            if mark.kind == "decorator":
                if decorated and not _BETWEEN.fullmatch(_text(lines, decorated[-1].end, mark.start)):
                    decorated.clear()
                decorated.append(mark)
                continue
            while open_ and open_[-1][0].end <= mark.start:
                open_.pop()
            owners = [named for outer, _, named in open_ if outer.body <= mark.start]
            kind: Kind = mark.kind
            named = Named(mark.name, kind, dialect.qualified(mark.name, kind, owners))
            first = mark.start[0]
            if decorated and decorated[-1].end <= mark.start:
                if _BETWEEN.fullmatch(_text(lines, decorated[-1].end, mark.start)):
                    first = decorated[0].start[0]
                decorated.clear()
            row, column, end = mark.label
            ends.append(mark.end[1])
            arounds.append(open_[-1][1] if open_ else -1)
            open_.append((mark, len(functions), named))
            functions.append(
                Function(
                    name=named.qualified,
                    kind=kind,
                    first_line=first + 1,
                    line=row + 1,
                    header_line=mark.header_row + 1,
                    last_line=mark.end[0] + 1,
                    name_column=column_of(lines, row, column),
                    name_end_column=column_of(lines, row, end),
                )
            )
        return cls(tuple(functions), tuple(arounds), tuple(ends), sorted(comments))

    def moved(self, span: Span, count: int, comments: list[_Comment]) -> "_Scopes":
        """These where an edit has moved them, in a text of `count` lines."""
        shift = span.count - (span.last - span.first)

        def at(line: int, *, end: bool = False) -> int:
            if line > span.last:
                return line + shift
            if line <= span.first:
                return line
            return min(line, span.first + span.count) if not end else max(span.first, span.first + span.count)

        functions: list[Function] = []
        position_of: dict[int, int] = {-1: -1}
        for position, scope in enumerate(self.functions):
            if span.first < scope.first_line and scope.last_line <= span.last and span.count == 0:
                # It was deleted: what was in it has gone with it.
                position_of[position] = position_of[self.around[position]]
                continue
            position_of[position] = len(functions)
            first = max(at(scope.first_line), 1)
            last = max(min(at(scope.last_line, end=True), count), first)
            line, header = (min(max(at(each), first), last) for each in (scope.line, scope.header_line))
            functions.append(replace(scope, first_line=first, line=line, header_line=max(header, line), last_line=last))
        kept = [position for position in range(len(self.functions)) if self._kept(position, position_of)]
        around = tuple(position_of[self.around[position]] for position in kept)
        ends = tuple(self.ends[position] for position in kept)
        return _Scopes(tuple(functions), around, ends, comments)

    def _kept(self, position: int, position_of: dict[int, int]) -> bool:
        return position_of[position] != position_of[self.around[position]]


def _bytes(lines: Sequence[str]) -> bytes:
    # A surrogate cannot be encoded; "?" keeps every column in its place.
    return "\n".join(lines).encode("utf-8", "replace")


def _edited(
    grammar: Grammar, was: _Followed, old: Sequence[str], new: Sequence[str], data: bytes, span: Span
) -> tuple[Tree, _Change]:
    """The tree of the new text, from that of the text before."""
    first, rest = len(_bytes(new[: span.first])), len(_bytes(new[span.first + span.count :]))
    end = len(data) - rest
    before = was.tree.copy()
    before.edit(
        start_byte=first,
        old_end_byte=len(was.data) - rest,
        new_end_byte=end,
        start_point=_end_of(new[: span.first]),
        old_end_point=Point(span.last, 0) if span.last < len(old) else _end_of(old),
        new_end_point=Point(span.first + span.count, 0) if span.first + span.count < len(new) else _end_of(new),
    )
    tree = grammar.parser.parse(data, before)
    touched = [(each.start_byte, each.end_byte) for each in before.changed_ranges(tree)]
    return tree, _Change(was.parts, first, end, len(data) - len(was.data), touched)


def _end_of(lines: Sequence[str]) -> Point:
    return Point(len(lines) - 1, len(lines[-1].encode("utf-8", "replace"))) if lines else Point(0, 0)


def _marks(grammar: Grammar, root: Node, change: _Change | None, kept: _Parts) -> tuple[list[_Mark], list[_Comment]]:
    """All of a tree; `change` knows parts of the tree before, `kept` takes those of this one."""
    marks: list[_Mark] = []
    comments: list[_Comment] = []
    dialect = grammar.dialect
    ahead = [(root, False)]
    while ahead:
        node, named = ahead.pop()
        if not node.child_count:
            if node.type in dialect.comments:
                comments.append(_comment(node, 0))
            continue
        if node.end_byte - node.start_byte <= _SMALL:
            row = node.start_point.row
            part = change.part(node) if change is not None and not named else None
            if part is None:
                part = _small(grammar, node, row)
            if not named:
                kept[node.start_byte, node.end_byte, node.kind_id] = part
            marks += [mark.lower(row) for mark in part.marks]
            comments += [(first + row, begin, last + row, end) for first, begin, last, end in part.comments]
            continue
        if node.type in dialect.scopes and (mark := _scope(dialect, node, 0)) is not None:
            marks.append(mark)
        elif node.type in dialect.decorators:
            marks.append(_decorator(node, 0))
        # What a part is called may stand beside it, and change without it.
        naming = node.type in dialect.naming
        ahead += [(child, naming) for child in node.children]
    return marks, comments


def _small(grammar: Grammar, part: Node, row: int) -> _Part:
    captures = QueryCursor(grammar.query).captures(part)
    scopes = (_scope(grammar.dialect, node, row) for node in captures.get("scope", ()))
    decorators = (_decorator(node, row) for node in captures.get("decorator", ()))
    comments = tuple(_comment(node, row) for node in captures.get("comment", ()))
    return _Part((*filter(None, scopes), *decorators), comments)


def _comment(node: Node, row: int) -> _Comment:
    start, end = node.start_point, node.end_point
    return start.row - row, start.column, end.row - row, end.column


def _decorator(node: Node, row: int) -> _Mark:
    first, begin, last, end = _comment(node, row)
    return _Mark("decorator", (first, begin), (last, end))


def _scope(dialect: Dialect, node: Node, row: int) -> _Mark | None:
    read = dialect.read(node)
    if read is None:
        return None
    start, end, body, label = read.start.start_point, node.end_point, read.body, read.label
    at = label.start_point
    same_row = label.end_point.row == at.row
    first = body.start_point
    header = first.row
    if opening(body).type != "{":
        before = body.prev_sibling
        header = before.end_point.row if before is not None else header
    return _Mark(
        read.kind,
        (start.row - row, start.column),
        (end.row - row, end.column),
        read.name,
        (at.row - row, at.column, label.end_point.column if same_row else at.column + 1),
        header - row,
        (first.row - row, first.column),
    )


def _rest(lines: Sequence[str], row: int, byte: int) -> str:
    """What follows on a line."""
    line = lines[row] if row < len(lines) else ""
    return line[byte:] if line.isascii() else line.encode("utf-8", "replace")[byte:].decode("utf-8", "ignore")


def _code_after(lines: Sequence[str], row: int, byte: int) -> int | None:
    """The column of the first that follows on a line, if anything does."""
    rest = _rest(lines, row, byte)
    code = rest.lstrip()
    return column_of(lines, row, byte) + len(rest) - len(code) if code else None


def _text(lines: Sequence[str], start: tuple[int, int], end: tuple[int, int]) -> str:
    rows = [line.encode("utf-8", "replace") for line in lines[start[0] : end[0] + 1]]
    if not rows:
        return ""
    rows[-1] = rows[-1][: end[1]]
    rows[0] = rows[0][start[1] :]
    return b"\n".join(rows).decode("utf-8", "ignore")
