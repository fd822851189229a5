"""`flux errors`: what fails, how often and since when."""

from collections import Counter
from datetime import datetime

import click
from msgspec.structs import replace

from flux_ls.answers.errors import errors
from flux_ls.answers.shapes import Dismissal, Errors, Group, to_json
from flux_ls.answers.words import counted, fixed
from flux_ls.cli.failures import NOT_FOUND, OK, complain
from flux_ls.cli.options import Session, command_options
from flux_ls.cli.phrases import NOTHING_RECORDED, SINCE, ago, told
from flux_ls.cli.places import place
from flux_ls.cli.terminal import Paint, Terminal, clipped, first_line, plain

STATES: dict[str, Paint] = {"failing": "bad", "handled": "warn", "resolved": "good", "dismissed": "dim"}

EPILOG = """\b
Examples:
  flux errors --since 1d
  flux errors --all --json | jq '.groups[].fingerprint'
  flux errors --dismiss 3fa9c1d2        hide one, also in the editor
"""


@click.command(epilog=EPILOG)
@click.option("--since", type=SINCE, metavar="TIME", help="Only what was seen since then (30m, 2h, 1d, 2026-03-01).")
@click.option("--all", "show_all", is_flag=True, help="Also what is resolved or dismissed.")
@click.option("--dismiss", multiple=True, metavar="FINGERPRINT", help="Hide a group everywhere; its start is enough.")
@click.option("--restore", multiple=True, metavar="FINGERPRINT", help="Show a dismissed group again.")
@command_options("path_map", "in_app_include", "in_app_exclude")
def command(
    session: Session, since: int | None, show_all: bool, dismiss: tuple[str, ...], restore: tuple[str, ...]
) -> int:
    """List what fails, how often and since when.

    Failures of the same type through the same functions are one group. A group is resolved when a later run of the
    same route on newer code went well.
    """
    with session.reader() as reader:
        answer = errors(reader, session.workspace, since)
        if reader.last_seq() == 0:
            session.warn(NOTHING_RECORDED)
    if dismiss or restore:
        return _change(session, answer, dismiss, restore)
    hidden: Counter[str] = Counter(
        group.state for group in answer.groups if not show_all and group.state in ("resolved", "dismissed")
    )
    shown = replace(answer, groups=tuple(group for group in answer.groups if group.state not in hidden))
    if session.as_json:
        session.terminal.json(to_json(shown))
    else:
        show(session.terminal, shown, hidden)
    return OK


def show(terminal: Terminal, answer: Errors, hidden: Counter[str]) -> None:
    now = datetime.now().astimezone()
    terminal.say()
    for group in answer.groups:
        _group(terminal, group, now)
    if not answer.groups:
        terminal.say("  No errors.")
    if hidden:
        more = ", ".join(f"{count} {state}" for state, count in sorted(hidden.items()))
        terminal.say(terminal.paint(f"  Not shown: {more} (--all shows them)", "dim"))
    if not answer.groups or hidden:
        terminal.say()


def _group(terminal: Terminal, group: Group, now: datetime) -> None:
    width = None if terminal.width is None else terminal.width - 4
    title = clipped(first_line(told(group.type, group.message)), width)
    terminal.say("  " + terminal.paint(title, STATES[group.state]))
    if group.location is not None:
        terminal.say(f"    {place(terminal, group.location)}")
        for other in group.other_locations:
            terminal.say(f"    also {place(terminal, other)}")
    else:
        terminal.say(f"    no location: {plain(group.location_reason or 'none was recorded')}")
    facts = [group.state, counted(group.count, "time"), f"first {ago(group.first_seen, now)}"]
    facts += [f"last {ago(group.last_seen, now)}", f"req:{group.sample_request_id[:8]}"]
    if group.resolved_by is not None:
        facts.append(fixed(group.resolved_by))
    if group.first_revision:
        facts.append(f"since {plain(group.first_revision[:12])}")
    terminal.say(terminal.paint(f"    {' · '.join(facts)} · {group.fingerprint[:12]}", "dim"))
    terminal.say()


def _change(session: Session, answer: Errors, dismiss: tuple[str, ...], restore: tuple[str, ...]) -> int:
    from flux_ls.store.writer import Writer

    known = {group.fingerprint for group in answer.groups}
    changes = [(given, True) for given in dismiss] + [(given, False) for given in restore]
    writer = Writer(session.settings.store)
    worst = OK
    try:
        for given, hide in changes:
            fitting = sorted(fingerprint for fingerprint in known if given and fingerprint.startswith(given))
            if len(fitting) != 1:
                worst = max(worst, _not_one(given, fitting))
                continue
            (writer.dismiss if hide else writer.restore)(fitting[0])
            if session.as_json:
                done = Dismissal(fingerprint=fitting[0], state="dismissed" if hide else "restored")
                session.terminal.json(to_json(done))
            else:
                session.terminal.say(f"{'Dismissed' if hide else 'Restored'} {fitting[0]}")
    finally:
        writer.close()
    return worst


def _not_one(given: str, fitting: list[str]) -> int:
    from flux_ls.cli.failures import AMBIGUOUS

    if fitting:
        complain(f"{given!r} fits {len(fitting)} groups: {', '.join(fitting)}")
        return AMBIGUOUS
    complain(f"no group has the fingerprint {given!r}: 'flux errors --all' lists them")
    return NOT_FOUND
