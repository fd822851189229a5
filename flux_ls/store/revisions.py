"""Which revisions the store saw a failure on, and which it saw do well what failed elsewhere."""

import sqlite3
from pathlib import Path
from typing import Any

from msgspec import Struct

from flux_ls.store.connection import translated

_LATEST = 2000
"""Of requests without number, the latest: no question grows with the store."""


class Seen(Struct, frozen=True):
    """A revision, and the latest request that tells of it."""

    revision: str
    request_id: str
    same_input: bool = True
    """What is recorded of what came in is what is recorded of the failing request."""


class Revisions:
    """Asks over the connection of a reader."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def failed(self, fingerprint: str) -> list[Seen]:
        """The revisions that died of this failure, the latest first."""
        issues = self._all("SELECT id FROM issue WHERE fingerprint = ? AND handled = 0", fingerprint)
        rows: list[tuple[Any, ...]] = []
        for (issue_id,) in issues:
            rows += self._all(
                "SELECT latest.at_ns, request.revision, request.trace_id FROM (SELECT request_id, at_ns FROM occurrence"
                " WHERE issue_id = ? ORDER BY at_ns DESC LIMIT ?) AS latest"
                " JOIN request ON request.id = latest.request_id WHERE request.revision IS NOT NULL",
                issue_id,
                _LATEST,
            )
        rows.sort(key=lambda row: -row[0])
        return [Seen(revision, trace_id.hex()) for _, revision, trace_id in rows]

    def good(self, trace_id: bytes) -> list[Seen]:
        """The revisions on which requests of the same route did well, the latest first."""
        own = self._all(
            "SELECT request.route_id, request_input.facts FROM request"
            " LEFT JOIN request_input ON request_input.request_id = request.id WHERE request.trace_id = ?",
            trace_id,
        )
        if not own:
            return []
        ((route_id, facts),) = own
        rows = self._all(
            "SELECT latest.revision, latest.trace_id, request_input.facts FROM"
            " (SELECT id, revision, trace_id FROM request WHERE route_id = ? AND good = 1"
            " ORDER BY started_ns DESC LIMIT ?) AS latest"
            " LEFT JOIN request_input ON request_input.request_id = latest.id WHERE latest.revision IS NOT NULL",
            route_id,
            _LATEST,
        )
        return [Seen(revision, id.hex(), facts is not None and told == facts) for revision, id, told in rows]

    def _all(self, question: str, *arguments: object) -> list[tuple[Any, ...]]:
        with translated(self._path):
            return self._connection.execute(question, arguments).fetchall()
