"""Where SQLAlchemy tells what happens: by events, but for commits and savepoints, whose events come too early."""

import functools
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.pool import Pool

from flux_ls.record.guard import guarded, tell
from flux_ls.record.patches import Patches
from flux_ls.record.recording import current
from flux_ls.record.rows import drivers, text
from flux_ls.record.rows.ledger import Ledger
from flux_ls.record.rows.sqlalchemy.execution import Execution, simple_insert, table_name
from flux_ls.record.rows.sqlalchemy.plan import plan_of
from flux_ls.record.rows.sqlalchemy.returned import Taken

_LEDGER: Final = "flux_ls.rows"
"""The key under which a pooled connection keeps its ledger, among what others keep there (`Connection.info`)."""
_EXECUTION: Final = "_flux_rows"

_SYSTEMS: Final = {"mssql": "microsoft.sql_server", "oracle": "oracle.db"}


def install(patches: Patches) -> None:
    for target, name, function in _LISTENERS:
        if not event.contains(target, name, function):
            event.listen(target, name, function)
    patches.replace(DefaultExecutionContext, "_setup_result_proxy", _executed)
    patches.replace(Connection, "_commit_impl", _told)
    patches.replace(Connection, "_commit_twophase_impl", _told)
    patches.replace(Connection, "_savepoint_impl", _named)
    patches.replace(Connection, "_release_savepoint_impl", _released)


def uninstall() -> None:
    for target, name, function in _LISTENERS:
        if event.contains(target, name, function):
            event.remove(target, name, function)


def ledger_of(connection: Any) -> Ledger:
    """The ledger of the connection to the database that runs under the Connection."""
    pooled = connection._dbapi_connection
    info = pooled.info
    ledger: Ledger | None = info.get(_LEDGER)
    if ledger is None:
        system = connection.dialect.name
        namespace = connection.engine.url.database if system != "sqlite" else None
        ledger = info[_LEDGER] = Ledger(
            _SYSTEMS.get(system, system), namespace, drivers.state_of(pooled.driver_connection)
        )
    return ledger


def open_ledger(connection: Any) -> Ledger | None:
    """The ledger if there is one; never brings a lost connection back."""
    pooled = connection._dbapi_connection
    if pooled is None:
        return None
    ledger: Ledger | None = pooled.info.get(_LEDGER)
    return ledger


# Statements.


def _before_cursor_execute(
    connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, _executemany: bool
) -> None:
    """What an UPDATE or DELETE will hit, and what an upsert will find, is known only before it."""
    if context.isinsert:
        if getattr(context.compiled.compile_state.statement, "_post_values_clause", None) is None:
            return
    elif not (context.isupdate or context.isdelete):
        return
    recording = current()
    if recording is None:
        return
    try:
        plan = plan_of(context)
        if plan is None or _EXECUTION in context.__dict__:  # a batch of the same statement
            return
        execution = Execution(connection, context, plan, ledger_of(connection), recording)
        context.__dict__[_EXECUTION] = execution
        execution.prepare()
    except Exception as error:
        tell("looking before a statement", error)
        return
    if execution.lost is not None:
        # The statement would have been the first to find that out: it is its failure, handled as such.
        connection._handle_dbapi_exception(execution.lost, statement, parameters, cursor, context)


