"""Row changes and inputs in the store: what is written of them at ingest, and the questions about rows.

A row is found by its table and the text of its key (`flux_ls.analysis.row_key`), newest change first, over an index:
what a question costs grows with the changes it answers with, and not with the store.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from flux_ls.analysis.facts import Facts
from flux_ls.analysis.row_key import identity
from flux_ls.model import ColumnChange, Frame, Request, RowChange
from flux_ls.store.connection import translated
from flux_ls.store.rows import REQUEST_COLUMNS, packed, request_of

_PAGE: Final = 200
_TABLES: Final = 1000
_CHANGES_OF_A_REQUEST: Final = 1000
_FAILING: Final = 50
_OCCURRENCES: Final = 200
"""Of an issue, the latest that are looked at: of another route, or recorded without inputs, some do not count."""
_PASSING: Final = 300

_CHANGE_COLUMNS = (
    "row_change.id, row_change.table_name, row_change.key, row_change.operation, row_change.outcome,"
    " row_change.span_id, row_change.at_ns, row_change.columns, row_change.frame"
)
_WIDTH = 9
_json = msgspec.json.Encoder()
_tree = msgspec.json.Decoder()
_facts: msgspec.json.Decoder[Facts] = msgspec.json.Decoder(dict[str, dict[str, Any]])
_frame = msgspec.msgpack.Decoder(Frame)


class Written(Struct, frozen=True):
    """A row change and the request that made it."""

    change: RowChange
    request: Request
    number: int
    """Grows from change to change of one moment."""


class Inputs(Struct, frozen=True):
    """What went into the failing requests of a group and into good ones of the same route, the latest first."""

    own: Facts
    """Of the request that is asked about."""
    failing: tuple[Facts, ...]
    passing: tuple[Facts, ...]


class Recordings:
    """Writes over somebody else's connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def forget_changes(self, request_id: int, sources: Iterable[bytes]) -> None:
        """Removes what these spans told of a request that is stored: they have come again."""
        self._connection.executemany(
            "DELETE FROM row_change WHERE request_id = ? AND source = ?",
            [(request_id, source) for source in sources],
        )

    def put_changes(self, request_id: int, source: bytes, changes: Iterable[RowChange]) -> None:
        """Keeps the row changes that one span tells of."""
        self._connection.executemany(
            "INSERT INTO row_change (request_id, source, table_name, row_key, key, operation, outcome, span_id, at_ns,"
            " columns, frame) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    request_id,
                    source,
                    change.table,
                    identity(change.key),
                    _json.encode(change.key),
                    change.operation,
                    change.outcome,
                    change.span_id,
                    change.at_ns,
                    _json.encode([(column.name, column.before, column.after) for column in change.columns]),
                    packed(change.frame) if change.frame is not None else None,
                )
                for change in changes
            ],
        )

    def facts(self, request_id: int) -> Facts:
        row = self._connection.execute("SELECT facts FROM request_input WHERE request_id = ?", (request_id,)).fetchone()
        return _facts.decode(row[0]) if row else {}

    def put_facts(self, request_id: int, facts: Facts) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO request_input VALUES (?, ?)", (request_id, _json.encode(facts))
        )


