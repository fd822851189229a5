"""`textDocument/publishDiagnostics`: what each line has to say, sent when it changed and cleared when it is gone.

A line has one diagnostic, however many kinds of failure it has seen: it names the one that matters most, and counts the
others. Files that are not open have theirs too, for the editor's list of problems: at their text on disk, without a
version. So has a file that was closed: it is like one that was never opened, and nothing makes the editor open it.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable

from lsprotocol import types
from msgspec import Struct

from flux_ls.lsp import words
from flux_ls.lsp.addresses import address
from flux_ls.lsp.client import Client
from flux_ls.lsp.convert import to_range
from flux_ls.lsp.markdown import one_line
from flux_ls.lsp.snapshot import FileFindings, Finding, Place, Snapshot
from flux_ls.lsp.suspects import Suspect
from flux_ls.lsp.trials import Trial

SOURCE = "flux"
DATA = {
    "fingerprint": "The issue group, as `flux.server.dismiss` takes it; of several on one line, the one that is named.",
    "requestId": "The latest request that failed this way.",
    "state": "`failing` or `handled`.",
    "anchor": "How the line was found: `exact`, `moved`, or `edited` since it failed.",
    "functionEdited": "Whether the line is as it was but its function has been edited since.",
    "replay": "What the latest replay said, while the code is what ran: `requestId`, `error`, `same`; null for none.",
    "revision": "Of a first bad commit, on the lines that it changed; null for a failure.",
    "others": "Of the other groups on the line, `fingerprint`, `requestId` and `message`.",
}
"""What a diagnostic carries for clients that do more with it."""
UNVERIFIED = "unverified since your edit"
FUNCTION_EDITED = "its function has been edited since"
MESSAGE_LIMIT = 200
LONGEST_TRAIL = 20
MOST_OTHERS = 5
"""Other kinds of failure on a line that are listed with it; all of them are counted."""
NEWS_EVERY_S = 0.25
RECOUNT_EVERY_S = 0.5
"""What looks otherwise goes out at once, but of one file no more often than this; new counts and times of what is on
the screen, no more often than that. An edit waits for neither.
"""


class Hint(Struct, frozen=True):
    """What one line has to say."""

    named: Finding
    """The kind of failure that matters most there."""
    others: tuple[Finding, ...] = ()


def hints(file: FileFindings) -> list[Hint]:
    """One for each line, from the top."""
    by_line: dict[int, list[Finding]] = defaultdict(list)
    for finding in sorted(file.findings, key=_rank):
        by_line[finding.place.located.line].append(finding)
    return [Hint(named, tuple(others)) for _, (named, *others) in sorted(by_line.items())]


def shown_of(found: list[Hint], limit: int) -> list[Hint]:
    """Those that matter most, where there are more than a file is to show."""
    if len(found) <= limit:
        return found
    kept = sorted(range(len(found)), key=lambda index: _rank(found[index].named))[:limit]
    return [found[index] for index in sorted(kept)]


def diagnostics(file: FileFindings, client: Client, limit: int) -> list[types.Diagnostic]:
    """The file's hints; the last one says how many there was no room for."""
    found = hints(file)
    shown = shown_of(found, limit)
    return _of_failures(found, shown, client, limit) + [first_bad(suspect, client) for suspect in file.suspects]


def first_bad(suspect: Suspect, client: Client) -> types.Diagnostic:
    """The lines that the first bad commit changed in a function that fails."""
    suspicion, located = suspect.suspicion, suspect.first
    commit = suspicion.first_bad
    start = to_range(located.line, None, None, "", client.encoding).start
    end = to_range(suspect.last_line, None, None, suspect.text, client.encoding).end
    told = f"first bad commit {commit.revision[:12]} · {one_line(commit.author, 60)} · {commit.date[:10]}"
    return types.Diagnostic(
        range=types.Range(start, end),
        message=f"{told} · {one_line(commit.subject, MESSAGE_LIMIT)} · req:{suspicion.request_id[:8]}",
        severity=types.DiagnosticSeverity.Information,
        code=commit.revision[:12],
        source=SOURCE,
        code_description=types.CodeDescription(suspicion.uri) if client.content else None,
        data={
            "fingerprint": suspicion.fingerprint,
            "requestId": suspicion.request_id,
            "state": "failing",
            "anchor": located.anchor,
            "functionEdited": located.function_edited,
            "replay": None,
            "revision": commit.revision,
            "others": [],
        },
    )


