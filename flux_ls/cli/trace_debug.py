"""`flux trace debug`: a request step by step."""

import sys
from collections.abc import Sequence

import click

from flux_ls.answers.debug import debug
from flux_ls.answers.shapes import Debug, RowState
from flux_ls.answers.steps import news
from flux_ls.answers.words import counted
from flux_ls.cli.completing import complete_id
from flux_ls.cli.options import Session, answer_each, command_options
from flux_ls.cli.requests import request_line
from flux_ls.cli.steps import name_of, step_lines
from flux_ls.cli.terminal import columns
from flux_ls.cli.walk import walk

EPILOG = """\b
Examples:
  flux trace debug 550e8400            with the keys n, p, e, o and q
  flux trace debug 550e | less         all steps at once
  flux trace debug 550e --json | jq '.spans[] | {name, input, output, rows_state}'
"""


@click.command(epilog=EPILOG)
@click.argument("ids", nargs=-1, required=True, metavar="ID...", shell_complete=complete_id)
@command_options("path_map", "in_app_include", "in_app_exclude")
def command(session: Session, ids: tuple[str, ...]) -> int:
    """Walk through a request span by span.

    Each with what went in, what came out or the error, how long it took, the rows it changed and how the rows were at
    that step. On a terminal one at a time: next, previous, the next error, open the line in $VISUAL or $EDITOR, quit.
    """
    by_keys = session.terminal.is_tty and sys.stdin.isatty() and "-" not in ids
    return answer_each(session, ids, debug, lambda answer: show(session, answer, by_keys=by_keys))


def show(session: Session, answer: Debug, *, by_keys: bool) -> None:
    terminal = session.terminal
    steps = [step for step in answer.spans if not step.noise] or list(answer.spans)
    folded = len(answer.spans) - len(steps)
    facts = counted(len(answer.spans), "span") + (
        f", {folded} of messages, connections and drivers not shown" if folded else ""
    )
    terminal.say()
    terminal.say(f"  {request_line(terminal, answer.request)}  {terminal.paint(facts, 'dim')}")
    if not answer.request.complete:
        terminal.say(terminal.paint("  incomplete: its root span has not arrived", "warn"))
    terminal.say()
    wide = max((columns(name_of(step)) for step in steps), default=0)

    def one(index: int, states: Sequence[RowState]) -> None:
        for line in step_lines(terminal, steps[index], states, index + 1, len(steps), wide):
            terminal.say(f"  {line}")
        terminal.say()

    if by_keys and steps:
        walk(terminal, session.root, steps, lambda index: one(index, steps[index].rows_state))
    else:
        for index, (_, states) in enumerate(news(steps)):
            one(index, states)
