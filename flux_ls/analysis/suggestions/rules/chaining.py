"""Exceptions raised while another was handled, without saying that this one was the cause."""

from collections.abc import Iterator

from tree_sitter import Node

from flux_ls.analysis.suggestions.failing import FailingLine, only
from flux_ls.analysis.suggestions.suggestion import Suggestion
from flux_ls.analysis.suggestions.syntax import SCOPES, ancestors, descendants, field, text


def raise_from(failing: FailingLine) -> Iterator[Suggestion]:
    """`raise New(...) from err` in an `except … as err`."""
    handled = next((link for link in failing.failure.chain if link.relation == "context"), None)
    raised = only(failing.nodes("raise_statement"))
    if handled is None or raised is None or failing.below or field(raised, "cause") is not None:
        return
    clause = _except_around(raised)
    new = next((child for child in raised.named_children if child.type != "comment"), None)
    if clause is None or new is None or new.type not in ("call", "identifier", "attribute"):
        return
    alias = _alias(clause)
    if new.type == "identifier" and text(new) == alias:
        return
    evidence = f"it was raised at {failing.place} while {_told(handled.type, handled.message)} was handled"
    if alias is None:
        yield Suggestion("Name the exception in the except clause, and raise from it", evidence)
    elif not _bound_again(clause, alias):
        edit = failing.insert(failing.syntax.end(new), f" from {alias}")
        yield Suggestion(f"Raise it from {alias}, so that the cause is told", evidence, edit, sure=edit is not None)


def _except_around(raised: Node) -> Node | None:
    for above in ancestors(raised):
        if above.type == "except_clause":
            return above
        if above.type in SCOPES:
            return None
    return None


def _alias(clause: Node) -> str | None:
    target = next(descendants(clause, ("as_pattern_target",)), None)
    value = field(clause, "value")
    if target is None or value is None or target.parent != value:
        return None
    return text(target)


def _bound_again(clause: Node, alias: str) -> bool:
    for node in descendants(clause, ("assignment", "delete_statement")):
        target = field(node, "left") if node.type == "assignment" else node
        if target is not None and any(text(each) == alias for each in descendants(target, ("identifier",))):
            return True
    return False


def _told(type: str, message: str) -> str:
    name, _, _ = type.rpartition(".")[2].partition("\n")
    first = message.partition("\n")[0]
    first = first if len(first) <= 80 else f"{first[:79].rstrip()}…"
    return f"{name}: {first}" if first else name
