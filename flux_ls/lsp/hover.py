"""`textDocument/hover`: the last failure of the line or function under the cursor, with what was recorded there.

Everything recorded is fenced or in inline code, and the whole stays below 4 KB: what matters least is left out first.
"""

import time
from collections.abc import Iterable, Mapping

from lsprotocol import types
from msgspec import Struct

from flux_ls.answers.at_fault import AtFault
from flux_ls.answers.rows import Run, beyond
from flux_ls.answers.spoken_of import spoken_of_first
from flux_ls.answers.values import shown
from flux_ls.answers.words import fixed
from flux_ls.lsp import words
from flux_ls.lsp.addresses import address
from flux_ls.lsp.client import Client
from flux_ls.lsp.convert import to_range
from flux_ls.lsp.diagnostics import FUNCTION_EDITED, UNVERIFIED
from flux_ls.lsp.markdown import code, fence, one_line, shortened, visible
from flux_ls.lsp.rows import line_of
from flux_ls.lsp.snapshot import FileFindings, Finding, Place
from flux_ls.lsp.trials import fixed_by
from flux_ls.model import Request

LIMIT_BYTES = 4000
MESSAGE_LIMIT = 600
MOST_FINDINGS = 3
LONGEST_TRAIL = 6
MOST_VARIABLES = 12
MOST_ROWS = 5
VALUE_LIMIT = 90

ANCHOR_WORDS = {
    "exact": "this line is as it was when it failed",
    "moved": "this line has moved since, its text is the same",
    "edited": "this line has changed since it failed: " + UNVERIFIED,
}


class Block(Struct, frozen=True):
    """A part of a hover; of two that do not both fit, the one with the lower `worth` goes."""

    worth: int
    text: str


class Style:
    """How the client wants to read."""

    def __init__(self, client: Client) -> None:
        self.rich = client.markup == types.MarkupKind.Markdown
        self.links = self.rich and client.content
        self.between = "\n\n" if self.rich else "\n"

    def code(self, text: str, limit: int) -> str:
        return code(text, limit) if self.rich else one_line(text, limit)

    def text(self, text: str, limit: int) -> str:
        return fence(text, limit=limit) if self.rich else shortened(visible(text), limit)

    def titled(self, title: str, lines: Iterable[str]) -> str:
        """Lines below a title, to be read as they are."""
        body = "\n".join(one_line(line, VALUE_LIMIT + 40) for line in lines)
        return f"{title}\n{fence(body, limit=2000) if self.rich else body}"


def findings_at(file: FileFindings | None, line: int) -> tuple[Finding, ...]:
    """What a line has to say: the failures on it, else those of the function that starts there."""
    if file is None:
        return ()
    here = tuple(finding for finding in file.findings if finding.place.located.line == line)
    return here or tuple(finding for finding in file.findings if finding.place.located.function_line == line)


def fixed_at(file: FileFindings | None, line: int) -> tuple[Finding, ...]:
    """What was mended on the line, or in the function that starts there."""
    if file is None:
        return ()
    return tuple(finding for finding in file.fixed if line in (finding.head[0], finding.place.located.line))


def hover(
    findings: tuple[Finding, ...],
    recorded: Mapping[int, AtFault],
    client: Client,
    now_ns: int | None = None,
    mended: tuple[Finding, ...] = (),
) -> types.Hover | None:
    """`recorded` has, by issue id, what its latest request recorded there, as far as it could be read."""
    if not findings and not mended:
        return None
    now_ns = time.time_ns() if now_ns is None else now_ns
    style = Style(client)
    latest_first = sorted(findings, key=lambda finding: -finding.issue.last_seen_ns)
    told = [_blocks(finding, recorded.get(finding.issue.id), style, now_ns) for finding in latest_first[:MOST_FINDINGS]]
    rule = "\n\n---\n\n" if style.rich else "\n\n"
    if len(findings) > MOST_FINDINGS:
        told.append([Block(9, f"and {words.times(len(findings) - MOST_FINDINGS, 'more failure')} here")])
    told += [_mended_blocks(finding, style, now_ns) for finding in mended]
    text = _fitted(told, style, rule)
    return types.Hover(types.MarkupContent(client.markup, text), _range(latest_first, client))


def _range(findings: list[Finding], client: Client) -> types.Range | None:
    if len({finding.place.located.line for finding in findings}) != 1:
        return None
    place = findings[0].place
    located = place.located
    return to_range(located.line, located.column, located.end_column, place.text, client.encoding)


def _mended_blocks(finding: Finding, style: Style, now_ns: int) -> list[Block]:
    """What proves it, and what it was."""
    proof, issue = finding.proof, finding.issue
    if proof is None:
        assert finding.trial is not None
        told = f"{style.code(fixed_by(finding.trial), 60)}, {words.ago(finding.trial.began_ns, now_ns)}"
        return [Block(10, told)]
    end = "  \n" if style.rich else "\n"
    facts = [
        f"{style.code(fixed(proof), 60)}, {words.ago(proof.at_ns, now_ns)}",
        f"it was {style.code(words.error_line(issue), 200)}",
        f"{_counted(finding, now_ns)}, request {style.code('req:' + issue.sample_request_id[:8], 40)}",
    ]
    blocks = [Block(9, end.join(facts))]
    if style.links:
        before, after = issue.sample_request_id, proof.request_id
        links = (("compare", address("diff", before)), ("the good run", address("trace", after)))
        blocks.append(Block(2, " · ".join(f"[{name}]({uri})" for name, uri in links)))
    return blocks


