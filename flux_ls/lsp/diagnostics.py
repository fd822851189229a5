"""`textDocument/publishDiagnostics`: findings as diagnostics, sent when they changed and cleared when they are gone."""

import asyncio
import time
from collections.abc import Callable

from lsprotocol import types

from flux_ls.lsp import words
from flux_ls.lsp.client import Client
from flux_ls.lsp.convert import to_range
from flux_ls.lsp.markdown import one_line
from flux_ls.lsp.snapshot import Finding, Place, Snapshot

SOURCE = "flux"
DATA = {
    "fingerprint": "The issue group, as `flux.server.dismiss` takes it.",
    "requestId": "The latest request that failed this way.",
    "state": "`failing` or `handled`.",
    "anchor": "How the line was found: `exact`, `moved`, or `edited` since it failed.",
}
"""What a diagnostic carries for clients that do more with it."""
UNVERIFIED = "unverified since your edit"
MESSAGE_LIMIT = 200
LONGEST_TRAIL = 20
RECOUNT_EVERY_S = 0.5
"""New and moved diagnostics go out at once; new counts and times of those on the screen, no more often than this."""


def diagnostic(finding: Finding, client: Client) -> types.Diagnostic:
    """One finding on the text that is responsible. The message has no relative time: it would go stale unread."""
    issue = finding.issue
    return types.Diagnostic(
        range=_range(finding.place, client),
        message=message(finding),
        severity=_severity(finding),
        code=issue.sample_request_id[:8],
        source=SOURCE,
        related_information=_trail(finding, client) if client.related_information else None,
        data={
            "fingerprint": issue.failure.fingerprint,
            "requestId": issue.sample_request_id,
            "state": finding.state,
            "anchor": finding.place.located.anchor,
        },
    )


def message(finding: Finding) -> str:
    issue = finding.issue
    error = one_line(words.error_line(issue), MESSAGE_LIMIT)
    parts = [
        f"handled: {error}" if finding.state == "handled" else error,
        words.times(issue.count, "time" if finding.state == "handled" else "failure"),
        f"last {words.at(issue.last_seen_ns)}",
        f"req:{issue.sample_request_id[:8]}",
    ]
    if finding.unverified:
        parts.append(UNVERIFIED)
    return " · ".join(parts)


def _severity(finding: Finding) -> types.DiagnosticSeverity:
    if finding.unverified:
        return types.DiagnosticSeverity.Hint
    if finding.state == "handled" or finding.stale:
        return types.DiagnosticSeverity.Warning
    return types.DiagnosticSeverity.Error


def _trail(finding: Finding, client: Client) -> list[types.DiagnosticRelatedInformation]:
    steps = finding.trail
    if len(steps) > LONGEST_TRAIL:
        # The ends tell most: where it came in, and where it broke.
        steps = (*steps[: LONGEST_TRAIL // 2], *steps[-LONGEST_TRAIL // 2 :])
    return [
        types.DiagnosticRelatedInformation(
            types.Location(step.uri, _range(step, client)),
            f"{one_line(step.located.function or 'module', 100)}: {one_line(step.text.strip(), 100)}",
        )
        for step in steps
    ]


def _range(place: Place, client: Client) -> types.Range:
    located = place.located
    return to_range(located.line, located.column, located.end_column, place.text, client.encoding)


class Diagnostics:
    """What was published last, so that only changes are sent.

    `open_version` tells the version of an open document, None for a file that is not open.
    """

    def __init__(
        self,
        publish: Callable[[types.PublishDiagnosticsParams], None],
        open_version: Callable[[str], int | None],
    ) -> None:
        self._publish = publish
        self._open_version = open_version
        self._published: dict[str, list[types.Diagnostic]] = {}
        self._owed: set[str] = set()
        self._sent_at: dict[str, float] = {}
        self._recount: asyncio.TimerHandle | None = None

    def show(self, snapshot: Snapshot, client: Client) -> None:
        if self._recount is not None:
            self._recount.cancel()
            self._recount = None
        for uri in [uri for uri in self._published if uri not in snapshot.files]:
            del self._published[uri]
            self._send(uri, [])
            del self._sent_at[uri]
        self._owed &= snapshot.files.keys()
        early = 0.0
        for uri, file in snapshot.files.items():
            # Edits that came after this snapshot bring another one, for the text as it is then.
            if file.version != self._open_version(uri):
                continue
            diagnostics = [diagnostic(finding, client) for finding in file.findings]
            before = self._published.get(uri)
            if before == diagnostics and uri not in self._owed:
                continue
            if before is not None and uri not in self._owed and _looks(before) == _looks(diagnostics):
                wait = self._sent_at[uri] + RECOUNT_EVERY_S - time.monotonic()
                if wait > 0:
                    early = max(early, wait)
                    continue
            self._published[uri] = diagnostics
            self._owed.discard(uri)
            self._send(uri, diagnostics)
        if early:
            self._recount = asyncio.get_running_loop().call_later(early, self.show, snapshot, client)

    def owe(self, uri: str) -> None:
        """Sends a document's diagnostics with the next snapshot in any case: a client that opens it may need them."""
        if uri in self._published:
            self._owed.add(uri)

    def stop(self) -> None:
        if self._recount is not None:
            self._recount.cancel()

    def _send(self, uri: str, diagnostics: list[types.Diagnostic]) -> None:
        self._sent_at[uri] = time.monotonic()
        self._publish(types.PublishDiagnosticsParams(uri=uri, diagnostics=diagnostics, version=self._open_version(uri)))


def _looks(shown: list[types.Diagnostic]) -> list[tuple[types.Range, object, object]]:
    """What an eye notices of them, and what they are about."""
    return [(each.range, each.severity, each.data["fingerprint"] if each.data else None) for each in shown]
