"""Tables of PostgreSQL's, as putting rows back asks and changes them.

The server makes values of what was recorded: a row as JSON becomes one of the table's own type, so that two values are
compared as the column compares them, and every type is spelled as the server spells it.
"""

import json
from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flux_ls.replay.child.rows.asking import Answer, Steps, ask
from flux_ls.replay.child.rows.changes import Columns, Value
from flux_ls.replay.child.rows.course import Found, Reference, Table

_PATIENCE = "SET LOCAL statement_timeout = '5s'"
_TABLE = (
    "SELECT c.oid::bigint::text, quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_class AS c"
    " JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p')"
    " AND NOT starts_with(n.nspname, 'pg_') AND n.nspname <> 'information_schema'"
)
"""Never one of the server's own: a trace may name any."""
_COLUMNS = (
    "SELECT attname::text, quote_ident(attname), format_type(atttypid, NULL), attgenerated <> ''"
    " FROM pg_attribute WHERE attrelid = \0::text::oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
)
_TRIGGERS = (
    "SELECT quote_ident(tgname), tgenabled::text FROM pg_trigger"
    " WHERE tgrelid = \0::text::oid AND NOT tgisinternal AND tgenabled IN ('O', 'A')"
)
_RULES = "SELECT 1 FROM pg_rewrite WHERE ev_class = \0::text::oid LIMIT 1"
_REFERENCES = (
    "SELECT c.oid::bigint::text, c.conrelid::regclass::text, t.relname::text, n.nspname::text,"
    " quote_ident(theirs.attname), quote_ident(ours.attname), theirs.attname::text, ours.attname::text"
    " FROM pg_constraint AS c JOIN pg_class AS t ON t.oid = c.conrelid JOIN pg_namespace AS n ON n.oid = t.relnamespace"
    " CROSS JOIN LATERAL unnest(c.conkey, c.confkey) AS k (theirs, ours)"
    " JOIN pg_attribute AS theirs ON theirs.attrelid = c.conrelid AND theirs.attnum = k.theirs"
    " JOIN pg_attribute AS ours ON ours.attrelid = c.confrelid AND ours.attnum = k.ours"
    " WHERE c.contype = 'f' AND c.confrelid = \0::text::oid ORDER BY 1"
)


@dataclass(frozen=True)
class _Column:
    quoted: str
    type: str
    generated: bool


class PostgreSQL:
    """A database, in a transaction: one of a copy's own, or the one of the original that is rolled back."""

    def __init__(self, *, original: bool) -> None:
        self._original = original
        self._tables: dict[str, Table | str | None] = {}

    def begin(self) -> Steps[None]:
        if not self._original:
            yield ask("BEGIN")
            # A key that is looked at when all is over would take everything back.
            yield ask("SET CONSTRAINTS ALL IMMEDIATE")
        yield ask(_PATIENCE)

    def end(self) -> Steps[None]:
        yield ask("SET LOCAL statement_timeout TO DEFAULT" if self._original else "COMMIT")

    def table(self, name: str) -> Steps[Table | str | None]:
        if name not in self._tables:
            self._tables[name] = yield from self._look(name)
        return self._tables[name]

    def _look(self, name: str) -> Steps[Table | str | None]:
        found = yield ask(f"{_TABLE} AND c.relname = \0::text AND pg_table_is_visible(c.oid)", name)
        schema, dot, table = name.partition(".")
        if not found and dot:
            found = yield ask(f"{_TABLE} AND n.nspname = \0::text AND c.relname = \0::text", schema, table)
        for oid, quoted in found:
            columns = yield ask(_COLUMNS, oid)
            return _Table(oid, quoted, columns, original=self._original)
        return None