def _executed(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Every statement comes by here once when it has succeeded, before it may be committed on its own."""

    @functools.wraps(original)
    def _setup_result_proxy(context: Any) -> Any:
        result = original(context)
        if context.isinsert or context.isupdate or context.isdelete:
            _written(context, result)
        elif context.compiled is None or not context.compiled.__dict__.get("_result_columns"):
            _text(context, result)
        return result

    return _setup_result_proxy


def _written(context: Any, result: Any) -> None:
    recording = current()
    if recording is None:
        return
    try:
        connection = context.root_connection
        ledger = ledger_of(connection)
        execution: Execution | None = context.__dict__.pop(_EXECUTION, None)
        if execution is not None:
            execution.write(result)
        elif context.isinsert:
            plan = plan_of(context)
            if plan is None:
                return
            row = simple_insert(plan, context) if plan.simple else None
            if row is not None:
                ledger.write(recording, table_name(plan, context), "insert", (row,))
            else:
                Execution(connection, context, plan, ledger, recording).write(result)
        if ledger.pending:
            _settle(connection, ledger)
    except Taken:
        raise
    except Exception as error:
        tell("looking after a statement", error)


def _text(context: Any, result: Any) -> None:
    """What was given as text: its first words are all that is understood."""
    statement = context.statement
    try:
        said = text.understood(statement)
        if said is None:
            return
        connection = context.root_connection
        if isinstance(said, text.Control):
            ledger = open_ledger(connection)
            if ledger is not None:
                said.tell(ledger)
            return
        recording = current()
        count = result.rowcount
        if recording is None or count == 0:
            return
        ledger = ledger_of(connection)
        ledger.write(recording, said.table, said.operation, [(None, None, None)], max(0, count - 1))
        _settle(connection, ledger)
    except Exception as error:
        tell("looking after a text statement", error)


def _settle(connection: Any, ledger: Ledger) -> None:
    """Where every statement is a transaction of its own, this one has ended."""
    state = ledger.state()
    if state is None:
        level = connection.get_execution_options().get("isolation_level")
        alone = level == "AUTOCOMMIT" or not connection.in_transaction()
    else:
        alone = state == "none"
    if alone:
        ledger.finish("committed")


# Transactions.


def _told(original: Callable[..., Any]) -> Callable[..., Any]:
    """A commit that says how it ended."""

    @functools.wraps(original)
    def commit(connection: Any, *args: Any, **kwargs: Any) -> Any:
        ledger = _known(connection)
        if ledger is None:
            return original(connection, *args, **kwargs)
        if not ledger.pending:
            answer = original(connection, *args, **kwargs)
            ledger.finish("committed")
            return answer
        lost = ledger.aborted or ledger.state() == "aborted"
        ledger.doubtful = True
        try:
            answer = original(connection, *args, **kwargs)
        except Exception as error:
            # What the database refuses to commit is rolled back, and that is told when it happens.
            ledger.doubtful = ledger.pending and bool(getattr(error, "connection_invalidated", False))
            raise
        ledger.doubtful = False
        _finish(ledger, "rolled_back" if lost else "committed")
        return answer

    return commit


@guarded
def _known(connection: Any) -> Ledger | None:
    return open_ledger(connection)


@guarded
def _finish(ledger: Ledger, outcome: Any) -> None:
    ledger.finish(outcome)


def _rollback(connection: Any) -> None:
    _rolled_back(connection)


def _rollback_twophase(connection: Any, _xid: Any, _is_prepared: bool) -> None:
    ledger = _known(connection)
    if ledger is not None:
        ledger.doubtful = False
        _finish(ledger, "rolled_back")


def _prepare_twophase(connection: Any, _xid: Any) -> None:
    """From here on, what becomes of the transaction may be decided on another connection."""
    ledger = _known(connection)
    if ledger is not None:
        ledger.doubtful = ledger.pending


@guarded
def _rolled_back(connection: Any) -> None:
    ledger = open_ledger(connection)
    if ledger is not None:
        # Where there is no transaction any more, somebody has ended it past SQLAlchemy.
        ended = ledger.pending and ledger.state() == "none"
        ledger.finish("unknown" if ended else "rolled_back")


def _named(original: Callable[..., str]) -> Callable[..., str]:
    """A savepoint under the name that it gets only now: the event comes before that."""

    @functools.wraps(original)
    def savepoint(connection: Any, *args: Any, **kwargs: Any) -> str:
        name = original(connection, *args, **kwargs)
        _savepoint_made(connection, name)
        return name

    return savepoint


@guarded
def _savepoint_made(connection: Any, name: str) -> None:
    ledger = open_ledger(connection)
    if ledger is not None:
        ledger.savepoint(name)
    elif current() is not None:
        ledger_of(connection).savepoint(name)


@guarded
def _savepoint_undone(connection: Any, name: str) -> None:
    ledger = open_ledger(connection)
    if ledger is not None:
        ledger.rollback_to(name)


def _rollback_savepoint(connection: Any, name: str, _context: Any) -> None:
    _savepoint_undone(connection, name)


def _released(original: Callable[..., Any]) -> Callable[..., Any]:
    """With sqlite3 as it is by default, a savepoint may be all the transaction there is."""

    @functools.wraps(original)
    def release(connection: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        answer = original(connection, name, *args, **kwargs)
        _savepoint_kept(connection, name)
        return answer

    return release


@guarded
def _savepoint_kept(connection: Any, name: str) -> None:
    ledger = open_ledger(connection)
    if ledger is not None:
        ledger.release(name)
        if ledger.pending and ledger.state() == "none":
            ledger.finish("committed")


def _handle_error(context: Any) -> None:
    """Which drivers do not say that a transaction was lost by a failing statement (asyncpg)."""
    try:
        connection = context.connection
        if connection is None or connection.dialect.name != "postgresql":
            return
        ledger = open_ledger(connection)
        if ledger is not None and ledger.pending and drivers.failed_on_the_server(context.original_exception):
            ledger.aborted = True
    except Exception as error:
        tell("looking at a failed statement", error)


# The pool.


@guarded
def _leave(record: Any, outcome: Any) -> None:
    record.info[_LEDGER].finish(outcome)


def _checkin(_dbapi_connection: Any, record: Any) -> None:
    """Back in the pool without a word: by default it is rolled back there."""
    if _LEDGER in record.info:
        _leave(record, _on_return(record) if record.info[_LEDGER].pending else "rolled_back")


def _on_return(record: Any) -> str:
    try:
        return {"reset_rollback": "rolled_back", "reset_commit": "committed"}[
            record._ConnectionRecord__pool._reset_on_return.name
        ]
    except Exception:
        return "rolled_back"


def _invalidate(_dbapi_connection: Any, record: Any, _exception: Any) -> None:
    """The connection is lost, and with it what was not committed."""
    if _LEDGER in record.info:
        _leave(record, "rolled_back")


def _close_pooled(_dbapi_connection: Any, record: Any) -> None:
    if _LEDGER in record.info:
        _leave(record, "rolled_back")


_LISTENERS: Final[tuple[tuple[Any, str, Callable[..., None]], ...]] = (
    (Engine, "before_cursor_execute", _before_cursor_execute),
    (Engine, "rollback", _rollback),
    (Engine, "rollback_twophase", _rollback_twophase),
    (Engine, "prepare_twophase", _prepare_twophase),
    (Engine, "rollback_savepoint", _rollback_savepoint),
    (Engine, "handle_error", _handle_error),
    (Pool, "checkin", _checkin),
    (Pool, "invalidate", _invalidate),
    (Pool, "close", _close_pooled),
)
