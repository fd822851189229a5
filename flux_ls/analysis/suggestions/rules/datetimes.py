"""Times with and without a time zone."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from flux_ls.analysis.suggestions.failing import FailingLine, only
from flux_ls.analysis.suggestions.names import assigned, dotted, imports
from flux_ls.analysis.suggestions.suggestion import Suggestion
from flux_ls.analysis.suggestions.syntax import arguments, descendants, field, function_of, text

_MIXED = re.compile(r"can't (compare|subtract) offset-naive and offset-aware datetimes")
_NAIVE = ("datetime.datetime.now", "datetime.datetime.utcnow")


def naive_and_aware(failing: FailingLine) -> Iterator[Suggestion]:
    """A time of now without a zone beside one with a zone."""
    found = _MIXED.match(failing.message) if failing.error == "TypeError" and not failing.below else None
    if found is None:
        return
    mixed = only(failing.nodes("comparison_operator" if found[1] == "compare" else "binary_operator"))
    if mixed is None or (found[1] == "subtract" and text(field(mixed, "operator")) != "-"):
        return
    imported = imports(failing.syntax)
    naive = only([call for operand in mixed.named_children for call in _naive(failing, operand, imported)])
    if naive is None:
        yield Suggestion(
            "Give both times a zone", f"of the two times at {failing.place} one has a time zone and the other has none"
        )
        return
    zone, function = _utc(imported), field(naive, "function")
    edit = None
    if zone is not None and function is not None:
        edit = failing.replace(naive, f"{text(field(function, 'object'))}.now({zone})")
    yield Suggestion(
        f"Take the time with its zone: datetime.now({zone or 'timezone.utc'})",
        f"{text(naive)} at {failing.path}:{naive.start_point.row + 1} has no time zone, and what it is "
        f"{'compared with' if found[1] == 'compare' else 'subtracted with'} has one",
        edit,
    )


def _naive(failing: FailingLine, operand: Node, imported: dict[str, str]) -> Iterator[Node]:
    """The calls that an operand's naive time comes from, here or where the function gave it to a variable."""
    calls = list(descendants(operand, ("call",)))
    if operand.type == "identifier":
        given = [value for value in assigned(failing.syntax, operand) if function_of(value) == function_of(operand)]
        if len(given) == 1:
            calls = list(descendants(given[0], ("call",)))
    for call in calls:
        if dotted(field(call, "function"), imported) in _NAIVE and not arguments(call):
            yield call


def _utc(imported: dict[str, str]) -> str | None:
    """How the file spells UTC by what it imports."""
    for name, stands_for in imported.items():
        if stands_for == "datetime.UTC":
            return name
        if stands_for == "datetime.timezone":
            return f"{name}.utc"
    for name, stands_for in imported.items():
        if stands_for == "datetime":
            return f"{name}.timezone.utc"
    return None