def _of_failures(found: list[Hint], shown: list[Hint], client: Client, limit: int) -> list[types.Diagnostic]:
    left_out = len(found) - len(shown)
    return [
        diagnostic(hint, client, f"{words.times(left_out, 'more hint')} left out, flux.hintsPerFile is {limit}")
        if left_out and hint is shown[-1]
        else diagnostic(hint, client)
        for hint in shown
    ]


def diagnostic(hint: Hint, client: Client, note: str = "") -> types.Diagnostic:
    """One line's hint on the text that is responsible. The message has no relative time: it would go stale unread."""
    finding = hint.named
    issue = finding.issue
    return types.Diagnostic(
        range=_range(finding.place, client),
        message=message(hint, note),
        severity=_severity(finding),
        code=issue.sample_request_id[:8],
        source=SOURCE,
        code_description=_details(finding, client),
        related_information=_related(hint, client) if client.related_information else None,
        data={
            "fingerprint": issue.failure.fingerprint,
            "requestId": issue.sample_request_id,
            "state": finding.state,
            "anchor": finding.place.located.anchor,
            "functionEdited": finding.place.located.function_edited,
            "replay": None
            if finding.trial is None
            else {"requestId": finding.trial.request_id, "error": finding.trial.error, "same": finding.trial.same},
            "revision": None,
            "others": [
                {
                    "fingerprint": other.issue.failure.fingerprint,
                    "requestId": other.issue.sample_request_id,
                    "message": _in_short(other),
                }
                for other in hint.others[:MOST_OTHERS]
            ],
        },
    )


def _details(finding: Finding, client: Client) -> types.CodeDescription | None:
    """Where to read how the replay differs from the recording, for clients that open Flux's documents."""
    if finding.trial is None or not client.content:
        return None
    return types.CodeDescription(address("replay", finding.trial.request_id))


def message(hint: Hint, note: str = "") -> str:
    """In the order of what is read first; how sure the line is comes last."""
    finding = hint.named
    parts = [_error(finding), _counted(finding)]
    if finding.trial is not None:
        parts = [*_replayed(finding.trial), *parts]
    if hint.others:
        parts.append(f"and {words.times(len(hint.others), 'other kind')} here")
    parts += [f"last {words.at(finding.issue.last_seen_ns)}", f"req:{finding.issue.sample_request_id[:8]}"]
    if note:
        parts.append(note)
    if finding.unverified:
        parts.append(UNVERIFIED)
    elif finding.place.located.function_edited:
        parts.append(FUNCTION_EDITED)
    return " · ".join(parts)


def _replayed(trial: Trial) -> list[str]:
    """What it fails with now comes first: it is what the code on the screen does."""
    if trial.same:
        return ["still fails in a replay"]
    return [f"in a replay: {one_line(trial.error or 'no answer', MESSAGE_LIMIT)}"]


def _in_short(finding: Finding) -> str:
    return f"{_error(finding)} · {_counted(finding)}"


def _error(finding: Finding) -> str:
    error = one_line(words.error_line(finding.issue), MESSAGE_LIMIT)
    return f"handled: {error}" if finding.state == "handled" else error


def _counted(finding: Finding) -> str:
    return words.times(finding.issue.count, "time" if finding.state == "handled" else "failure")


def _rank(finding: Finding) -> tuple[int, int, int, int]:
    """What matters most comes first: what is worst, then what is far more frequent, then what is new.

    Of counts only the size: two kinds that fail in turn would take the line from each other all the time.
    """
    issue = finding.issue
    return (int(_severity(finding)), -len(str(issue.count)), -issue.first_seen_ns, issue.id)


def _severity(finding: Finding) -> types.DiagnosticSeverity:
    if finding.unverified:
        return types.DiagnosticSeverity.Hint
    if finding.state == "handled" or finding.stale:
        return types.DiagnosticSeverity.Warning
    return types.DiagnosticSeverity.Error


