"""One INSERT, UPDATE or DELETE of the Django ORM: which rows it changes, from what to what."""

from collections.abc import Callable, Sequence
from typing import Any

from django.db.models.fields.files import FieldFile

from flux_ls.record.recording import Recording
from flux_ls.record.rows import reading
from flux_ls.record.rows.django.reads import Key, Reader, readable
from flux_ls.record.rows.ledger import STATEMENT_ROWS, UNKNOWN, Columns, Ledger, Row, changed
from flux_ls.record.rows.text import table_name


class Statement:
    """What is known of it before, and from that and its result, the rows."""

    def __init__(self, compiler: Any, ledger: Ledger, recording: Recording) -> None:
        self._query = compiler.query
        self._meta = self._query.get_meta()
        self._model = self._meta.model
        self._ledger = ledger
        self._recording = recording
        self._reader = Reader(compiler.connection, ledger, recording)
        pk = self._meta.pk
        self._key: tuple[Any, ...] = tuple(getattr(self._meta, "pk_fields", None) or ((pk,) if pk else ()))
        self._omitted = 0

    @property
    def lost(self) -> Exception | None:
        """With what the connection was found lost."""
        return self._reader.lost

    @property
    def _fields(self) -> list[Any]:
        """Those with a column in this table."""
        return [field for field in self._meta.local_concrete_fields if field.column is not None]

    def prepare(self) -> None:
        raise NotImplementedError

    def _named(self, key: Key) -> dict[str, object]:
        return {field.column: value for field, value in zip(self._key, key, strict=True)}

    def _tell(self, operation: Any, rows: Sequence[Row]) -> None:
        if rows:
            table = table_name(self._meta.db_table) if '"' in self._meta.db_table else self._meta.db_table
            self._ledger.write(self._recording, table, operation, rows, self._omitted)
            self._omitted = 0


class Insert(Statement):
    """save() of a new object, create(), bulk_create(), add() of a many-to-many."""

    def prepare(self) -> None:
        self._unique: tuple[Any, ...] = ()
        self._before: dict[Key, Columns] | None = None
        if getattr(self._query, "on_conflict", None) is not None:
            self._unique = self._conflict()
            if self._unique:
                self._before = self._reader.by_fields(self._model, self._unique, self._unique_keys(), self._fields)

    def _conflict(self) -> tuple[Any, ...]:
        """The fields that tell whether a row is there already."""
        given = {field.name: field for field in self._query.fields}
        candidates: list[Sequence[str]] = []
        if self._query.unique_fields:
            candidates.append([getattr(field, "name", field) for field in self._query.unique_fields])
        else:
            candidates += self._meta.unique_together
            candidates += [constraint.fields for constraint in self._meta.total_unique_constraints]
            candidates += [[field.name] for field in self._query.fields if field.unique]
        for names in candidates:
            if names and all(name in given for name in names):
                return tuple([given[name] for name in names])
        return ()

    def _unique_keys(self) -> list[Key]:
        return [
            tuple([_value(each, field) for field in self._unique]) for each in self._query.objs[: reading.READ_ROWS]
        ]

    def executed(self, result: Any, returned: Sequence[Any]) -> None:
        query = self._query
        if getattr(query, "on_conflict", None) is not None:
            self._upserted()
            return
        kept = query.objs[:STATEMENT_ROWS]
        self._omitted += len(query.objs) - len(kept)
        made = result if isinstance(result, list) and len(result) == len(query.objs) else ()
        rows: list[Row] = []
        for at, each in enumerate(kept):
            after: dict[str, object] = {field.column: _value(each, field) for field in query.fields}
            if at < len(made):
                after.update((field.column, value) for field, value in zip(returned, made[at], strict=False))
            key = {field.column: after.get(field.column) for field in self._key}
            known = all(value is not None and value is not UNKNOWN for value in key.values())
            rows.append((key if known else None, None, after))
        self._tell("insert", rows)

    def _upserted(self) -> None:
        """What became of rows that may have been there: looked at before and after."""
        keys = self._unique_keys() if self._before is not None else []
        fields = self._fields
        found = self._reader.by_fields(self._model, self._unique, keys, fields) if keys else None
        if found is None or self._before is None:
            self._omitted += len(self._query.objs) - 1
            self._tell("insert", [(None, None, None)])
            return
        self._omitted += len(self._query.objs) - len(keys)
        inserted: list[Row] = []
        updated: list[Row] = []
        for unique in dict.fromkeys(keys):
            now, was = found.get(unique), self._before.get(unique)
            if now is None:
                continue
            key = {field.column: now.get(field.column) for field in self._key}
            if was is None:
                inserted.append((key, None, now))
                continue
            old, new = changed(was, now)
            if new:
                updated.append((key, old, new))
        self._tell("insert", inserted)
        self._tell("update", updated)


class Update(Statement):
    """save() of an object that is there, update(), bulk_update()."""

    def prepare(self) -> None:
        values = self._query.values
        self._given = {field.column: _given(field, value) for field, _, value in values}
        touched = readable(field for field, _, _ in values)
        self._computed = [field for field, _, _ in values if self._given[field.column] is UNKNOWN]
        self._found = self._reader.by_where(self._query, self._key, touched) if values else None

    def executed(self, count: int) -> None:
        if not self._given or count == 0:
            return
        found = self._found
        if found is None or (count != -1 and count < len(found)):
            if found is not None and not found:
                return
            self._omitted += max(0, count - 1)
            self._tell("update", [(None, None, self._given)])
            return
        kept = found[: reading.READ_ROWS]
        self._omitted += max(0, count - len(kept))
        computed: dict[Key, Columns] = {}
        if self._computed:
            keys = [key for key, _ in kept]
            computed = self._reader.by_fields(self._model, self._key, keys, readable(self._computed)) or {}
        rows: list[Row] = []
        for key, before in kept:
            old, new = changed(before, {**self._given, **computed.get(key, {})})
            if new:
                rows.append((self._named(key), old, new))
        self._tell("update", rows)


class Delete(Statement):
    """delete() of an object or a queryset, and of what depends on them."""

    def prepare(self) -> None:
        self._found = self._reader.by_where(self._query, self._key, readable(self._fields))

    def executed(self, count: int) -> None:
        found = self._found
        if count == 0 or (found is not None and not found):
            return
        if found is None or (count != -1 and count < len(found)):
            self._omitted += max(0, count - 1)
            self._tell("delete", [(None, None, None)])
            return
        kept = found[: reading.READ_ROWS]
        self._omitted += max(0, max(count, len(found)) - len(kept))
        unread = {field.column: UNKNOWN for field in self._fields if field.column not in (kept[0][1] if kept else {})}
        self._tell("delete", [(self._named(key), {**before, **unread}, None) for key, before in kept])


def _value(instance: Any, field: Any) -> object:
    """What a new row gets, as it stands on the object; nothing is loaded."""
    return _plain(vars(instance).get(field.attname, UNKNOWN))


def _given(field: Any, value: Any) -> object:
    """What an UPDATE sets, as a later look at the row would show it."""
    if hasattr(value, "resolve_expression"):
        return UNKNOWN
    if hasattr(value, "prepare_database_save"):
        return value.prepare_database_save(field) if field.remote_field else UNKNOWN
    value = _plain(value)
    if value is not None and type(field).__module__.startswith("django.db.models."):
        convert: Callable[[Any], object] = field.to_python
        try:
            return convert(value)
        except Exception:  # which Django is about to complain of
            return value
    return value


def _plain(value: Any) -> object:
    if isinstance(value, FieldFile):
        return value.name
    return UNKNOWN if hasattr(value, "resolve_expression") else value
