"""`flux doctor`: why something does not show up."""

import os
from functools import partial

import click

from flux_ls.answers.doctor import doctor
from flux_ls.answers.shapes import Check, Doctor, to_json
from flux_ls.cli.completing import complete_id
from flux_ls.cli.failures import BAD_NEWS, OK
from flux_ls.cli.options import Session, command_options, for_each
from flux_ls.cli.terminal import Terminal, padded, plain, wrapped
from flux_ls.replay.project_words import check_project

EPILOG = """\b
Examples:
  flux doctor               from the settings to the editor
  flux doctor 550e8400      why is this request not on its line?

It ends with 1 when a link is broken. A dot marks advice: nothing is broken, but it could be better.
"""


@click.command(epilog=EPILOG)
@click.argument("ids", nargs=-1, metavar="[ID...]", shell_complete=complete_id)
@command_options("otlp_http_port", "otlp_grpc_port", "collector", "path_map", "in_app_include", "in_app_exclude")
def command(session: Session, ids: tuple[str, ...]) -> int:
    """Find out why something does not show up.

    Walks from the settings over the collector, what arrives, exceptions and paths to the editor, and names the first
    broken link and its mend.
    """

    def ask(id: str | None) -> Doctor:
        return doctor(
            session.loaded,
            session.workspace,
            os.environ,
            id,
            below=session.below,
            project=lambda spans: check_project(session.projects, spans, session.workspace),
        )

    if ids:
        return for_each(session, ids, ask, partial(show, session.terminal), judge)
    answer = ask(None)
    if session.as_json:
        session.terminal.json(to_json(answer))
    else:
        show(session.terminal, answer)
    return judge(answer)


def judge(answer: Doctor) -> int:
    return OK if answer.broken is None else BAD_NEWS


def show(terminal: Terminal, answer: Doctor) -> None:
    wide = max(len(check.name) for check in answer.checks)
    terminal.say()
    for check in answer.checks:
        margin = " " * (wide + 6)
        first, *others = wrapped(plain(check.detail), terminal.width, margin)
        terminal.say(f"  {_mark(terminal, check)} {padded(check.name, wide)}  {first.removeprefix(margin)}")
        for line in others:
            terminal.say(line)
        if check.mend is not None and check is not answer.broken:
            for line in wrapped(plain(check.mend), terminal.width, margin):
                terminal.say(terminal.paint(line, "dim"))
    terminal.say()
    if (broken := answer.broken) is None:
        terminal.say("  " + terminal.paint("Every link holds.", "good"))
    else:
        terminal.say("  " + terminal.paint(f"First broken link: {broken.name}", "title"))
        terminal.say(f"  {plain(broken.detail)}")
        if broken.mend is not None:
            terminal.say(f"  Mend: {plain(broken.mend)}")
    terminal.say()


def _mark(terminal: Terminal, check: Check) -> str:
    if not check.ok:
        return terminal.paint("✗", "bad")
    return terminal.paint("·", "warn") if check.mend is not None else terminal.paint("✓", "good")
