"""How row changes and recorded values look."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flux_ls.answers.rows import OPERATIONS, OUTCOMES, Run, beyond, change_text, column_text, runs, telling
from flux_ls.answers.rows import row_name as raw_name
from flux_ls.answers.shapes import ColumnShape, RowShape
from flux_ls.answers.values import bare, shown
from flux_ls.answers.words import counted
from flux_ls.cli.terminal import Paint, Terminal, columns, padded, plain
from flux_ls.model import RowOperation, RowOutcome
from flux_ls.record.wire import REDACTED

MOST_CHANGES = 20
MOST_COLUMNS = 12
VALUE = 60
_PAINTS: dict[RowOutcome, Paint] = {"committed": "good", "rolled_back": "warn", "unknown": "warn"}


def value(terminal: Terminal, tree: object, limit: int = VALUE) -> str:
    """A recorded value, quoted as a literal is."""
    return dimmed(terminal, plain(shown(tree, limit)))


def cell(terminal: Terminal, tree: object, limit: int = VALUE) -> str:
    """What a column holds, as people write it."""
    return dimmed(terminal, plain(bare(tree, limit)))


def row_name(table: str, key: Mapping[str, Any]) -> str:
    """`users id=42`."""
    return plain(raw_name(table, key))


def outcome(terminal: Terminal, which: RowOutcome) -> str:
    return terminal.paint(f"({OUTCOMES[which]})", _PAINTS[which])


def change_lines(terminal: Terminal, run: Run) -> Iterator[str]:
    """A change over several lines: the row, then each column.

    users id=42
      plan : free → null   (rolled back)
    """
    row = run.row
    name = row_name(row.table, row.key)
    ended = outcome(terminal, row.outcome)
    again = f"  {terminal.paint(counted(run.count, 'change'), 'dim')}" if run.count > 1 else ""
    if row.operation == "update" and row.columns:
        yield name + again
    else:
        yield f"{name}  {OPERATIONS[row.operation]}   {ended}"
        ended = ""
    for line in column_lines(terminal, row.operation, telling(row)):
        yield f"  {line}   {ended}".rstrip()


def column_lines(terminal: Terminal, operation: RowOperation, told: Mapping[str, ColumnShape]) -> Iterator[str]:
    """`plan : free → null`, the colons below each other."""
    kept = list(told.items())[:MOST_COLUMNS]
    wide = max((columns(plain(name)) for name, _ in kept), default=0)
    for name, change in kept:
        shown = dimmed(terminal, plain(column_text(operation, change, VALUE)))
        yield f"{padded(plain(name), wide)} : {shown}"
    if len(told) > len(kept):
        yield terminal.paint(f"… {counted(len(told) - len(kept), 'more column')}", "dim")


def change_line(terminal: Terminal, row: RowShape, count: int = 1) -> str:
    """A change in one line: `users id=42  plan: free → null  (rolled back)`."""
    return f"{dimmed(terminal, plain(change_text(row, count)))}  {outcome(terminal, row.outcome)}"


def shortened(rows: Sequence[RowShape]) -> tuple[Sequence[Run], str | None]:
    """The first changes, and what to say of the others."""
    told = runs(rows)
    left = beyond(told, MOST_CHANGES)
    return told[:MOST_CHANGES], f"… {counted(left, 'more change')} (--json has all)" if left > 0 else None


def dimmed(terminal: Terminal, text: str) -> str:
    return text.replace(REDACTED, terminal.paint(REDACTED, "dim")) if REDACTED in text else text