class Rows:
    """Reads over somebody else's connection."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def tables(self) -> list[str]:
        """The tables that rows were changed in, by name."""
        # From one name to the next over the index: DISTINCT would walk all of it.
        rows = self._all(
            "WITH RECURSIVE known (name) AS (SELECT (SELECT min(table_name) FROM row_change) UNION ALL"
            " SELECT (SELECT min(table_name) FROM row_change WHERE table_name > known.name) FROM known"
            " WHERE known.name IS NOT NULL LIMIT ?) SELECT name FROM known WHERE name IS NOT NULL",
            (_TABLES,),
        )
        return [name for (name,) in rows]

    def history(self, table: str, row: str) -> Iterator[Written]:
        """The changes of a row, the newest first, for who reads only as far as needed."""
        return self._paged("row_change.table_name = ? AND row_change.row_key = ?", (table, row))

    def recent(self, table: str) -> Iterator[Written]:
        """The changes of all rows of a table, the newest first."""
        return self._paged("row_change.table_name = ?", (table,))

    def count(self, table: str, row: str) -> int:
        """How many changes of a row there are."""
        return int(
            self._all("SELECT count(*) FROM row_change WHERE table_name = ? AND row_key = ?", (table, row))[0][0]
        )

    def of_request(self, trace_id: bytes, limit: int = _CHANGES_OF_A_REQUEST) -> tuple[RowChange, ...]:
        """What a request did to rows, in the order it did it."""
        rows = self._all(
            f"SELECT {_CHANGE_COLUMNS} FROM row_change WHERE request_id = (SELECT id FROM request WHERE trace_id = ?)"
            " LIMIT ?",
            (trace_id, limit),
        )
        changes = [(_change_of(row, trace_id.hex()), row[0]) for row in rows]
        return tuple(change for change, _ in sorted(changes, key=lambda each: (each[0].at_ns, each[1])))

    def inputs(self, trace_id: bytes, fingerprint: str) -> Inputs | None:
        """What went into a failing request and those to compare it with; None when nobody recorded that."""
        own = self._all(
            "SELECT request_input.facts, request.route_id FROM request"
            " JOIN request_input ON request_input.request_id = request.id WHERE request.trace_id = ?",
            (trace_id,),
        )
        if not own:
            return None
        ((facts, route_id),) = own
        return Inputs(
            own=_facts.decode(facts),
            failing=self._failing(fingerprint, route_id),
            passing=self._decoded(
                self._all(
                    "SELECT request_input.facts FROM (SELECT id FROM request WHERE route_id = ? AND good = 1"
                    " ORDER BY started_ns DESC LIMIT ?) AS latest"
                    " JOIN request_input ON request_input.request_id = latest.id",
                    (route_id, _PASSING),
                )
            ),
        )

    def _failing(self, fingerprint: str, route_id: int) -> tuple[Facts, ...]:
        issues = self._all("SELECT id FROM issue WHERE fingerprint = ? AND handled = 0", (fingerprint,))
        found: list[tuple[Any, ...]] = []
        for (issue_id,) in issues:
            found += self._all(
                "SELECT latest.at_ns, request_input.facts FROM (SELECT request_id, at_ns FROM occurrence"
                " WHERE issue_id = ? ORDER BY at_ns DESC LIMIT ?) AS latest"
                " JOIN request ON request.id = latest.request_id AND request.route_id = ?"
                " JOIN request_input ON request_input.request_id = latest.request_id LIMIT ?",
                (issue_id, _OCCURRENCES, route_id, _FAILING),
            )
        found.sort(key=lambda row: -row[0])
        return self._decoded([row[1:] for row in found[:_FAILING]])

    def _decoded(self, rows: Sequence[tuple[Any, ...]]) -> tuple[Facts, ...]:
        return tuple(_facts.decode(row[0]) for row in rows)

    def _paged(self, where: str, arguments: tuple[object, ...]) -> Iterator[Written]:
        # In pages: who reads on at leisure must not hold the WAL.
        beyond = ""
        at: tuple[object, ...] = ()
        while True:
            page = self._all(
                f"SELECT {_CHANGE_COLUMNS}, {REQUEST_COLUMNS} FROM row_change"
                f" JOIN request ON request.id = row_change.request_id WHERE {where}{beyond}"
                " ORDER BY row_change.at_ns DESC, row_change.id DESC LIMIT ?",
                (*arguments, *at, _PAGE),
            )
            for row in page:
                request = request_of(row[_WIDTH:])
                yield Written(_change_of(row, request.id), request, row[0])
            if len(page) < _PAGE:
                return
            beyond, at = " AND (row_change.at_ns, row_change.id) < (?, ?)", (page[-1][6], page[-1][0])

    def _all(self, question: str, arguments: tuple[object, ...]) -> list[tuple[Any, ...]]:
        with translated(self._path):
            return self._connection.execute(question, arguments).fetchall()


def _change_of(row: tuple[Any, ...], request_id: str) -> RowChange:
    key: Mapping[str, Any] = _tree.decode(row[2])
    return RowChange(
        table=row[1],
        key=key,
        operation=row[3],
        outcome=row[4],
        span_id=row[5],
        request_id=request_id,
        at_ns=row[6],
        columns=tuple(ColumnChange(*column) for column in _tree.decode(row[7])),
        frame=_frame.decode(row[8]) if row[8] is not None else None,
    )
