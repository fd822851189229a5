"""What a connection to a database has changed: it becomes a span when the transaction's outcome is known."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, Literal
from uuid import UUID

from flux_ls.model import RowOperation, RowOutcome
from flux_ls.record import wire
from flux_ls.record.made import MadeEvent, MadeSpan, new_span_id, now_ns
from flux_ls.record.recording import Recording, position
from flux_ls.record.rows.writer import written_by
from flux_ls.record.values import Captured, snapshot_items

SCOPE: Final = "flux_ls.record.rows"

STATEMENT_ROWS: Final = 100
"""How many rows of one statement are kept."""
TRANSACTION_ROWS: Final = 500
"""How many rows of one transaction are kept for a request."""
_OPEN_REQUESTS: Final = 64
"""How many requests may wait for the end of one transaction, as under a test that rolls everything back at its end."""


class _Unknown:
    """Stands for a column's value that could only be known by loading it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = _Unknown()

State = Literal["none", "open", "aborted"]
"""A transaction, as the database sees it."""
Columns = Mapping[str, object]
Row = tuple[Columns | None, Columns | None, Columns | None]
"""The primary key, the columns before, the columns after; None for what is unknown or is not there."""


class _Part:
    """What one request has changed in a transaction."""

    __slots__ = ("events", "omitted", "parent_id", "recording", "start_ns")

    def __init__(self, recording: Recording, parent_id: int, start_ns: int) -> None:
        self.recording = recording
        self.parent_id = parent_id
        self.start_ns = start_ns
        self.events: list[MadeEvent] = []
        self.omitted = 0


class Ledger:
    """The open changes of one connection, in the order in which they were made."""

    __slots__ = (
        "_events",
        "_parts",
        "_savepoints",
        "aborted",
        "doubtful",
        "flushing",
        "locked",
        "namespace",
        "state",
        "system",
    )

    def __init__(
        self, system: str, namespace: str | None = None, state: Callable[[], State | None] = lambda: None
    ) -> None:
        self.system = system
        self.namespace = namespace
        self.state = state
        """Asks the driver what it knows of the transaction."""
        self.doubtful = False
        """A commit was begun, and nobody said how it ended."""
        self.aborted = False
        """A statement failed, and the database will take COMMIT for ROLLBACK."""
        self.locked = False
        """The transaction holds the database's write lock (SQLite)."""
        self.flushing: dict[Any, Any] = {}
        """What the ORM is about to write, by table and key."""
        self._events: list[MadeEvent] = []
        self._parts: dict[Recording, _Part] = {}
        self._savepoints: list[tuple[str, int]] = []

    @property
    def pending(self) -> bool:
        return bool(self._parts)

    def write(
        self,
        recording: Recording,
        table: str,
        operation: RowOperation,
        rows: Sequence[Row],
        omitted: int = 0,
    ) -> None:
        """Rows have been written by what runs here; `omitted` more were, and are only counted."""
        at_ns = now_ns()
        span_id = position() or recording.root_id
        part = self._parts.get(recording)
        if part is None:
            part = self._begin(recording, span_id, at_ns)
        part.omitted += omitted
        common = written_by()
        common[wire.ROW_TABLE] = table
        common[wire.ROW_OPERATION] = operation
        common[wire.ROW_SPAN] = f"{span_id:016x}"
        alone = len(rows) == 1
        for key, before, after in rows:
            if len(part.events) >= TRANSACTION_ROWS:
                part.omitted += 1
                continue
            attributes = common if alone else common.copy()
            if key:
                attributes[wire.ROW_KEY] = captured(key)
            if before:
                attributes[wire.ROW_BEFORE] = captured(before)
            if after:
                attributes[wire.ROW_AFTER] = captured(after)
            event = MadeEvent(wire.ROW_CHANGE, at_ns, attributes)
            part.events.append(event)
            self._events.append(event)

    def _begin(self, recording: Recording, parent_id: int, at_ns: int) -> _Part:
        if len(self._parts) >= _OPEN_REQUESTS:
            self._send(self._parts.pop(next(iter(self._parts))), "unknown", at_ns)
        part = self._parts[recording] = _Part(recording, parent_id, at_ns)
        return part

    def savepoint(self, name: str) -> None:
        self._savepoints.append((name, len(self._events)))

    def release(self, name: str) -> None:
        at = self._find(name)
        if at is not None:
            del self._savepoints[at:]

    def rollback_to(self, name: str) -> None:
        """What was written since the savepoint is undone. One that is not known here is older than everything here."""
        at = self._find(name)
        since = 0 if at is None else self._savepoints[at][1]
        del self._savepoints[0 if at is None else at + 1 :]
        for event in self._events[since:]:
            event.attributes.setdefault(wire.ROW_OUTCOME, "rolled_back")  # type: ignore[attr-defined]
        self.aborted = False
        self.flushing.clear()

    def _find(self, name: str) -> int | None:
        for at in range(len(self._savepoints) - 1, -1, -1):
            if self._savepoints[at][0] == name:
                return at
        return None

    def finish(self, outcome: RowOutcome) -> None:
        """The transaction has ended, and its changes are told."""
        if self.doubtful:
            outcome = "unknown"
        self.doubtful = self.aborted = self.locked = False
        if self._savepoints:
            self._savepoints.clear()
        if self.flushing:
            self.flushing.clear()
        if not self._parts:
            return
        parts, self._parts = self._parts, {}
        self._events = []
        end_ns = now_ns()
        for part in parts.values():
            self._send(part, outcome, end_ns)

    def _send(self, part: _Part, outcome: RowOutcome, end_ns: int) -> None:
        for event in part.events:
            event.attributes.setdefault(wire.ROW_OUTCOME, outcome)  # type: ignore[attr-defined]
        attributes: dict[str, object] = {wire.OUTCOME: outcome, "db.system.name": self.system}
        if self.namespace:
            attributes["db.namespace"] = self.namespace
        if part.omitted:
            attributes[wire.OMITTED_ROWS] = part.omitted
        part.recording.add(
            MadeSpan(
                wire.TRANSACTION,
                new_span_id(),
                part.parent_id,
                part.start_ns,
                end_ns,
                scope=SCOPE,
                attributes=attributes,
                events=part.events,
            )
        )


