"""`flux incident replay`: recorded requests against the working tree, with their side effects off."""

import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click
from msgspec.structs import replace

from flux_ls.answers.elsewhere import in_words, parted
from flux_ls.answers.shapes import to_json
from flux_ls.answers.words import counted
from flux_ls.cli.completing import complete_id
from flux_ls.cli.failures import BAD_NEWS, NOT_FOUND, OK, complain
from flux_ls.cli.options import Session, command_options, requests_named
from flux_ls.cli.phrases import latency
from flux_ls.cli.terminal import Paint, Terminal, clipped_middle, padded, plain, wrapped
from flux_ls.config import Rejected
from flux_ls.config.values import service
from flux_ls.model import Request
from flux_ls.replay.guard_words import guard_words
from flux_ls.replay.projects import Project
from flux_ls.replay.rows_words import rows_words
from flux_ls.replay.shapes import Conditions, Outcome, Progress, Replay, Replayed
from flux_ls.replay.window import Window, between, parse_window

if TYPE_CHECKING:
    from flux_ls.store.reader import Reader

_MARKS: dict[Outcome, tuple[str, Paint]] = {
    "passing": ("✔", "good"),
    "failing": ("✗", "bad"),
    "blocked": ("⊘", "warn"),
    "skipped": ("-", "dim"),
    "error": ("!", "bad"),
}
_WIDEST = 60

EPILOG = """\b
Examples:
  flux incident replay 550e8400
  flux incident replay --window 14:00-14:30
  flux incident replay --window 30m --errors-only
  flux tail --errors-only --no-follow --json | flux incident replay - --json
  flux incident replay 550e --write-test
  flux incident replay 550e --fill authorization='Bearer ...'

\b
Outbound calls are answered from the recording or refused; mail and processes
are refused; databases are throw-away copies (SQLite, PostgreSQL); files are
written nowhere. It needs the environment that the service has.

\b
Exits with 1 unless all that was replayed passes.
"""


class Pair(click.ParamType[tuple[str, str]]):
    name = "pair"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        name, equals, text = str(value).partition("=")
        if not equals or not name.strip():
            self.fail(f"{value!r} is not NAME=VALUE", param, ctx)
        return name.strip(), text


class ServiceType(click.ParamType[str]):
    name = "service"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            service(str(value))
        except Rejected:
            self.fail(f"{value!r} is no service of this machine: give localhost:PORT or a socket's path", param, ctx)
        return str(value)


