"""What the driver knows of its connection's transaction, asked without a round trip."""

from collections.abc import Callable
from typing import Any

from flux_ls.record.rows.ledger import State

_LIBPQ: dict[int, State] = {0: "none", 1: "open", 2: "open", 3: "aborted"}


def state_of(driver: Any) -> Callable[[], State | None]:
    """What answers whether a transaction is open on the driver's connection: None when this driver does not tell."""
    ask = _question(driver)

    def state() -> State | None:
        try:
            return ask()
        except Exception:
            return None

    return state


def _question(driver: Any) -> Callable[[], State | None]:
    if hasattr(driver, "in_transaction"):  # sqlite3, aiosqlite
        return lambda: "open" if driver.in_transaction else "none"
    if hasattr(driver, "pgconn"):  # psycopg
        return lambda: _LIBPQ.get(int(driver.pgconn.transaction_status))
    if hasattr(driver, "get_transaction_status"):  # psycopg2
        return lambda: _LIBPQ.get(int(driver.get_transaction_status()))
    if hasattr(driver, "is_in_transaction"):  # asyncpg
        return lambda: "open" if driver.is_in_transaction() else "none"
    return lambda: None


def commits_by_itself(driver: Any) -> bool:
    """Whether the driver, or SQLAlchemy in front of one that is asynchronous, is set to commit every statement."""
    return getattr(driver, "autocommit", None) is True


def failed_on_the_server(error: Any) -> bool:
    """Whether PostgreSQL itself refused the statement, by which the transaction is lost."""
    cause = getattr(error, "__cause__", None)
    return getattr(error, "severity", None) is not None or getattr(cause, "severity", None) is not None
