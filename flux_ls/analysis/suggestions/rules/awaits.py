"""Coroutines that nobody awaited."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from flux_ls.analysis.suggestions.failing import FailingLine, decided
from flux_ls.analysis.suggestions.names import assigned
from flux_ls.analysis.suggestions.suggestion import Edit, Suggestion
from flux_ls.analysis.suggestions.syntax import ancestors, arguments, field, function_of, is_async, text
from flux_ls.analysis.suggestions.values import type_of

_ATTRIBUTE = re.compile(r"'coroutine' object has no attribute '(\w+)'")
_SUBSCRIPT = re.compile(r"'coroutine' object (?:is not subscriptable|does not support item assignment)")
_ITERATED = re.compile(r"'coroutine' object is not iterable|cannot unpack non-iterable coroutine object")
_ARGUMENT = re.compile(
    r"Object of type coroutine is not JSON serializable|object of type 'coroutine' has no len\(\)"
    r"|.*argument must be .* not '?coroutine'?"
)
_OPERANDS = re.compile(r"unsupported operand type\(s\) for \S+: .*'coroutine'|.*instances of .*'coroutine'")
_NEVER = re.compile(r"coroutine '([\w.<>]+)' was never awaited")


def missing_await(failing: FailingLine) -> Iterator[Suggestion]:
    """`await` where a coroutine was used as if it were its result."""
    message = failing.message
    if (never := _NEVER.match(message)) is not None:
        name = never[1].rpartition(".")[2]
        used = [node for node in failing.nodes("call") if _callee(node) == name]
    elif failing.below or failing.error not in ("TypeError", "AttributeError") or "coroutine" not in message:
        return
    else:
        used = _used(failing)
    node = decided(used, lambda each: _is_coroutine(failing, each))
    if node is None:
        return
    source, call = _source(failing, node)
    if call is None or (call.parent is not None and call.parent.type == "await"):
        return
    where = f"{failing.path}:{call.start_point.row + 1}"
    edit = _awaited(failing, call)
    title = f"Await {_callee(call)}()"
    if not is_async(function_of(call)):
        title += ": make the function async, or run it with asyncio.run()"
    yield Suggestion(
        title, f"{source} at {where} is a coroutine: it was called and not awaited", edit, sure=edit is not None
    )


def _used(failing: FailingLine) -> list[Node]:
    """What can have been the coroutine on the line."""
    message = failing.message
    found: list[Node | None] = []
    if (attribute := _ATTRIBUTE.match(message)) is not None:
        nodes = [n for n in failing.nodes("attribute") if text(field(n, "attribute")) == attribute[1]]
        found = [field(node, "object") for node in nodes]
    elif _SUBSCRIPT.match(message):
        found = [field(node, "value") for node in failing.nodes("subscript")]
    elif _ITERATED.match(message):
        unpacked = [node for node in failing.nodes("assignment", part="left") if _unpacks(node)]
        found = [field(node, "right") for node in (*failing.loops(), *unpacked)]
    elif _ARGUMENT.match(message):
        found = [given for node in failing.nodes("call") for given in arguments(node)]
    elif _OPERANDS.match(message):
        for node in failing.nodes("binary_operator", "comparison_operator"):
            found += [child for child in node.named_children if _may_be(child)]
    return [node for node in (_bare(each) for each in found) if node is not None and _may_be(node)]


def _unpacks(assignment: Node) -> bool:
    left = field(assignment, "left")
    return left is not None and left.type in ("pattern_list", "tuple_pattern", "list_pattern")


def _bare(node: Node | None) -> Node | None:
    while node is not None and node.type == "parenthesized_expression" and node.named_child_count == 1:
        node = node.named_children[0]
    return node


def _may_be(node: Node) -> bool:
    return node.type in ("call", "identifier", "attribute")


def _is_coroutine(failing: FailingLine, node: Node) -> bool | None:
    recorded = failing.recorded(node)
    if not recorded.known:
        return None
    kind = type_of(recorded.value)
    return kind is not None and kind.rpartition(".")[2] == "coroutine"


def _source(failing: FailingLine, node: Node) -> tuple[str, Node | None]:
    """The call that made the coroutine: on the line, or what a variable of the function was given before."""
    if node.type == "call":
        return f"{_callee(node)}()", node
    given = [value for value in assigned(failing.syntax, node) if function_of(value) == function_of(node)]
    call = given[0] if len(given) == 1 and given[0].type == "call" else None
    return text(node), call


def _awaited(failing: FailingLine, call: Node) -> Edit | None:
    """`await` before the call, in parentheses where something is asked of its result."""
    if not is_async(function_of(call)) or any(above.type == "lambda" for above in ancestors(call)):
        return None
    parent = call.parent
    tight = parent is not None and (
        (parent.type in ("attribute", "subscript", "call") and parent.children[0] == call)
        or parent.type in ("binary_operator", "unary_operator", "await")
    )
    if not tight:
        return failing.insert(failing.syntax.start(call), "await ")
    return failing.replace(call, f"(await {text(call)})")


def _callee(call: Node) -> str:
    function = field(call, "function")
    if function is not None and function.type == "attribute":
        return text(field(function, "attribute"))
    return text(function)
