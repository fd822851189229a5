"""`textDocument/codeLens`: one line above each function that has something to say."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping

from lsprotocol import types
from msgspec import Struct

from flux_ls.answers.words import fixed
from flux_ls.lsp import words
from flux_ls.lsp.client import Client
from flux_ls.lsp.convert import to_range
from flux_ls.lsp.snapshot import FileFindings, Finding
from flux_ls.lsp.trials import fixed_by

RUNNING = ("replay", "bisect")
"""What is offered where the request can be run again."""


class Traffic(Struct, frozen=True):
    """How an entry point has been doing, at its function of today."""

    line: int
    text: str
    """Of the line."""
    requests: int
    p95_ns: int | None


def lenses(
    file: FileFindings | None,
    traffic: tuple[Traffic, ...],
    client: Client,
    now_ns: int | None = None,
    runnable: Callable[[Finding], bool] = lambda _: False,
) -> list[types.CodeLens]:
    """One line for each function, then traffic; it stays on the line of its `def`, whatever its text becomes.

    `runnable` tells of which failures the request may be run again. That is offered behind what is always there, which
    does not move when it comes or goes.
    """
    now_ns = time.time_ns() if now_ns is None else now_ns
    made = []
    for (line, text), findings in sorted(_by_function(file).items()):
        made += [
            types.CodeLens(range=to_range(line, None, None, text, client.encoding), command=command)
            for command in _commands(findings, now_ns, runnable)
        ]
    made += [
        types.CodeLens(
            range=to_range(each.line, None, None, each.text, client.encoding),
            command=types.Command(title=traffic_title(each), command="flux.server.tail", arguments=[{"show": True}]),
        )
        for each in traffic
    ]
    return made


def _commands(findings: list[Finding], now_ns: int, runnable: Callable[[Finding], bool]) -> Iterator[types.Command]:
    """A lens has one command, and clients put those of a line beside each other: `… · why | replay`."""
    failing = [finding for finding in findings if not finding.mended]
    if not failing:
        yield _fixed(findings[0])
        return
    latest = max(failing, key=lambda finding: finding.issue.last_seen_ns)
    arguments = [{"id": latest.issue.sample_request_id, "show": True}]
    yield types.Command(title=title(failing, now_ns), command="flux.server.why", arguments=arguments)
    if latest.state == "failing" and runnable(latest):
        for name in RUNNING:
            yield types.Command(title=name, command=f"flux.server.{name}", arguments=arguments)


def _fixed(finding: Finding) -> types.Command:
    """What changed between the last failure and the run that went well is what one wants to see of it."""
    if finding.proof is None:
        assert finding.trial is not None
        return types.Command(
            title=fixed_by(finding.trial),
            command="flux.server.replay",
            arguments=[{"id": finding.trial.request_id, "latest": True, "show": True}],
        )
    return types.Command(
        title=fixed(finding.proof),
        command="flux.server.diff",
        arguments=[{"id": finding.issue.sample_request_id, "other": finding.proof.request_id, "show": True}],
    )


def title(findings: list[Finding], now_ns: int) -> str:
    """As wide with the next failure as with this one, but for a count ten times as high: what stands beside stays."""
    failing = [finding for finding in findings if finding.state == "failing"]
    counted = failing or findings
    count = words.steady_number(sum(finding.issue.count for finding in counted))
    last = words.steady_ago(max(finding.issue.last_seen_ns for finding in counted), now_ns)
    what = "failure" if failing else "handled error"
    return f"{count} {what if count == '1' else what + 's'} · last {last} · why"


def traffic_title(traffic: Traffic) -> str:
    p95 = f" · p95 {words.duration(traffic.p95_ns)}" if traffic.p95_ns is not None else ""
    return f"{words.short_number(traffic.requests)} req{p95}"


def _by_function(file: FileFindings | None) -> Mapping[tuple[int, str], list[Finding]]:
    """What each function has to say. One that fails does not tell what was mended in it; what lost its place stays
    only where nothing has one.
    """
    grouped: dict[tuple[int, str], list[Finding]] = defaultdict(list)
    for finding in file.findings if file is not None else ():
        grouped[finding.head].append(finding)
    for finding in file.fixed if file is not None else ():
        if finding.head not in grouped:
            grouped[finding.head] = [finding]
    sure = set(grouped)
    for finding in file.held if file is not None else ():
        if finding.head not in sure:
            grouped[finding.head].append(finding)
    return grouped
