"""Who wrote what a row holds: per column the last committed writer, and what was tried since."""

from collections.abc import Iterable, Iterator
from itertools import islice

from flux_ls.analysis.blame import Writer, blame, blame_each
from flux_ls.analysis.row_key import identity
from flux_ls.answers.row_questions import row_of, table_of
from flux_ls.answers.rows import row_shape
from flux_ls.answers.shapes import Blame, BlamedColumn
from flux_ls.model import Request, RowChange
from flux_ls.source.workspace import Workspace
from flux_ls.store.changes import Written
from flux_ls.store.reader import Reader

CHANGES_OF_A_ROW = 10_000
CHANGES_OF_A_TABLE = 2_000
ROWS_OF_A_TABLE = 20


def blame_row(reader: Reader, workspace: Workspace, table: str, key: str) -> Blame:
    """Of one row, whoever wrote each column last. Raises TableNotFound, AmbiguousTable or RowNotFound."""
    rows = reader.rows()
    found = table_of(rows, table)
    row = row_of(rows, found, key)
    seen = _Seen(islice(rows.history(found, row), CHANGES_OF_A_ROW))
    blamed = blame(seen)
    return Blame(
        table=found,
        key=dict(seen.latest.key) if seen.latest is not None else {},
        columns=tuple(_column(workspace, seen.requests, writer) for writer in blamed.columns),
        attempts=tuple(row_shape(workspace, change) for change in blamed.attempts),
    )


def blame_table(reader: Reader, workspace: Workspace, table: str) -> Blame:
    """Of a table, whoever wrote each column last in any row, and the rows that changed last.

    Raises TableNotFound or AmbiguousTable.
    """
    rows = reader.rows()
    found = table_of(rows, table)
    seen = _Seen(islice(rows.recent(found), CHANGES_OF_A_TABLE))
    latest: dict[str, RowChange] = {}

    def noted() -> Iterator[RowChange]:
        for change in seen:
            if len(latest) < ROWS_OF_A_TABLE:
                latest.setdefault(identity(change.key), change)
            yield change

    writers = blame_each(noted())
    return Blame(
        table=found,
        key=None,
        columns=tuple(_column(workspace, seen.requests, writer) for writer in writers),
        attempts=(),
        rows=tuple(row_shape(workspace, change) for change in latest.values()),
    )


class _Seen:
    """The changes that were read, and the requests that made them."""

    def __init__(self, written: Iterable[Written]) -> None:
        self._written = written
        self.requests: dict[str, Request] = {}
        self.latest: RowChange | None = None

    def __iter__(self) -> Iterator[RowChange]:
        for written in self._written:
            self.requests[written.request.id] = written.request
            self.latest = self.latest or written.change
            yield written.change


def _column(workspace: Workspace, requests: dict[str, Request], writer: Writer) -> BlamedColumn:
    shape = row_shape(workspace, writer.change)
    return BlamedColumn(
        column=writer.column,
        value=writer.value,
        request_id=shape.request_id,
        function=shape.frame.function if shape.frame is not None else None,
        frame=shape.frame,
        at=shape.at,
        revision=requests[writer.change.request_id].revision,
        operation=shape.operation,
        key=shape.key,
    )
