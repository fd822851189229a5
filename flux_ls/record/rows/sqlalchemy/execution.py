"""Around the execution of one INSERT, UPDATE or DELETE: which rows it changed, from what to what."""

from collections.abc import Mapping, Sequence
from typing import Any

from flux_ls.record.recording import Recording
from flux_ls.record.rows import reading
from flux_ls.record.rows.ledger import STATEMENT_ROWS, UNKNOWN, Columns, Ledger, Row, changed
from flux_ls.record.rows.sqlalchemy import overwritten
from flux_ls.record.rows.sqlalchemy.plan import Plan
from flux_ls.record.rows.sqlalchemy.reads import Reader, processed
from flux_ls.record.rows.sqlalchemy.returned import peek

Key = tuple[object, ...]
_NOTHING: Columns = {}


def table_name(plan: Plan, context: Any) -> str:
    """The table's name, with its schema when it has one."""
    schema = plan.schema
    names = context.execution_options.get("schema_translate_map")
    if names:
        schema = names.get(schema, schema)
    return f"{schema}.{plan.name}" if schema else plan.name


def simple_insert(plan: Plan, context: Any) -> Row | None:
    """The row of the commonest INSERT, whose values are all known here; None when it takes more to tell."""
    every = context.compiled_parameters
    if len(every) != 1:
        return None
    parameters = every[0]
    after = {name: parameters[key] for name, key in plan.assigned}
    key = {}
    for name in plan.key_names:
        value = after.get(name)
        if value is None:
            break
        key[name] = value
    else:
        return key, None, after
    made = context.inserted_primary_key_rows
    if not made or len(made) != 1:
        return None
    key = dict(zip(plan.key_names, made[0], strict=True))
    if None in key.values():
        return None
    after.update(key)
    return key, None, after


