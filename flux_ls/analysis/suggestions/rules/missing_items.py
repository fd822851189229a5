"""Keys and items that are not there: KeyError, IndexError, StopIteration, the largest of nothing."""

import ast
import re
from collections.abc import Iterator

from tree_sitter import Node

from flux_ls.analysis.suggestions.contexts import conditional, takes_none, with_argument
from flux_ls.analysis.suggestions.failing import FailingLine, decided, only
from flux_ls.analysis.suggestions.names import closest, dotted, imports
from flux_ls.analysis.suggestions.suggestion import Suggestion
from flux_ls.analysis.suggestions.syntax import (
    arguments,
    field,
    is_simple,
    key_of,
    keyword,
    literal,
    positional,
    role,
    spelled,
    text,
)
from flux_ls.analysis.suggestions.values import is_plain_dict, is_whole, listed, names, size_of, type_of

_LOOKUPS = frozenset({"__getitem__", "__missing__", "__delitem__", "pop", "remove", "<lambda>"})
"""What may run below a lookup and still be the lookup: `os.environ`, `UserDict`."""
_OTHER_SUBSCRIPTS = ("pandas.", "numpy.", "polars.", "builtins.list", "builtins.tuple")
_EMPTY_LARGEST = re.compile(r"(max|min)\(\) (?:arg is an empty sequence|iterable argument is empty)")
_NO_INDEX = ("list index out of range", "tuple index out of range", "string index out of range")


def missing_key(failing: FailingLine) -> Iterator[Suggestion]:
    if failing.error != "KeyError" or not set(failing.below) <= _LOOKUPS:
        return
    try:
        key: object = ast.literal_eval(failing.message)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return
    subscript = decided(failing.nodes("subscript"), lambda node: _lacks(failing, node, key))
    calls = [node for node in failing.nodes("call") if _removes(failing, node, key)]
    if subscript is not None and not (calls and failing.marks is None):
        yield from _of_subscript(failing, subscript, key)
    elif subscript is None and (call := only(calls)) is not None:
        yield from _of_call(failing, call, key)


def _lacks(failing: FailingLine, node: Node, key: object) -> bool | None:
    """Whether the subscript asks for the key of something that does not have it."""
    wanted = key_of(node)
    container = failing.recorded(field(node, "value"))
    if wanted is None or role(node) == "store":
        return False
    known = failing.known(wanted)
    if known is not None and known != key:
        return False
    if container.known:
        kind = type_of(container.value) or ""
        if isinstance(container.value, list | str | int | float) or kind.startswith(_OTHER_SUBSCRIPTS):
            return False
        if is_plain_dict(container.value):
            if str(key) in names(container.value):
                return False
            return True if is_whole(container.value) else None
    return None


def _of_subscript(failing: FailingLine, node: Node, key: object) -> Iterator[Suggestion]:
    value, wanted = field(node, "value"), key_of(node)
    assert value is not None
    assert wanted is not None
    container = failing.recorded(value).value
    had = names(container) if is_plain_dict(container) else []
    evidence = f"{text(value)} at {failing.place} has no key {key!r}"
    if is_plain_dict(container):
        evidence += f"; it has {listed(had)}" if had else "; it is empty"
    if isinstance(key, str) and isinstance(literal(wanted), str) and (meant := closest(key, had)) is not None:
        spelled = _spelled(wanted, meant)
        if spelled is not None:
            yield Suggestion(f"Did you mean the key {meant!r}?", evidence, failing.replace(wanted, spelled))
    spelled_key = text(wanted)
    match role(node):
        case "load":
            if takes_none(node):
                get = f"{text(value)}.get({spelled_key})"
                yield Suggestion(f"Use {get}, which is None without the key", evidence, failing.replace(node, get))
            else:
                yield Suggestion(
                    f"Check for {spelled_key} in {text(value)} first, or give .get() a default that fits", evidence
                )
        case "delete":
            statement = node.parent
            if statement is not None and statement.type == "delete_statement":
                pop = f"{text(value)}.pop({spelled_key}, None)"
                yield Suggestion(f"Use {pop}, which takes a missing key", evidence, failing.replace(statement, pop))
        case "update":
            yield Suggestion(
                f"Begin with a value: {text(value)}.setdefault({spelled_key}, …), or a defaultdict", evidence
            )


def _spelled(wanted: Node, key: str) -> str | None:
    """Another key in the quotes of the one that is there."""
    before = text(wanted)
    inner = [child for child in wanted.children if child.type == "string_content"]
    if not key.isidentifier() or len(inner) != 1 or before.count(text(inner[0])) != 1:
        return None
    return before.replace(text(inner[0]), key)


def _removes(failing: FailingLine, call: Node, key: object) -> bool:
    """Whether the call is `d.pop(key)` without a default, or `a_set.remove(item)`."""
    function, given = field(call, "function"), arguments(call)
    if function is None or function.type != "attribute" or len(given) != 1:
        return False
    if given[0].type not in ("identifier", "attribute", "subscript", "string", "integer", "call"):
        return False
    name = text(field(function, "attribute"))
    owner = failing.recorded(field(function, "object"))
    if name not in ("pop", "remove") or (owner.known and isinstance(owner.value, str)):
        return False
    if name == "pop" and isinstance(owner.value, list):
        return False
    known = failing.known(given[0])
    return known is None or known == key


