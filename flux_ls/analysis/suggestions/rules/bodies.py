"""Answers and texts that were expected to be JSON."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from flux_ls.analysis.suggestions.contexts import conditional, takes_none
from flux_ls.analysis.suggestions.failing import FailingLine, decided
from flux_ls.analysis.suggestions.names import dotted, imports
from flux_ls.analysis.suggestions.outbound import calls_out
from flux_ls.analysis.suggestions.suggestion import Suggestion
from flux_ls.analysis.suggestions.syntax import arguments, field, is_simple, text

_NO_JSON = re.compile(r"Expecting value: line 1 column 1 \(char 0\)")
_LOADS = ("json.loads", "simplejson.loads", "orjson.loads", "ujson.loads")


def empty_body(failing: FailingLine) -> Iterator[Suggestion]:
    """JSON read from what is empty, or from an answer that is a page."""
    if failing.error != "JSONDecodeError" or not _NO_JSON.match(failing.message):
        return
    imported = imports(failing.syntax)
    calls = failing.nodes("call")
    loads = [call for call in calls if dotted(field(call, "function"), imported) in _LOADS and arguments(call)]
    reads = [call for call in calls if _is_json_method(call) and not arguments(call)]
    call = decided([*loads, *reads], lambda each: _is_empty(failing, each))
    if call is None:
        return
    if call in reads:
        yield from _of_answer(failing, call)
        return
    given = arguments(call)[0]
    spelled = " ".join(text(given).split())[:60]
    recorded = failing.recorded(given)
    if recorded.value == "":
        edit = None
        if is_simple(given) and takes_none(call):
            edit = failing.replace(call, conditional(call, f"{text(call)} if {text(given)} else None"))
        yield Suggestion(f"Say what happens when {spelled} is empty", f"{spelled} at {failing.place} was empty", edit)
    else:
        yield Suggestion(
            f"Look at {spelled} before it is read as JSON",
            f"{spelled} at {failing.place} begins with no JSON: it was empty, or something else",
        )


def _is_json_method(call: Node) -> bool:
    function = field(call, "function")
    return function is not None and function.type == "attribute" and text(field(function, "attribute")) == "json"


def _is_empty(failing: FailingLine, call: Node) -> bool | None:
    given = arguments(call)
    recorded = failing.recorded(given[0]) if given else None
    if recorded is None or not recorded.known:
        return None
    value = recorded.value
    if isinstance(value, str):
        return not value.strip() or value.lstrip()[0] not in '{["-0123456789tfnNI'
    return None


def _of_answer(failing: FailingLine, call: Node) -> Iterator[Suggestion]:
    function = field(call, "function")
    owner = text(field(function, "object")) if function is not None else ""
    answered = [out for out in calls_out(failing.spans) if out.status is not None]
    last = answered[-1] if answered else None
    evidence = f"what {owner[:60]} holds at {failing.place} begins with no JSON"
    if last is not None and last.status is not None and last.status >= 400:
        evidence += f"; {last.what} was answered {last.status}"
        yield Suggestion("Call raise_for_status() on the answer before json()", evidence)
    elif last is not None and last.status == 204:
        yield Suggestion("Read no JSON from an answer 204", f"{evidence}; {last.what} was answered 204, without a body")
    else:
        yield Suggestion("Look at the status and the content type of the answer before json()", evidence)
