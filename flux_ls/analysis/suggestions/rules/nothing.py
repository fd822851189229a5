"""What was None where something was expected."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from flux_ls.analysis.suggestions.contexts import conditional, guarded, takes_none, whole_chain
from flux_ls.analysis.suggestions.failing import FailingLine, decided
from flux_ls.analysis.suggestions.suggestion import Edit, Suggestion
from flux_ls.analysis.suggestions.syntax import ancestors, arguments, field, is_simple, role, statement_of, text

_ATTRIBUTE = re.compile(r"'NoneType' object has no attribute '(\w+)'")
_SUBSCRIPT = ("'NoneType' object is not subscriptable", "'NoneType' object does not support item assignment")
_CALL = "'NoneType' object is not callable"
_ITERATED = ("'NoneType' object is not iterable", "cannot unpack non-iterable NoneType object")
_MEMBERSHIP = (
    "argument of type 'NoneType' is not iterable",
    "argument of type 'NoneType' is not a container or iterable",
)
_LENGTH = "object of type 'NoneType' has no len()"
_OPERANDS = re.compile(
    r"unsupported operand type\(s\) for (\S+?)(?: or pow\(\))?: '(\w+)' and '(\w+)'"
    r"|'(\S+)' not supported between instances of '(\w+)' and '(\w+)'"
)


def none_used(failing: FailingLine) -> Iterator[Suggestion]:
    """Names what was None, and guards it where a guard can be spelled."""
    if failing.below or failing.error not in ("AttributeError", "TypeError"):
        return
    message = failing.message
    if (found := _ATTRIBUTE.match(message)) is not None:
        wanted = [n for n in failing.nodes("attribute") if text(field(n, "attribute")) == found[1]]
        yield from _of_parts(failing, wanted, "object", f".{found[1]} was asked of it")
    elif message in _SUBSCRIPT:
        yield from _of_parts(failing, failing.nodes("subscript"), "value", "an item was asked of it")
    elif message == _CALL:
        yield from _of_parts(failing, failing.nodes("call"), "function", "it was called")
    elif message in _ITERATED:
        yield from _of_iteration(failing)
    elif message in _MEMBERSHIP:
        tested = [n for n in failing.nodes("comparison_operator") if "in" in _operators(n) or "not in" in _operators(n)]
        yield from _of_last_operand(failing, tested)
    elif message == _LENGTH:
        yield from _of_length(failing)
    elif (found := _OPERANDS.match(message)) is not None:
        yield from _of_operands(failing, found)


def _of_parts(failing: FailingLine, nodes: list[Node], part: str, said: str) -> Iterator[Suggestion]:
    node = decided(nodes, lambda each: _was_none(failing, field(each, part)))
    owner = None if node is None else field(node, part)
    if node is None or owner is None or owner.type in ("call", "await"):
        if node is not None and owner is not None:
            yield Suggestion(
                f"Say what happens when {_short(owner)} gives None",
                f"{_short(owner)} at {failing.place} gave None, and {said}",
            )
        return
    yield Suggestion(
        f"Guard against {_short(owner)} being None", _evidence(failing, owner, said), _guard(failing, node, owner)
    )


def _was_none(failing: FailingLine, node: Node | None) -> bool | None:
    """What the recording says; constants and displays are never None."""
    if node is None or node.type in ("string", "integer", "list", "dictionary", "tuple", "set"):
        return False
    recorded = failing.recorded(node)
    return recorded.is_none if recorded.known else None


def _evidence(failing: FailingLine, owner: Node, said: str) -> str:
    recorded = "was recorded as None" if failing.recorded(owner).is_none else "was None"
    return f"{_short(owner)} at {failing.place} {recorded}, and {said}"


def _guard(failing: FailingLine, node: Node, owner: Node) -> Edit | None:
    """The value only where there is one, else None; a statement only under a condition."""
    if not is_simple(owner):
        return None
    condition = f"{text(owner)} is not None"
    statement, chain = statement_of(node), whole_chain(node)
    if role(chain) != "load":
        written = statement.type in ("expression_statement", "delete_statement")
        return guarded(failing, node, condition) if written else None
    if chain.parent is not None and chain.parent.type == "expression_statement":
        return guarded(failing, node, condition)
    if not takes_none(chain) or _awaited_in_comprehension(chain):
        return None
    return failing.replace(chain, conditional(chain, f"{text(chain)} if {condition} else None"))


def _awaited_in_comprehension(node: Node) -> bool:
    return any(above.type == "for_in_clause" for above in ancestors(node))


def _of_iteration(failing: FailingLine) -> Iterator[Suggestion]:
    loops = failing.loops()
    unpacked = [
        node
        for node in failing.nodes("assignment", part="left")
        if (left := field(node, "left")) is not None and left.type in ("pattern_list", "tuple_pattern", "list_pattern")
    ]
    node = decided([*loops, *unpacked], lambda each: _was_none(failing, field(each, "right")))
    given = None if node is None else field(node, "right")
    if node is None or given is None or (failing.message.startswith("cannot unpack")) != (node.type == "assignment"):
        return
    if node.type == "assignment":
        yield Suggestion(f"Say what happens when {_short(given)} is None", _evidence(failing, given, "it was unpacked"))
        return
    edit = failing.replace(given, f"{text(given)} or ()") if _binds_tighter_than_or(given) else None
    yield Suggestion(
        f"Go on with nothing when {_short(given)} is None", _evidence(failing, given, "it was iterated over"), edit
    )


def _binds_tighter_than_or(node: Node) -> bool:
    return node.type in ("identifier", "attribute", "subscript", "call", "parenthesized_expression", "await")


def _of_last_operand(failing: FailingLine, nodes: list[Node]) -> Iterator[Suggestion]:
    node = decided(nodes, lambda each: _was_none(failing, each.named_children[-1]))
    if node is None or len(node.named_children) != 2:
        return
    given = node.named_children[-1]
    edit = failing.replace(given, f"({text(given)} or ())") if _binds_tighter_than_or(given) else None
    yield Suggestion(
        f"Look in nothing when {_short(given)} is None",
        _evidence(failing, given, "something was looked for in it"),
        edit,
    )


def _of_length(failing: FailingLine) -> Iterator[Suggestion]:
    calls = [n for n in failing.nodes("call") if text(field(n, "function")) == "len" and len(arguments(n)) == 1]
    node = decided(calls, lambda each: _was_none(failing, arguments(each)[0]))
    if node is None:
        return
    given = arguments(node)[0]
    edit = failing.replace(given, f"{text(given)} or ()") if _binds_tighter_than_or(given) else None
    yield Suggestion(
        f"Count nothing when {_short(given)} is None", _evidence(failing, given, "its length was asked for"), edit
    )


def _of_operands(failing: FailingLine, found: re.Match[str]) -> Iterator[Suggestion]:
    operator, left, right = (found[1], found[2], found[3]) if found[1] else (found[4], found[5], found[6])
    if (left == "NoneType") == (right == "NoneType"):
        return
    if found[1]:
        plain = operator.removesuffix("=")
        nodes = [
            node
            for node in failing.nodes("binary_operator", "augmented_assignment")
            if text(field(node, "operator")).removesuffix("=") == plain
        ]
        sides = [(node, field(node, "left" if left == "NoneType" else "right")) for node in nodes]
    else:
        nodes = [n for n in failing.nodes("comparison_operator") if _operators(n) == {operator}]
        sides = [
            (node, node.named_children[0 if left == "NoneType" else 1])
            for node in nodes
            if len(node.named_children) == 2
        ]
    none = {node.start_byte: side for node, side in sides if side is not None}
    node = decided([n for n, side in sides if side is not None], lambda n: _was_none(failing, none[n.start_byte]))
    if node is not None:
        side = none[node.start_byte]
        yield Suggestion(
            f"Say what happens when {_short(side)} is None",
            _evidence(failing, side, f"it was used with {operator}"),
        )


def _operators(node: Node) -> set[str]:
    return {" ".join(text(each).split()) for each in node.children_by_field_name("operators")}


def _short(node: Node) -> str:
    spelled = " ".join(text(node).split())
    return spelled if len(spelled) <= 60 else f"{spelled[:60]}…"
