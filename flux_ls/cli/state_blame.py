"""`flux state blame`: per column the last committed writer."""

from datetime import datetime

import click

from flux_ls.answers.blame import blame_row, blame_table
from flux_ls.answers.shapes import Blame, BlamedColumn, to_json
from flux_ls.answers.words import counted
from flux_ls.cli.failures import OK
from flux_ls.cli.options import Session, command_options
from flux_ls.cli.phrases import ago
from flux_ls.cli.places import place
from flux_ls.cli.rows import cell, change_line, row_name
from flux_ls.cli.terminal import Terminal, clipped, columns, padded, plain

_VALUE = 32

EPILOG = """\b
Examples:
  flux state blame users --id 42       who wrote each column of a row
  flux state blame users               who wrote each column last in any row, and which rows changed last
  flux state blame users --id 42 --json | jq '.columns[] | {column, request_id, revision}'
"""


@click.command(epilog=EPILOG)
@click.argument("table", metavar="TABLE")
@click.option("--id", "key", metavar="PK", help="The row's primary key: 42, or a=1,b=2, or JSON.")
@command_options("path_map", "in_app_include", "in_app_exclude")
def command(session: Session, table: str, key: str | None) -> int:
    """Say who wrote what a row holds.

    Per column the last write that was committed: the request, the function and line, when, and the revision that ran.
    What was rolled back since is noted, and never the owner; nor is a write of which nobody knows what became of it.
    """
    with session.reader() as reader:
        if key is None:
            answer = blame_table(reader, session.workspace, table)
        else:
            answer = blame_row(reader, session.workspace, table, key)
    if session.as_json:
        session.terminal.json(to_json(answer))
    else:
        show(session.terminal, answer)
    return OK


def show(terminal: Terminal, answer: Blame) -> None:
    now = datetime.now().astimezone()
    terminal.say()
    whole = answer.key is None
    title = plain(answer.table) if answer.key is None else row_name(answer.table, answer.key)
    terminal.say("  " + terminal.paint(title, "title"))
    if answer.columns and answer.columns[0].operation == "delete" and not whole:
        terminal.say("  " + terminal.paint("this row was deleted", "warn"))
    if not answer.columns:
        terminal.say("  no committed write is recorded")
    wide = max((columns(plain(each.column)) for each in answer.columns), default=0)
    held = [clipped(plain_value(each), _VALUE) for each in answer.columns]
    value_wide = max(map(columns, held), default=0)
    for each, text in zip(answer.columns, held, strict=True):
        shown = padded(text, value_wide)
        shown = cell(terminal, each.value, _VALUE) + shown[len(text) :]
        line = f"  {padded(plain(each.column), wide)} : {shown}  {_writer(terminal, each, now)}"
        if whole:
            line += f"  {terminal.paint(row_name(answer.table, each.key), 'dim')}"
        terminal.say(line)
    if answer.attempts:
        terminal.say()
        terminal.say(f"  {terminal.paint('ATTEMPTS', 'title')}  " + terminal.paint("later, and not lasting", "dim"))
        for attempt in answer.attempts:
            terminal.say(f"  {change_line(terminal, attempt)}  req:{attempt.request_id[:8]}  {ago(attempt.at, now)}")
    if answer.rows:
        terminal.say()
        terminal.say(f"  {terminal.paint('LATEST', 'title')}  " + terminal.paint(_count(answer), "dim"))
        for row in answer.rows:
            terminal.say(f"  {change_line(terminal, row)}  req:{row.request_id[:8]}  {ago(row.at, now)}")
    terminal.say()


def plain_value(column: BlamedColumn) -> str:
    from flux_ls.answers.values import bare

    return plain(bare(column.value, _VALUE))


def _count(answer: Blame) -> str:
    return f"{counted(len(answer.rows), 'row')} that changed last"


def _writer(terminal: Terminal, column: BlamedColumn, now: datetime) -> str:
    facts = [terminal.paint(f"req:{column.request_id[:8]}", "mark")]
    if column.frame is not None:
        facts.append(place(terminal, column.frame))
    facts.append(terminal.paint(ago(column.at, now), "dim"))
    if column.revision:
        facts.append(terminal.paint(plain(column.revision[:12]), "dim"))
    return "  ".join(facts)
