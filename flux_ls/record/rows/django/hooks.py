"""Where Django tells what happens: its compilers execute statements, its connections begin and end transactions."""

import functools
from collections.abc import Callable
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.sql import compiler as compilers

from flux_ls.record.guard import guarded, tell
from flux_ls.record.patches import Patches
from flux_ls.record.recording import Recording, current
from flux_ls.record.rows.django.statements import Delete, Insert, Update
from flux_ls.record.rows.drivers import state_of
from flux_ls.record.rows.ledger import Ledger

_LEDGER: Final = "_flux_rows"
"""The attribute in which a connection keeps its ledger, with the driver's connection that it is of."""
_SYSTEMS: Final = {"microsoft": "microsoft.sql_server", "oracle": "oracle.db"}


def install(patches: Patches) -> None:
    patches.replace(compilers.SQLInsertCompiler, "execute_sql", _around(Insert))
    patches.replace(compilers.SQLUpdateCompiler, "execute_sql", _around(Update))
    # DELETE has no method of its own to be replaced.
    if "execute_sql" not in vars(compilers.SQLDeleteCompiler):
        inherited = compilers.SQLDeleteCompiler.execute_sql
        compilers.SQLDeleteCompiler.execute_sql = _around(Delete)(inherited)
    for name, replacement in (
        ("commit", _commit),
        ("rollback", _rollback),
        ("close", _close),
        ("_savepoint", _savepoint),
        ("_savepoint_rollback", _savepoint_rollback),
        ("_savepoint_commit", _savepoint_commit),
    ):
        patches.replace(BaseDatabaseWrapper, name, replacement)


def uninstall() -> None:
    if "execute_sql" in vars(compilers.SQLDeleteCompiler):
        del compilers.SQLDeleteCompiler.execute_sql


# Statements.


def _around(kind: type[Insert | Update | Delete]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def replaced(original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def execute_sql(compiler: Any, *args: Any, **kwargs: Any) -> Any:
            recording = current()
            if recording is None:
                return original(compiler, *args, **kwargs)
            statement = _prepared(kind, compiler, recording)
            if statement is not None and statement.lost is not None:
                # The statement would have been the first to find that out: it is its failure.
                with compiler.connection.wrap_database_errors:
                    raise statement.lost
            result = original(compiler, *args, **kwargs)
            if statement is not None:
                _executed(statement, compiler, result, (*args, *kwargs.values()))
            return result

        return execute_sql

    return replaced


@guarded
def _prepared(kind: type[Insert | Update | Delete], compiler: Any, recording: Recording) -> Insert | Update | Delete:
    compiler.connection.ensure_connection()
    statement = kind(compiler, _ledger_of(compiler.connection), recording)
    statement.prepare()
    return statement


@guarded
def _executed(statement: Insert | Update | Delete, compiler: Any, result: Any, arguments: tuple[Any, ...]) -> None:
    if isinstance(statement, Insert):
        statement.executed(result, getattr(compiler, "returning_fields", None) or ())
    else:
        statement.executed(-1 if compilers.NO_RESULTS in arguments else _count(result))
    connection = compiler.connection
    ledger = _ledger_of(connection)
    if ledger.pending:
        state = ledger.state()
        alone = connection.autocommit and not connection.in_atomic_block if state is None else state == "none"
        if alone:
            ledger.finish("committed")


def _count(result: Any) -> int:
    """How many rows a statement hit; -1 when that is not told."""
    count = result if isinstance(result, int) else getattr(result, "rowcount", None)
    return count if isinstance(count, int) else -1


# Connections.


def _ledger_of(connection: Any) -> Ledger:
    driver = connection.connection
    held = connection.__dict__.get(_LEDGER)
    if held is not None and held[0] is driver:
        ledger: Ledger = held[1]
        return ledger
    if held is not None:
        held[1].finish("rolled_back")
    system = connection.vendor
    name = connection.settings_dict.get("NAME") if system != "sqlite" else None
    ledger = Ledger(_SYSTEMS.get(system, system), str(name) if name else None, state_of(driver))
    connection.__dict__[_LEDGER] = (driver, ledger)
    return ledger


def _known(connection: Any) -> Ledger | None:
    held = connection.__dict__.get(_LEDGER)
    return None if held is None else held[1]


def _commit(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @functools.wraps(original)
    def commit(connection: Any) -> Any:
        ledger = _known(connection)
        if ledger is None:
            return original(connection)
        lost = ledger.pending and ledger.state() == "aborted"
        ledger.doubtful = ledger.pending
        try:
            answer = original(connection)
        except Exception:
            # What the database refuses to commit is rolled back, and that is told when it happens; of a connection that
            # is gone nobody knows.
            ledger.doubtful = ledger.pending and ledger.state() is None
            raise
        ledger.doubtful = False
        _finish(ledger, "rolled_back" if lost else "committed")
        return answer

    return commit


@guarded
def _finish(ledger: Ledger, outcome: Any) -> None:
    ledger.finish(outcome)


def _rollback(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @functools.wraps(original)
    def rollback(connection: Any) -> Any:
        try:
            return original(connection)
        finally:
            ledger = _known(connection)
            if ledger is not None:
                _finish(ledger, "rolled_back")

    return rollback


def _close(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A connection that is closed takes with it what was not committed."""

    @functools.wraps(original)
    def close(connection: Any) -> Any:
        try:
            return original(connection)
        finally:
            if connection.connection is None or connection.closed_in_transaction:
                held = connection.__dict__.pop(_LEDGER, None)
                if held is not None:
                    _finish(held[1], "rolled_back")

    return close


def _savepoint(original: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    @functools.wraps(original)
    def _savepoint(connection: Any, sid: str) -> Any:
        answer = original(connection, sid)
        try:
            if _known(connection) is not None or current() is not None:
                _ledger_of(connection).savepoint(sid)
        except Exception as error:
            tell("a savepoint", error)
        return answer

    return _savepoint


def _savepoint_rollback(original: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    @functools.wraps(original)
    def _savepoint_rollback(connection: Any, sid: str) -> Any:
        answer = original(connection, sid)
        ledger = _known(connection)
        if ledger is not None:
            ledger.rollback_to(sid)
        return answer

    return _savepoint_rollback


def _savepoint_commit(original: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    @functools.wraps(original)
    def _savepoint_commit(connection: Any, sid: str) -> Any:
        answer = original(connection, sid)
        ledger = _known(connection)
        if ledger is not None:
            ledger.release(sid)
        return answer

    return _savepoint_commit
