"""A recorded request, and its row changes in plain values."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flux_ls.record import wire
from flux_ls.record.made import MadeSpan, new_span_id, new_trace_id
from flux_ls.record.recording import CURRENT, Recording, enter_context
from flux_ls.record.values import Captured

UNLOADED = {wire.UNLOADED: True}


@dataclass(frozen=True)
class Change:
    operation: str
    table: str
    key: dict[str, Any]
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    outcome: str
    line: int
    function: str

    @property
    def columns(self) -> dict[str, tuple[Any, Any]]:
        before, after = self.before or {}, self.after or {}
        return {name: (before.get(name), after.get(name)) for name in {**before, **after}}

    def __str__(self) -> str:
        """`update users 1: plan free → pro (committed)`; columns in the order of their names."""
        key = ",".join(str(value) for value in self.key.values()) or "?"
        columns = ", ".join(f"{name} {old} → {new}" for name, (old, new) in sorted(self.columns.items()))
        return f"{self.operation} {self.table} {key}: {columns} ({self.outcome})"


class Kept:
    """What the request has kept so far, of transactions whose outcome is known."""

    def __init__(self, request: Recording) -> None:
        self.request = request

    @property
    def transactions(self) -> list[MadeSpan]:
        return [span for span in self.request.spans if isinstance(span, MadeSpan) and span.name == wire.TRANSACTION]

    @property
    def changes(self) -> list[Change]:
        return [change(event.attributes) for span in self.transactions for event in span.events]

    @property
    def outcomes(self) -> list[object]:
        return [span.attributes[wire.OUTCOME] for span in self.transactions]

    @property
    def omitted(self) -> int:
        return sum(int(str(span.attributes.get(wire.OMITTED_ROWS, 0))) for span in self.transactions)

    def told(self) -> list[str]:
        """The changes in words, which are then forgotten."""
        words = [str(each) for each in self.changes]
        self.request.spans.clear()
        return words


def change(attributes: Any) -> Change:
    return Change(
        attributes[wire.ROW_OPERATION],
        attributes[wire.ROW_TABLE],
        _tree(attributes.get(wire.ROW_KEY)) or {},
        _tree(attributes.get(wire.ROW_BEFORE)),
        _tree(attributes.get(wire.ROW_AFTER)),
        attributes[wire.ROW_OUTCOME],
        attributes.get("code.line.number", 0),
        attributes.get("code.function.name", ""),
    )


def _tree(captured: Any) -> Any:
    if captured is None:
        return None
    assert isinstance(captured, Captured)
    return captured.tree


@contextmanager
def recording() -> Iterator[Kept]:
    """What runs here is one request."""
    request = Recording(new_trace_id(), new_span_id())
    before = CURRENT.get()
    enter_context(request)
    try:
        yield Kept(request)
    finally:
        request.ended = True
        CURRENT.set(before)
