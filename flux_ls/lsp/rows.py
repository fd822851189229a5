"""Row changes in one line each, for hovers and pages."""

from flux_ls.answers.rows import OUTCOMES, Run, change_text
from flux_ls.answers.shapes import RowShape

VALUE_LIMIT = 24
ROOM = 120


def line_of(run: Run) -> str:
    """`users id=42  plan: free → null (rolled back)`."""
    told = change_text(run.row, run.count, room=ROOM, value=VALUE_LIMIT)
    return f"{told}  ({OUTCOMES[run.row.outcome]})"


def line_of_shape(row: RowShape) -> str:
    return line_of(Run(row, 1))
