"""Suggestions: rules over the syntax of the failing line and the error, each with its evidence.

A rule says nothing unless the line is such that the error can have come from it. Where two places of the line may be
meant, the interpreter's marks and the recorded variables decide; where they do not, nothing is suggested.
"""

from collections.abc import Callable, Iterator

from flux_ls.analysis.suggestions.failing import FailingLine
from flux_ls.analysis.suggestions.rules import (
    awaits,
    bodies,
    calls,
    chaining,
    connections,
    databases,
    datetimes,
    iteration,
    missing_items,
    misspelled,
    nothing,
    numbers,
    variables,
)
from flux_ls.analysis.suggestions.suggestion import Edit, Position, Suggestion
from flux_ls.analysis.suggestions.syntax import Syntax

MOST = 3
LONGEST_LINE = 2000

Rule = Callable[[FailingLine], Iterator[Suggestion]]

RULES: tuple[Rule, ...] = (
    awaits.missing_await,
    connections.missing_timeout,
    connections.unsafe_repeat,
    connections.held_transaction,
    connections.nobody_there,
    databases.broken_constraint,
    databases.detached_instance,
    databases.pending_rollback,
    databases.locked_database,
    bodies.empty_body,
    misspelled.misspelled_attribute,
    misspelled.misspelled_name,
    misspelled.missing_module,
    calls.unexpected_keyword,
    calls.missing_self,
    calls.missing_arguments,
    calls.given_twice,
    datetimes.naive_and_aware,
    iteration.changed_while_iterated,
    variables.unbound_local,
    missing_items.missing_variable,
    missing_items.missing_key,
    missing_items.missing_index,
    missing_items.nothing_next,
    missing_items.largest_of_nothing,
    nothing.none_used,
    numbers.division_by_zero,
    numbers.no_number,
    numbers.text_and_number,
    variables.shared_default,
    chaining.raise_from,
)
"""Best first."""


def suggest(failing: FailingLine) -> tuple[Suggestion, ...]:
    """What would mend the failure, best first; nothing where no rule fits the line."""
    lines = failing.syntax.lines
    if not 1 <= failing.line <= len(lines) or len(lines[failing.line - 1]) > LONGEST_LINE:
        return ()
    if not lines[failing.line - 1].strip():
        return ()
    found: list[Suggestion] = []
    for rule in RULES:
        found += [each for each in rule(failing) if all(each.title != other.title for other in found)]
        if len(found) >= MOST:
            break
    return tuple(found[:MOST])


__all__ = ["RULES", "Edit", "FailingLine", "Position", "Rule", "Suggestion", "Syntax", "suggest"]
