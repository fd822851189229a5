"""`flux state history`: every recorded change of a row, newest first."""

from datetime import datetime

import click

from flux_ls.answers.history import history
from flux_ls.answers.rows import OPERATIONS, telling
from flux_ls.answers.shapes import History, RowShape, to_json
from flux_ls.answers.words import counted
from flux_ls.cli.failures import OK
from flux_ls.cli.options import Session, command_options
from flux_ls.cli.phrases import ago, clock
from flux_ls.cli.places import place
from flux_ls.cli.rows import column_lines, outcome, row_name
from flux_ls.cli.terminal import Terminal

EPILOG = """\b
Examples:
  flux state history users --id 42
  flux state history public.order_items --id order_id=7,position=2
  flux state history users --id '{"id": 42}' --json | jq '.changes[].request_id'
"""


@click.command(epilog=EPILOG)
@click.argument("table", metavar="TABLE")
@click.option("--id", "key", required=True, metavar="PK", help="The row's primary key: 42, or a=1,b=2, or JSON.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most so many changes, the latest.")
@command_options("path_map", "in_app_include", "in_app_exclude")
def command(session: Session, table: str, key: str, limit: int | None) -> int:
    """Show every recorded change of a row.

    The newest first, each with what became of it, the request that made it and the line of code that wrote it.
    """
    with session.reader() as reader:
        answer = history(reader, session.workspace, table, key, limit)
    if session.as_json:
        session.terminal.json(to_json(answer))
    else:
        show(session.terminal, answer)
    return OK


def show(terminal: Terminal, answer: History) -> None:
    now = datetime.now().astimezone()
    terminal.say()
    terminal.say(
        f"  {terminal.paint(row_name(answer.table, answer.key), 'title')}  "
        + terminal.paint(counted(answer.total, "change"), "dim")
    )
    for change in answer.changes:
        terminal.say()
        _change(terminal, change, now)
    if len(answer.changes) < answer.total:
        terminal.say()
        terminal.say(terminal.paint(f"  … {counted(answer.total - len(answer.changes), 'earlier change')}", "dim"))
    terminal.say()


def _change(terminal: Terminal, change: RowShape, now: datetime) -> None:
    when = terminal.paint(f"{clock(change.at)} ({ago(change.at, now)})", "dim")
    request = terminal.paint(f"req:{change.request_id[:8]}", "mark")
    terminal.say(f"  {OPERATIONS[change.operation]:<8}  {outcome(terminal, change.outcome)}  {request}  {when}")
    for line in column_lines(terminal, change.operation, telling(change)):
        terminal.say(f"    {line}")
    if change.frame is not None:
        terminal.say(f"    {place(terminal, change.frame)}")
