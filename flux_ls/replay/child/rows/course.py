"""The course of putting rows back: what is done to which row, and when a row is left alone.

A row is put back only where it still is what was recorded of it, and where nothing else comes of that: no trigger runs,
and no other row goes or changes with it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from flux_ls.replay.child.rows import changes
from flux_ls.replay.child.rows.asking import Steps, ask
from flux_ls.replay.child.rows.changes import NO_TABLE, NOT_NEEDED, PUT_BACK, Change, Columns, Verdict

CHANGED = "changed since"
GONE = "not there any more"
THERE = "there again"
SEVERAL = "more than one row has this key"
REFUSED = "the database refuses it"
_MOST = 3
"""Names of columns in a reason."""

_SAVEPOINT = ask("SAVEPOINT flux_rows")
_UNDO = ask("ROLLBACK TO SAVEPOINT flux_rows")
_RELEASE = ask("RELEASE SAVEPOINT flux_rows")


@dataclass(frozen=True)
class Found:
    """What stands under a key: nothing, several rows, or one that is as was expected, or is not."""

    what: Literal["nothing", "several", "expected", "other"]
    row: Mapping[str, Any]
    """Of one, what its columns hold, as far as the table wants to know it again."""
    others: tuple[str, ...] = ()
    """The columns that hold something else than was expected."""

    @property
    def since(self) -> str:
        return f"{CHANGED} ({', '.join(self.others[:_MOST])}{', ...' if len(self.others) > _MOST else ''})"


@dataclass(frozen=True)
class Reference:
    """A row of another table that refers to one."""

    table: str
    names: frozenset[str]
    """What its table may be called in a recording, in small letters."""
    pairs: tuple[tuple[str, str], ...]
    """The columns that refer, and those that are referred to."""


class Table(Protocol):
    """A table that is there. Columns are named as they were recorded."""

    def has(self, column: str) -> bool: ...

    def lacks(self, columns: Iterable[str]) -> str | None:
        """A column that a new row needs beside these."""

    def find(self, key: Columns, expected: Columns) -> Steps[Found]: ...

    def referring(self, key: Columns, columns: Iterable[str] | None) -> Steps[Reference | None]:
        """What refers to this row; or to these columns of it, if they are given."""

    def unmet(self, columns: Columns) -> Steps[str | None]:
        """A table that lacks the row which a new row with these columns refers to."""

    def quieten(self) -> Steps[str | None]:
        """Switches its triggers off; or says why that cannot be."""

    def has_triggers(self) -> bool:
        """Whether there were any to switch off."""

    def stir(self) -> Steps[None]:
        """Switches them on again."""

    def delete(self, key: Columns) -> Steps[None]: ...

    def update(self, key: Columns, found: Found, before: Columns, after: Columns) -> Steps[None]: ...

    def insert(self, columns: Columns) -> Steps[None]: ...


class Database(Protocol):
    def begin(self) -> Steps[None]: ...

    def end(self) -> Steps[None]: ...

    def table(self, name: str) -> Steps["Table | str | None"]:
        """Why its rows are left alone, if so; None where there is none of this name."""


def put_back(written: Iterable[Change], spare: Sequence[Change], database: Database) -> Steps[dict[int, Verdict]]:
    """`written` from the newest to the oldest; `spare` are those of rows that may refer to theirs, and go only then.

    Raises what the database says to a transaction.
    """
    verdicts: dict[int, Verdict] = {}
    yield from database.begin()
    for change in written:
        if change.why_not:
            verdicts[change.number] = change.why_not
            continue
        besides: list[int] = []
        yield _SAVEPOINT
        try:
            verdict = yield from _one(change, database, spare, besides)
        except Exception:
            verdict = REFUSED
        if verdict:
            # Nothing is half put back.
            yield _UNDO
        yield _RELEASE
        verdicts |= dict.fromkeys(() if verdict else besides, PUT_BACK)
        verdicts[change.number] = verdict
    yield from database.end()
    return verdicts


def _one(change: Change, database: Database, spare: Sequence[Change], besides: list[int]) -> Steps[Verdict]:
    table = yield from database.table(change.table)
    if table is None:
        return NO_TABLE
    if isinstance(table, str):
        return table
    for name in (*change.key, *change.before, *change.after):
        if not table.has(name):
            return f"it has no {name} any more"
    if change.operation == "insert":
        verdict = yield from _made(change, table, database, spare, besides)
    else:
        verdict = yield from _changed(change, table)
    if verdict == PUT_BACK and table.has_triggers():
        changes.quietened(change.table)
    return verdict


def _changed(change: Change, table: Table) -> Steps[Verdict]:
    for name, why in change.untold_before.items():
        return f"its {name} {why}"
    if change.operation == "update":
        return (yield from _updated(change, table))
    return (yield from _deleted(change, table))


def _made(
    change: Change, table: Table, database: Database, spare: Sequence[Change], besides: list[int]
) -> Steps[Verdict]:
    found = yield from table.find(change.key, change.after)
    if found.what == "nothing":
        return NOT_NEEDED
    if found.what != "expected":
        return SEVERAL if found.what == "several" else found.since
    while (reference := (yield from table.referring(change.key, None))) is not None:
        row = _row_of(reference, change, spare, besides)
        for later in row:
            besides.append(later.number)
            if later.why_not or (yield from _one(later, database, spare, besides)):
                return f"{reference.table} refers to it"
        if not row:
            return f"{reference.table} refers to it"
    return (yield from _quietly(table, table.delete(change.key)))


def _row_of(reference: Reference, change: Change, spare: Sequence[Change], besides: Sequence[int]) -> list[Change]:
    """What was recorded of a row that refers to the one that was made, the newest first."""
    held = {name.lower(): value for name, value in (*change.after.items(), *change.key.items())}
    left = [each for each in spare if each.number not in besides and each.table.lower() in reference.names]
    for made in left:
        columns = {name.lower(): value for name, value in made.after.items()}
        refers = all(
            columns.get(theirs.lower()) is not None and columns.get(theirs.lower()) == held.get(ours.lower())
            for theirs, ours in reference.pairs
        )
        if made.operation == "insert" and refers:
            return [each for each in left if each.key == made.key]
    return []


def _updated(change: Change, table: Table) -> Steps[Verdict]:
    key = {name: change.after.get(name, value) for name, value in change.key.items()}
    found = yield from table.find(key, change.after)
    if found.what == "several":
        return SEVERAL
    if found.what != "expected":
        key_before = {name: change.before.get(name, value) for name, value in change.key.items()}
        earlier = yield from table.find(key_before, change.before)
        if earlier.what == "expected":
            return NOT_NEEDED
        return GONE if found.what == "nothing" else found.since
    if (reference := (yield from table.referring(key, change.before))) is not None:
        return f"{reference.table} refers to it"
    return (yield from _quietly(table, table.update(key, found, change.before, change.after)))


def _deleted(change: Change, table: Table) -> Steps[Verdict]:
    found = yield from table.find(change.key, change.before)
    if found.what != "nothing":
        return NOT_NEEDED if found.what == "expected" else THERE
    if (lacking := table.lacks(change.before)) is not None:
        return f"its {lacking} was not recorded"
    if (other := (yield from table.unmet(change.before))) is not None:
        return f"what it refers to in {other} is not there"
    return (yield from _quietly(table, table.insert(change.before)))


def _quietly(table: Table, doing: Steps[None]) -> Steps[Verdict]:
    if (why := (yield from table.quieten())) is not None:
        return why
    yield from doing
    yield from table.stir()
    return PUT_BACK
