"""Retention: the oldest requests go when they are too old or the store is too large."""

import sqlite3
from pathlib import Path

from msgspec import Struct

from flux_ls.store.connection import open_for_writing, transaction, translated

_CHUNK = 500
"""Requests deleted in one transaction: short enough that ingest hardly waits."""
_LOW_WATER = 0.9
_NS_PER_DAY = 86_400_000_000_000


class Pruned(Struct, frozen=True):
    """What was removed."""

    requests: int
    spans: int
    bytes_freed: int


def prune(path: Path, *, days: float, bytes: int, now_ns: int, at_most: int | None = None) -> Pruned:
    """Removes requests older than `days`, then the oldest ones until the store is below nine tenths of `bytes`.

    A limit of 0 is no limit. About `at_most` requests go in one call, so that ingest need not wait for all of them.
    Issues keep the time they were first seen; their counts fall with what is removed.
    """
    connection = open_for_writing(path)
    try:
        before = _bytes_used(connection)
        requests = spans = 0
        if days > 0:
            horizon = now_ns - int(days * _NS_PER_DAY)
            while (at_most is None or requests < at_most) and (
                chunk := _remove_oldest(connection, path, before_ns=horizon)
            ):
                requests, spans = requests + chunk[0], spans + chunk[1]
            with transaction(connection, path):
                # Of traces whose spans never came.
                connection.execute(
                    "DELETE FROM log WHERE at_ns < ? AND trace_id NOT IN (SELECT trace_id FROM request)", (horizon,)
                )
        if bytes > 0 and _bytes_used(connection) > bytes:
            while (at_most is None or requests < at_most) and _bytes_used(connection) > bytes * _LOW_WATER:
                chunk = _remove_oldest(connection, path, before_ns=None)
                if chunk is None:
                    break
                requests, spans = requests + chunk[0], spans + chunk[1]
        if requests:
            with translated(path):
                # Not execute(): it would stop after the first page.
                connection.executescript("PRAGMA incremental_vacuum")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return Pruned(requests, spans, max(0, before - _bytes_used(connection)))
    finally:
        connection.close()


def _remove_oldest(connection: sqlite3.Connection, path: Path, *, before_ns: int | None) -> tuple[int, int] | None:
    """How many requests and spans went; None when there was nothing to remove."""
    with transaction(connection, path):
        doomed = connection.execute(
            "SELECT id, trace_id, spans FROM request WHERE started_ns < ? ORDER BY started_ns LIMIT ?",
            (before_ns if before_ns is not None else 2**63 - 1, _CHUNK),
        ).fetchall()
        if not doomed:
            return None
        connection.execute("CREATE TEMP TABLE IF NOT EXISTS doomed (id INTEGER PRIMARY KEY, trace_id BLOB)")
        connection.execute("DELETE FROM temp.doomed")
        connection.executemany("INSERT INTO temp.doomed VALUES (?, ?)", [row[:2] for row in doomed])
        seq = connection.execute("SELECT value FROM counter WHERE name = 'seq'").fetchone()[0] + 1
        connection.execute("UPDATE counter SET value = ? WHERE name = 'seq'", (seq,))
        connection.execute(
            "UPDATE issue SET seq = ?, (pruned_first_ns, pruned_first_revision) = ("
            "SELECT coalesce(issue.pruned_first_ns, first.at_ns), CASE WHEN issue.pruned_first_ns IS NULL"
            " THEN request.revision ELSE issue.pruned_first_revision END"
            " FROM occurrence AS first JOIN request ON request.id = first.request_id"
            " WHERE first.issue_id = issue.id ORDER BY first.at_ns, first.request_id LIMIT 1) WHERE id IN"
            " (SELECT issue_id FROM occurrence WHERE request_id IN (SELECT id FROM temp.doomed))",
            (seq,),
        )
        for table in ("chunk", "alias", "occurrence"):
            connection.execute(f"DELETE FROM {table} WHERE request_id IN (SELECT id FROM temp.doomed)")
        connection.execute("DELETE FROM log WHERE trace_id IN (SELECT trace_id FROM temp.doomed)")
        connection.execute("DELETE FROM request WHERE id IN (SELECT id FROM temp.doomed)")
        return len(doomed), sum(row[2] for row in doomed)


def _bytes_used(connection: sqlite3.Connection) -> int:
    page_size, pages, free = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_size", "page_count", "freelist_count")
    )
    return int(page_size * (pages - free))
