"""What happened to a row: every recorded change of it, newest first, whatever became of it."""

from itertools import islice

from flux_ls.answers.row_questions import row_of, table_of
from flux_ls.answers.rows import row_shape
from flux_ls.answers.shapes import History
from flux_ls.source.workspace import Workspace
from flux_ls.store.reader import Reader


def history(reader: Reader, workspace: Workspace, table: str, key: str, limit: int | None = None) -> History:
    """At most `limit` of the changes. Raises TableNotFound, AmbiguousTable or RowNotFound."""
    rows = reader.rows()
    found = table_of(rows, table)
    row = row_of(rows, found, key)
    changes = [written.change for written in islice(rows.history(found, row), limit)]
    complete = limit is None or len(changes) < limit
    return History(
        table=found,
        key=dict(changes[0].key) if changes else {},
        changes=tuple(row_shape(workspace, change) for change in changes),
        total=len(changes) if complete else rows.count(found, row),
    )
