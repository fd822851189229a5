"""The functions of a Python file: qualified names and ranges by tree-sitter, also while the file does not parse."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Literal

from msgspec import Struct
from tree_sitter import Node, Query, QueryCursor

from flux_ls.source.grammar import language, parse
from flux_ls.source.indentation import Header, headers
from flux_ls.source.lines import split_lines

MODULE = "<module>"
LAMBDA = "<lambda>"


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

    def __init__(self, nested: Sequence[tuple[Function, int]], comments: dict[int, int]) -> None:
        """`nested` in the order of the text, each with the position of the scope around it, or -1."""
        self.scopes = tuple(scope for scope, _ in nested)
        """In the order of their first lines, class bodies included."""
        self.comments = comments
        """Line of each comment, with the column it starts at."""
        self._by_name = defaultdict[str, list[Function]](list)
        for scope in self.scopes:
            self._by_name[_bare(scope.name)].append(scope)
        self._around = [around for _, around in nested]
        self._first_lines = [scope.first_line for scope in self.scopes]

    @classmethod
    def parse(cls, text: str) -> "FunctionIndex":
        """The index of any text: what does not parse is read by its indentation."""
        lines = split_lines(text)
        root = parse(text)[1].root_node
        captures = QueryCursor(_query()).captures(root)
        comments = {
            node.start_point.row + 1: _column(lines, node.start_point.row, node.start_point.column)
            for node in captures.get("comment", ())
        }
        nodes = [node for kind in ("def", "class", "lambda") for node in captures.get(kind, ())]
        found = [_Found.of(node, lines, comments) for node in nodes]
        if root.has_error:
            found = _mended(found, lines, captures.get("string", ()))
        return cls(_nested(found), comments)

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


class _Found(Struct):
    """A scope before its qualified name is known; points are (row, byte column), 0-based."""

    name: str
    kind: Literal["def", "lambda", "class"]
    start: tuple[int, int]
    end: tuple[int, int]
    row: int
    header_row: int
    last_row: int
    name_column: int
    name_end_column: int

    @classmethod
    def of(cls, node: Node, lines: list[str], comments: dict[int, int]) -> "_Found":
        kind: Literal["def", "lambda", "class"] = (
            "def" if node.type == "function_definition" else "class" if node.type == "class_definition" else "lambda"
        )
        row, column = node.start_point
        name = node.child_by_field_name("name")
        body = node.child_by_field_name("body")
        outer = node.parent
        start = outer.start_point if outer is not None and outer.type == "decorated_definition" else node.start_point
        first = _column(lines, row, column)
        if name is None or name.start_point.row != row:
            # A name on a line of its own (`def \`) leaves only the keyword to point at.
            name_column, name_end = first, first + len(kind)
        else:
            name_column = _column(lines, row, name.start_point.column)
            name_end = _column(lines, row, name.end_point.column)
        last_row = node.end_point.row if node.end_point.column else max(row, node.end_point.row - 1)
        while last_row > row and _only_comment_or_blank(lines, last_row, comments):
            last_row -= 1
        text = LAMBDA if kind == "lambda" else (name.text or b"").decode() if name is not None else ""
        return cls(
            name=text,
            kind=kind,
            start=(start.row, start.column),
            end=(node.end_point.row, node.end_point.column),
            row=row,
            header_row=_header_row(body) if body is not None else row,
            last_row=last_row,
            name_column=name_column,
            name_end_column=name_end,
        )

    @classmethod
    def of_header(cls, header: Header, lines: list[str]) -> "_Found":
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
        )


@cache
def _query() -> Query:
    return Query(
        language(),
        "(function_definition) @def (class_definition) @class (lambda) @lambda (comment) @comment (string) @string",
    )


def _bare(name: str) -> str:
    return name.rpartition(".")[2]


def _column(lines: list[str], row: int, byte: int) -> int:
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


def _only_comment_or_blank(lines: list[str], row: int, comments: dict[int, int]) -> bool:
    line = lines[row] if row < len(lines) else ""
    return not line[: comments.get(row + 1, len(line) + 1) - 1].strip()


def _nested(found: Iterable[_Found]) -> list[tuple[Function, int]]:
    """The scopes in the order of the text, qualified, each with the position of the one around it."""
    nested: list[tuple[Function, int]] = []
    around: list[tuple[tuple[int, int], int]] = []
    for scope in sorted(found, key=lambda each: (each.start, (-each.end[0], -each.end[1]))):
        while around and around[-1][0] <= scope.start:
            around.pop()
        outer = around[-1][1] if around else -1
        around.append((scope.end, len(nested)))
        function = Function(
            name=f"{nested[outer][0].name}.{scope.name}" if outer >= 0 else scope.name,
            kind=scope.kind,
            first_line=scope.start[0] + 1,
            line=scope.row + 1,
            header_line=scope.header_row + 1,
            last_line=scope.last_row + 1,
            name_column=scope.name_column,
            name_end_column=scope.name_end_column,
        )
        nested.append((function, outer))
    return nested


def _is_text_block(string: Node) -> bool:
    opening = string.child(0)
    return opening is not None and (opening.text or b"").endswith((b'"""', b"'''"))


def _mended(found: list[_Found], lines: list[str], strings: Iterable[Node]) -> list[_Found]:
    """For text with a syntax error: `def` and `class` as the indentation tells them, lambdas as they were parsed.

    An unclosed bracket or quote hides the definitions after it from the parser, but rarely from a reader.
    """
    quoted: set[int] = set()
    if not any(sum(line.count(quote) for line in lines) % 2 for quote in ('"""', "'''")):
        for string in strings:
            if string.has_error or not _is_text_block(string):
                continue
            quoted.update(range(string.start_point.row + 1, string.end_point.row + 1))
    read = [_Found.of_header(header, lines) for header in headers(lines, quoted)]
    return [scope for scope in found if scope.kind == "lambda"] + read
