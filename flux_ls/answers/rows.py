"""Row changes as answers show them."""

from flux_ls.answers.frames import frame_shape
from flux_ls.answers.shapes import ColumnShape, RowShape, timestamp
from flux_ls.model import RowChange
from flux_ls.source.workspace import Workspace


def row_shape(workspace: Workspace, change: RowChange) -> RowShape:
    return RowShape(
        table=change.table,
        key=dict(change.key),
        operation=change.operation,
        columns={column.name: ColumnShape(column.before, column.after) for column in change.columns},
        outcome=change.outcome,
        span_id=change.span_id,
        request_id=change.request_id,
        at=timestamp(change.at_ns),
        frame=None if change.frame is None else frame_shape(workspace, change.frame, change.at_ns),
    )
