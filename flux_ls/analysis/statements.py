"""Statements to a database: those that two instrumentations tell of, the object mapper's and the driver's."""

from collections.abc import Iterable

from flux_ls.analysis.evidence import is_failing
from flux_ls.model import Span

_TEXT = "db.query.text"


def told_twice(spans: Iterable[Span]) -> set[str]:
    """The driver's spans of statements that have one of the object mapper already, within it."""
    statements = [span for span in spans if isinstance(span.attributes.get(_TEXT), str)]
    statements.sort(key=lambda span: (span.start_ns, -span.end_ns))
    twins: set[str] = set()
    outer: Span | None = None
    for span in statements:
        if (
            outer is not None
            and span.end_ns <= outer.end_ns
            and span.parent_id in (outer.span_id, outer.parent_id)
            and span.attributes[_TEXT] == outer.attributes[_TEXT]
        ):
            if not span.exceptions and not is_failing(span):
                twins.add(span.span_id)
        else:
            outer = span
    return twins
