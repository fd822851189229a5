"""Retention: the oldest requests go when they are too old or the store is too large."""

import builtins
import sqlite3
from pathlib import Path

from msgspec import Struct

from flux_ls.store.connection import open_for_writing, transaction, translated

_CHUNK = 500
"""Requests deleted in one transaction: short enough that ingest hardly waits."""
_LOW_WATER = 0.9
_NS_PER_DAY = 86_400_000_000_000
_NO_LIMIT = 2**63 - 1
_LATE_NS = 60_000_000_000
_LOGS_A_REQUEST = 10
"""Log records that take about as long to remove as a request."""
_GONE_ISSUES = 10_000
"""Issues without requests that are remembered, with the time they were first seen."""
_CHECKPOINT_WAIT_MS = 100


class Pruned(Struct, frozen=True):
    """What was removed."""

    requests: int
    spans: int
    bytes_freed: int
    logs: int = 0
    """Log records of traces whose spans never came."""


def prune(path: Path, *, days: float, bytes: int, now_ns: int, at_most: int | None = None) -> Pruned:
    """Removes requests older than `days`, then those that came first until the store is below nine tenths of `bytes`.

    A limit of 0 is no limit. About `at_most` requests go in one call, so that ingest need not wait for all of them.
    Issues keep the time they were first seen; their counts fall with what is removed.
    """
    connection = open_for_writing(path)
    try:
        before = _bytes_used(connection)
        pruning = _Pruning(connection, path, at_most if at_most is not None else _NO_LIMIT)
        if days > 0:
            pruning.by_age(now_ns - int(days * _NS_PER_DAY))
        if bytes > 0 and before > bytes:
            pruning.by_size(int(bytes * _LOW_WATER), now_ns)
        if pruning.requests or pruning.logs:
            with translated(path):
                _sweep(connection, path)
                # Not execute(): it would stop after the first page.
                connection.executescript("PRAGMA incremental_vacuum")
                # Gives back the space, unless somebody is reading just now.
                connection.execute(f"PRAGMA busy_timeout = {_CHECKPOINT_WAIT_MS}")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return Pruned(pruning.requests, pruning.spans, max(0, before - _bytes_used(connection)), pruning.logs)
    finally:
        connection.close()


class _Pruning:
    """One call of `prune`, and what it has removed so far."""

    def __init__(self, connection: sqlite3.Connection, path: Path, at_most: int) -> None:
        self._connection = connection
        self._path = path
        self._at_most = at_most
        self.requests = 0
        self.spans = 0
        self.logs = 0

    def by_age(self, horizon_ns: int) -> None:
        """Removes what began before a time."""
        which = "WHERE started_ns < ? ORDER BY started_ns LIMIT ?"
        while (size := self._next()) and self._remove_requests(which, (horizon_ns, size)) is not None:
            pass
        while self._next() and self._remove_logs(horizon_ns):
            pass

    def by_size(self, low_water: int, now_ns: int) -> None:
        """Removes what came first until the store is small enough."""
        while (size := self._next()) and _bytes_used(self._connection) > low_water:
            newest = self._remove_requests("ORDER BY id LIMIT ?", (size,))
            # The spans of a log record that has just come may be on their way, whatever the clocks say.
            before_ns = _NO_LIMIT if newest is None else min(newest, now_ns - _LATE_NS)
            if not self._remove_logs(before_ns) and newest is None:
                return

    def _next(self) -> int:
        return min(_CHUNK, max(0, self._at_most - self.requests - self.logs // _LOGS_A_REQUEST))

    def _remove_requests(self, which: str, arguments: tuple[object, ...]) -> int | None:
        """When the latest of them began; None when there were none."""
        with transaction(self._connection, self._path):
            doomed = self._connection.execute(
                f"SELECT id, trace_id, spans, first_ns FROM request {which}", arguments
            ).fetchall()
            if not doomed:
                return None
            _remove(self._connection, [row[:2] for row in doomed])
        self.requests += len(doomed)
        self.spans += sum(row[2] for row in doomed)
        return max(int(row[3]) for row in doomed)

    def _remove_logs(self, before_ns: int) -> int:
        """Some log records up to a time of traces whose spans never came."""
        with transaction(self._connection, self._path):
            removed = self._connection.execute(
                "DELETE FROM log WHERE seq IN (SELECT seq FROM log WHERE at_ns <= ?"
                " AND NOT EXISTS (SELECT 1 FROM request WHERE request.trace_id = log.trace_id) ORDER BY at_ns LIMIT ?)",
                (before_ns, _CHUNK * _LOGS_A_REQUEST),
            ).rowcount
        self.logs += removed
        return removed


def _remove(connection: sqlite3.Connection, doomed: list[tuple[int, builtins.bytes]]) -> None:
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS doomed (id INTEGER PRIMARY KEY, trace_id BLOB)")
    connection.execute("DELETE FROM temp.doomed")
    connection.executemany("INSERT INTO temp.doomed VALUES (?, ?)", doomed)
    connection.execute("UPDATE counter SET value = value + 1 WHERE name = 'seq'")
    connection.execute(
        "UPDATE issue SET seq = (SELECT value FROM counter WHERE name = 'seq'),"
        " (pruned_first_ns, pruned_first_revision) = ("
        "SELECT coalesce(issue.pruned_first_ns, first.at_ns), CASE WHEN issue.pruned_first_ns IS NULL"
        " THEN request.revision ELSE issue.pruned_first_revision END"
        " FROM occurrence AS first JOIN request ON request.id = first.request_id"
        " WHERE first.issue_id = issue.id ORDER BY first.at_ns, first.request_id LIMIT 1) WHERE id IN"
        " (SELECT issue_id FROM occurrence WHERE request_id IN (SELECT id FROM temp.doomed))"
    )
    for table in ("chunk", "alias", "occurrence", "row_change", "request_input"):
        connection.execute(f"DELETE FROM {table} WHERE request_id IN (SELECT id FROM temp.doomed)")
    connection.execute("DELETE FROM log WHERE trace_id IN (SELECT trace_id FROM temp.doomed)")
    connection.execute("DELETE FROM request WHERE id IN (SELECT id FROM temp.doomed)")


def _sweep(connection: sqlite3.Connection, path: Path) -> None:
    """Removes what nothing refers to any more; of the issues that are gone, the latest are remembered."""
    with transaction(connection, path):
        connection.execute(
            "DELETE FROM origin WHERE NOT EXISTS (SELECT 1 FROM chunk WHERE origin_id = origin.id)"
            " AND NOT EXISTS (SELECT 1 FROM log WHERE origin_id = origin.id)"
        )
        connection.execute("DELETE FROM route WHERE requests = 0")
        connection.execute(
            "DELETE FROM issue WHERE count = 0 AND seq <"
            " (SELECT seq FROM issue WHERE count = 0 ORDER BY seq DESC LIMIT 1 OFFSET ?)",
            (_GONE_ISSUES,),
        )
        connection.execute("UPDATE counter SET value = value + 1 WHERE name = 'pruned'")


def _bytes_used(connection: sqlite3.Connection) -> int:
    page_size, pages, free = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_size", "page_count", "freelist_count")
    )
    return int(page_size * (pages - free))
