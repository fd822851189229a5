"""Blame: of each column the last write that is known to have lasted, and what was tried since."""

from collections.abc import Iterable

from msgspec import Struct

from flux_ls.model import AttributeValue, RowChange

ATTEMPTS = 20
"""Writes that did not last, or of which nobody knows, that are kept: the latest."""


class Writer(Struct, frozen=True):
    """Who wrote a column last."""

    column: str
    value: AttributeValue
    """None also when the row was deleted."""
    change: RowChange


class Blamed(Struct, frozen=True):
    columns: tuple[Writer, ...]
    """In the order in which the row was first told with them."""
    attempts: tuple[RowChange, ...]
    """The newest first: rolled back, or of unknown outcome; each newer than the last committed write of some column
    that it would have changed."""


def blame(newest_first: Iterable[RowChange]) -> Blamed:
    """Reads the changes of one row until it knows the writer of every column: back to its insertion, at most."""
    writers: dict[str, Writer] = {}
    attempts: list[RowChange] = []
    told: list[tuple[str, ...]] = []
    deletion: RowChange | None = None
    committed = False
    for change in newest_first:
        names = tuple(column.name for column in change.columns)
        if change.outcome != "committed":
            untold = not committed or any(name not in writers for name in names)
            if untold and deletion is None and len(attempts) < ATTEMPTS:
                attempts.append(change)
            continue
        committed = True
        if change.operation == "delete":
            if deletion is not None:
                break
            deletion = change
        told.append(names)
        for column in change.columns:
            # What a deleted row held before only tells which columns it had.
            value = column.after if deletion is None else None
            writers.setdefault(column.name, Writer(column.name, value, deletion or change))
        if change.operation == "insert":
            # Whatever was there before it was another row.
            break
    order = dict.fromkeys(name for names in reversed(told) for name in names)
    return Blamed(tuple(writers[name] for name in order), tuple(attempts))


def blame_each(newest_first: Iterable[RowChange]) -> tuple[Writer, ...]:
    """Of each column of a table the last committed write in any row."""
    writers: dict[str, Writer] = {}
    for change in newest_first:
        if change.outcome == "committed":
            for column in change.columns:
                writers.setdefault(column.name, Writer(column.name, column.after, change))
    return tuple(writers.values())
