"""`flux why`: why a request failed, and on which line."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from itertools import groupby
from pathlib import Path

import click

from flux_ls.answers.shapes import FrameShape, Why
from flux_ls.answers.spoken_of import spoken_of_first
from flux_ls.answers.values import LIMIT
from flux_ls.answers.why import why
from flux_ls.answers.words import LINK_WORDS, counted, fixed
from flux_ls.cli.completing import complete_id
from flux_ls.cli.options import Session, answer_each, command_options
from flux_ls.cli.phrases import ago, clock, told
from flux_ls.cli.places import anchor_note, place, source_lines
from flux_ls.cli.requests import request_line
from flux_ls.cli.rows import cell, change_lines, shortened, value
from flux_ls.cli.terminal import Paint, Terminal, columns, first_line, plain, plain_lines, wrapped
from flux_ls.record.wire import MARKS

Text = Callable[[Terminal, object, int], str]
_MOST_LOCALS = 12
_MOST_INPUTS = 20

EPILOG = """\b
Examples:
  flux why 550e8400
  flux why 550e 4f9a --json     one line of JSON for each
  flux tail --errors-only --since 1h --no-follow --json | flux why -
"""


@click.command(epilog=EPILOG)
@click.argument("ids", nargs=-1, required=True, metavar="ID...", shell_complete=complete_id)
@command_options("path_map", "in_app_include", "in_app_exclude")
def command(session: Session, ids: tuple[str, ...]) -> int:
    """Say why a request failed, and on which line.

    The root cause, its location in today's code, the rows that were changed, what led to it, what was handled on the
    way, what came in, and what failing requests of its kind have in common.
    """
    return answer_each(session, ids, why, partial(show, session.terminal, session.root))


def show(terminal: Terminal, root: Path, answer: Why) -> None:
    now = datetime.now().astimezone()
    request = answer.request
    terminal.say()
    terminal.say(f"  {request_line(terminal, request)}  {terminal.paint(ago(request.started_at, now), 'dim')}")
    if not request.complete:
        terminal.say(terminal.paint("  incomplete: its root span has not arrived", "warn"))
    if answer.root_cause is None:
        terminal.say()
        terminal.say("  This request did not fail." if not request.failed else "  It failed, but no span says why.")
    else:
        _section(terminal, "ROOT CAUSE")
        _error(terminal, answer.root_cause.type, answer.root_cause.message)
        terminal.say(terminal.paint(f"  in span {plain(answer.root_cause.span_name)}", "dim"))
        _section(terminal, "LOCATION")
        if answer.location is not None:
            _location(terminal, root, answer.location)
        else:
            terminal.say(f"  none: {plain(answer.location_reason or 'no exception with a stack trace was recorded')}")
    _locals(terminal, answer.location)
    _row_changes(terminal, answer)
    _suggestions(terminal, answer)
    _path(terminal, answer)
    _chain(terminal, answer)
    _handled(terminal, answer)
    _input(terminal, answer)
    _contrast(terminal, answer)
    if answer.group is not None:
        _section(terminal, "SEEN")
        group = answer.group
        last = f"last {clock(group.last_seen)} ({ago(group.last_seen, now)})"
        if group.count == 1:
            terminal.say(f"  once, {last.removeprefix('last ')}")
        else:
            terminal.say(f"  {counted(group.count, 'time')}, first {clock(group.first_seen)}, {last}")
        if group.resolved_by is not None:
            proof = f"resolved · {fixed(group.resolved_by)} ({ago(group.resolved_by.at, now)})"
            terminal.say(f"  {terminal.paint(proof, 'good')}")
    terminal.say()


def _section(terminal: Terminal, title: str) -> None:
    terminal.say()
    terminal.say("  " + terminal.paint(title, "title"))


def _error(terminal: Terminal, type: str, message: str) -> None:
    for line in plain_lines(told(type, message)):
        _wrapped(terminal, line, "  ", paint="bad")


def _wrapped(terminal: Terminal, text: str, indent: str, after: str = "", paint: Paint | None = None) -> None:
    for line in wrapped(text, terminal.width, indent, after):
        told = line.lstrip(" ")
        terminal.say(line[: len(line) - len(told)] + terminal.paint(told, paint))


def _location(terminal: Terminal, root: Path, location: FrameShape) -> None:
    terminal.say(f"  {place(terminal, location)}")
    for line in source_lines(terminal, location):
        terminal.say(f"  {line}")
    if note := anchor_note(location, root):
        terminal.say("  " + terminal.paint(note, "warn" if location.anchor != "exact" else "dim"))


def _locals(terminal: Terminal, location: FrameShape | None) -> None:
    if location is None or not location.locals:
        return
    _section(terminal, "LOCALS")
    _named(terminal, spoken_of_first(location.locals, location.source), _MOST_LOCALS, text=value)


def _row_changes(terminal: Terminal, answer: Why) -> None:
    if not answer.row_changes:
        return
    _section(terminal, "DATA CHANGES")
    changes, more = shortened(answer.row_changes)
    frames = [change.row.frame for change in changes]
    places = [place(terminal, frame) if frame is not None else None for frame in frames]
    for change, where, following in zip(changes, places, (*places[1:], None), strict=True):
        for line in change_lines(terminal, change):
            terminal.say(f"  {line}")
        if where is not None and where != following:
            terminal.say(terminal.paint("    by ", "dim") + where)
    if more:
        terminal.say("  " + terminal.paint(more, "dim"))


def _suggestions(terminal: Terminal, answer: Why) -> None:
    if answer.suggestions:
        _section(terminal, "SUGGESTION")
    for suggestion in answer.suggestions:
        _wrapped(terminal, plain(suggestion.title), "  ")
        _wrapped(terminal, plain(suggestion.evidence), "    ", paint="dim")


def _path(terminal: Terminal, answer: Why) -> None:
    # A comprehension in its function is two frames of one place.
    places = [each for each, _ in groupby(place(terminal, frame) for frame in answer.frames)]
    if len(places) > 1:
        _section(terminal, "PATH")
        for each in places:
            terminal.say(f"  {each}")


def _chain(terminal: Terminal, answer: Why) -> None:
    if len(answer.chain) > 1:
        _section(terminal, "CHAIN")
        deep = 0
        for link in answer.chain:
            words = LINK_WORDS[link.relation]
            if link.relation == "raised_from":
                words = f"{'   ' * deep}└─ {words}"
                deep += 1
            elif words:
                words = f"· {words}"
            text = f"{words}{first_line(told(link.type, link.message))}"
            _with_place(terminal, text, link.frame, hanging="   " * deep + "  ")


def _handled(terminal: Terminal, answer: Why) -> None:
    # What the failure was raised over stands in its chain.
    chained = {(link.type, link.message) for link in answer.chain}
    told_apart = [each for each in answer.handled if (each.type, each.message) not in chained]
    if told_apart:
        _section(terminal, "HANDLED")
        for handled in told_apart:
            first = first_line(told(handled.type, handled.message))
            span = terminal.paint(f"in span {plain(handled.span_name)}", "dim")
            _with_place(terminal, first, handled.location, paint="warn", note=span)


def _with_place(
    terminal: Terminal,
    text: str,
    frame: FrameShape | None,
    *,
    hanging: str = "  ",
    paint: Paint | None = None,
    note: str = "",
) -> None:
    """A text and its place, on one line if that has the room."""
    where = "  ".join(filter(None, (place(terminal, frame) if frame is not None else "", note)))
    width = terminal.width
    if width is None or columns(f"  {text}  {click.unstyle(where)}") <= width:
        terminal.say(f"  {terminal.paint(text, paint)}  {where}".rstrip())
        return
    _wrapped(terminal, text, "  ", hanging, paint)
    if where:
        terminal.say(f"  {hanging}{where}")


def _input(terminal: Terminal, answer: Why) -> None:
    if not answer.input:
        return
    _section(terminal, "INPUT")
    told = dict(answer.input)
    headers = told.pop("headers", None)
    for key, each in told.items():
        if isinstance(each, dict) and each and not each.keys() & MARKS:
            terminal.say(f"  {plain(key)}")
            _named(terminal, each, _MOST_INPUTS, "    ")
        else:
            _named(terminal, {key: each}, 1)
    if isinstance(headers, dict) and headers:
        terminal.say("  " + terminal.paint(f"{counted(len(headers), 'header')} (--json has them)", "dim"))


def _named(terminal: Terminal, told: Mapping[str, object], most: int, indent: str = "  ", text: Text = cell) -> None:
    """`plan = null`, one a line."""
    room = LIMIT if terminal.width is None else max(40, terminal.width - 8)
    for name, each in list(told.items())[:most]:
        terminal.say(f"{indent}{plain(name)} = {text(terminal, each, max(20, room - len(name)))}")
    if len(told) > most:
        terminal.say(indent + terminal.paint(f"… {len(told) - most} more (--json has all)", "dim"))


def _contrast(terminal: Terminal, answer: Why) -> None:
    if not answer.contrast:
        return
    _section(terminal, "IN COMMON")
    for each in answer.contrast:
        counts = f"{each.failing}/{each.failing_total} failures, {each.passing}/{each.passing_total} successes"
        where = terminal.paint(f"({plain(each.where)})", "dim")
        told = f"{plain(each.condition)}: {counts}"
        if terminal.width is not None and columns(f"  {told}  ({plain(each.where)})") > terminal.width:
            _wrapped(terminal, f"{plain(each.condition)}:", "  ", "  ")
            told = f"  {counts}"
        terminal.say(f"  {told}  {where}")
