"""Numbers and texts: divisions by zero, texts that are no numbers, numbers added to texts."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from flux_ls.analysis.suggestions.contexts import conditional
from flux_ls.analysis.suggestions.failing import FailingLine, decided
from flux_ls.analysis.suggestions.suggestion import Edit, Suggestion
from flux_ls.analysis.suggestions.syntax import arguments, field, is_simple, literal, positional, text
from flux_ls.analysis.suggestions.values import is_plain_dict, shown

_DIVISIONS = ("/", "//", "%", "/=", "//=", "%=")
_NOT_INT = re.compile(r"invalid literal for int\(\) with base (\d+): (.*)", re.DOTALL)
_NOT_FLOAT = re.compile(r"could not convert string to float: (.*)", re.DOTALL)
_NONE_TO_NUMBER = re.compile(r"(int|float)\(\) argument must be .*, not 'NoneType'")
_TEXT_FIRST = re.compile(r'can only concatenate str \(not "(\w+)"\) to str')
_NUMBER_FIRST = re.compile(r"unsupported operand type\(s\) for \+=?: '(int|float|Decimal)' and 'str'")


def division_by_zero(failing: FailingLine) -> Iterator[Suggestion]:
    if failing.error not in ("ZeroDivisionError", "DivisionByZero") or failing.below:
        return
    nodes = [
        node
        for node in failing.nodes("binary_operator", "augmented_assignment")
        if text(field(node, "operator")) in _DIVISIONS
    ]
    node = decided(nodes, lambda each: _is_zero(failing, field(each, "right")))
    divisor = None if node is None else field(node, "right")
    if node is None or divisor is None:
        return
    spelled = " ".join(text(divisor).split())
    yield Suggestion(
        f"Say what the result is when {spelled} is 0",
        f"{spelled} at {failing.place} was 0",
        _without_zero(failing, node, divisor),
    )


def _is_zero(failing: FailingLine, divisor: Node | None) -> bool | None:
    if divisor is None:
        return False
    value = failing.known(divisor)
    if isinstance(value, int | float):
        return value == 0
    if divisor.type == "call" and text(field(divisor, "function")) == "len" and len(arguments(divisor)) == 1:
        counted = failing.recorded(arguments(divisor)[0])
        if counted.known and (isinstance(counted.value, list | str) or is_plain_dict(counted.value)):
            return not counted.value
    return False if divisor.type in ("string", "list", "tuple", "dictionary") else None


def _without_zero(failing: FailingLine, node: Node, divisor: Node) -> Edit | None:
    while divisor.type == "parenthesized_expression" and divisor.named_child_count == 1:
        divisor = divisor.named_children[0]
    counted = divisor.type == "call" and text(field(divisor, "function")) == "len"
    readable = is_simple(divisor) or (counted and len(arguments(divisor)) == 1 and is_simple(arguments(divisor)[0]))
    if not readable or node.type != "binary_operator" or literal(divisor) is not None:
        return None
    condition = text(arguments(divisor)[0]) if counted else text(divisor)
    return failing.replace(node, conditional(node, f"{text(node)} if {condition} else 0"))


def no_number(failing: FailingLine) -> Iterator[Suggestion]:
    """`int()` and `float()` of what is no number."""
    if failing.below or failing.error not in ("ValueError", "TypeError"):
        return
    if (found := _NOT_INT.match(failing.message)) is not None:
        name, given = "int", found[2]
    elif (found := _NOT_FLOAT.match(failing.message)) is not None:
        name, given = "float", found[1]
    elif (found := _NONE_TO_NUMBER.match(failing.message)) is not None:
        name, given = found[1], "None"
    else:
        return
    calls = [
        node for node in failing.nodes("call") if text(field(node, "function")) == name and len(positional(node)) >= 1
    ]
    node = decided(calls, lambda each: _was(failing, positional(each)[0], given))
    if node is None:
        return
    argument = positional(node)[0]
    spelled = " ".join(text(argument).split())
    evidence = f"{name}({spelled}) at {failing.place} got {given[:80]}"
    if given in ("''", "None", "b''"):
        tight = argument.type in ("identifier", "attribute", "subscript", "call")
        edit = failing.replace(argument, f"{text(argument)} or 0") if tight and len(arguments(node)) == 1 else None
        yield Suggestion(f"Take 0 when {spelled} is empty", evidence, edit)
    else:
        yield Suggestion(f"Check {spelled} before {name}(), or handle the {failing.error}", evidence)


def _was(failing: FailingLine, argument: Node, given: str) -> bool | None:
    if argument.type in ("list_splat", "integer", "float"):
        return False
    if not failing.recorded(argument).known and literal(argument) is None:
        return None
    value = failing.known(argument)
    if isinstance(value, str) or value is None:
        return repr(value) == given or (given == "''" and value == "")
    return False


def text_and_number(failing: FailingLine) -> Iterator[Suggestion]:
    """`"text" + number`."""
    if failing.below or failing.error != "TypeError":
        return
    first, second = _TEXT_FIRST.match(failing.message), _NUMBER_FIRST.match(failing.message)
    if first is None and second is None:
        return
    part, other = ("right", "left") if first is not None else ("left", "right")
    kind = (first or second)[1]  # type: ignore[index]
    nodes = [
        n for n in failing.nodes("binary_operator", "augmented_assignment") if text(field(n, "operator")) in ("+", "+=")
    ]
    node = decided(nodes, lambda each: _adds(failing, field(each, part), field(each, other), kind))
    number, words = (None, None) if node is None else (field(node, part), field(node, other))
    if node is None or number is None or words is None or kind in ("NoneType", "coroutine"):
        return
    spelled = " ".join(text(number).split())
    evidence = f"{spelled} at {failing.place} is of type {kind}"
    recorded = failing.recorded(number)
    if recorded.known:
        evidence += f" ({shown(recorded.value)})"
    edit = None
    if _is_text(words) and not (node.type == "augmented_assignment" and part == "left"):
        edit = failing.replace(number, f"str({text(number)})")
    yield Suggestion(f"Use str({spelled}), or an f-string", evidence, edit)


def _adds(failing: FailingLine, number: Node | None, words: Node | None, kind: str) -> bool | None:
    if number is None or words is None or number.type in ("string", "concatenated_string"):
        return False
    if literal(words) is not None and not isinstance(literal(words), str):
        return False
    value = failing.known(number)
    if value is None:
        return None
    return type(value).__name__ == kind or (None if isinstance(value, dict | list) else False)


def _is_text(node: Node) -> bool:
    """Whether the expression is a text for certain, so that joining is meant and not adding."""
    if node.type in ("string", "concatenated_string"):
        return True
    if node.type == "binary_operator":
        return any(_is_text(side) for side in (field(node, "left"), field(node, "right")) if side is not None)
    return node.type == "call" and text(field(node, "function")) == "str"
