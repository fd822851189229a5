"""Tables of SQLite's, as putting rows back asks and changes them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flux_ls.replay.child.rows.asking import Answer, Steps, ask
from flux_ls.replay.child.rows.changes import Columns, Value
from flux_ls.replay.child.rows.course import Found, Reference, Table
from flux_ls.replay.child.rows.sqlite_values import NoSpelling, spelled, spellings, way_of

NO_KEYS_ENFORCED = "PRAGMA foreign_keys = OFF"
"""Outside of a transaction: what refers to what is looked at before anything is changed, and nothing cascades."""


@dataclass(frozen=True)
class _Column:
    name: str
    declared: str
    generated: bool


class Sqlite:
    """A database, which is open in a connection without transactions of its own."""

    def __init__(self) -> None:
        self._tables: dict[str, Table | str | None] = {}

    def begin(self) -> Steps[None]:
        yield ask("BEGIN IMMEDIATE")

    def end(self) -> Steps[None]:
        yield ask("COMMIT")

    def table(self, name: str) -> Steps[Table | str | None]:
        if name not in self._tables:
            self._tables[name] = yield from self._look(name)
        return self._tables[name]

    def _look(self, name: str) -> Steps[Table | str | None]:
        for called in dict.fromkeys((name, name.removeprefix("main."))):
            found = yield ask(
                "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name = \0 COLLATE NOCASE"
                " AND name NOT LIKE 'sqlite!_%' ESCAPE '!'",
                called,
            )
            for its_name, sql in found:
                if str(sql).upper().startswith("CREATE VIRTUAL"):
                    return "it is a virtual table"
                columns = yield ask("SELECT name, type, hidden, pk FROM pragma_table_xinfo(\0)", its_name)
                return _Table(its_name, columns)
        return None


class _Table:
    def __init__(self, name: str, columns: Iterable[tuple[Any, ...]]) -> None:
        self._name = name
        self._quoted = _quoted(name)
        self._columns: dict[str, _Column] = {}
        keys: list[tuple[int, str]] = []
        for column, declared, hidden, at in columns:
            self._columns[column.lower()] = _Column(column, declared, generated=hidden != 0)
            if at:
                keys.append((at, column))
        self._primary = tuple(column for _, column in sorted(keys))
        self._referring: tuple[Reference, ...] | None = None
        self._triggers: Answer | None = None

    def has(self, column: str) -> bool:
        return column.lower() in self._columns

    def lacks(self, columns: Iterable[str]) -> str | None:
        told = {column.lower() for column in columns}
        return next((each.name for low, each in self._columns.items() if not each.generated and low not in told), None)

    def find(self, key: Columns, expected: Columns) -> Steps[Found]:
        where, given = self._where(key)
        names = [self._column(name) for name in expected]
        wanted = ", ".join(_quoted(each.name) for each in names) or "1"
        rows = yield ask(f"SELECT {wanted} FROM {self._quoted} WHERE {where} LIMIT 2", *given)
        if len(rows) != 1:
            return Found("several" if rows else "nothing", {})
        row = dict(zip(expected, rows[0], strict=False))
        others = tuple(name for name, value in expected.items() if not self._is(name, value, row[name]))
        return Found("other" if others else "expected", row, others)

    def _is(self, name: str, value: Value, stored: Any) -> bool:
        try:
            return way_of(value, stored, self._column(name).declared) is not None
        except NoSpelling:
            return False

    def referring(self, key: Columns, columns: Iterable[str] | None) -> Steps[Reference | None]:
        changed = None if columns is None else {column.lower() for column in columns}
        where, given = self._where(key)
        for reference in (yield from self._references()):
            if changed is not None and changed.isdisjoint(ours.lower() for _, ours in reference.pairs):
                continue
            ours = [_quoted(ours) for _, ours in reference.pairs]
            found = yield ask(f"SELECT {', '.join(ours)} FROM {self._quoted} WHERE {where}", *given)
            if not found or any(value is None for value in found[0]):
                continue
            theirs = " AND ".join(f"{_quoted(theirs)} = \0" for theirs, _ in reference.pairs)
            itself = reference.table.lower() == self._name.lower()
            but = f" AND NOT ({where})" if itself else ""
            more = given if itself else ()
            sql = f"SELECT 1 FROM {_quoted(reference.table)} WHERE {theirs}{but} LIMIT 1"
            if (yield ask(sql, *found[0], *more)):
                return reference
        return None

    def _references(self) -> Steps[tuple[Reference, ...]]:
        """Those of other tables, and of itself, to this one."""
        if self._referring is None:
            told = yield ask(
                'SELECT m.name, f.id, f."from", f."to" FROM sqlite_master AS m, pragma_foreign_key_list(m.name) AS f'
                " WHERE m.type = 'table' AND f.\"table\" = \0 COLLATE NOCASE ORDER BY m.name, f.id, f.seq",
                self._name,
            )
            by_key: dict[tuple[str, int], list[tuple[str, str | None]]] = {}
            for table, id, theirs, ours in told:
                by_key.setdefault((table, id), []).append((theirs, ours))
            self._referring = tuple(
                Reference(table, frozenset({table.lower(), f"main.{table.lower()}"}), pairs)
                for (table, _), told in by_key.items()
                if (pairs := _whole(told, self._primary))
            )
        return self._referring

    def unmet(self, columns: Columns) -> Steps[str | None]:
        told = yield ask(
            'SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(\0) ORDER BY id, seq', self._name
        )
        by_id: dict[int, tuple[str, list[tuple[str, str | None]]]] = {}
        for id, table, ours, theirs in told:
            by_id.setdefault(id, (table, []))[1].append((ours, theirs))
        values = {name.lower(): value for name, value in columns.items()}
        for table, raw in by_id.values():
            primary = yield ask("SELECT name FROM pragma_table_xinfo(\0) WHERE pk ORDER BY pk", table)
            pairs = _whole(raw, tuple(name for (name,) in primary))
            given = [values.get(ours.lower()) for ours, _ in pairs]
            if any(each is None or each.value is None for each in given):
                continue
            where, spelled = _any_of([(theirs, each) for (_, theirs), each in zip(pairs, given, strict=True) if each])
            if not (yield ask(f"SELECT 1 FROM {_quoted(table)} WHERE {where} LIMIT 1", *spelled)):
                return table
        return None

    def quieten(self) -> Steps[str | None]:
        """There is no switch: they go, and come again as they were."""
        if self._triggers is None:
            self._triggers = yield ask(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = \0 COLLATE NOCASE",
                self._name,
            )
        for name, _ in self._triggers:
            yield ask(f"DROP TRIGGER {_quoted(name)}")
        return None

    def has_triggers(self) -> bool:
        return bool(self._triggers)

    def stir(self) -> Steps[None]:
        for _, sql in self._triggers or ():
            yield ask(sql)

    def delete(self, key: Columns) -> Steps[None]:
        where, given = self._where(key)
        yield ask(f"DELETE FROM {self._quoted} WHERE {where}", *given)

    def update(self, key: Columns, found: Found, before: Columns, after: Columns) -> Steps[None]:
        where, given = self._where(key)
        values = yield from self._spelled(before, found.row, after)
        names = ", ".join(f"{_quoted(self._column(name).name)} = \0" for name in values)
        yield ask(f"UPDATE {self._quoted} SET {names} WHERE {where}", *values.values(), *given)

    def insert(self, columns: Columns) -> Steps[None]:
        values = yield from self._spelled(columns, {}, {})
        names = ", ".join(_quoted(self._column(name).name) for name in values)
        marks = ", ".join("\0" for _ in values)
        yield ask(f"INSERT INTO {self._quoted} ({names}) VALUES ({marks})", *values.values())

    def _spelled(self, columns: Columns, row: Mapping[str, Any], told: Columns) -> Steps[dict[str, Any]]:
        """What to write: as the database held what was there until now, or as it does in another row."""
        values: dict[str, Any] = {}
        for name, value in columns.items():
            column = self._column(name)
            if column.generated:
                continue
            way, like = None, None
            if row.get(name) is not None:
                way = way_of(told[name], row[name], column.declared)
            elif value.value is not None and len(spellings(value)) > 1:
                quoted = _quoted(column.name)
                others = yield ask(f"SELECT {quoted} FROM {self._quoted} WHERE {quoted} IS NOT NULL LIMIT 1")
                like = others[0][0] if others else None
            values[name] = spelled(value, way, like, column.declared)
        return values

    def _where(self, key: Columns) -> tuple[str, list[Any]]:
        return _any_of([(self._column(name).name, value) for name, value in key.items()])

    def _column(self, name: str) -> _Column:
        return self._columns[name.lower()]


def _any_of(wanted: Iterable[tuple[str, Value]]) -> tuple[str, list[Any]]:
    """A condition: each column has one of the spellings of its value."""
    parts: list[str] = []
    given: list[Any] = []
    for name, value in wanted:
        known = [each for each in spellings(value).values() if each is not None]
        marks = ", ".join("\0" for _ in known)
        parts.append(f"{_quoted(name)} IN ({marks})" if known else f"{_quoted(name)} IS NULL")
        given += known
    return " AND ".join(parts), given


def _whole(pairs: Iterable[tuple[str, str | None]], primary: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """A reference that names no columns is to the primary key."""
    told = tuple(pairs)
    if all(theirs is not None for _, theirs in told):
        return tuple((ours, str(theirs)) for ours, theirs in told)
    return tuple((ours, theirs) for (ours, _), theirs in zip(told, primary, strict=False))


def _quoted(name: str) -> str:
    """A name that the database told."""
    return '"' + name.replace('"', '""') + '"'
