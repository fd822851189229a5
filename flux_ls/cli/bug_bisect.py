"""`flux bug bisect`: the commit that broke it, found in throw-away checkouts."""

import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from flux_ls.answers.words import counted
from flux_ls.cli.completing import complete_id
from flux_ls.cli.failures import BAD_NEWS, NOT_FOUND, OK, UNREACHABLE, WRONG_USE, complain
from flux_ls.cli.options import Session, command_options, requests_named
from flux_ls.cli.phrases import latency
from flux_ls.cli.terminal import Terminal, clipped, plain, wrapped

if TYPE_CHECKING:
    from flux_ls.bisect.asking import Given
    from flux_ls.bisect.shapes import Bisect, EvidenceShape, FirstBad, HunkShape, Progress
    from flux_ls.model import Span
    from flux_ls.replay.projects import Project

_SHORT = 12
_MOST_LINES = 60
_PAINTS = {"good": "good", "bad": "bad", "skip": "warn"}

EPILOG = """\b
Examples:
  flux bug bisect 550e --good v1.4       run the recorded request again at each revision
  flux bug bisect --good v1.4 --run 'pytest -x tests/test_signup.py'
  flux bug bisect --good v1.4 --bad main --run 'python /tmp/check.py' -j 2 --json
  flux tail --errors-only --no-follow --json | flux bug bisect - --good v1.4 --json

\b
CMD says good with exit status 0, bad with 1 to 127 but for 124 and 125,
which skip the revision, and ends the search with any other.

\b
Exit codes:
  0 found, 1 no first bad commit, 2 wrong use, 3 no such request or revision,
  4 an id that fits several requests, 5 the store or git out of reach
"""


@click.command(epilog=EPILOG)
@click.argument("ids", nargs=-1, metavar="[ID]...", shell_complete=complete_id)
@click.option("--good", "goods", multiple=True, metavar="R", help="A revision that was good; repeat to name several.")
@click.option("--bad", metavar="R", help="A revision that is bad: that of the request, or HEAD, if not given.")
@click.option("--run", "command_line", metavar="CMD", help="What tells good from bad, run in the checkout's root.")
@click.option(
    "-j", "at_once", type=click.IntRange(1, 64), default=1, metavar="N", help="Try so many revisions at once."
)
@click.option("--first-parent", is_flag=True, help="Follow only the first parent of merges.")
@click.option(
    "--timeout", type=click.FloatRange(0), metavar="S", help="Skip a revision that takes longer; 0 for no limit."
)
@click.option("--fresh", is_flag=True, help="Begin anew, where a search was stopped that would go on.")
@command_options("app", "python", "path_map", "in_app_include", "in_app_exclude")
def command(
    session: Session,
    ids: tuple[str, ...],
    goods: tuple[str, ...],
    bad: str | None,
    command_line: str | None,
    at_once: int,
    first_parent: bool,
    timeout: float | None,
    fresh: bool,
) -> int:
    """Find the commit that broke it.

    Good and bad are what a command says, or the recorded request, run again with its side effects off. Revisions are
    tried in throw-away checkouts: your files, index, branches and stash are not touched. Commits that changed what ran
    are tried first, and the answer is the one that git bisect gives. Stopped, it goes on when asked again. Of several
    requests, each is searched for in its turn.
    """
    from flux_ls.bisect.asking import Given

    if not ids and command_line is None:
        raise click.UsageError("Give the ID of a failed request, or --run CMD.")
    wanted: list[str | None] = [None]
    worst = OK
    if ids:
        # A wrong id is told before the others are searched for, and not some minutes later.
        with session.reader() as reader:
            requests, worst = requests_named(reader, ids)
        wanted = [request.id for request in requests]
        if not wanted and not worst:
            complain("standard input names no request: give an id, or a line of `flux tail --json`")
            return NOT_FOUND
    for id in wanted:
        given = Given(id, goods, bad, command_line, at_once, first_parent, timeout, fresh)
        worst = max(worst, _search(session, given))
        session.terminal.flush()
    return worst


def _search(session: Session, given: "Given") -> int:
    from flux_ls.bisect.asking import ask
    from flux_ls.bisect.bisection import bisect
    from flux_ls.bisect.oracles import Aborted, Cancelled
    from flux_ls.bisect.shapes import NothingToFind, NotPossible
    from flux_ls.git.asking import GitError, Missing

    stop = threading.Event()
    live = Live(session.terminal, session.as_json)
    try:
        repository, oracle, asked, logs = ask(session.reader, session.workspace, _project_of(session, given), given)
        with stopped_by_signals(stop):
            answer = bisect(repository, oracle, asked, logs=logs, cancel=stop, report=live.show)
    except NotPossible as error:
        live.clear()
        complain(str(error))
        return WRONG_USE
    except (NothingToFind, Aborted) as error:
        live.clear()
        complain(str(error))
        return BAD_NEWS
    except Missing as error:
        live.clear()
        complain(str(error))
        return NOT_FOUND
    except GitError as error:
        live.clear()
        complain(str(error))
        return UNREACHABLE
    except Cancelled:
        live.clear()
        complain("stopped; asked again, it goes on from here (--fresh: from the beginning)")
        raise KeyboardInterrupt from None
    live.clear()
    if session.as_json:
        from flux_ls.answers.shapes import to_json

        session.terminal.json(to_json(answer))
    else:
        show(session.terminal, answer)
    return OK if answer.first_bad is not None else BAD_NEWS


