"""What may stand in the place of an expression, and how an edit is spelled there."""

from tree_sitter import Node

from flux_ls.analysis.suggestions.failing import FailingLine
from flux_ls.analysis.suggestions.names import BUILTINS
from flux_ls.analysis.suggestions.suggestion import Edit, Position
from flux_ls.analysis.suggestions.syntax import ancestors, arguments, field, statement_of, text

_TAKE_NONE = ("print", "repr", "str", "bool", "isinstance", "id", "type", "setattr", "dict", "format", "getattr")
_OPEN = (
    "assignment",
    "return_statement",
    "keyword_argument",
    "argument_list",
    "pair",
    "list",
    "tuple",
    "expression_list",
    "parenthesized_expression",
    "default_parameter",
)
"""Where a conditional expression needs no parentheses."""


def whole_chain(node: Node) -> Node:
    """The expression that stands and falls with the node: `user.name.upper()` for its `user.name`, with its await."""
    here = node
    for above in ancestors(node):
        if (
            (above.type == "attribute" and field(above, "object") == here)
            or (above.type == "subscript" and field(above, "value") == here)
            or (above.type == "call" and field(above, "function") == here)
            or above.type == "await"
        ):
            here = above
        else:
            break
    return here


def takes_none(node: Node) -> bool:
    """Whether None in the place of the expression does no harm there and then."""
    parent = node.parent
    if parent is None:
        return False
    match parent.type:
        case "assignment":
            left = field(parent, "left")
            plain = left is not None and left.type in ("identifier", "attribute", "subscript")
            return plain and field(parent, "right") == node
        case "return_statement" | "expression_statement" | "yield" | "list" | "tuple" | "not_operator":
            return True
        case "list_comprehension" | "set_comprehension":
            return field(parent, "body") == node
        case "pair":
            return field(parent, "value") == node
        case "keyword_argument":
            return parent.parent is not None and _callee_takes_none(parent.parent.parent)
        case "argument_list":
            return _callee_takes_none(parent.parent)
        case "parenthesized_expression" | "named_expression":
            return takes_none(parent)
        case "expression_list":
            return parent.parent is not None and parent.parent.type == "return_statement"
        case "interpolation":
            return not any(child.type == "format_specifier" for child in parent.children)
        case "comparison_operator":
            operators = {text(each) for each in parent.children_by_field_name("operators")}
            return operators <= {"==", "!=", "is", "is not"}
        case "if_statement" | "elif_clause" | "while_statement":
            return field(parent, "condition") == node
    return False


def _callee_takes_none(call: Node | None) -> bool:
    """Functions of the user are taken to; builtins such as `int` do not."""
    if call is None or call.type != "call":
        return False
    name = text(field(call, "function"))
    return name not in BUILTINS or name in _TAKE_NONE


def conditional(node: Node, value: str) -> str:
    """`value`, a conditional expression, as it must be spelled in the place of the node."""
    parent = node.parent
    if parent is None or parent.type in _OPEN or (parent.type == "interpolation" and parent.named_child_count == 1):
        return value
    return f"({value})"


def with_argument(failing: FailingLine, call: Node, argument: str) -> Edit | None:
    """One more keyword argument, laid out as the call is; None where the call cannot take one as it is written."""
    syntax = failing.syntax
    listed = field(call, "arguments")
    if listed is None or listed.type != "argument_list" or listed.has_error:
        return None
    given = arguments(call)
    if not given:
        opening = listed.children[0]
        return failing.insert(syntax.end(opening), argument)
    last = given[-1]
    if len(given) == 1 and last.type == "generator_expression":
        return None
    first_row, closing = listed.start_point.row, listed.children[-1]
    spread = given[0].start_point.row > first_row and closing.start_point.row > last.end_point.row
    if not spread:
        return failing.insert(syntax.end(last), f", {argument}")
    indent, after = syntax.indent(last), last.next_sibling
    if after is not None and after.type == ",":
        # Below the line, so that a comment behind the comma stays with its argument.
        row = after.start_point.row
        end = Position(row + 1, len(syntax.lines[row].rstrip("\r")) + 1)
        return failing.insert(end, f"{syntax.newline}{indent}{argument},")
    return failing.insert(syntax.end(last), f",{syntax.newline}{indent}{argument}")


def statement_before(failing: FailingLine, node: Node, lines: list[str]) -> Edit | None:
    """New lines in front of the node's statement; None where other code stands on its line."""
    statement = statement_of(node)
    syntax = failing.syntax
    start = syntax.start(statement)
    indent = syntax.indent(statement)
    if start.column != len(indent) + 1:
        return None
    return failing.insert(start, "".join(f"{line}{syntax.newline}{indent}" for line in lines))


def guarded(failing: FailingLine, node: Node, condition: str) -> Edit | None:
    """The node's one-line statement under `if condition:`; None where that would hide other code."""
    statement = statement_of(node)
    syntax = failing.syntax
    start, end = syntax.start(statement), syntax.end(statement)
    indent = syntax.indent(statement)
    line = syntax.lines[start.line - 1]
    alone = start.column == len(indent) + 1 and start.line == end.line
    rest = line[end.column - 1 :].strip()
    if not alone or (rest and not rest.startswith("#")):
        return None
    return failing.insert(start, f"if {condition}:{syntax.newline}{indent}{syntax.indent_unit()}")
