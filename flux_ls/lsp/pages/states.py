"""Pages about rows of the database: what happened to one, and who wrote what it holds."""

from flux_ls.answers.rows import row_name
from flux_ls.answers.shapes import Blame, BlamedColumn, History
from flux_ls.answers.values import bare
from flux_ls.lsp import words
from flux_ls.lsp.markdown import code
from flux_ls.lsp.pages.parts import moment, text, where
from flux_ls.lsp.rows import line_of_shape


def history(shape: History) -> str:
    lines = [f"# What happened to {code(row_name(shape.table, shape.key))}", ""]
    for row in shape.changes:
        by = f"by {code('req:' + row.request_id[:8])} {moment(row.at)} {where(row.frame)}".rstrip()
        lines.append(f"- {code(line_of_shape(row), 300)} {by}")
    if shape.total > len(shape.changes):
        lines += ["", f"and {words.times(shape.total - len(shape.changes), 'earlier change')}"]
    return text(lines)


def blame(shape: Blame) -> str:
    subject = shape.table if shape.key is None else row_name(shape.table, shape.key)
    lines = [f"# Who wrote {code(subject)}", ""]
    if not shape.columns:
        lines.append("No committed write is recorded.")
    lines += [f"- {_column(each, whole=shape.key is None, table=shape.table)}" for each in shape.columns]
    if shape.attempts:
        lines += ["", "## Attempts that did not last", ""]
        lines += [f"- {code(line_of_shape(row), 300)} by {code('req:' + row.request_id[:8])}" for row in shape.attempts]
    if shape.rows:
        lines += ["", "## Rows that changed last", ""]
        lines += [f"- {code(line_of_shape(row), 300)} by {code('req:' + row.request_id[:8])}" for row in shape.rows]
    return text(lines)


def _column(column: BlamedColumn, *, whole: bool, table: str) -> str:
    of = f" of {code(row_name(table, column.key))}" if whole else ""
    revision = f" at {code(column.revision[:12])}" if column.revision else ""
    by = f"by {code('req:' + column.request_id[:8])} {moment(column.at)}{revision}"
    writer = f" in {code(column.function)}" if column.function else ""
    return (
        f"{code(column.column)}{of}: {code(bare(column.value, 200), 200)} {by}{writer} {where(column.frame)}".rstrip()
    )
