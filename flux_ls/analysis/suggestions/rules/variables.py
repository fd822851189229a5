"""Local variables that had no value yet, and defaults that calls share."""

import re
from collections.abc import Iterator

from msgspec.structs import replace
from tree_sitter import Node

from flux_ls.analysis.suggestions.failing import FailingLine
from flux_ls.analysis.suggestions.names import given_to, occurrences, parameter_name, parameters
from flux_ls.analysis.suggestions.suggestion import Edit, Suggestion
from flux_ls.analysis.suggestions.syntax import ancestors, descendants, field, function_of, scope_of, statement_of, text
from flux_ls.analysis.suggestions.values import is_plain_dict

_UNBOUND = re.compile(
    r"(?:cannot access local variable|local variable) '(\w+)' "
    r"(?:where it is not associated with a value|referenced before assignment)"
)
_BRANCHES = ("if_statement", "for_statement", "while_statement", "try_statement", "with_statement", "match_statement")
_CHANGES = ("append", "add", "extend", "update", "insert", "setdefault", "pop", "remove", "clear", "appendleft")
_ERRORS = ("KeyError", "IndexError", "ValueError", "RuntimeError", "AssertionError", "TypeError")


def unbound_local(failing: FailingLine) -> Iterator[Suggestion]:
    found = _UNBOUND.match(failing.message) if failing.error == "UnboundLocalError" and not failing.below else None
    used = [] if found is None else [node for node in failing.nodes("identifier") if text(node) == found[1]]
    if found is None or not used:
        return
    name, function = found[1], function_of(used[0])
    if function is None:
        return
    bindings = [node for node in occurrences(failing.syntax, name) if _binds(node) and scope_of(node) == function]
    outer = [
        node for node in occurrences(failing.syntax, name) if given_to(node) is not None and scope_of(node) is None
    ]
    own = statement_of(used[0])
    if bindings and all(statement_of(node) == own for node in bindings) and outer:
        yield Suggestion(
            f"Declare it: global {name}",
            f"{text(field(function, 'name'))}() assigns {name}, so it is not the {name} of the module that "
            f"{failing.place} reads",
            _declared(failing, function, name),
        )
        return
    before = [node for node in bindings if node.start_byte < used[0].start_byte]
    branch = next((each for node in before if (each := _branch_of(node, used[0])) is not None), None)
    if branch is not None:
        kind = branch.type.removesuffix("_statement")
        yield Suggestion(
            f"Give {name} a value before the {kind} at line {branch.start_point.row + 1}",
            f"{name} is given a value only inside of that {kind}, which did not come so far; {failing.place} reads it",
        )


def _binds(node: Node) -> bool:
    if given_to(node) is not None:
        return True
    parent = node.parent
    if parent is not None and parent.type == "augmented_assignment":
        return field(parent, "left") == node
    for above in ancestors(node):
        if above.type in ("for_statement", "assignment"):
            left = field(above, "left")
            return left is not None and left.start_byte <= node.start_byte < left.end_byte
        if above.type.endswith("_statement"):
            return False
    return False


def _branch_of(binding: Node, use: Node) -> Node | None:
    """The statement that may have left the binding out, and that the use is not part of."""
    for above in ancestors(binding):
        if above.type in _BRANCHES and not (above.start_byte <= use.start_byte < above.end_byte):
            return above
        if above.type == "function_definition":
            return None
    return None


def _declared(failing: FailingLine, function: Node, name: str) -> Edit | None:
    body = field(function, "body")
    if body is None or not body.named_children or body.start_point.row == function.start_point.row:
        return None
    first = body.named_children[0]
    syntax = failing.syntax
    return failing.insert(syntax.start(first), f"global {name}{syntax.newline}{syntax.indent(first)}")


def shared_default(failing: FailingLine) -> Iterator[Suggestion]:
    """A default value that is made once, and was changed by calls before this one."""
    if failing.error not in _ERRORS or failing.below or failing.locals is None:
        return
    # All that the line mentions: what failed need not be the variable itself.
    for node in replace(failing, marks=None).nodes("identifier"):
        function = function_of(node)
        if function is None:
            continue
        for parameter in parameters(function):
            default = field(parameter, "value")
            if default is None or parameter_name(parameter) != text(node) or not _is_mutable(default):
                continue
            value = failing.recorded(node).value
            held = value if isinstance(value, list) or is_plain_dict(value) else None
            change = _change_of(function, text(node))
            if held and change is not None:
                name = text(field(function, "name"))
                yield Suggestion(
                    f"Let {text(node)} default to None, and make a new one in {name}()",
                    f"the {text(default)} is made once and shared by all calls of {name}(); line "
                    f"{change.start_point.row + 1} changes it, and at {failing.place} it held {len(held)}",
                )
                return


def _is_mutable(default: Node) -> bool:
    if default.type in ("list", "dictionary"):
        return not default.named_children
    return default.type == "call" and text(default) in ("list()", "dict()", "set()")


def _change_of(function: Node, name: str) -> Node | None:
    body = field(function, "body")
    for node in descendants(body, ("call", "assignment")) if body is not None else ():
        if node.type == "call":
            called = field(node, "function")
            if (
                called is not None
                and called.type == "attribute"
                and text(field(called, "object")) == name
                and text(field(called, "attribute")) in _CHANGES
            ):
                return node
        else:
            left = field(node, "left")
            if left is not None and left.type == "subscript" and text(field(left, "value")) == name:
                return node
            if left is not None and text(left) == name:
                return None
    return None
