"""`flux tail`: every request as it finishes."""

import time
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime
from itertools import chain, islice

import click

from flux_ls.answers.shapes import request_shape, timestamp, to_json
from flux_ls.answers.tail import Follow, RequestFilter, Seen
from flux_ls.cli.collecting import Keeper
from flux_ls.cli.options import Session, command_options
from flux_ls.cli.phrases import NOTHING_RECORDED, SINCE, ago
from flux_ls.cli.requests import Line, error_line
from flux_ls.cli.terminal import clipped
from flux_ls.store.errors import StoreMissing, StoreReplaced
from flux_ls.store.reader import Reader

BEAT_S = 0.05
_FITTED = 200
PATIENCE_S = 10.0
"""How long a store may be gone before a tail without a collector gives up."""
LAST = 20
"""Requests shown by --no-follow alone."""

EPILOG = f"""\b
Examples:
  flux tail
  flux tail --fn payments --since 30m
  flux tail --errors-only --filter http.route='/orders/*'
  flux tail --slow 500 --no-follow       those of the last {LAST} slow requests
  flux tail --json | jq .name

\b
--since takes a span such as 90s, 30m, 2h, 1d, or a time such as 2026-03-01T14:30.
↻ marks a request that was shown before and reads differently since: late spans arrived.
"""


class Pair(click.ParamType[tuple[str, str]]):
    name = "key=value"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        key, equals, wanted = str(value).partition("=")
        if not key or not equals:
            self.fail(f"{value!r}: give an attribute and its value, such as http.route=/orders", param, ctx)
        return key, wanted


@click.command(epilog=EPILOG)
@click.option(
    "--fn",
    "function",
    metavar="F",
    help="Only requests through this function, route or span (a part of its name, or with *).",
)
@click.option("--errors-only", is_flag=True, help="Only requests that failed or were answered with 4xx.")
@click.option("--since", type=SINCE, metavar="TIME", help="Begin with what was recorded since then.")
@click.option(
    "--slow", "slow_ms", type=click.FloatRange(min=0), metavar="MS", help="Only requests that took this long or longer."
)
@click.option("--service", metavar="S", help="Only requests that this service took part in (* allowed).")
@click.option(
    "--filter",
    "attributes",
    type=Pair(),
    multiple=True,
    metavar="K=V",
    help="Only requests with this attribute on a span or resource (* allowed in V); repeat to narrow.",
)
@click.option(
    "--follow/--no-follow", default=True, help="Go on as requests arrive (the default), or show what is stored and end."
)
@command_options("otlp_http_port", "otlp_grpc_port", "collector", "in_app_include", "in_app_exclude")
def command(
    session: Session,
    function: str | None,
    errors_only: bool,
    since: int | None,
    slow_ms: float | None,
    service: str | None,
    attributes: tuple[tuple[str, str], ...],
    follow: bool,
) -> None:
    """Show every request as it finishes.

    One line for each: method, path, status, latency, id; under a failure, its error. Starts the collector when none
    is running.
    """
    wanted = RequestFilter(
        function=function,
        errors_only=errors_only,
        slow_ms=slow_ms,
        service=service,
        attributes=attributes,
    )
    printer = Printer(session)
    if not follow:
        with closing(session.reader()) as reader:
            printer.show_all(Follow(reader, wanted).history(since, limit=LAST if since is None else None))
            if not printer.shown:
                _say_that_none_fits(session, reader)
        return
    keeper = Keeper(session)
    keeper.start()
    printer.header()
    _follow(session, wanted, since, printer, keeper)


def _say_that_none_fits(session: Session, reader: Reader) -> None:
    """A blank page would leave open whether anything is recorded at all."""
    latest = next(iter(reader.requests(limit=1, newest_first=True)), None)
    if latest is None:
        session.warn(NOTHING_RECORDED)
    else:
        when = ago(timestamp(latest.started_ns), datetime.now().astimezone())
        session.warn(f"no recorded request fits; the latest of all is req:{latest.short_id}, {when}")


def _follow(session: Session, wanted: RequestFilter, since: int | None, printer: "Printer", keeper: Keeper) -> None:
    try:
        reader = session.reader()
    except StoreMissing:
        # It was removed under a collector that runs, which makes a new one with the next export.
        keeper.say_where_to_send()
        reader = _reopened(session, keeper)
        follow, since = Follow(reader, wanted, after_seq=0), None
    else:
        follow = Follow(reader, wanted)
    if since is not None:
        printer.show_all(follow.history(since))
    elif reader.last_seq() == 0:
        keeper.say_where_to_send()
    while True:
        try:
            with closing(reader):
                while True:
                    printer.show_all(follow.poll(time.monotonic()))
                    keeper.beat()
                    time.sleep(BEAT_S)
        except StoreReplaced as error:
            session.warn(str(error).partition(":")[0])
            reader = _reopened(session, keeper)
            # All that a new store holds is news.
            follow = Follow(reader, wanted, after_seq=0)


def _reopened(session: Session, keeper: Keeper) -> Reader:
    """The store that took the other's place; it may take until the next export."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return session.reader()
        except StoreMissing:
            if not keeper.runs and time.monotonic() > deadline:
                raise
            keeper.beat()
            time.sleep(BEAT_S)


class Printer:
    """Requests as lines of text or of JSON."""

    def __init__(self, session: Session) -> None:
        self._terminal = session.terminal
        self._as_json = session.as_json
        self._line = Line(session.terminal)
        self.shown = 0
        """Requests so far."""

    def header(self) -> None:
        if not self._as_json:
            self._terminal.say()
            self._terminal.say("  Streaming live requests…")
            self._terminal.say()
            self._terminal.flush()

    def show_all(self, seen: Iterable[Seen]) -> None:
        """The first ones are looked at together, so that their columns need not grow."""
        rest = iter(seen)
        first = list(islice(rest, _FITTED))
        for each in first:
            self._line.fit(request_shape(each.request))
        for each in chain(first, rest):
            self._show(each)
        self._terminal.flush()

    def _show(self, seen: Seen) -> None:
        self.shown += 1
        shape = request_shape(seen.request)
        if self._as_json:
            self._terminal.json(to_json(shape))
            return
        self._terminal.say(self._line(shape, mark="↻" if seen.correction else ""))
        if (error := error_line(shape)) is not None:
            width = None if self._terminal.width is None else self._terminal.width - 8
            self._terminal.say("     " + self._terminal.paint("└─ " + clipped(error, width), "bad"))