@click.command(epilog=EPILOG)
@click.argument("ids", nargs=-1, metavar="[ID]...", shell_complete=complete_id)
@click.option("--window", metavar="A-B", help="Requests of this time: 14:00-14:30, A..B in RFC 3339, or 30m.")
@click.option("--from", "first", metavar="TIME", help="Requests from this time on.")
@click.option("--to", "last", metavar="TIME", help="Requests before this time.")
@click.option("--service", metavar="S", help="Of a window, only requests of this service.")
@click.option("--errors-only", is_flag=True, help="Of a window, only requests that failed or were answered with 4xx.")
@click.option("--timeout", type=click.FloatRange(min=0.1), default=30.0, metavar="SECONDS", help="For each; 30 if not.")
@click.option("-j", "--jobs", type=click.IntRange(min=1), default=None, metavar="N", help="So many at once.")
@click.option("--isolate", is_flag=True, help="Import the application anew for each, instead of a fork for each.")
@click.option("--pin", is_flag=True, help="Pin the clock to the recording, and uuid4 and random to the request.")
@click.option(
    "--fill", type=Pair(), multiple=True, metavar="NAME=VALUE", help="What stands for a redacted header or field."
)
@click.option(
    "--allow", type=ServiceType(), multiple=True, metavar="HOST:PORT", help="Let it reach this service of this machine."
)
@click.option("--allow-writes", is_flag=True, help="Use the real databases and files, and write to them.")
@click.option("--no-namespace", is_flag=True, help="Do without a network namespace.")
@click.option("--no-seccomp", is_flag=True, help="Do without the kernel's question about each connection.")
@click.option("--diff", "with_diff", is_flag=True, help="Show what differs from the recording.")
@click.option(
    "--write-test",
    "test_file",
    is_flag=False,
    flag_value="",
    metavar="[FILE]",
    help="Run nothing, and write a pytest file that sends the request: as FILE, or among the project's tests.",
)
@command_options("app", "python", "path_map", "in_app_include", "in_app_exclude", "functions", "redact_keys")
def command(
    session: Session,
    ids: tuple[str, ...],
    window: str | None,
    first: str | None,
    last: str | None,
    service: str | None,
    errors_only: bool,
    timeout: float,
    jobs: int | None,
    isolate: bool,
    pin: bool,
    fill: tuple[tuple[str, str], ...],
    allow: tuple[str, ...],
    allow_writes: bool,
    no_namespace: bool,
    no_seccomp: bool,
    with_diff: bool,
    test_file: str | None,
) -> int:
    """Run recorded requests again, against the working tree, with their side effects off.

    Each runs in a process of its own, a fork of one that has imported the application where that is as good, and is
    compared with what was recorded: status, exception, answer and rows.
    """
    asked = _window(window, first, last)
    if bool(ids) == (asked is not None):
        raise click.UsageError("it takes ids, or a window: --window A-B, --from and --to")

    def conditions(project: Project) -> Conditions:
        own = project.conditions
        return replace(
            own,
            timeout_s=timeout,
            allow=(*own.allow, *allow),
            allow_writes=allow_writes,
            pin=pin,
            fill=dict(fill),
            namespace=not no_namespace,
            seccomp=not no_seccomp,
            isolate=isolate,
            jobs=jobs or 0,
        )

    with session.reader() as reader:
        if asked is None:
            requests, worst = requests_named(reader, ids)
        else:
            requests, worst = _within(session, reader, asked, service, errors_only=errors_only), OK
        if not requests:
            if asked is not None:
                complain("no HTTP request was recorded in this window")
            return worst or NOT_FOUND
        requests, others = parted(reader, session.workspace, requests)
        if others:
            complain(f"left out: {in_words(others)}")
            worst = worst if asked is not None and requests else max(worst, NOT_FOUND)
        if not requests:
            return worst
        projects = {each.id: _project_of(session, reader, each) for each in requests}
        if test_file is not None:
            from flux_ls.cli.write_test import write_tests

            asked_for = [(each, conditions(projects[each.id])) for each in requests]
            return max(worst, write_tests(session, reader, asked_for, test_file))
        answer = _run(session, reader, requests, projects, conditions, with_diff=with_diff)
    return max(worst, _judge(answer))


def _judge(answer: Replay) -> int:
    return OK if answer.passing and not (answer.failing or answer.blocked or answer.errors) else BAD_NEWS


def _window(window: str | None, first: str | None, last: str | None) -> Window | None:
    now = datetime.now().astimezone()
    try:
        if window is not None:
            if first or last:
                raise click.UsageError("--window goes without --from and --to")
            return parse_window(window, now)
        return between(first or "", last or "", now) if first or last else None
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _within(
    session: Session, reader: "Reader", window: Window, service: str | None, *, errors_only: bool
) -> list[Request]:
    found: list[Request] = []
    others = 0
    for request in reader.requests(since_ns=window.from_ns, service=service, bad_only=errors_only):
        if request.started_ns >= window.to_ns:
            break
        if request.kind == "http":
            found.append(request)
        else:
            others += 1
    if others:
        session.warn(f"left out {counted(others, 'run or message', 'runs and messages')}: no HTTP requests")
    return found


def _project_of(session: Session, reader: "Reader", request: Request) -> Project:
    found = session.projects.of(reader.spans(request.id), session.workspace)
    assert found is not None, "the terminal always is in some folder"
    return found


def _run(
    session: Session,
    reader: "Reader",
    requests: list[Request],
    projects: dict[str, Project],
    conditions: Callable[[Project], Conditions],
    *,
    with_diff: bool,
) -> Replay:
    from flux_ls.replay.by_project import replay_by_project

    if session.as_json:
        answer = replay_by_project(reader, session.workspace, requests, projects, conditions)
        session.terminal.json(to_json(answer))
        return answer
    lines = _Lines(session.terminal, requests, with_diff=with_diff)
    try:
        answer = replay_by_project(reader, session.workspace, requests, projects, conditions, report=lines.done)
    finally:
        lines.clear()
    show_end(session.terminal, answer)
    return answer


