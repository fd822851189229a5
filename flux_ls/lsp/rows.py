"""Row changes in one line each, for hovers and pages."""

from collections.abc import Iterable

from flux_ls.answers.shapes import RowShape
from flux_ls.answers.values import bare, pairs
from flux_ls.model import AttributeValue, RowChange, RowOperation, RowOutcome

VALUE_LIMIT = 24
KEY_LIMIT = 40
MOST_COLUMNS = 4
OUTCOMES: dict[RowOutcome, str] = {
    "committed": "committed",
    "rolled_back": "rolled back",
    "unknown": "outcome unknown",
}

_Column = tuple[str, AttributeValue, AttributeValue]


def line_of_change(row: RowChange) -> str:
    """`users id=42 plan: free → null (rolled back)`."""
    columns = ((column.name, column.before, column.after) for column in row.columns)
    return f"{name(row.table, row.key)} {_told(row.operation, columns)}({OUTCOMES[row.outcome]})"


def line_of_shape(row: RowShape) -> str:
    columns = ((each, change.before, change.after) for each, change in row.columns.items())
    return f"{name(row.table, row.key)} {_told(row.operation, columns)}({OUTCOMES[row.outcome]})"


def name(table: str, key: object) -> str:
    """`users id=42`."""
    return f"{table} {pairs(key, KEY_LIMIT)}" if isinstance(key, dict) and key else table


def _told(operation: RowOperation, columns: Iterable[_Column]) -> str:
    told = [_column(operation, *column) for column in columns]
    kept = [*told[:MOST_COLUMNS], *(["…"] if len(told) > MOST_COLUMNS else [])]
    verb = "" if operation == "update" and told else f"{operation} "
    return verb + (", ".join(kept) + " " if kept else "")


def _column(operation: RowOperation, name: str, before: AttributeValue, after: AttributeValue) -> str:
    if operation == "insert":
        return f"{name}={bare(after, VALUE_LIMIT)}"
    if operation == "delete":
        return f"{name}={bare(before, VALUE_LIMIT)}"
    return f"{name}: {bare(before, VALUE_LIMIT)} → {bare(after, VALUE_LIMIT)}"