def _of_call(failing: FailingLine, call: Node, key: object) -> Iterator[Suggestion]:
    function = field(call, "function")
    assert function is not None
    owner, name, wanted = text(field(function, "object")), text(field(function, "attribute")), arguments(call)[0]
    evidence = f"{owner} at {failing.place} does not have {key!r}"
    if name == "pop":
        after = failing.insert(failing.syntax.end(wanted), ", None") if takes_none(call) else None
        yield Suggestion(f"Use {owner}.pop({text(wanted)}, None), which takes a missing key", evidence, after)
    elif (method := field(function, "attribute")) is not None:
        yield Suggestion(
            f"Use {owner}.discard({text(wanted)}), which takes a missing item",
            evidence,
            failing.replace(method, "discard"),
        )


def missing_index(failing: FailingLine) -> Iterator[Suggestion]:
    if failing.error != "IndexError" or failing.below:
        return
    if failing.message in _NO_INDEX:
        node = decided(failing.nodes("subscript"), lambda node: _too_short(failing, node))
        if node is not None and role(node) == "load":
            yield from _of_index(failing, node)
    elif failing.message.startswith("pop from "):
        call = only([each for each in failing.nodes("call") if _pops(each)])
        function = None if call is None else field(call, "function")
        if call is not None and function is not None:
            owner = field(function, "object")
            assert owner is not None
            edit = None
            if is_simple(owner) and takes_none(call):
                edit = failing.replace(call, conditional(call, f"{text(call)} if {text(owner)} else None"))
            yield Suggestion(
                f"Look whether {text(owner)} is empty before the pop()",
                f"{text(owner)} at {failing.place} was empty",
                edit,
            )


def _pops(call: Node) -> bool:
    function = field(call, "function")
    return function is not None and text(field(function, "attribute")) in ("pop", "popleft") and not _keyed(call)


def _keyed(call: Node) -> bool:
    given = arguments(call)
    return bool(given) and not isinstance(literal(given[0]), int)


def _too_short(failing: FailingLine, node: Node) -> bool | None:
    wanted = key_of(node)
    if wanted is None or isinstance(literal(wanted), str):
        return False
    container = failing.recorded(field(node, "value"))
    if container.known and (is_plain_dict(container.value) or container.value is None):
        return False
    size, index = size_of(container.value) if container.known else None, failing.known(wanted)
    if size is None or not isinstance(index, int):
        return None
    return not -size <= index < size


def _of_index(failing: FailingLine, node: Node) -> Iterator[Suggestion]:
    value, wanted = field(node, "value"), key_of(node)
    assert value is not None
    assert wanted is not None
    index = failing.known(wanted)
    size = size_of(failing.recorded(value).value)
    spelled = text(value)
    if index in (0, -1) or size == 0:
        # Only what is empty has neither a first nor a last item.
        edit = None
        if literal(wanted) is not None and is_simple(value) and takes_none(node):
            edit = failing.replace(node, conditional(node, f"{text(node)} if {spelled} else None"))
        yield Suggestion(f"Say what happens when {spelled} is empty", f"{spelled} at {failing.place} was empty", edit)
    elif size is not None and index is not None:
        yield Suggestion(
            f"Check the length of {spelled} before item {text(wanted)}",
            f"{spelled} at {failing.place} has {size} item{'s'[: size != 1]}, and item {index} was asked for",
        )


def nothing_next(failing: FailingLine) -> Iterator[Suggestion]:
    """`next()` of an iterator that has ended."""
    stopped = failing.error == "StopIteration" or (
        failing.error == "RuntimeError" and failing.message == "generator raised StopIteration"
    )
    if not stopped or failing.below:
        return
    calls = [node for node in failing.nodes("call") if text(field(node, "function")) == "next"]
    call = only([node for node in calls if len(arguments(node)) == 1])
    if call is None:
        return
    given = arguments(call)[0]
    edit = None
    if takes_none(call):
        if given.type == "generator_expression" and field(call, "arguments") == given:
            edit = failing.replace(given, f"({text(given)}, None)")
        else:
            edit = failing.insert(failing.syntax.end(given), ", None")
    yield Suggestion("Give next() a default", f"nothing was left to take from at {failing.place}", edit)


def largest_of_nothing(failing: FailingLine) -> Iterator[Suggestion]:
    """`max()` and `min()` of what is empty."""
    found = _EMPTY_LARGEST.fullmatch(failing.message) if failing.error == "ValueError" else None
    if found is None or failing.below:
        return
    name = found[1]
    call = only(
        [
            node
            for node in failing.nodes("call")
            if text(field(node, "function")) == name and len(positional(node)) == 1 and not keyword(node, "default")
        ]
    )
    if call is None or any(each.type in ("list_splat", "dictionary_splat") for each in arguments(call)):
        return
    given = positional(call)[0]
    edit = None
    if takes_none(call):
        listed_arguments = field(call, "arguments")
        if listed_arguments is not None and listed_arguments.type == "generator_expression":
            edit = failing.replace(listed_arguments, f"({text(listed_arguments)}, default=None)")
        else:
            edit = with_argument(failing, call, "default=None")
    yield Suggestion(
        f"Give {name}() a default", f"{name}() at {failing.place} got nothing to choose from: {spelled(given)}", edit
    )


def missing_variable(failing: FailingLine) -> Iterator[Suggestion]:
    """An environment variable that is not set."""
    if failing.error != "KeyError" or not failing.below or not set(failing.below) <= {"__getitem__"}:
        return
    imported = imports(failing.syntax)
    for node in failing.nodes("subscript"):
        key = literal(key_of(node))
        if dotted(field(node, "value"), imported) == "os.environ" and repr(key) == failing.message:
            yield Suggestion(
                f"Set {key} in the environment of the process, or read it with a default",
                f"os.environ at {failing.place} has no {key}",
            )
