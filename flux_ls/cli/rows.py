"""How row changes and recorded values look."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flux_ls.answers.shapes import ColumnShape, RowShape
from flux_ls.answers.values import bare, pairs, shown
from flux_ls.cli.phrases import counted
from flux_ls.cli.terminal import Paint, Terminal, columns, padded, plain
from flux_ls.model import RowOperation, RowOutcome
from flux_ls.record.wire import REDACTED

MOST_CHANGES = 20
MOST_COLUMNS = 12
VALUE = 60
OUTCOMES: dict[RowOutcome, tuple[str, Paint]] = {
    "committed": ("committed", "good"),
    "rolled_back": ("rolled back", "warn"),
    "unknown": ("outcome unknown", "warn"),
}
OPERATIONS: dict[RowOperation, str] = {"insert": "inserted", "update": "updated", "delete": "deleted"}


def value(terminal: Terminal, tree: object, limit: int = VALUE) -> str:
    """A recorded value, quoted as a literal is."""
    return _dimmed(terminal, plain(shown(tree, limit)))


def cell(terminal: Terminal, tree: object, limit: int = VALUE) -> str:
    """What a column holds, as people write it."""
    return _dimmed(terminal, plain(bare(tree, limit)))


def row_name(table: str, key: Mapping[str, Any]) -> str:
    """`users id=42`."""
    return f"{plain(table)} {plain(pairs(key, VALUE)) if key else '(key not recorded)'}"


def outcome(terminal: Terminal, which: RowOutcome) -> str:
    words, paint = OUTCOMES[which]
    return terminal.paint(f"({words})", paint)


def change_lines(terminal: Terminal, row: RowShape) -> Iterator[str]:
    """A change over several lines: the row, then each column.

    users id=42
      plan : free → null   (rolled back)
    """
    name = row_name(row.table, row.key)
    ended = outcome(terminal, row.outcome)
    if row.operation == "update" and row.columns:
        yield name
    else:
        yield f"{name}  {OPERATIONS[row.operation]}   {ended}"
        ended = ""
    for line in column_lines(terminal, row.operation, row.columns):
        yield f"  {line}   {ended}".rstrip()


def column_lines(terminal: Terminal, operation: RowOperation, told: Mapping[str, ColumnShape]) -> Iterator[str]:
    """`plan : free → null`, the colons below each other."""
    kept = list(told.items())[:MOST_COLUMNS]
    wide = max((columns(plain(name)) for name, _ in kept), default=0)
    for name, change in kept:
        yield f"{padded(plain(name), wide)} : {_change(terminal, operation, change)}"
    if len(told) > len(kept):
        yield terminal.paint(f"… {counted(len(told) - len(kept), 'more column')}", "dim")


def change_line(terminal: Terminal, row: RowShape, width: int = 160) -> str:
    """A change in one line: `users id=42  plan: free → null  (rolled back)`."""
    parts: list[str] = []
    room = width
    for name, change in row.columns.items():
        text = f"{plain(name)}: {_change(terminal, row.operation, change, 30)}"
        room -= columns(text) + 2
        if parts and room < 0:
            parts.append("…")
            break
        parts.append(text)
    done = "" if row.operation == "update" else f"  {OPERATIONS[row.operation]}"
    told = f"  {', '.join(parts)}" if parts else ""
    return f"{row_name(row.table, row.key)}{done}{told}  {outcome(terminal, row.outcome)}"


def shortened(rows: Sequence[RowShape]) -> tuple[Sequence[RowShape], str | None]:
    """The first changes, and what to say of the others."""
    beyond = len(rows) - MOST_CHANGES
    return rows[:MOST_CHANGES], f"… {counted(beyond, 'more change')} (--json has all)" if beyond > 0 else None


def _change(terminal: Terminal, operation: RowOperation, change: ColumnShape, limit: int = VALUE) -> str:
    if operation == "insert":
        return cell(terminal, change.after, limit)
    if operation == "delete":
        return cell(terminal, change.before, limit)
    return f"{cell(terminal, change.before, limit)} → {cell(terminal, change.after, limit)}"


def _dimmed(terminal: Terminal, text: str) -> str:
    return text.replace(REDACTED, terminal.paint(REDACTED, "dim")) if REDACTED in text else text
