"""Which table and which row somebody asks about, and what there is when it is not that one."""

from difflib import get_close_matches
from itertools import islice

from flux_ls.analysis.row_key import identities
from flux_ls.answers.values import pairs
from flux_ls.store.changes import Rows
from flux_ls.store.errors import AmbiguousTable, RowNotFound, TableNotFound

_CANDIDATES = 10
_LOOKED_AT = 200


def table_of(rows: Rows, typed: str) -> str:
    """The recorded table that somebody means: `users` is `public.users` when there is no other.

    Raises TableNotFound or AmbiguousTable.
    """
    tables = rows.tables()
    if typed in tables:
        return typed
    wanted = _parts(typed)
    fitting = [table for table in tables if _fits(wanted, _parts(table))]
    if len(fitting) > 1:
        exact = [table for table in fitting if _parts(table) == wanted]
        fitting = exact if len(exact) == 1 else fitting
    if len(fitting) > 1:
        raise AmbiguousTable(typed, tuple(fitting))
    if not fitting:
        by_name = {".".join(_parts(table)): table for table in reversed(tables)}
        by_name.update({_parts(table)[-1]: table for table in reversed(tables)})
        close = [by_name[name] for name in get_close_matches(wanted[-1], by_name, _CANDIDATES, 0.6)]
        raise TableNotFound(typed, tuple(dict.fromkeys(close)), tuple(tables[:_CANDIDATES]))
    return fitting[0]


def row_of(rows: Rows, table: str, typed: str) -> str:
    """The text by which the store knows a row. Raises RowNotFound."""
    for row in identities(typed):
        if row and next(rows.history(table, row), None) is not None:
            return row
    recent: dict[str, None] = {}
    for written in islice(rows.recent(table), _LOOKED_AT):
        if written.change.key:
            recent[pairs(written.change.key)] = None
        if len(recent) == _CANDIDATES:
            break
    raise RowNotFound(table, typed, tuple(recent))


def _parts(table: str) -> list[str]:
    return [part.strip("\"'`[]").lower() for part in table.split(".")]


def _fits(wanted: list[str], table: list[str]) -> bool:
    """Whether the names end alike, as far as both are qualified."""
    shared = min(len(wanted), len(table))
    return wanted[-shared:] == table[-shared:]