class _Table:
    def __init__(self, oid: str, quoted: str, columns: Iterable[tuple[Any, ...]], *, original: bool) -> None:
        self._oid, self._quoted, self._original = oid, quoted, original
        self._columns = {str(name): _Column(*told) for name, *told in columns}
        self._triggers: Answer | None = None
        self._references: Answer | None = None
        self._has_rules = False

    def has(self, column: str) -> bool:
        return column in self._columns

    def lacks(self, columns: Iterable[str]) -> str | None:
        told = set(columns)
        return next((name for name, each in self._columns.items() if not each.generated and name not in told), None)

    def find(self, key: Columns, expected: Columns) -> Steps[Found]:
        where, given = self._where(key)
        enums = {name: value for name, value in expected.items() if value.kind == "enum"}
        others = {name: value for name, value in expected.items() if name not in enums}
        compared = [
            f"{_comparable('t', self._columns[name])} = {_comparable('r', self._columns[name])}" for name in others
        ]
        told = [f"t.{self._columns[name].quoted}::text" for name in enums]
        wanted = ", ".join([*compared, *told]) or "1"
        rows = yield ask(
            f"SELECT {wanted} FROM {self._quoted} AS t, {self._row} AS r WHERE {where} LIMIT 2",
            self._json(others),
            *given,
        )
        if len(rows) != 1:
            return Found("several" if rows else "nothing", {})
        same, row = rows[0][: len(others)], dict(zip(enums, rows[0][len(others) :], strict=False))
        differing = [name for name, is_same in zip(others, same, strict=True) if not is_same]
        differing += [name for name, value in enums.items() if row[name] not in map(str, value.value)]
        return Found("other" if differing else "expected", row, tuple(differing))

    def referring(self, key: Columns, columns: Iterable[str] | None) -> Steps[Reference | None]:
        changed = None if columns is None else set(columns)
        where, given = self._where(key)
        keys: dict[tuple[str, str, str, str], list[tuple[str, str, str, str]]] = {}
        if self._references is None:
            self._references = yield ask(_REFERENCES, self._oid)
        for oid, table, name, schema, *pair in self._references:
            keys.setdefault((oid, table, name, schema), []).append((pair[0], pair[1], pair[2], pair[3]))
        for (_, table, name, schema), pairs in keys.items():
            if changed is not None and changed.isdisjoint(ours for *_, ours in pairs):
                continue
            on = " AND ".join(f"o.{theirs} = t.{ours}" for theirs, ours, *_ in pairs)
            found = yield ask(
                f"SELECT 1 FROM {self._quoted} AS t JOIN {table} AS o ON {on} WHERE {where}"
                " AND NOT (o.tableoid = t.tableoid AND o.ctid = t.ctid) LIMIT 1",
                *given,
            )
            if found:
                names = frozenset({name.lower(), f"{schema}.{name}".lower()})
                return Reference(table, names, tuple((theirs, ours) for _, _, theirs, ours in pairs))
        return None

    def unmet(self, columns: Columns) -> Steps[str | None]:
        """The server sees to that, at once."""
        del columns
        yield from ()
        return None

    def quieten(self) -> Steps[str | None]:
        if self._triggers is None:
            self._has_rules = bool((yield ask(_RULES, self._oid)))
            self._triggers = yield ask(_TRIGGERS, self._oid)
        if self._has_rules:
            return "its table has rules, which would run"
        if self._triggers and self._original:
            return "the triggers of its table would run, and cannot be switched off in a database that others use"
        for name, _ in self._triggers:
            yield ask(f"ALTER TABLE {self._quoted} DISABLE TRIGGER {name}")
        return None

    def has_triggers(self) -> bool:
        return bool(self._triggers)

    def stir(self) -> Steps[None]:
        for name, when in self._triggers or ():
            always = " ALWAYS" if when == "A" else ""
            yield ask(f"ALTER TABLE {self._quoted} ENABLE{always} TRIGGER {name}")

    def delete(self, key: Columns) -> Steps[None]:
        where, given = self._where(key)
        yield ask(f"DELETE FROM {self._quoted} AS t WHERE {where}", *given)

    def update(self, key: Columns, found: Found, before: Columns, after: Columns) -> Steps[None]:
        where, given = self._where(key)
        ways = {
            name: 1 if found.row.get(name) == str(value.value[1]) else 0
            for name, value in after.items()
            if value.kind == "enum"
        }
        names = [name for name in before if not self._columns[name].generated]
        sets = ", ".join(f"{self._columns[name].quoted} = r.{self._columns[name].quoted}" for name in names)
        yield ask(
            f"UPDATE {self._quoted} AS t SET {sets} FROM {self._row} AS r WHERE {where}",
            self._json(before, ways),
            *given,
        )

    def insert(self, columns: Columns) -> Steps[None]:
        names = [self._columns[name].quoted for name in columns if not self._columns[name].generated]
        values = ", ".join(f"r.{name}" for name in names)
        yield ask(
            f"INSERT INTO {self._quoted} ({', '.join(names)}) OVERRIDING SYSTEM VALUE"
            f" SELECT {values} FROM {self._row} AS r",
            self._json(columns),
        )

    @property
    def _row(self) -> str:
        return f"jsonb_populate_record(NULL::{self._quoted}, \0::text::jsonb)"

    def _where(self, key: Columns) -> tuple[str, list[str]]:
        """The key is compared as what its columns are, so that an index finds it."""
        parts: list[str] = []
        given: list[str] = []
        for name, value in key.items():
            column = self._columns[name]
            if value.value is None:
                parts.append(f"t.{column.quoted} IS NULL")
                continue
            own = f"(SELECT k.{column.quoted} FROM jsonb_populate_record(NULL::{self._quoted}, \0::text::jsonb) AS k)"
            parts.append(f"t.{column.quoted} = {own}")
            given.append(self._json({name: value}))
        return " AND ".join(parts), given

    def _json(self, columns: Columns, ways: Mapping[str, int] = {}) -> str:
        return json.dumps(
            {name: _spelled(value, self._columns[name].type, ways.get(name, 0)) for name, value in columns.items()}
        )


def _comparable(row: str, column: _Column) -> str:
    """Every type can be JSON; what was recorded as nothing may be JSON's null as well as none."""
    return f"coalesce(to_jsonb({row}.{column.quoted}), 'null')"


def _spelled(value: Value, type: str, way: int) -> Any:
    """As JSON that the server makes a value of this type of."""
    told = value.value
    if value.kind == "enum":
        return told[way]
    if value.kind == "bytes":
        return "\\x" + b64decode(told).hex()
    if type == "bytea" and isinstance(told, str):
        return "\\x" + told.encode().hex()
    if value.kind == "datetime.timedelta":
        return told.replace(",", "")
    return told