def _project_of(session: Session, given: "Given") -> "Project":
    spans: Sequence[Span] = ()
    if given.id is not None:
        with session.reader() as reader:
            spans = reader.spans(given.id)
    found = session.projects.of(spans, session.workspace)
    assert found is not None, "the terminal always is in some folder"
    return found


class stopped_by_signals:  # noqa: N801
    """Sets the event at SIGINT and SIGTERM, so that what runs is ended and what was made is removed."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._before: dict[int, object] = {}

    def __enter__(self) -> None:
        import signal

        for number in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", None)):
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, lambda *_: self._stop.set())

    def __exit__(self, *_: object) -> None:
        import signal

        for number, before in self._before.items():
            signal.signal(number, before)  # type: ignore[arg-type]


class Live:
    """The progress on standard error: a line for each verdict, and on a terminal what is going on below."""

    def __init__(self, terminal: Terminal, quiet: bool) -> None:
        self._terminal = terminal
        self._quiet = quiet
        self._tty = sys.stderr.isatty()

    def show(self, progress: "Progress") -> None:
        if self._quiet:
            return
        from flux_ls.bisect.shapes import in_words

        self.clear()
        if progress.latest is not None:
            self._say(self._verdict(progress.latest) + "\n")
        if self._tty:
            self._say(clipped(in_words(progress), self._terminal.width or 79))
        elif progress.latest is not None and progress.left > 1:
            self._say(f"  {in_words(progress)}\n")

    def clear(self) -> None:
        if self._tty and not self._quiet:
            self._say("\r\x1b[K")

    def _verdict(self, told: "EvidenceShape") -> str:
        paint = _PAINTS[told.verdict]
        took = latency(told.duration_ms) if told.source == "run" else told.source
        reason = (
            f"  {self._terminal.paint(plain(told.reason), 'dim')}" if told.reason and told.verdict != "good" else ""
        )
        verdict = self._terminal.paint(f"{told.verdict:4}", paint)  # type: ignore[arg-type]
        return f"  {verdict}  {told.revision[:_SHORT]}  {took}{reason}"

    def _say(self, text: str) -> None:
        click.echo(text, err=True, nl=False, color=self._terminal.color)


def show(terminal: Terminal, answer: "Bisect") -> None:
    terminal.say()
    if answer.first_bad is not None:
        terminal.say("  " + terminal.paint("FIRST BAD COMMIT", "title"))
        _commit(terminal, answer.first_bad)
    else:
        terminal.say("  " + terminal.paint("NO FIRST BAD COMMIT", "title"))
        for line in wrapped(plain(answer.reason or ""), terminal.width, "  "):
            terminal.say(line)
        for each in answer.among:
            _commit(terminal, each)
    for hunk in answer.hunks:
        _hunk(terminal, hunk)
    terminal.say()
    for note in answer.notes:
        for line in wrapped(plain(note), terminal.width, "  "):
            terminal.say(terminal.paint(line, "warn"))
    recorded = sum(each.source == "recorded" for each in answer.evidence)
    known = f", {counted(recorded, 'verdict')} from the recording" if recorded else ""
    terminal.say(
        terminal.paint(f"  {counted(answer.runs, 'run')} for {counted(answer.candidates, 'commit')}{known}", "dim")
    )
    if answer.log is not None:
        terminal.say(terminal.paint(f"  git bisect replay {plain(answer.log)}", "dim"))
    terminal.say()


def _commit(terminal: Terminal, told: "FirstBad") -> None:
    who = f"{plain(told.author)}, {told.date[:10]}"
    terminal.say(
        f"  {terminal.paint(told.revision[:_SHORT], 'mark')}  {plain(told.subject)}  {terminal.paint(who, 'dim')}"
    )


def _hunk(terminal: Terminal, hunk: "HunkShape") -> None:
    terminal.say()
    where = f" in {plain(hunk.function)}" if hunk.function else ""
    terminal.say(f"  {terminal.paint(plain(hunk.path), 'mark')} : line {hunk.line} {where}".rstrip())
    lines = hunk.diff.split("\n")[1:]
    for line in lines[:_MOST_LINES]:
        paint = "good" if line.startswith("+") else "bad" if line.startswith("-") else "dim"
        terminal.say("    " + terminal.paint(plain(line.expandtabs(4)), paint))  # type: ignore[arg-type]
    if len(lines) > _MOST_LINES:
        terminal.say(terminal.paint(f"    … {len(lines) - _MOST_LINES} more lines (--json has all)", "dim"))
