"""Containers that were changed while a loop went over them."""

from collections.abc import Iterator

from flux_ls.analysis.suggestions.failing import FailingLine, only
from flux_ls.analysis.suggestions.suggestion import Suggestion
from flux_ls.analysis.suggestions.syntax import field, text

_CHANGED = {
    "dictionary changed size during iteration": "dict",
    "dictionary keys changed during iteration": "dict",
    "Set changed size during iteration": "set",
    "deque mutated during iteration": "deque",
}


def changed_while_iterated(failing: FailingLine) -> Iterator[Suggestion]:
    """A loop over a copy of what its body changes."""
    kind = _CHANGED.get(failing.message) if failing.error == "RuntimeError" else None
    loop = only(failing.loops())
    given = None if loop is None else field(loop, "right")
    if kind is None or failing.below or given is None or given.type in ("list", "string", "list_comprehension"):
        return
    if given.type == "call" and text(field(given, "function")) in ("list", "tuple", "sorted"):
        return
    edit = failing.replace(given, f"list({text(given)})")
    yield Suggestion(
        f"Go over a copy: list({text(given)})",
        f"the {kind} that the loop at {failing.place} goes over changed its size meanwhile",
        edit,
        sure=edit is not None,
    )