class Execution:
    """One statement on its way: what is known before it, and from that and its result, the rows."""

    __slots__ = ("_before", "_connection", "_context", "_ledger", "_reader", "_rows", "omitted", "plan", "recording")

    def __init__(self, connection: Any, context: Any, plan: Plan, ledger: Ledger, recording: Recording) -> None:
        self.plan = plan
        self.recording = recording
        self.omitted = 0
        """Rows that were changed and are not told."""
        self._connection = connection
        self._context = context
        self._ledger = ledger
        self._reader: Reader | None = None
        self._before: Mapping[Key, Columns] = {}
        self._rows: Sequence[tuple[Columns, Columns]] | None = None

    @property
    def reader(self) -> Reader:
        if self._reader is None:
            options = self._context.execution_options
            self._reader = Reader(self._connection, self.plan, self._ledger, self.recording, options)
        return self._reader

    @property
    def lost(self) -> Exception | None:
        """With what the connection was found lost, when the rows were looked at before."""
        return None if self._reader is None else self._reader.lost

    def write(self, result: Any) -> None:
        """Tells the ledger what the statement did."""
        rows = self.rows(result)
        if not rows:
            return
        plan, table = self.plan, table_name(self.plan, self._context)
        if not plan.upsert:
            self._ledger.write(self.recording, table, plan.operation, rows, self.omitted)
            return
        inserted = [row for row in rows if row[1] is None]
        updated = [row for row in rows if row[1] is not None]
        if inserted:
            self._ledger.write(self.recording, table, "insert", inserted, self.omitted)
        if updated:
            self._ledger.write(self.recording, table, "update", updated, 0 if inserted else self.omitted)

    # Before the statement.

    def prepare(self) -> None:
        plan = self.plan
        if plan.operation == "insert":
            if plan.conflict:
                columns = [column for column, _ in plan.conflict]
                self._before = self.reader.by_columns(columns, self._conflict_keys(), list(plan.table.c)) or {}
        elif plan.where_key is not None:
            self._prepare_by_key(plan.where_key)
        elif plan.criteria is not None and len(self._context.compiled_parameters) == 1:
            self._rows = self.reader.by_where(self._where_parameters(), plan.touched)

    def _prepare_by_key(self, names: Sequence[str]) -> None:
        plan, ledger = self.plan, self._ledger
        columns = plan.touched_names
        seen: dict[Key, Columns] = {}
        self._before = seen
        missing: list[Key] = []
        for parameters in self._context.compiled_parameters[:STATEMENT_ROWS]:
            key = tuple([parameters[name] for name in names])
            known = overwritten.before(ledger.flushing, plan.table, key, columns) if ledger.flushing else None
            if known is None:
                missing.append(key)
                continue
            seen[key] = known
            for value in known.values():
                if value is UNKNOWN:
                    missing.append(key)
                    break
        if missing and columns:
            found = self.reader.by_columns(plan.key, missing, plan.touched)
            for key, values in (found or {}).items():
                loaded = seen.get(key)
                seen[key] = (
                    values
                    if loaded is None
                    else {name: values.get(name) if value is UNKNOWN else value for name, value in loaded.items()}
                )

    def _where_parameters(self) -> dict[str, Any]:
        """The statement's parameters, those of IN put together again."""
        context = self._context
        parameters = dict(context.compiled_parameters[0])
        for name, parts in (getattr(context, "_expanded_parameters", None) or {}).items():
            parameters[name] = [parameters.pop(part) for part in parts]
        return parameters

    def _conflict_keys(self) -> list[Key]:
        names = [name for _, name in self.plan.conflict]
        if self.plan.many_rows:
            parameters = self._context.compiled_parameters[0]
            return [
                tuple([parameters.get(f"{name}_m{at}", UNKNOWN) for name in names])
                for at in range(min(self.plan.many_rows, reading.READ_ROWS))
            ]
        return [
            tuple([parameters[name] for name in names])
            for parameters in self._context.compiled_parameters[: reading.READ_ROWS]
        ]

    # After it.

    def rows(self, result: Any) -> list[Row]:
        """The rows that it changed, as far as they are kept."""
        if self.plan.operation == "insert":
            return self._upserted() if self.plan.upsert else self._inserted(result)
        count = self._count(result)
        if count == 0:
            return []
        if self.plan.where_key is not None:
            return self._by_key(self.plan.where_key, count)
        if self._rows is not None:
            return self._by_where(self._rows, count)
        return self._unnamed(count)

    def _count(self, result: Any) -> int:
        """How many rows the statement hit; -1 when the driver does not tell."""
        try:
            return int(result.rowcount)
        except Exception:
            return -1

    def _by_key(self, names: Sequence[str], count: int) -> list[Row]:
        plan = self.plan
        every = self._context.compiled_parameters
        asked = len(every)
        if asked == 1 and plan.operation == "update" and not plan.expressions:
            parameters = every[0]
            key = tuple([parameters[name] for name in names])
            new = {name: parameters[parameter] for name, parameter in plan.assigned}
            old, new = changed(self._before.get(key, _NOTHING), new)
            return [(self._named(key), old, new)] if new else []
        kept = every[:STATEMENT_ROWS]
        keys = [tuple([parameters[name] for name in names]) for parameters in kept]
        certain = count in (-1, asked)
        if not certain:
            # Not all of them were there: which, is known of those that were seen before.
            chosen = [at for at, key in enumerate(keys) if key in self._before]
            if len(chosen) != count:
                return self._unnamed(count)
            kept, keys = [kept[at] for at in chosen], [keys[at] for at in chosen]
        self.omitted += max(0, (asked if certain else count) - len(keys))
        rows: list[Row] = []
        after = self._expressions_after(keys)
        latest: dict[Key, Columns] = {}
        for key, parameters in zip(keys, kept, strict=True):
            before = latest.get(key) or self._before.get(key)
            if plan.operation == "delete":
                rows.append((self._named(key), self._whole(before), None))
                continue
            new = {name: parameters[parameter] for name, parameter in plan.assigned}
            if plan.expressions:
                new |= after.get(key) or {column.name: UNKNOWN for column in plan.expressions}
            if len(keys) > 1:
                latest[key] = {**(before or {}), **new}
            old, new = changed(before or {}, new)
            if new:
                rows.append((self._named(key), old, new))
        return rows

    def _named(self, key: Key) -> dict[str, object]:
        return dict(zip(self.plan.key_names, key, strict=True))

    def _whole(self, before: Columns | None) -> Columns | None:
        if before is None or not self.plan.unread:
            return before
        return {**before, **{column.name: UNKNOWN for column in self.plan.unread if column.name not in before}}

    def _expressions_after(self, keys: list[Key]) -> dict[Key, Columns]:
        """What the database worked out, of the rows with these keys."""
        columns = self.plan.expressions
        if not columns or self.plan.operation != "update":
            return {}
        return dict(self.reader.by_columns(self.plan.key, keys, columns) or {})

    def _by_where(self, found: Sequence[tuple[Columns, Columns]], count: int) -> list[Row]:
        plan = self.plan
        if count != -1 and count < len(found):
            # Somebody else was quicker: which rows were hit is not known any more.
            return self._unnamed(count)
        kept = found[: reading.READ_ROWS]
        self.omitted += max(0, count - len(kept))
        if plan.operation == "delete":
            return [(key, self._whole(before), None) for key, before in kept]
        parameters = self._context.compiled_parameters[0]
        given = {name: parameters[parameter] for name, parameter in plan.assigned}
        keys = [tuple(key.values()) for key, _ in kept]
        after = self._expressions_after(keys) if all(column.name not in given for column in plan.key) else {}
        rows: list[Row] = []
        for (key, before), values in zip(kept, keys, strict=True):
            new = dict(given)
            if plan.expressions:
                new |= after.get(values) or {column.name: UNKNOWN for column in plan.expressions}
            old, new = changed(before, new)
            if new:
                rows.append((key, old, new))
        return rows

    def _unnamed(self, count: int) -> list[Row]:
        """All that is known is that rows were hit, and what they were given."""
        self.omitted += max(0, count - 1)
        after: dict[str, object] | None = None
        if self.plan.operation == "update" and len(self._context.compiled_parameters) == 1:
            parameters = self._context.compiled_parameters[0]
            after = {name: parameters[parameter] for name, parameter in self.plan.assigned}
            after |= {column.name: UNKNOWN for column in self.plan.expressions}
        return [(None, None, after)]

    def _inserted(self, result: Any) -> list[Row]:
        plan, context = self.plan, self._context
        if plan.from_select:
            count = self._count(result)
            return [] if count == 0 else self._unnamed(count)
        if plan.skips and self._count(result) == 0:
            return []
        every = context.compiled_parameters
        given = self._given(every)
        total = plan.many_rows or len(every)
        if plan.skips and total > 1:
            return self._unnamed(self._count(result))
        self.omitted += total - len(given)
        told = self._returned(result, total) or self._defaults(total) or self._by_rowid(given, total)
        keys = () if told else self._keys(total)
        rows: list[Row] = []
        for at, after in enumerate(given):
            if at < len(told):
                after.update(told[at])
            if at < len(keys):
                after.update(
                    (name, value) for name, value in zip(plan.key_names, keys[at], strict=False) if value is not None
                )
            for column in plan.expressions:
                after.setdefault(column.name, UNKNOWN)
            key = {name: after.get(name) for name in plan.key_names}
            known = None not in key.values() and UNKNOWN not in key.values()
            if not known:
                after = {name: value for name, value in after.items() if name not in key}
            rows.append((key if known else None, None, after))
        return rows

    def _given(self, every: Sequence[Mapping[str, Any]]) -> list[dict[str, object]]:
        """The columns that the application gave a value, row by row."""
        plan = self.plan
        if plan.many_rows:
            parameters = every[0]
            return [
                {name: parameters[full] for name, key in plan.assigned if (full := f"{key}_m{at}") in parameters}
                for at in range(min(plan.many_rows, STATEMENT_ROWS))
            ]
        return [
            {name: parameters[key] for name, key in plan.assigned if key in parameters}
            for parameters in every[:STATEMENT_ROWS]
        ]

    def _returned(self, result: Any, total: int) -> Sequence[Columns]:
        """What the application gets by RETURNING, when every row is among it."""
        plan = self.plan
        if not plan.returning or self._ledger.system not in reading.SYSTEMS:
            return []
        raw = peek(result)
        if raw is None or len(raw) != total:
            return []
        description = self._context.cursor.description
        columns = [column for _, column in plan.returning]
        positions = [at for at, _ in plan.returning]
        picked = [[row[at] for at in positions] for row in raw[:STATEMENT_ROWS]]
        values = processed(picked, columns, self._context.dialect, [description[at] for at in positions])
        return [dict(zip([column.name for column in columns], row, strict=True)) for row in values]

    def _defaults(self, total: int) -> Sequence[Columns]:
        """What SQLAlchemy has fetched for itself: keys and defaults that the database made."""
        rows = getattr(self._context, "returned_default_rows", None)
        if not rows:
            single = getattr(self._context, "returned_defaults", None)
            rows = [single] if single is not None else None
        if not rows or len(rows) != total:
            return []
        names = {column.key: column.name for column in self.plan.table.c}
        try:
            return [
                {names[name]: value for name, value in row._mapping.items() if name in names}
                for row in rows[:STATEMENT_ROWS]
            ]
        except AttributeError:
            return []

    def _by_rowid(self, given: list[dict[str, object]], total: int) -> Sequence[Columns]:
        """SQLite numbers rows one after the other: if those numbers hold what was given, they are the keys."""
        plan = self.plan
        if total == 1 or total > reading.READ_ROWS or self._ledger.system != "sqlite" or len(plan.key) != 1:
            return []
        key = plan.key[0].name
        if any(key in row for row in given):
            return []
        last = self.reader.last_rowid()
        if last is None:
            return []
        keys = [(number,) for number in range(last - total + 1, last + 1)]
        found = self.reader.by_columns(plan.key, keys, list(plan.table.c)) or {}
        rows = [found[each] for each in keys if each in found]
        same = len(rows) == total and all(not changed(row, values)[1] for row, values in zip(rows, given, strict=True))
        return rows if same else []

    def _keys(self, total: int) -> Sequence[Any]:
        rows = self._context.inserted_primary_key_rows
        return rows[:STATEMENT_ROWS] if rows is not None and len(rows) == total else ()

    def _upserted(self) -> list[Row]:
        """What became of rows that may have been there: looked at before and after."""
        plan = self.plan
        keys = self._conflict_keys() if plan.conflict else []
        columns = [column for column, _ in plan.conflict]
        after = self.reader.by_columns(columns, keys, list(plan.table.c)) if keys else None
        if after is None:
            return self._perhaps_inserted()
        total = plan.many_rows or len(self._context.compiled_parameters)
        self.omitted += total - len(keys)
        rows: list[Row] = []
        for key in dict.fromkeys(keys):
            now, was = after.get(key), self._before.get(key)
            if now is None:
                continue
            name = {name: now[name] for name in plan.key_names}
            if was is None:
                rows.append((name, None, now))
            else:
                old, new = changed(was, now)
                if new:
                    rows.append((name, old, new))
        return rows

    def _perhaps_inserted(self) -> list[Row]:
        count = self._context.cursor.rowcount
        if count == 0:
            return []
        given = self._given(self._context.compiled_parameters)
        if len(given) != 1:
            return self._unnamed(count)
        key = {name: given[0][name] for name in self.plan.key_names if name in given[0]}
        return [(key if len(key) == len(self.plan.key) else None, None, given[0])]