class _Lines:
    """A line for each request, in their order, as soon as those before it are done; on a terminal, how far it is."""

    def __init__(self, terminal: Terminal, requests: Sequence[Request], *, with_diff: bool) -> None:
        self._terminal = terminal
        self._with_diff = with_diff
        self._order = [request.id for request in requests]
        self._waiting: dict[str, Replayed] = {}
        self._said: set[str] = set()
        self._width = min(_WIDEST, max((len(_name(request)) for request in requests), default=0))
        terminal.say()
        terminal.flush()
        self._is_watched = sys.stderr.isatty()
        self._tell(0, len(requests))

    def done(self, progress: Progress) -> None:
        self._waiting[progress.latest.request_id] = progress.latest
        self.clear()
        while self._order and self._order[0] in self._waiting:
            self._show(self._waiting.pop(self._order.pop(0)))
        self._terminal.flush()
        self._tell(progress.done, progress.total)

    def _tell(self, done: int, total: int) -> None:
        if self._is_watched and done < total:
            click.echo(f"  {done} of {total} replayed …", err=True, nl=False)

    def clear(self) -> None:
        if self._is_watched:
            click.echo("\r\x1b[K", err=True, nl=False, color=True)

    def _show(self, answer: Replayed) -> None:
        terminal = self._terminal
        mark, paint = _MARKS[answer.outcome]
        name = clipped_middle(_name(answer), _WIDEST)
        now = str(answer.now) if answer.now is not None else answer.outcome
        took = latency(answer.duration_ms) if answer.now is not None else ""
        was = str(answer.was) if answer.was is not None else "failed" if answer.was_failed else "ok"
        body = f"req:{answer.request_id[:8]} {padded(name, self._width)} {padded(now, 3)} {took}".rstrip()
        terminal.say(
            f"  {terminal.paint(mark, paint)} {terminal.paint(body, paint)} {terminal.paint(f'← was {was}', 'dim')}"
        )
        for text in (answer.reason, answer.mend):
            if text and text not in self._said:
                self._said.add(text)
                for line in wrapped(plain(text), terminal.width, "     └─ ", "     "):
                    terminal.say(terminal.paint(line, "dim"))
        if self._with_diff and answer.diff is not None:
            from flux_ls.cli.trace_diff import show

            show(terminal, answer.diff)


def _name(request: Request | Replayed) -> str:
    return plain(f"{request.method} {request.path or request.name}" if request.method else request.name)


def show_end(terminal: Terminal, answer: Replay) -> None:
    """The sum of it, and under which guard it ran."""
    terminal.say()
    terminal.say(f"  {summary(terminal, answer)}")
    if answer.guard is not None:
        terminal.say(terminal.paint(f"  {guard_words(answer)}", "dim"))
    rows = rows_words(answer)
    for note in (*([rows] if rows else []), *_notes(answer.requests)):
        for line in wrapped(plain(note), terminal.width, "  ", "  "):
            terminal.say(terminal.paint(line, "dim"))
    terminal.say()


def summary(terminal: Terminal, answer: Replay) -> str:
    """`23 replayed · 22 passing · 1 still failing`"""
    ran = len(answer.requests) - answer.skipped - answer.errors
    new = sum(each.outcome == "failing" and not each.was_failed for each in answer.requests)
    still = answer.failing - new
    parts: list[tuple[int, str, Paint | None]] = [
        (ran, "replayed", None),
        (answer.passing, "passing", "good"),
        (still, "still failing", "bad"),
        (new, "failing now", "bad"),
        (answer.blocked, "blocked", "warn"),
        (answer.skipped, "skipped", "dim"),
        (answer.errors, "could not run", "bad"),
    ]
    always = ("replayed", "passing", "still failing")
    shown = [(count, word, paint) for count, word, paint in parts if count or word in always]
    return " · ".join(terminal.paint(f"{count:,} {word}", paint if count else None) for count, word, paint in shown)


def _notes(answers: Iterable[Replayed]) -> list[str]:
    """Each once, with how many requests it is about when it is not all of them."""
    counts: dict[str, int] = {}
    for answer in answers:
        for note in dict.fromkeys(answer.notes):
            counts[note] = counts.get(note, 0) + 1
    return list(counts)