_CANNOT_CHANGE: Final = frozenset(
    {int, float, bool, str, bytes, type(None), datetime, date, time, timedelta, Decimal, UUID, _Unknown}
)


class _Values(Captured):
    """Values by column that will still be the same when they are made into a tree, where nobody waits for it."""

    __slots__ = ("columns",)

    def __init__(self, columns: Columns) -> None:
        self.columns = columns

    @property
    def tree(self) -> Any:
        return _tree(self.columns)


def captured(columns: Columns) -> Captured:
    """The values by column, as they are now. The mapping is not changed any more."""
    if _CANNOT_CHANGE.issuperset(map(type, columns.values())):
        return _Values(columns)
    return Captured(_tree(columns))


def _tree(columns: Columns) -> Any:
    if _Unknown not in map(type, columns.values()):
        return snapshot_items(columns.items()).tree
    known = [(name, value) for name, value in columns.items() if value is not UNKNOWN]
    unloaded = {name: {wire.UNLOADED: True} for name, value in columns.items() if value is UNKNOWN}
    return snapshot_items(known).tree | unloaded


def changed(before: Columns, after: Columns) -> tuple[dict[str, object], dict[str, object]]:
    """Of a row that was updated, only the columns that have another value now, or may have."""
    old: dict[str, object] = {}
    new: dict[str, object] = {}
    for name, value in after.items():
        was = before.get(name, UNKNOWN)
        if not _same(was, value):
            old[name] = was
            new[name] = value
    return old, new


def _same(was: object, now: object) -> bool:
    if was is UNKNOWN or now is UNKNOWN:
        return False
    if was is now:
        return True
    try:
        return bool(was == now)
    except Exception:
        return False
