"""`textDocument/inlayHint`: the values of the latest failing run, at the failing function and on the failing line."""

import re
from collections.abc import Iterator, Mapping

from lsprotocol import types

from flux_ls.answers.at_fault import AtFault
from flux_ls.answers.spoken_of import spoken_of_first
from flux_ls.answers.values import shown
from flux_ls.lsp.client import Client
from flux_ls.lsp.convert import to_position
from flux_ls.lsp.markdown import one_line
from flux_ls.lsp.snapshot import FileFindings, Finding

SURE = ("exact", "moved")
"""Values are shown beside text that is as it was, and beside no other."""
LABEL_LIMIT = 120
VALUE_LIMIT = 40
WHOLE_LIMIT = 600

_NAME = re.compile(r"[^\W\d]\w*")
_TEXT = re.compile(r"""(['"])(?:\\.|(?!\1).)*\1""")


def with_values(file: FileFindings | None, range: types.Range) -> tuple[Finding, ...]:
    """The findings whose values belong into the range, the latest of each line."""
    latest: dict[int, Finding] = {}
    for finding in () if file is None else file.findings:
        located = finding.place.located
        lines = (located.line - 1, (located.function_line or located.line) - 1)
        if located.anchor in SURE and any(range.start.line <= line <= range.end.line for line in lines):
            known = latest.get(located.line)
            if known is None or known.issue.last_seen_ns < finding.issue.last_seen_ns:
                latest[located.line] = finding
    return tuple(latest.values())


def hints(findings: tuple[Finding, ...], recorded: Mapping[int, AtFault], client: Client) -> list[types.InlayHint]:
    """At the end of the failing line the variables it speaks of; at the end of the `def` line the arguments."""
    made: dict[int, types.InlayHint] = {}
    for finding in sorted(findings, key=lambda finding: finding.issue.last_seen_ns):
        found = recorded.get(finding.issue.id)
        if found is None:
            continue
        located, place = finding.place.located, finding.place
        if found.variables and (spoken := dict(_spoken_of(place.text, found.variables))):
            values = spoken_of_first(spoken, place.text)
            made[located.line] = _hint(located.line, place.text, values, finding, client)
        at_def = located.function_line
        if at_def is not None and at_def != located.line and finding.function_text is not None and found.arguments:
            made[at_def] = _hint(at_def, finding.function_text, found.arguments, finding, client)
    return [made[line] for line in sorted(made)]


def _spoken_of(text: str, variables: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """The variables that a line of code names, once each, in its order."""
    for name in dict.fromkeys(_NAME.findall(_TEXT.sub(_inside_text, text.partition(" # ")[0]))):
        if name in variables:
            yield name, variables[name]


def _inside_text(match: re.Match[str]) -> str:
    """Of a string literal, what may be an f-string's names."""
    return " ".join(re.findall(r"\{([^{}]*)", match[0]))


def _hint(line: int, text: str, values: Mapping[str, object], finding: Finding, client: Client) -> types.InlayHint:
    label = ", ".join(f"{name} = {shown(value, VALUE_LIMIT)}" for name, value in values.items())
    whole = "\n".join(f"{name} = {shown(value, WHOLE_LIMIT)}" for name, value in values.items())
    return types.InlayHint(
        position=to_position(line, len(text.rstrip()) + 1, text, client.encoding),
        label=one_line(label, LABEL_LIMIT),
        # A string tooltip is plain text: nothing in it is read as Markdown.
        tooltip=f"req:{finding.issue.sample_request_id[:8]}\n{_plain(whole)}",
        padding_left=True,
    )


def _plain(text: str) -> str:
    return "\n".join(one_line(line, WHOLE_LIMIT) for line in text.splitlines()[:20])