def _related(hint: Hint, client: Client) -> list[types.DiagnosticRelatedInformation]:
    """The path from the handler to the fault, and the other kinds of failure on the line."""
    steps = hint.named.trail
    if len(steps) > LONGEST_TRAIL:
        # The ends tell most: where it came in, and where it broke.
        steps = (*steps[: LONGEST_TRAIL // 2], *steps[-LONGEST_TRAIL // 2 :])
    told = [
        (step, f"{one_line(step.located.function or 'module', 100)}: {one_line(step.text.strip(), 100)}")
        for step in steps
    ]
    told += [
        (other.place, f"also here: {_in_short(other)} · req:{other.issue.sample_request_id[:8]}")
        for other in hint.others[:MOST_OTHERS]
    ]
    return [
        types.DiagnosticRelatedInformation(types.Location(place.uri, _range(place, client)), text)
        for place, text in told
    ]


def _range(place: Place, client: Client) -> types.Range:
    located = place.located
    return to_range(located.line, located.column, located.end_column, place.text, client.encoding)


class Sent(Struct, frozen=True):
    """When a file's diagnostics were sent last, and for which version of it."""

    at: float
    version: int | None


class Diagnostics:
    """What was published last, so that only changes are sent.

    `open_version` tells the version of an open document, None for a file that is not open; `limit` how many hints a
    file shows.
    """

    def __init__(
        self,
        publish: Callable[[types.PublishDiagnosticsParams], None],
        open_version: Callable[[str], int | None],
        limit: Callable[[str], int],
    ) -> None:
        self._publish = publish
        self._open_version = open_version
        self._limit = limit
        self._published: dict[str, list[types.Diagnostic]] = {}
        self._owed: set[str] = set()
        self._sent: dict[str, Sent] = {}
        self._later: asyncio.TimerHandle | None = None

    def show(self, snapshot: Snapshot, client: Client) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None
        now = time.monotonic()
        early: list[float] = []
        # What is gone goes first: a file that is known by another name now is not to be there twice.
        for uri in (*(uri for uri in list(self._published) if uri not in snapshot.files), *snapshot.files):
            file = snapshot.files.get(uri)
            # Edits that came after this snapshot bring another one, for the text as it is then; a document that was
            # closed is back at its text on disk, and the snapshot of that is on its way.
            if file is not None and file.version != self._open_version(uri):
                continue
            wanted = diagnostics(file, client, self._limit(uri)) if file is not None else []
            before = self._published.get(uri, [])
            if before == wanted and uri not in self._owed:
                continue
            if (wait := self._wait(uri, before, wanted, now)) > 0:
                early.append(wait)
            else:
                self._send(uri, wanted, now)
        # What was sent long ago holds up nothing any more.
        self._sent = {
            uri: sent for uri, sent in self._sent.items() if uri in self._published or now < sent.at + RECOUNT_EVERY_S
        }
        if early:
            self._later = asyncio.get_running_loop().call_later(min(early), self.show, snapshot, client)

    def owe(self, uri: str) -> None:
        """Sends a document's diagnostics with the next snapshot in any case: a client that opens it may need them."""
        if uri in self._published:
            self._owed.add(uri)

    def stop(self) -> None:
        if self._later is not None:
            self._later.cancel()

    def _wait(self, uri: str, before: list[types.Diagnostic], wanted: list[types.Diagnostic], now: float) -> float:
        sent = self._sent.get(uri)
        if sent is None or not wanted or uri in self._owed or sent.version != self._open_version(uri):
            return 0
        pause = RECOUNT_EVERY_S if _looks(before) == _looks(wanted) else NEWS_EVERY_S
        return sent.at + pause - now

    def _send(self, uri: str, wanted: list[types.Diagnostic], now: float) -> None:
        self._owed.discard(uri)
        if wanted:
            self._published[uri] = wanted
        else:
            self._published.pop(uri, None)
        version = self._open_version(uri)
        self._sent[uri] = Sent(now, version)
        self._publish(types.PublishDiagnosticsParams(uri=uri, diagnostics=wanted, version=version))


def _looks(shown: list[types.Diagnostic]) -> list[tuple[object, ...]]:
    """What an eye notices of them, and what they are about."""
    return [
        (
            each.range,
            each.severity,
            each.data and (each.data["fingerprint"], each.data["functionEdited"], each.data["replay"]),
            [other["fingerprint"] for other in each.data["others"]] if each.data else [],
        )
        for each in shown
    ]
