"""The oracle: triggers write down every change of a row, in the database, in the transaction that made it."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.record.rows.kept import UNLOADED, Change

Execute = Callable[[str], Sequence[Any]]
"""Executes SQL and answers its rows."""


@dataclass(frozen=True)
class Table:
    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]


def watch_sqlite(execute: Execute, tables: Iterable[Table]) -> None:
    execute('CREATE TABLE audit (seq INTEGER PRIMARY KEY, tbl TEXT, op TEXT, "old" TEXT, "new" TEXT)')
    for table in tables:
        row = {
            which: "json_object(" + ", ".join(f"'{name}', {which}.\"{name}\"" for name in table.columns) + ")"
            for which in ("OLD", "NEW")
        }
        for operation, old, new in (
            ("insert", "NULL", row["NEW"]),
            ("update", row["OLD"], row["NEW"]),
            ("delete", row["OLD"], "NULL"),
        ):
            values = f"'{table.name}', '{operation}', {old}, {new}"
            execute(
                f'CREATE TRIGGER "{table.name}_{operation}" AFTER {operation} ON "{table.name}" BEGIN '
                f'INSERT INTO audit (tbl, op, "old", "new") VALUES ({values}); END'
            )


def watch_postgresql(execute: Execute, tables: Iterable[Table]) -> None:
    execute("CREATE TABLE audit (seq BIGSERIAL PRIMARY KEY, tbl TEXT, op TEXT, old JSONB, new JSONB)")
    execute(
        "CREATE FUNCTION audit_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "INSERT INTO audit (tbl, op, old, new) VALUES (TG_TABLE_NAME, lower(TG_OP), "
        "CASE WHEN TG_OP = 'INSERT' THEN NULL ELSE to_jsonb(OLD) END, "
        "CASE WHEN TG_OP = 'DELETE' THEN NULL ELSE to_jsonb(NEW) END); RETURN NULL; END $$"
    )
    for table in tables:
        execute(
            f'CREATE TRIGGER audited AFTER INSERT OR UPDATE OR DELETE ON "{table.name}" '
            "FOR EACH ROW EXECUTE FUNCTION audit_row()"
        )


@dataclass(frozen=True)
class Audited:
    operation: str
    table: str
    key: tuple[Any, ...]
    before: dict[str, Any] | None
    after: dict[str, Any] | None


def audited(execute: Execute, tables: Iterable[Table]) -> list[Audited]:
    """What the triggers wrote down, updates with the columns that changed only, and without those that changed none."""
    keys = {table.name: table.key for table in tables}
    found = []
    for name, operation, old, new in execute('SELECT tbl, op, "old", "new" FROM audit ORDER BY seq'):
        before, after = _row(old), _row(new)
        key = tuple((before or after or {})[column] for column in keys[name])
        if operation == "update":
            assert before is not None
            assert after is not None
            changed = [column for column in after if before[column] != after[column]]
            if not changed:
                continue
            before = {column: before[column] for column in changed}
            after = {column: after[column] for column in changed}
        found.append(Audited(operation, name, key, before, after))
    return found


def _row(value: Any) -> dict[str, Any] | None:
    if value is None:
        return None
    row: dict[str, Any] = json.loads(value) if isinstance(value, str) else value
    return row


def assert_agree(changes: Iterable[Change], truth: Iterable[Audited], tables: Iterable[Table]) -> None:
    """What is said to be committed is what the database has seen, for each row in this order; and nothing else is."""
    keys = {table.name: table.key for table in tables}
    said: dict[Any, list[Change]] = defaultdict(list)
    without_key: list[Change] = []
    for change in changes:
        if change.outcome != "committed":
            continue
        if change.key:
            assert tuple(change.key) == keys[change.table]
            said[change.table, tuple(change.key.values())].append(change)
        else:
            without_key.append(change)
    true: dict[Any, list[Audited]] = defaultdict(list)
    for fact in truth:
        true[fact.table, fact.key].append(fact)
    for change in without_key:
        # A row that was inserted without its key being told: it has to be there, as its key's first change.
        assert change.operation == "insert", change
        match = next(
            (
                each
                for each, facts in true.items()
                if each[0] == change.table and len(facts) > len(said[each]) and _says(change, facts[0])
            ),
            None,
        )
        assert match is not None, (change, dict(true))
        said[match].insert(0, change)
    for each in {*said, *true}:
        assert len(said[each]) == len(true[each]), (each, said[each], true[each])
        for change, fact in zip(said[each], true[each], strict=True):
            assert _says(change, fact), (str(change), fact)


def _says(change: Change, fact: Audited) -> bool:
    if change.operation != fact.operation:
        return False
    if change.operation == "update" and set(change.after or {}) != set(fact.after or {}):
        return False
    return _holds(change.before, fact.before) and _holds(change.after, fact.after)


def _holds(said: dict[str, Any] | None, true: dict[str, Any] | None) -> bool:
    return all(value == UNLOADED or value == (true or {}).get(name) for name, value in (said or {}).items())
