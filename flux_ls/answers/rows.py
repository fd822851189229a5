"""Row changes as answers show them: their shape, and their words."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from flux_ls.answers.frames import Glance, frame_shape
from flux_ls.answers.shapes import ColumnShape, RowShape, timestamp
from flux_ls.answers.values import bare, pairs
from flux_ls.model import RowChange, RowOperation, RowOutcome
from flux_ls.source.workspace import Workspace

OUTCOMES: Mapping[RowOutcome, str] = {
    "committed": "committed",
    "rolled_back": "rolled back",
    "unknown": "outcome unknown",
}
OPERATIONS: Mapping[RowOperation, str] = {"insert": "inserted", "update": "updated", "delete": "deleted"}

KEY = 60
"""Characters of a primary key."""


def row_shape(workspace: Workspace | Glance | None, change: RowChange) -> RowShape:
    """Without a workspace it has no frame."""
    frame = None if workspace is None or change.frame is None else frame_shape(workspace, change.frame, change.at_ns)
    return RowShape(
        table=change.table,
        key=dict(change.key),
        operation=change.operation,
        columns={column.name: ColumnShape(column.before, column.after) for column in change.columns},
        outcome=change.outcome,
        span_id=change.span_id,
        request_id=change.request_id,
        at=timestamp(change.at_ns),
        frame=frame,
    )


class Run(Struct, frozen=True):
    """Changes of one row that follow each other, as one from what was before the first to what is after the last."""

    row: RowShape
    count: int


def runs(rows: Iterable[RowShape]) -> list[Run]:
    """The changes in their order, those that one line of code made to one row again and again taken together."""
    told: list[Run] = []
    for row in rows:
        last = told[-1] if told else None
        if last is None or not _goes_on(last.row, row):
            told.append(Run(row, 1))
            continue
        columns = {
            name: ColumnShape(last.row.columns[name].before, change.after) for name, change in row.columns.items()
        }
        told[-1] = Run(replace(row, columns=columns), last.count + 1)
    return told


def _goes_on(last: RowShape, row: RowShape) -> bool:
    return (
        row.operation == last.operation == "update"
        and bool(row.key)
        and (row.table, row.key, row.outcome) == (last.table, last.key, last.outcome)
        and row.columns.keys() == last.columns.keys()
        and (row.frame and (row.frame.recorded_path, row.frame.recorded_line))
        == (last.frame and (last.frame.recorded_path, last.frame.recorded_line))
    )


def telling(row: RowShape) -> dict[str, ColumnShape]:
    """The columns that say more than the row's name does: a new row's key stands there already."""
    if row.operation == "update":
        return row.columns
    return {
        name: change
        for name, change in row.columns.items()
        if name not in row.key or row.key[name] != (change.after if row.operation == "insert" else change.before)
    }


def row_name(table: str, key: Mapping[str, Any]) -> str:
    """`users id=42`."""
    return f"{table} {pairs(key, KEY)}" if key else f"{table} (key not recorded)"


def column_text(operation: RowOperation, change: ColumnShape, limit: int) -> str:
    """`free → null`, or the one value that a row began or ended with."""
    if operation == "insert":
        return bare(change.after, limit)
    if operation == "delete":
        return bare(change.before, limit)
    return f"{bare(change.before, limit)} → {bare(change.after, limit)}"


def change_text(row: RowShape, count: int = 1, *, room: int = 160, value: int = 30) -> str:
    """A change in one line, but for its outcome: `users id=42  plan: free → null`."""
    parts = [row_name(row.table, row.key)]
    if row.operation != "update":
        parts.append(OPERATIONS[row.operation])
    if told := ", ".join(_within(room, _columns(row, value))):
        parts.append(told)
    if count > 1:
        parts.append(f"in {count:,} changes")
    return "  ".join(parts)


def _columns(row: RowShape, value: int) -> Iterator[str]:
    for name, change in telling(row).items():
        yield f"{name}: {column_text(row.operation, change, value)}"


def _within(room: int, parts: Iterable[str]) -> Iterator[str]:
    """As many as there is room for, at least one."""
    for number, part in enumerate(parts):
        room -= len(part) + 2
        if number and room < 0:
            yield "…"
            return
        yield part


def beyond(told: Sequence[Run], most: int) -> int:
    """How many changes are left out when `most` runs are shown."""
    return sum(run.count for run in told[most:])
