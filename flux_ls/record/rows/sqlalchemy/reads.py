"""Asking for rows on the application's own connection, past SQLAlchemy's events, log and error handling."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy.util import immutabledict

from flux_ls.record.guard import tell
from flux_ls.record.recording import Recording
from flux_ls.record.rows import drivers, reading
from flux_ls.record.rows.ledger import Ledger
from flux_ls.record.rows.sqlalchemy.plan import KEYS, Plan

Values = dict[str, object]

_TAKES_SEVERAL: Final = frozenset({"psycopg", "psycopg_async", "psycopg2"})
"""Drivers that send several statements at once when there are no parameters."""
_NEVER_FAIL: Final = (int, str, UUID, date, datetime)


class Reader:
    """Reads around one statement. What fails is not tried again."""

    __slots__ = ("_connection", "_ledger", "_options", "_plan", "_recording", "lost", "usable")

    def __init__(self, connection: Any, plan: Plan, ledger: Ledger, recording: Recording, options: Any) -> None:
        self._connection = connection
        self._plan = plan
        self._ledger = ledger
        self._recording = recording
        names = options.get("schema_translate_map")
        self._options: Any = immutabledict({"schema_translate_map": names} if names else {})
        self.usable = reading.may_read(recording, ledger.system)
        self.lost: Exception | None = None
        """The connection was found lost, which the application is to hear as it would have heard it without us."""

    def by_columns(
        self, by: Sequence[Any], keys: Sequence[tuple[object, ...]], columns: Sequence[Any]
    ) -> dict[tuple[object, ...], Values] | None:
        """The rows with these keys, by key; None when that cannot be told."""
        if not self.usable or not by or not keys:
            return None
        keys = keys[: reading.READ_ROWS]
        plain = [key[0] for key in keys] if len(by) == 1 else list(keys)
        rows = self._read(
            lambda: self._plan.by_columns(self._connection.dialect, by, columns, self._options),
            {KEYS: plain},
            [*by, *columns],
            quick=all(type(value) in _NEVER_FAIL for key in keys for value in key),
        )
        if rows is None:
            return None
        many = len(by)
        names = [column.name for column in columns]
        try:
            return {row[:many]: dict(zip(names, row[many:], strict=True)) for row in rows}
        except TypeError:  # a key that is not hashable
            return None

    def by_where(self, parameters: Mapping[str, Any], columns: Sequence[Any]) -> list[tuple[Values, Values]] | None:
        """The key and the columns of the rows that the statement is going to hit, one more than are kept at most."""
        if not self.usable or self._plan.criteria is None:
            return None
        key = self._plan.key
        rows = self._read(
            lambda: self._plan.by_where(self._connection.dialect, columns, self._options),
            dict(parameters),
            [*key, *columns],
            quick=False,
        )
        if rows is None:
            return None
        keys, names = self._plan.key_names, [column.name for column in columns]
        many = len(keys)
        return [(dict(zip(keys, row[:many], strict=True)), dict(zip(names, row[many:], strict=True))) for row in rows]

    def last_rowid(self) -> int | None:
        """The number of the row that SQLite inserted last on this connection."""
        if not self.usable:
            return None
        try:
            with reading.Unseen(self._recording):
                cursor = self._connection.connection.cursor()
                try:
                    cursor.execute("SELECT last_insert_rowid()")
                    return int(cursor.fetchone()[0])
                finally:
                    cursor.close()
        except Exception as error:
            tell("reading the last row's number", error)
            return None

    def _read(
        self, compiled: Any, parameters: dict[str, Any], columns: Sequence[Any], *, quick: bool
    ) -> list[tuple[object, ...]] | None:
        pooled = self._connection.connection
        ledger, plan, dialect = self._ledger, self._plan, self._connection.dialect
        lock = f"DELETE FROM {dialect.identifier_preparer.format_table(plan.table)} WHERE 0"
        try:
            with reading.Unseen(self._recording):
                rows = reading.read(
                    ledger,
                    lambda: self._execute(pooled, compiled(), parameters, columns),
                    lambda statements: self._say(pooled, statements),
                    lock=lock,
                    quick=quick,
                    unprotected=(quick and plan.proved)
                    or (ledger.state() == "none" and drivers.commits_by_itself(pooled.dbapi_connection)),
                )
            plan.proved = rows is not None
            return rows
        except Exception as error:
            tell("reading rows", error)
            self.usable = False
            if isinstance(error, dialect.dbapi.Error) and dialect.is_disconnect(error, pooled.dbapi_connection, None):
                self.lost = error
            return None

    def _say(self, pooled: Any, statements: Sequence[str]) -> None:
        if self._connection.dialect.driver in _TAKES_SEVERAL:
            statements = ["; ".join(statements)]
        for statement in statements:
            _run(pooled, statement)

    def _execute(
        self, pooled: Any, compiled: Any, parameters: dict[str, Any], columns: Sequence[Any]
    ) -> list[tuple[object, ...]]:
        dialect = self._connection.dialect
        context = dialect.execution_ctx_cls._init_compiled(
            dialect, self._connection, pooled, self._options, compiled, [parameters], compiled.statement, None
        )
        cursor = context.cursor
        try:
            context.pre_exec()
            if getattr(dialect, "use_setinputsizes", False):  # SQLAlchemy 1.4
                context._set_input_sizes()
            dialect.do_execute(cursor, context.statement, context.parameters[0], context)
            description = cursor.description
            rows = cursor.fetchall()
        finally:
            cursor.close()
        return processed(rows, columns, dialect, description)


def processed(rows: Sequence[Any], columns: Sequence[Any], dialect: Any, description: Any) -> list[tuple[object, ...]]:
    """The driver's rows as the values that the application would see."""
    processors = [
        column.type._cached_result_processor(dialect, description[at][1]) for at, column in enumerate(columns)
    ]
    return [
        tuple(value if process is None else process(value) for value, process in zip(row, processors, strict=False))
        for row in rows
    ]


def _run(pooled: Any, statement: str) -> None:
    cursor = pooled.cursor()
    try:
        cursor.execute(statement)
    finally:
        cursor.close()
