"""What a rule looks at: the line that failed in today's text, and what the recording says about it."""

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace
from tree_sitter import Node

from flux_ls.analysis.fingerprint import unqualified
from flux_ls.analysis.suggestions.suggestion import Edit, Position
from flux_ls.analysis.suggestions.syntax import (
    COMPREHENSIONS,
    STATEMENT_BLOCKS,
    Syntax,
    descendants,
    field,
    in_comprehension,
    key_of,
    literal,
    scope_of,
    text,
)
from flux_ls.analysis.suggestions.values import UNKNOWN, Recorded, is_more, is_plain_dict, type_of
from flux_ls.model import AttributeValue, Failure, Link, Span

_COMPREHENSION_FRAMES = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")


class FailingLine(Struct, frozen=True):
    """A failure on a line of today's text.

    `marks` are the columns, end exclusive, of what the interpreter marked on the line; `locals` the recorded
    variables of the frame, with the marks of recorded JSON; `below` the functions that ran below the line when it
    failed, innermost last: none where the line itself raised.
    """

    path: str
    line: int
    function: str
    syntax: Syntax
    failure: Failure
    marks: tuple[int, int] | None = None
    locals: Mapping[str, AttributeValue] | None = None
    below: tuple[str, ...] = ()
    spans: tuple[Span, ...] = ()

    @property
    def error(self) -> str:
        """The error's type without its module."""
        return unqualified(self.failure.type)

    @property
    def message(self) -> str:
        return self.failure.message

    @property
    def place(self) -> str:
        return f"{self.path}:{self.line}"

    def elsewhere(self, link: Link) -> "FailingLine | None":
        """The line of another exception of the chain, raised in the same function; None if it may not be the one."""
        here, there = self.failure.location, link.frame
        if here is None or there is None or (there.path, there.function) != (here.path, here.function):
            return None
        line = self.line + there.line - here.line
        source = (there.source or "").strip()
        if line == self.line or not 1 <= line <= len(self.syntax.lines):
            return None
        if not source or self.syntax.lines[line - 1].strip() != source:
            return None
        failure = replace(self.failure, type=link.type, message=link.message, location=there)
        return replace(self, line=line, failure=failure, marks=None)

    # What can have failed.

    def nodes(self, *kinds: str, part: str | None = None) -> list[Node]:
        """The nodes of these kinds that the failing frame runs on the line; where it was marked, only what was.

        `part` names the field of them that the interpreter points at, where that is not the whole.
        """
        return [
            node
            for node in descendants(self._around(), kinds)
            if (pointed := node if part is None else field(node, part)) is not None and self._is_pointed_at(pointed)
        ]

    def loops(self) -> list[Node]:
        """The loops and clauses of comprehensions that can have failed as such: `right` is what they go over."""
        found = self.nodes("for_statement", part="right")
        for clause in descendants(self._around(), ("for_in_clause",)):
            given, whole = field(clause, "right"), clause.parent
            # Interpreters point at what the comprehension goes over, or at all of it.
            if any(each is not None and self._is_pointed_at(each) for each in (given, whole)):
                found.append(clause)
        return found

    def _is_pointed_at(self, node: Node) -> bool:
        if _row(node) != self.line - 1 or not self._runs(node):
            return False
        if self.marks is None or self._is_marked(node):
            return True
        # Of a call that is awaited, interpreters mark all with the await.
        above = node.parent
        return node.type == "call" and above is not None and above.type == "await" and self._is_marked(above)

    def _around(self) -> Node:
        """A node that holds all that begins on the line."""
        row = self.line - 1
        line = self.syntax.lines[row]
        first = len(line[: len(line) - len(line.lstrip())].encode("utf-8", "replace"))
        last = max(len(line.rstrip().encode("utf-8", "replace")), first)
        here = self.syntax.root.descendant_for_point_range((row, first), (row, last)) or self.syntax.root
        while here.parent is not None and here.parent.type not in STATEMENT_BLOCKS and here.start_point.row == row:
            here = here.parent
        return here

    def _runs(self, node: Node) -> bool:
        """Whether the frame that failed is the one that runs the node."""
        name = self.function.rpartition(".")[2]
        if not name:
            return True
        if name in _COMPREHENSION_FRAMES:
            return node.type in COMPREHENSIONS or in_comprehension(node)
        scope = scope_of(node)
        if scope is None:
            return name == "<module>"
        return name == ("<lambda>" if scope.type == "lambda" else text(field(scope, "name")))

    def _is_marked(self, node: Node) -> bool:
        assert self.marks is not None
        start, end = self.syntax.start(node), self.syntax.end(node)
        if start.line != self.line:
            # A call in a chain of methods counts from the method's name.
            name = _method_name(node)
            if name is None:
                return False
            start = self.syntax.start(name)
        end_column = end.column if end.line == self.line else len(self.syntax.lines[self.line - 1].rstrip()) + 1
        return (start.column, end_column) == self.marks

    # What the recording says of an expression.

    def recorded(self, node: Node | None) -> Recorded:
        """The recorded value of a name, an attribute or an item with a known key, if it has one."""
        if node is None or self.locals is None:
            return UNKNOWN
        if node.type == "identifier":
            name = text(node)
            return Recorded(True, self.locals[name]) if name in self.locals else UNKNOWN
        if node.type == "parenthesized_expression" and node.named_child_count == 1:
            return self.recorded(node.named_children[0])
        if node.type == "attribute":
            inner = self.recorded(field(node, "object")).value
            name = text(field(node, "attribute"))
            if type_of(inner) is not None and isinstance(inner, dict) and name in inner:
                return Recorded(True, inner[name])
            return UNKNOWN
        if node.type == "subscript":
            return self._recorded_item(node)
        return UNKNOWN

    def _recorded_item(self, node: Node) -> Recorded:
        inner = self.recorded(field(node, "value")).value
        wanted = key_of(node)
        key = None if wanted is None else self.known(wanted)
        if is_plain_dict(inner) and isinstance(key, str) and key in inner:
            return Recorded(True, inner[key])
        if isinstance(inner, list) and isinstance(key, int) and not isinstance(key, bool):
            whole = not (inner and is_more(inner[-1]))
            if 0 <= key < len(inner) - (not whole) or (whole and -len(inner) <= key < 0):
                return Recorded(True, inner[key])
        return UNKNOWN

    def known(self, node: Node) -> object | None:
        """The value of a constant or of what was recorded; None where nothing is known."""
        value = literal(node)
        return self.recorded(node).value if value is None else value

    # Edits.

    def replace(self, node: Node, new_text: str) -> Edit:
        return self.edit(self.syntax.start(node), self.syntax.end(node), new_text)

    def insert(self, at: Position, new_text: str) -> Edit:
        return self.edit(at, at, new_text)

    def edit(self, start: Position, end: Position, new_text: str) -> Edit:
        return Edit(self.path, start, end, new_text)


def only(nodes: Sequence[Node]) -> Node | None:
    """The one node; None where there is a choice, or nothing to choose."""
    return nodes[0] if len(nodes) == 1 else None


def decided(nodes: Sequence[Node], proof: Callable[[Node], bool | None]) -> Node | None:
    """The one node that failed: `proof` tells by what was recorded, None where that says nothing."""
    verdicts = [(node, proof(node)) for node in nodes]
    proven = [node for node, verdict in verdicts if verdict]
    return only(proven or [node for node, verdict in verdicts if verdict is None])


def _row(node: Node) -> int:
    """The row that the interpreter reports for a node: of a method in a chain, that of its name."""
    name = _method_name(node)
    return name.start_point.row if name is not None else node.start_point.row


def _method_name(node: Node) -> Node | None:
    if node.type == "call":
        function = field(node, "function")
        return field(function, "attribute") if function is not None and function.type == "attribute" else None
    return field(node, "attribute") if node.type == "attribute" else None
