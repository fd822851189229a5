"""Looking at the rows of a RETURNING without taking them from the application."""

from typing import Any

from sqlalchemy.engine import cursor as cursors


class Taken(Exception):
    """Fetching failed half-way: the rows are gone, and the application has to know."""


def peek(result: Any) -> list[Any] | None:
    """The driver's rows, which the application still gets; None when they are fetched bit by bit.

    These drivers have all of them in memory already. Raises what fetching raises, marked as Taken.
    """
    strategy = getattr(result, "cursor_strategy", None)
    if type(strategy) is cursors.FullyBufferedCursorFetchStrategy:
        return list(strategy._rowbuffer)
    if type(strategy) is not cursors.CursorFetchStrategy or result._soft_closed:
        return None
    try:
        rows = list(result.cursor.fetchall())
    except Exception as error:
        raise Taken from error
    result.cursor_strategy = cursors.FullyBufferedCursorFetchStrategy(result.cursor, initial_buffer=rows)
    return rows
