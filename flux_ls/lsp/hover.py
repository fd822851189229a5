"""`textDocument/hover`: the last failure of the line or function under the cursor.

Everything recorded is fenced or in inline code, and the whole stays below 4 KB.
"""

import time
from collections.abc import Callable

from lsprotocol import types

from flux_ls.lsp import words
from flux_ls.lsp.client import Client
from flux_ls.lsp.convert import to_range
from flux_ls.lsp.diagnostics import UNVERIFIED
from flux_ls.lsp.markdown import code, fence, one_line, shortened, visible
from flux_ls.lsp.snapshot import FileFindings, Finding, Place
from flux_ls.model import Request

LIMIT_BYTES = 4000
MESSAGE_LIMIT = 600
MOST_FINDINGS = 3
LONGEST_TRAIL = 6

ANCHOR_WORDS = {
    "exact": "this line is as it was when it failed",
    "moved": "this line has moved since, its text is the same",
    "edited": "this line has changed since it failed: " + UNVERIFIED,
}


def findings_at(file: FileFindings | None, line: int) -> tuple[Finding, ...]:
    """What a line has to say: the failures on it, else those of the function that starts there."""
    if file is None:
        return ()
    here = tuple(finding for finding in file.findings if finding.place.located.line == line)
    return here or tuple(finding for finding in file.findings if finding.place.located.function_line == line)


def hover(
    findings: tuple[Finding, ...], requests: dict[str, Request], client: Client, now_ns: int | None = None
) -> types.Hover | None:
    """`requests` has the latest request of each finding, by id, as far as they could be read."""
    if not findings:
        return None
    now_ns = time.time_ns() if now_ns is None else now_ns
    rich = client.markup == types.MarkupKind.Markdown
    section = _markdown if rich else _plain
    latest_first = sorted(findings, key=lambda finding: -finding.issue.last_seen_ns)
    parts = [
        section(finding, requests.get(finding.issue.sample_request_id), now_ns)
        for finding in latest_first[:MOST_FINDINGS]
    ]
    if len(findings) > MOST_FINDINGS:
        parts.append(f"and {words.times(len(findings) - MOST_FINDINGS, 'more failure')} here")
    text = ("\n\n---\n\n" if rich else "\n\n").join(parts)
    if len(text.encode()) > LIMIT_BYTES:
        # The latest alone, whose parts are bounded each.
        text = parts[0]
    place = latest_first[0].place
    located = place.located
    return types.Hover(
        types.MarkupContent(client.markup, text),
        to_range(located.line, located.column, located.end_column, place.text, client.encoding)
        if len({finding.place.located.line for finding in findings}) == 1
        else None,
    )


def _markdown(finding: Finding, request: Request | None, now_ns: int) -> str:
    issue = finding.issue
    failure = issue.failure
    lines = [f"{'Handled: ' if finding.state == 'handled' else ''}**{code(failure.type or 'error', 120)}**", ""]
    if failure.message:
        lines += [fence(failure.message, limit=MESSAGE_LIMIT), ""]
    lines += [
        f"{_counted(finding, now_ns)}  ",
        f"request {code('req:' + issue.sample_request_id[:8])}{_request_words(request, code)}  ",
        f"_{ANCHOR_WORDS.get(finding.place.located.anchor, '')}_",
    ]
    if finding.trail:
        lines += ["", *(f"{number}. {_step(step, code)}" for number, step in _numbered(finding.trail))]
    return "\n".join(lines)


def _plain(finding: Finding, request: Request | None, now_ns: int) -> str:
    issue = finding.issue
    prefix = "Handled: " if finding.state == "handled" else ""
    lines = [
        prefix + shortened(visible(words.error_line(issue)), MESSAGE_LIMIT),
        _counted(finding, now_ns),
        f"request req:{issue.sample_request_id[:8]}{_request_words(request, one_line)}",
        ANCHOR_WORDS.get(finding.place.located.anchor, ""),
        *(f"{number}. {_step(step, one_line)}" for number, step in _numbered(finding.trail)),
    ]
    return "\n".join(lines)


def _counted(finding: Finding, now_ns: int) -> str:
    issue = finding.issue
    kind = ("handled error", "handled errors") if finding.state == "handled" else ("failure", "failures")
    first = f", first {words.at(issue.first_seen_ns)}" if issue.count > 1 else ""
    return f"{words.times(issue.count, *kind)}, last {words.ago(issue.last_seen_ns, now_ns)}{first}"


def _request_words(request: Request | None, quoted: Callable[[str, int], str]) -> str:
    if request is None:
        return ""
    what = " ".join(part for part in (request.method, request.path or request.name) if part)
    status = f" · {request.status}" if request.status is not None else ""
    return f" · {quoted(what, 160)}{status} · {words.duration(request.duration_ns)}"


def _numbered(trail: tuple[Place, ...]) -> list[tuple[int, Place]]:
    numbered = list(enumerate(trail, start=1))
    return numbered if len(trail) <= LONGEST_TRAIL else [numbered[0], *numbered[-LONGEST_TRAIL + 1 :]]


def _step(place: Place, quoted: Callable[[str, int], str]) -> str:
    located = place.located
    where = f"{located.display_path}:{located.line}"
    return f"{quoted(where, 160)} {quoted(located.function or 'module', 80)}"
