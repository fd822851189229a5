"""`textDocument/codeLens`: one line above each function that has something to say."""

import time
from collections import defaultdict
from collections.abc import Mapping

from lsprotocol import types
from msgspec import Struct

from flux_ls.lsp import words
from flux_ls.lsp.client import Client
from flux_ls.lsp.convert import to_range
from flux_ls.lsp.snapshot import FileFindings, Finding


class Traffic(Struct, frozen=True):
    """How an entry point has been doing, at its function of today."""

    line: int
    text: str
    """Of the line."""
    requests: int
    p95_ns: int | None


def lenses(
    file: FileFindings | None, traffic: tuple[Traffic, ...], client: Client, now_ns: int | None = None
) -> list[types.CodeLens]:
    """Failures first, then traffic; a lens stays on the line of its `def`, whatever its text becomes."""
    now_ns = time.time_ns() if now_ns is None else now_ns
    made = []
    for (line, text), findings in sorted(_by_function(file).items()):
        latest = max(findings, key=lambda finding: finding.issue.last_seen_ns)
        made.append(
            types.CodeLens(
                range=to_range(line, None, None, text, client.encoding),
                command=types.Command(
                    title=title(findings, now_ns),
                    command="flux.server.why",
                    arguments=[{"id": latest.issue.sample_request_id, "show": True}],
                ),
            )
        )
    made += [
        types.CodeLens(
            range=to_range(each.line, None, None, each.text, client.encoding),
            command=types.Command(title=traffic_title(each), command="flux.server.tail", arguments=[{"show": True}]),
        )
        for each in traffic
    ]
    return made


def title(findings: list[Finding], now_ns: int) -> str:
    failing = [finding for finding in findings if finding.state == "failing"]
    counted = failing or findings
    count = sum(finding.issue.count for finding in counted)
    last_ns = max(finding.issue.last_seen_ns for finding in counted)
    what = words.times(count, "failure") if failing else words.times(count, "handled error")
    return f"{what} · last {words.ago(last_ns, now_ns)} · why"


def traffic_title(traffic: Traffic) -> str:
    p95 = f" · p95 {words.duration(traffic.p95_ns)}" if traffic.p95_ns is not None else ""
    return f"{words.short_number(traffic.requests)} req{p95}"


def _by_function(file: FileFindings | None) -> Mapping[tuple[int, str], list[Finding]]:
    grouped: dict[tuple[int, str], list[Finding]] = defaultdict(list)
    for finding in file.findings if file is not None else ():
        located = finding.place.located
        if located.function_line is not None and finding.function_text is not None:
            grouped[located.function_line, finding.function_text].append(finding)
        else:
            grouped[located.line, finding.place.text].append(finding)
    return grouped
