"""The scopes of some lines of Python: by their tree, and by their indentation where they do not parse."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Literal

from msgspec import Struct
from tree_sitter import Node, Query, QueryCursor

from flux_ls.source.grammar import language
from flux_ls.source.indentation import Header, headers

LAMBDA = "<lambda>"

Kind = Literal["def", "lambda", "class"]


class Scope(Struct, frozen=True):
    """A piece of code that runs in a frame of its own. Rows are 0-based, columns 1-based in code points."""

    name: str
    """Its own, without those around it."""
    kind: Kind
    first_row: int
    row: int
    header_row: int
    last_row: int
    name_column: int
    name_end_column: int
    around: int
    """The position of the scope around it, or -1."""
    owner: int
    """The position of the scope that its qualified name begins with: what stands in a header belongs further out."""


class Scopes(Struct, frozen=True):
    """What some lines hold."""

    scopes: tuple[Scope, ...]
    """In the order of the text."""
    comments: dict[int, int]
    """Row of each comment, with the column it starts at."""
    quoted: frozenset[int]
    """Where the lines do not parse: the rows that go on with a block of text all the same."""


def scopes_of(root: Node, lines: Sequence[str]) -> Scopes:
    """The scopes of the lines; the tree may reach beyond them, and what is there is left out."""
    captures = QueryCursor(_query()).captures(root)
    comments = {
        node.start_point.row: column_of(lines, node.start_point.row, node.start_point.column)
        for node in captures.get("comment", ())
        if node.start_point.row < len(lines)
    }
    nodes = (node for kind in ("def", "class", "lambda") for node in captures.get(kind, ()))
    found = [_Found.of(node, lines, comments) for node in nodes if node.start_point.row < len(lines)]
    quoted: frozenset[int] = frozenset()
    if root.has_error:
        # An unclosed bracket or quote hides the definitions after it from the parser, but rarely from a reader.
        quoted = _quoted(lines, captures.get("string", ()))
        read = [_Found.of_header(header, lines) for header in headers(lines, quoted)]
        found = [scope for scope in found if scope.kind == "lambda"] + read
    return Scopes(tuple(_nested(found)), comments, quoted)


class _Found(Struct):
    """A scope before the one around it is known; points are (row, byte column), 0-based."""

    name: str
    kind: Kind
    start: tuple[int, int]
    end: tuple[int, int]
    row: int
    header_row: int
    last_row: int
    name_column: int
    name_end_column: int
    body: tuple[int, int]
    """Where its own code begins."""

    @classmethod
    def of(cls, node: Node, lines: Sequence[str], comments: dict[int, int]) -> "_Found":
        kind: Kind = (
            "def" if node.type == "function_definition" else "class" if node.type == "class_definition" else "lambda"
        )
        row, column = node.start_point
        name = node.child_by_field_name("name")
        body = node.child_by_field_name("body")
        outer = node.parent
        start = outer.start_point if outer is not None and outer.type == "decorated_definition" else node.start_point
        first = column_of(lines, row, column)
        if name is None or name.start_point.row != row:
            # A name on a line of its own (`def \`) leaves only the keyword to point at.
            name_column, name_end = first, first + len(kind)
        else:
            name_column = column_of(lines, row, name.start_point.column)
            name_end = column_of(lines, row, name.end_point.column)
        end_row, end_column = node.end_point
        last_row = min(end_row if end_column else max(row, end_row - 1), len(lines) - 1)
        while last_row > row and _only_comment_or_blank(lines, last_row, comments):
            last_row -= 1
        text = LAMBDA if kind == "lambda" else (name.text or b"").decode() if name is not None else ""
        return cls(
            name=text,
            kind=kind,
            start=(start.row, start.column),
            end=(end_row, end_column),
            row=row,
            header_row=min(_header_row(body), len(lines) - 1) if body is not None else row,
            last_row=last_row,
            name_column=name_column,
            name_end_column=name_end,
            body=(body.start_point.row, body.start_point.column) if body is not None else (start.row, start.column),
        )

    @classmethod
    def of_header(cls, header: Header, lines: Sequence[str]) -> "_Found":
        return cls(
            name=header.name,
            kind=header.kind,
            start=(header.first_row, header.indent),
            end=(header.last_row, len(lines[header.last_row].encode("utf-8", "replace"))),
            row=header.row,
            header_row=header.header_row,
            last_row=header.last_row,
            name_column=header.name_column + 1,
            name_end_column=header.name_column + 1 + len(header.name),
            body=(header.body_row, 0),
        )


@cache
def _query() -> Query:
    return Query(
        language(),
        "(function_definition) @def (class_definition) @class (lambda) @lambda (comment) @comment (string) @string",
    )


def column_of(lines: Sequence[str], row: int, byte: int) -> int:
    """1-based, in code points, of a byte offset within a line."""
    line = lines[row] if row < len(lines) else ""
    if line.isascii():
        return byte + 1
    return len(line.encode("utf-8", "replace")[:byte].decode("utf-8", "ignore")) + 1


def _header_row(body: Node) -> int:
    before = body.prev_sibling
    while before is not None and before.type == "comment":
        before = before.prev_sibling
    return before.end_point.row if before is not None else body.start_point.row


def _only_comment_or_blank(lines: Sequence[str], row: int, comments: dict[int, int]) -> bool:
    line = lines[row]
    return not line[: comments.get(row, len(line) + 1) - 1].strip()


def _nested(found: Iterable[_Found]) -> list[Scope]:
    nested: list[Scope] = []
    around: list[tuple[_Found, int]] = []
    for scope in sorted(found, key=lambda each: (each.start, (-each.end[0], -each.end[1]))):
        while around and around[-1][0].end <= scope.start:
            around.pop()
        outer = around[-1][1] if around else -1
        owner = next((position for each, position in reversed(around) if each.body <= scope.start), -1)
        around.append((scope, len(nested)))
        nested.append(
            Scope(
                name=scope.name,
                kind=scope.kind,
                first_row=scope.start[0],
                row=scope.row,
                header_row=scope.header_row,
                last_row=scope.last_row,
                name_column=scope.name_column,
                name_end_column=scope.name_end_column,
                around=outer,
                owner=owner,
            )
        )
    return nested


def _is_text_block(string: Node) -> bool:
    opening = string.child(0)
    return opening is not None and (opening.text or b"").endswith((b'"""', b"'''"))


def odd_quotes(lines: Sequence[str], before: tuple[int, int] = (0, 0)) -> tuple[int, int]:
    """For each kind of quotes around a block of text, 1 where it has been opened without an end, or the other way."""
    text = "\n".join(lines)
    return (before[0] + text.count('"""')) % 2, (before[1] + text.count("'''")) % 2


def _quoted(lines: Sequence[str], strings: Iterable[Node]) -> frozenset[int]:
    if any(odd_quotes(lines)):
        return frozenset()
    return frozenset(
        row
        for string in strings
        if not string.has_error and _is_text_block(string)
        for row in range(string.start_point.row + 1, string.end_point.row + 1)
    )
