"""Calls that do not fit what they call."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from flux_ls.analysis.suggestions.failing import FailingLine, only
from flux_ls.analysis.suggestions.names import (
    attributes_of_class,
    closest,
    definitions,
    is_plain_parameter,
    parameter_name,
    parameters,
)
from flux_ls.analysis.suggestions.suggestion import Suggestion
from flux_ls.analysis.suggestions.syntax import arguments, class_of, field, keyword, spreads, text

_UNEXPECTED = re.compile(r"([\w.<>]+)\(\) got an unexpected keyword argument '(\w+)'")
_TOO_MANY = re.compile(
    r"([\w.<>]+)\(\) takes (?:from \d+ to )?(\d+) positional arguments? but (\d+) (?:was|were) given"
)
_MISSING = re.compile(r"([\w.<>]+)\(\) missing (\d+) required (?:positional|keyword-only) arguments?: (.+)")
_TWICE = re.compile(r"([\w.<>]+)\(\) got multiple values for argument '(\w+)'")
_PARTS = re.compile(r"'(\w+)'")


def unexpected_keyword(failing: FailingLine) -> Iterator[Suggestion]:
    """A keyword that the function does not take, but one like it."""
    found = _UNEXPECTED.match(failing.message) if failing.error == "TypeError" and not failing.below else None
    if found is None:
        return
    name = found[2]
    calls = [node for node in failing.nodes("call") if keyword(node, name) is not None and _calls(node, found[1])]
    call = only(calls)
    if call is None:
        return
    takes = _takes(failing, found[1])
    free = [each for each in takes if keyword(call, each) is None]
    given = keyword(call, name)
    written = None if given is None else field(given, "name")
    if written is not None and (meant := closest(name, free)) is not None:
        yield Suggestion(
            f"Did you mean {meant}=?",
            f"{_short(found[1])} called at {failing.place} takes {', '.join(takes)}",
            failing.replace(written, meant),
        )


def missing_self(failing: FailingLine) -> Iterator[Suggestion]:
    """A method that does not take the object it is called on."""
    found = _TOO_MANY.match(failing.message) if failing.error == "TypeError" and not failing.below else None
    if found is None or "." not in found[1] or int(found[3]) != int(found[2]) + 1:
        return
    calls = [node for node in failing.nodes("call") if _calls(node, found[1]) and not spreads(node)]
    call, method = only(calls), only(definitions(failing.syntax, found[1]))
    if call is None or method is None or class_of(method) is None or len(arguments(call)) > int(found[2]):
        return
    given, listed = parameters(method), field(method, "parameters")
    above = method.parent
    if listed is None or (above is not None and above.type == "decorated_definition"):
        return
    if any(not is_plain_parameter(each) for each in given) or (given and parameter_name(given[0]) in ("self", "cls")):
        return
    edit = failing.insert(failing.syntax.end(listed.children[0]), "self, " if given else "self")
    yield Suggestion(
        f"Give {_short(found[1])} its self",
        f"{found[1]}() was called on an object at {failing.place}, and does not take it",
        edit,
        sure=edit is not None,
    )


def missing_arguments(failing: FailingLine) -> Iterator[Suggestion]:
    """Arguments that the call does not give, by name."""
    found = _MISSING.match(failing.message) if failing.error == "TypeError" and not failing.below else None
    if found is None:
        return
    call = only([node for node in failing.nodes("call") if _calls(node, found[1]) and not spreads(node)])
    if call is None:
        return
    wanted = _PARTS.findall(found[3])
    if "self" in wanted:
        yield Suggestion(
            f"Call {_short(found[1])} on an object, not on its class",
            f"{found[1]}() was called at {failing.place} without self",
        )
    elif wanted:
        yield Suggestion(
            f"Give {_short(found[1])} {' and '.join(wanted)}",
            f"the call at {failing.place} leaves out {' and '.join(wanted)}",
        )


def given_twice(failing: FailingLine) -> Iterator[Suggestion]:
    found = _TWICE.match(failing.message) if failing.error == "TypeError" and not failing.below else None
    if found is None:
        return
    call = only([node for node in failing.nodes("call") if _calls(node, found[1])])
    if call is not None and keyword(call, found[2]) is not None:
        yield Suggestion(
            f"Give {found[2]} once: by position or by name",
            f"the call at {failing.place} has {found[2]}= and as many positional arguments as reach it",
        )


def _calls(call: Node, name: str) -> bool:
    """Whether the call's spelling can mean the function: `User.__init__` is called as `User`."""
    function = field(call, "function")
    if function is None:
        return False
    parts = name.split(".")
    wanted = parts[-2] if parts[-1] in ("__init__", "__new__", "__call__") and len(parts) > 1 else parts[-1]
    spelled = text(field(function, "attribute")) if function.type == "attribute" else text(function)
    return spelled == wanted or (parts[-1] in ("__init__", "__call__") and len(parts) == 1)


def _takes(failing: FailingLine, name: str) -> list[str]:
    """The names of the parameters of a function of this file, or of a class that is made."""
    parts = name.split(".")
    found = only(definitions(failing.syntax, name))
    if found is not None and found.type == "function_definition":
        plain = [each for each in parameters(found) if is_plain_parameter(each)]
        names = [parameter_name(each) for each in plain]
        return names[1:] if class_of(found) is not None and names[:1] in (["self"], ["cls"]) else names
    made = only(definitions(failing.syntax, parts[-2])) if parts[-1] == "__init__" and len(parts) > 1 else None
    if made is not None and made.type == "class_definition":
        # A dataclass or a model: its fields are what it takes.
        return [each for each in attributes_of_class(made) if not each.startswith("_")]
    return []


def _short(name: str) -> str:
    parts = [part for part in name.split(".") if part != "<locals>"]
    if parts[-1] == "__init__" and len(parts) > 1:
        return parts[-2] + "()"
    return parts[-1] + "()"
