"""`flux trace`: the spans of a request as a tree with times; below it, its steps and the difference of two."""

from functools import partial
from typing import ClassVar

import click

from flux_ls.answers.shapes import SpanShape, Trace
from flux_ls.answers.steps import omitted_rows
from flux_ls.answers.trace import trace
from flux_ls.answers.words import counted
from flux_ls.cli.completing import complete_id
from flux_ls.cli.options import Session, answer_each, command_options
from flux_ls.cli.phrases import latency
from flux_ls.cli.places import place
from flux_ls.cli.requests import NO_NAME, request_line
from flux_ls.cli.rows import change_line, outcome, shortened
from flux_ls.cli.subcommands import CommandWithOthers, or_subcommand
from flux_ls.cli.terminal import Paint, Terminal, clipped, columns, first_line, padded, plain

BAR = 24
_WIDEST_NAME = 60

EPILOG = """\b
Examples:
  flux trace 550e8400
  flux trace 550e --json | jq '.spans[] | select(.error)'
  flux trace debug 550e8400            step by step, with what went in and out
  flux trace diff 550e8400 7b1d3f9a    what is different in another run
"""


class TraceCommand(CommandWithOthers):
    subcommands: ClassVar = {
        "debug": ("trace_debug", "Walk through a request span by span."),
        "diff": ("trace_diff", "Compare two requests."),
    }


@click.command(cls=TraceCommand, epilog=EPILOG)
@click.argument("ids", nargs=-1, required=True, metavar="ID...", shell_complete=or_subcommand(complete_id))
@command_options("path_map", "in_app_include", "in_app_exclude")
def command(session: Session, ids: tuple[str, ...]) -> int:
    """Show the spans of a request as a tree.

    Each with when it started, how long it took, where that lies in the whole, its error and the rows that it wrote.
    """
    return answer_each(session, ids, trace, partial(show, session.terminal))


def show(terminal: Terminal, answer: Trace) -> None:
    terminal.say()
    terminal.say(
        f"  {request_line(terminal, answer.request)}  " + terminal.paint(counted(len(answer.spans), "span"), "dim")
    )
    if not answer.request.complete:
        terminal.say(terminal.paint("  incomplete: its root span has not arrived", "warn"))
    terminal.say()
    total = max((span.start_ms + span.duration_ms for span in answer.spans), default=0.0)
    several = len({span.service for span in answer.spans}) > 1
    names = [_name(span) for span in answer.spans]
    wide = min(max(map(columns, names), default=0), _WIDEST_NAME)
    starts = ["+" + latency(span.start_ms) for span in answer.spans]
    times = [latency(span.duration_ms) for span in answer.spans]
    start_width, time_width = max(map(len, starts), default=0), max(map(len, times), default=0)
    for span, name, start, time in zip(answer.spans, names, starts, times, strict=True):
        paint = _paint(span)
        mark = terminal.paint(" " if paint is None else "✗" if paint == "bad" else "!", paint)
        shown = padded(clipped(name, wide), wide)
        line = f"  {mark} {terminal.paint(shown, paint)}  {start:>{start_width}}  {time:>{time_width}}  "
        line += terminal.paint(_bar(span, total), paint or "mark")
        if several:
            line += "  " + terminal.paint(plain(span.service), "dim")
        terminal.say(line.rstrip())
        _details(terminal, span)
    terminal.say()


def _paint(span: SpanShape) -> Paint | None:
    """An error that was recorded on a span which then ended well is a warning."""
    if span.error is None:
        return None
    status = span.attributes.get("http.response.status_code")
    return "warn" if span.status == "ok" or (isinstance(status, int) and status < 500) else "bad"


def _name(span: SpanShape) -> str:
    name = "  " * span.depth + (plain(span.name) or NO_NAME)
    return f"{name} (parent missing)" if span.parent_missing else name


def _details(terminal: Terminal, span: SpanShape) -> None:
    indent = "    " + "  " * span.depth
    if span.error is not None:
        width = None if terminal.width is None else terminal.width - len(indent) - 4
        error = clipped(first_line(span.error), width)
        terminal.say(indent + terminal.paint(f"└─ {error}", _paint(span)))
    if span.frame is not None and span.frame.anchor != "gone":
        terminal.say(f"{indent}   {place(terminal, span.frame)}")
    changes, more = shortened(span.row_changes)
    for change in changes:
        terminal.say(f"{indent}   {change_line(terminal, change.row, change.count)}")
    if more:
        terminal.say(f"{indent}   {terminal.paint(more, 'dim')}")
    if span.outcome is not None:
        terminal.say(f"{indent}   {outcome(terminal, span.outcome)}  {omitted_rows(span)}".rstrip())


def _bar(span: SpanShape, total_ms: float) -> str:
    """Where the span lies between the first start and the last end."""
    if total_ms <= 0:
        return "▏" + "█" * BAR + "▏"
    first = min(BAR - 1, int(span.start_ms / total_ms * BAR))
    length = max(1, min(BAR - first, round(span.duration_ms / total_ms * BAR)))
    return "▏" + " " * first + "█" * length + " " * (BAR - first - length) + "▏"
