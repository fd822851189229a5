"""Asking for rows on the application's own connection, past Django's query log, wrappers and error handling."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import BinaryField, Q
from django.db.models.expressions import Col
from django.db.models.lookups import Lookup
from django.db.models.sql.query import Query
from django.db.models.sql.where import WhereNode

from flux_ls.record.guard import tell
from flux_ls.record.recording import Recording
from flux_ls.record.rows import reading
from flux_ls.record.rows.ledger import Columns, Ledger

Key = tuple[object, ...]

_NEVER_FAIL: Final = (int, str, UUID, date, datetime)
_proved: set[tuple[str, str, tuple[str, ...]]] = set()
"""Databases, tables and columns that have been read before: they are there, and so is the right to read them."""
_MANY: Final = 1000


class Reader:
    """Reads around one statement. What fails is not tried again."""

    __slots__ = ("_connection", "_ledger", "_recording", "lost", "usable")

    def __init__(self, connection: Any, ledger: Ledger, recording: Recording) -> None:
        self._connection = connection
        self._ledger = ledger
        self._recording = recording
        self.usable = reading.may_read(recording, ledger.system)
        self.lost: Exception | None = None
        """The connection was found lost, which the application is to hear as it would have heard it without us."""

    def by_where(self, query: Any, key: Sequence[Any], fields: Sequence[Any]) -> list[tuple[Key, Columns]] | None:
        """The rows that the statement is going to hit, one more than are kept at most."""
        if not self.usable:
            return None
        try:
            select = query.chain(klass=Query)
            if not harmless(select):
                return None
            select.select_related = False
            select.clear_ordering(force=True)
            quick = _by_key(select, key)
        except Exception as error:
            tell("looking at a condition", error)
            return None
        return self._read(select, key, fields, reading.READ_ROWS + 1, quick=quick)

    def by_fields(
        self, model: Any, by: Sequence[Any], keys: Sequence[Key], fields: Sequence[Any]
    ) -> dict[Key, Columns] | None:
        """The rows with these keys, by key; None when that cannot be told."""
        if not self.usable or not by or not keys:
            return None
        keys = keys[: reading.READ_ROWS]
        select = Query(model)
        if len(by) == 1:
            select.add_q(Q(**{f"{by[0].attname}__in": [key[0] for key in keys]}))
        else:
            either = Q()
            for key in keys:
                either |= Q(**{field.attname: value for field, value in zip(by, key, strict=True)})
            select.add_q(either)
        rows = self._read(
            select,
            by,
            fields,
            reading.READ_ROWS,
            quick=all(type(value) in _NEVER_FAIL for key in keys for value in key),
        )
        try:
            return None if rows is None else dict(rows)
        except TypeError:  # a key that is not hashable
            return None

    def _read(
        self, select: Any, key: Sequence[Any], fields: Sequence[Any], limit: int, *, quick: bool
    ) -> list[tuple[Key, Columns]] | None:
        connection, ledger = self._connection, self._ledger
        what = (connection.alias, select.model._meta.db_table, tuple([field.column for field in (*key, *fields)]))
        try:
            with reading.Unseen(self._recording):
                alias = select.get_initial_alias()
                select.select = tuple([field.get_col(alias) for field in (*key, *fields)])
                select.default_cols = False
                select.set_limits(high=limit)
                rows = reading.read(
                    ledger,
                    lambda: self._execute(select),
                    self._say,
                    lock=f"DELETE FROM {connection.ops.quote_name(select.model._meta.db_table)} WHERE 0",
                    quick=quick,
                    unprotected=(quick and what in _proved) or (ledger.state() == "none" and connection.autocommit),
                )
            if rows is None:
                return None
            if len(_proved) < _MANY:
                _proved.add(what)
            many = len(key)
            names = [field.column for field in fields]
            found: list[tuple[Key, Columns]] = [
                (tuple(row[:many]), dict(zip(names, row[many:], strict=True))) for row in rows
            ]
            # A row comes once for each of its related ones.
            return list(dict(found).items()) if len(select.alias_map) > 1 else found
        except Exception as error:
            tell("reading rows", error)
            self.usable = False
            if isinstance(error, connection.Database.Error) and ledger.state() is None:
                self.lost = error
            return None

    def _execute(self, select: Any) -> list[Sequence[object]]:
        compiler = select.get_compiler(connection=self._connection)
        sql, parameters = compiler.as_sql()
        cursor = self._connection.create_cursor()
        try:
            cursor.execute(sql, parameters)
            rows: Iterable[Any] = cursor.fetchall()
        finally:
            cursor.close()
        converters = compiler.get_converters([column[0] for column in compiler.select[: compiler.col_count]])
        return list(compiler.apply_converters(rows, converters) if converters else rows)

    def _say(self, statements: Sequence[str]) -> None:
        cursor = self._connection.create_cursor()
        try:
            cursor.execute("; ".join(statements))
        finally:
            cursor.close()


def readable(fields: Iterable[Any]) -> list[Any]:
    """Those that are not too big to be read along."""
    return [field for field in fields if not isinstance(field, BinaryField)]


def harmless(query: Any) -> bool:
    """Whether the WHERE only compares columns, of this table or of related ones, with values."""
    query.get_initial_alias()
    if query.combinator or query.distinct or query.is_sliced or query.extra_tables or query.extra:
        return False
    if any(getattr(join, "filtered_relation", None) for join in query.alias_map.values()):
        return False
    return _compares(query.where)


def _compares(node: Any) -> bool:
    if isinstance(node, WhereNode):
        return all(_compares(child) for child in node.children)
    if not isinstance(node, Lookup) or not type(node).__module__.startswith("django.db.models."):
        return False
    columns = [node.lhs] if isinstance(node.lhs, Col) else getattr(node.lhs, "get_cols", list)()
    return bool(columns) and all(isinstance(column, Col) for column in columns) and not _computed(node.rhs)


def _computed(value: Any) -> bool:
    if isinstance(value, list | tuple | set | frozenset):
        return any(_computed(each) for each in value)
    return hasattr(value, "as_sql") or hasattr(value, "resolve_expression")


def _by_key(query: Any, key: Sequence[Any]) -> bool:
    """Whether it goes by the primary key alone, with values that cannot fail."""
    where = query.where
    if len(key) != 1 or len(where.children) != 1 or where.negated:
        return False
    lookup = where.children[0]
    if getattr(lookup, "lookup_name", "") not in ("exact", "in") or not isinstance(lookup.lhs, Col):
        return False
    values = lookup.rhs if isinstance(lookup.rhs, list | tuple | set | frozenset) else [lookup.rhs]
    mine = lookup.lhs.target.column == key[0].column and lookup.lhs.alias == query.base_table
    return bool(mine and all(type(value) in _NEVER_FAIL for value in values))
