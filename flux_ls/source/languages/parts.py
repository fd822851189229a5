"""What the tree of a text holds, part by part: after an edit only those parts are read again that it has changed."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct
from tree_sitter import Node, Parser, Point, Query, QueryCursor, Tree

from flux_ls.source.edits import Span
from flux_ls.source.languages.dialect import Dialect, opening

_SMALL = 4096
"""Bytes up to which a part of the tree is read by one query, whose answer is kept."""


class Grammar(Struct, frozen=True):
    """A language as tree-sitter reads it."""

    dialect: Dialect
    parser: Parser
    query: Query


class Mark(Struct, frozen=True):
    """A scope or decorator; rows count from where its part of the tree begins, columns are bytes."""

    kind: Literal["def", "lambda", "class", "decorator"]
    start: tuple[int, int]
    end: tuple[int, int]
    name: str = ""
    label: tuple[int, int, int] = (0, 0, 0)
    """Row, and where it begins and ends there."""
    header_row: int = 0
    body: tuple[int, int] = (0, 0)

    def lower(self, rows: int) -> "Mark":
        row, column, end = self.label
        return Mark(
            self.kind,
            (self.start[0] + rows, self.start[1]),
            (self.end[0] + rows, self.end[1]),
            self.name,
            (row + rows, column, end),
            self.header_row + rows,
            (self.body[0] + rows, self.body[1]),
        )


Comment = tuple[int, int, int, int]
"""Row and column where it begins, and where it ends."""


class Part(Struct, frozen=True):
    """What a small part of a tree holds."""

    marks: tuple[Mark, ...]
    comments: tuple[Comment, ...]


Parts = dict[tuple[int, int, int], Part]
"""Small parts by where they begin and end in the text, and by the kind of their nodes."""


class Followed(Struct):
    """What a text's tree is kept for: reading the next text from it."""

    data: bytes
    tree: Tree
    parts: Parts


class Change(Struct):
    """What an edit left of a text: all parts that it did not touch, and whose tree it did not change."""

    parts: Parts
    first: int
    """The byte that the edit begins at."""
    end: int
    """The byte after it, in the new text."""
    longer: int
    """By so many bytes than the one before."""
    touched: Sequence[tuple[int, int]]
    """Bytes of the new text whose tree is another than before."""

    def part(self, node: Node) -> Part | None:
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


def edited(
    grammar: Grammar, was: Followed, old: Sequence[str], new: Sequence[str], data: bytes, span: Span
) -> tuple[Tree, Change]:
    """The tree of the new text, from that of the text before."""
    first, rest = len(as_bytes(new[: span.first])), len(as_bytes(new[span.first + span.count :]))
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
    return tree, Change(was.parts, first, end, len(data) - len(was.data), touched)


def _end_of(lines: Sequence[str]) -> Point:
    return Point(len(lines) - 1, len(lines[-1].encode("utf-8", "replace"))) if lines else Point(0, 0)


def as_bytes(lines: Sequence[str]) -> bytes:
    # A surrogate cannot be encoded; "?" keeps every column in its place.
    return "\n".join(lines).encode("utf-8", "replace")


def marks_of(grammar: Grammar, root: Node, change: Change | None, kept: Parts) -> tuple[list[Mark], list[Comment]]:
    """All of a tree; `change` knows parts of the tree before, `kept` takes those of this one."""
    marks: list[Mark] = []
    comments: list[Comment] = []
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


def _small(grammar: Grammar, part: Node, row: int) -> Part:
    captures = QueryCursor(grammar.query).captures(part)
    scopes = (_scope(grammar.dialect, node, row) for node in captures.get("scope", ()))
    decorators = (_decorator(node, row) for node in captures.get("decorator", ()))
    comments = tuple(_comment(node, row) for node in captures.get("comment", ()))
    return Part((*filter(None, scopes), *decorators), comments)


def _comment(node: Node, row: int) -> Comment:
    start, end = node.start_point, node.end_point
    return start.row - row, start.column, end.row - row, end.column


def _decorator(node: Node, row: int) -> Mark:
    first, begin, last, end = _comment(node, row)
    return Mark("decorator", (first, begin), (last, end))


def _scope(dialect: Dialect, node: Node, row: int) -> Mark | None:
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
    return Mark(
        read.kind,
        (start.row - row, start.column),
        (end.row - row, end.column),
        read.name,
        (at.row - row, at.column, label.end_point.column if same_row else at.column + 1),
        header - row,
        (first.row - row, first.column),
    )