def _fitted(told: list[list[Block]], style: Style, rule: str) -> str:
    """All of it in 4 KB; what is worth least goes first, of the oldest failure before the latest."""
    kept = [list(blocks) for blocks in told]
    while True:
        text = rule.join(style.between.join(block.text for block in blocks) for blocks in kept if blocks)
        if len(text.encode()) <= LIMIT_BYTES:
            return text
        _, _, index, least = min(
            (block.worth, -index, index, block) for index, blocks in enumerate(kept) for block in blocks
        )
        kept[index].remove(least)


def _blocks(finding: Finding, recorded: AtFault | None, style: Style, now_ns: int) -> list[Block]:
    issue = finding.issue
    failure = issue.failure
    handled = "Handled: " if finding.state == "handled" else ""
    request = None if recorded is None else recorded.request
    blocks = []
    if style.rich:
        blocks.append(Block(10, f"{handled}**{code(failure.type or 'error', 120)}**"))
        if failure.message:
            blocks.append(Block(8, fence(failure.message, limit=MESSAGE_LIMIT)))
    else:
        blocks.append(Block(10, handled + shortened(visible(words.error_line(issue)), MESSAGE_LIMIT)))
    end = "  \n" if style.rich else "\n"
    located = finding.place.located
    anchor = ANCHOR_WORDS.get(located.anchor, "") + (f", but {FUNCTION_EDITED}" if located.function_edited else "")
    facts = [
        _counted(finding, now_ns),
        f"request {style.code('req:' + issue.sample_request_id[:8], 40)}{_request_words(request, style)}",
        f"_{anchor}_" if style.rich and anchor else anchor,
    ]
    blocks.append(Block(9, end.join(facts)))
    if recorded is not None:
        blocks += _recorded_blocks(recorded, finding.place.text, style)
    if finding.trail:
        trail = "\n".join(f"{number}. {_step(step, style)}" for number, step in _numbered(finding.trail))
        blocks.append(Block(3, trail))
    if style.links:
        id = issue.sample_request_id
        links = ((name, address(path, id)) for name, path in (("why", "why"), ("steps", "debug"), ("trace", "trace")))
        blocks.append(Block(2, " · ".join(f"[{name}]({uri})" for name, uri in links)))
    return blocks


def _recorded_blocks(recorded: AtFault, line: str, style: Style) -> list[Block]:
    blocks = []
    if recorded.variables:
        blocks.append(Block(7, style.titled("locals", _named(spoken_of_first(recorded.variables, line)))))
    if recorded.arguments and not _all_among(recorded.arguments, recorded.variables):
        blocks.append(Block(6, style.titled("called with", _named(recorded.arguments))))
    if recorded.rows:
        blocks.append(Block(5, style.titled("rows", _row_lines(recorded.rows))))
    if recorded.input and (body := recorded.input.get("body")) is not None:
        blocks.append(Block(4, f"in: {style.code(shown(body, 240), 260)}"))
    if recorded.answer is not None:
        answer = recorded.answer.get("body") if isinstance(recorded.answer, dict) else recorded.answer
        if answer not in (None, ""):
            blocks.append(Block(1, f"out: {style.code(shown(answer, 160), 180)}"))
    if recorded.duration_ns is not None:
        blocks.append(Block(1, f"the call took {words.duration(recorded.duration_ns)}"))
    return blocks


def _named(values: Mapping[str, object]) -> list[str]:
    lines = [f"{name} = {shown(value, VALUE_LIMIT)}" for name, value in list(values.items())[:MOST_VARIABLES]]
    if len(values) > MOST_VARIABLES:
        lines.append(f"and {len(values) - MOST_VARIABLES} more")
    return lines


def _all_among(arguments: Mapping[str, object], variables: Mapping[str, object] | None) -> bool:
    return variables is not None and all(
        name in variables and variables[name] == value for name, value in arguments.items()
    )


def _row_lines(told: tuple[Run, ...]) -> list[str]:
    lines = [line_of(run) for run in told[:MOST_ROWS]]
    left = beyond(told, MOST_ROWS)
    return [*lines, f"and {left:,} more"] if left else lines


def _counted(finding: Finding, now_ns: int) -> str:
    issue = finding.issue
    kind = ("handled error", "handled errors") if finding.state == "handled" else ("failure", "failures")
    first = f", first {words.at(issue.first_seen_ns)}" if issue.count > 1 else ""
    return f"{words.times(issue.count, *kind)}, last {words.ago(issue.last_seen_ns, now_ns)}{first}"


def _request_words(request: Request | None, style: Style) -> str:
    if request is None:
        return ""
    what = " ".join(part for part in (request.method, request.path or request.name) if part)
    status = f" · {request.status}" if request.status is not None else ""
    return f" · {style.code(what, 160)}{status} · {words.duration(request.duration_ns)}"


def _numbered(trail: tuple[Place, ...]) -> list[tuple[int, Place]]:
    numbered = list(enumerate(trail, start=1))
    return numbered if len(trail) <= LONGEST_TRAIL else [numbered[0], *numbered[-LONGEST_TRAIL + 1 :]]


def _step(place: Place, style: Style) -> str:
    located = place.located
    where = f"{located.display_path}:{located.line}"
    return f"{style.code(where, 160)} {style.code(located.function or 'module', 80)}"
