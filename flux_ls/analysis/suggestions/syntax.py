"""The syntax of a Python text: its tree, with positions as editors count them and questions that rules ask."""

import ast
from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import Struct
from tree_sitter import Node

from flux_ls.analysis.suggestions.suggestion import Position

SCOPES = ("function_definition", "lambda", "class_definition")
COMPREHENSIONS = ("list_comprehension", "set_comprehension", "dictionary_comprehension", "generator_expression")
STATEMENT_BLOCKS = ("module", "block")
SIMPLE = ("identifier", "attribute", "subscript", "string", "integer")
"""What an expression may be made of to be read twice without doing anything twice."""


class Syntax(Struct, frozen=True):
    """A text as its lines and as the tree that was parsed of `source`."""

    lines: Sequence[str]
    source: bytes
    root: Node
    newline: str = "\n"
    """How its lines end."""

    def start(self, node: Node) -> Position:
        return self._position(node.start_byte, node.start_point.row, node.start_point.column)

    def end(self, node: Node) -> Position:
        return self._position(node.end_byte, node.end_point.row, node.end_point.column)

    def _position(self, byte: int, row: int, column: int) -> Position:
        before = self.source[byte - column : byte].decode("utf-8", "replace")
        return Position(row + 1, len(before) + 1)

    def indent(self, node: Node) -> str:
        """The white space before the line that the node starts on."""
        line = self.lines[node.start_point.row]
        return line[: len(line) - len(line.lstrip())]

    def indent_unit(self) -> str:
        """One step of indentation, as the first indented block of the text has it."""
        for node in descendants(self.root, ("block",)):
            parent = node.parent
            if parent is not None and node.start_point.row > parent.start_point.row:
                inner, outer = self.indent(node), self.indent(parent)
                if len(inner) > len(outer) and inner.startswith(outer):
                    return inner[len(outer) :]
        return "    "


def text(node: Node | None) -> str:
    return (node.text or b"").decode("utf-8", "replace") if node is not None else ""


def field(node: Node, name: str) -> Node | None:
    return node.child_by_field_name(name)


def descendants(node: Node, kinds: Sequence[str]) -> Iterator[Node]:
    """The nodes of these kinds below (and including) `node`, in the order of the text."""
    cursor = node.walk()
    depth = 0
    while True:
        here = cursor.node
        if here is not None and here.type in kinds:
            yield here
        if cursor.goto_first_child():
            depth += 1
            continue
        while not cursor.goto_next_sibling():
            if depth == 0 or not cursor.goto_parent():
                return
            depth -= 1
        if depth == 0:
            return


def ancestors(node: Node) -> Iterator[Node]:
    above = node.parent
    while above is not None:
        yield above
        above = above.parent


def statement_of(node: Node) -> Node:
    """The statement that the node belongs to: the node itself, if it is one."""
    here = node
    for above in ancestors(node):
        if above.type in STATEMENT_BLOCKS:
            return here
        here = above
    return here


def scope_of(node: Node) -> Node | None:
    """The `def`, lambda or class whose frame runs the node; None for the module.

    Decorators, default values and bases run in the frame around.
    """
    here = node
    for above in ancestors(node):
        if above.type in SCOPES:
            body = field(above, "body")
            if body is not None and body == here:
                return above
        here = above
    return None


def function_of(node: Node) -> Node | None:
    """The innermost `def` whose frame runs the node, through lambdas; None in a module or class body."""
    scope = scope_of(node)
    while scope is not None and scope.type == "lambda":
        scope = scope_of(scope)
    return scope if scope is not None and scope.type == "function_definition" else None


def class_of(function: Node) -> Node | None:
    scope = scope_of(function)
    return scope if scope is not None and scope.type == "class_definition" else None


def in_comprehension(node: Node) -> bool:
    for above in ancestors(node):
        if above.type in COMPREHENSIONS:
            return True
        if above.type in SCOPES:
            return False
    return False


def within(node: Node, ancestor: Node | None) -> bool:
    return ancestor is not None and ancestor.start_byte <= node.start_byte and node.end_byte <= ancestor.end_byte


def is_async(function: Node | None) -> bool:
    return function is not None and function.child_count > 0 and function.children[0].type == "async"


def is_simple(node: Node) -> bool:
    """Whether reading the expression twice gives the same and does nothing: names, attributes, constant keys."""
    if node.type == "identifier":
        return True
    if node.type == "attribute":
        inner = field(node, "object")
        return inner is not None and is_simple(inner)
    if node.type == "subscript":
        inner, key = field(node, "value"), key_of(node)
        return inner is not None and is_simple(inner) and key is not None and key.type in SIMPLE
    return False


def literal(node: Node | None) -> object | None:
    """The value of a string, number or constant; None for all else (and for `None`)."""
    if node is None or node.type not in ("string", "integer", "float", "unary_operator", "true", "false"):
        return None
    if any(child.type == "interpolation" for child in node.children):
        return None
    try:
        value: object = ast.literal_eval(text(node))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return value


def key_of(subscript: Node) -> Node | None:
    """The one key or index of a subscript; None for slices and several."""
    keys = subscript.children_by_field_name("subscript")
    return keys[0] if len(keys) == 1 and keys[0].type != "slice" else None


def arguments(call: Node) -> list[Node]:
    """The arguments of a call, positional and by keyword, without comments."""
    listed = field(call, "arguments")
    if listed is None:
        return []
    if listed.type != "argument_list":
        return [listed]
    return [child for child in listed.named_children if child.type != "comment"]


def positional(call: Node) -> list[Node]:
    given = arguments(call)
    return [each for each in given if each.type not in ("keyword_argument", "dictionary_splat")]


def keyword(call: Node, name: str) -> Node | None:
    for each in arguments(call):
        if each.type == "keyword_argument" and text(field(each, "name")) == name:
            return each
    return None


def spreads(call: Node) -> bool:
    """Whether the call has `*args` or `**options`, which may hold any argument."""
    return any(each.type in ("list_splat", "dictionary_splat") for each in arguments(call))


Role = Literal["load", "store", "delete", "update"]


def role(node: Node) -> Role:
    """What is done with a subscript or attribute where it stands."""
    here = node
    for above in ancestors(node):
        if above.type in ("pattern_list", "tuple_pattern", "list_pattern", "list_splat_pattern", "expression_list"):
            if above.type == "expression_list" and (above.parent is None or above.parent.type != "delete_statement"):
                return "load"
            here = above
            continue
        if above.type == "delete_statement":
            return "delete"
        if above.type == "assignment":
            return "store" if field(above, "left") == here else "load"
        if above.type == "augmented_assignment":
            return "update" if field(above, "left") == here else "load"
        if above.type in ("for_statement", "for_in_clause"):
            return "store" if field(above, "left") == here else "load"
        if above.type == "as_pattern_target":
            return "store"
        return "load"
    return "load"


def spelled(node: Node | None, limit: int = 60) -> str:
    """The node's text in one line, as far as that is short."""
    told = " ".join(text(node).split())
    return told if len(told) <= limit else f"{told[: limit - 1].rstrip()}…"
