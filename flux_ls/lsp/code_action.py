"""`textDocument/codeAction`: what to do about a failure under the cursor."""

from collections.abc import Container, Iterable

from lsprotocol import types

from flux_ls.lsp import words
from flux_ls.lsp.client import Client
from flux_ls.lsp.convert import to_position
from flux_ls.lsp.diagnostics import SOURCE
from flux_ls.lsp.markdown import one_line
from flux_ls.lsp.mending import Mend
from flux_ls.lsp.snapshot import FileFindings, Finding


def actions(
    file: FileFindings | None,
    params: types.CodeActionParams,
    client: Client,
    replayable: Container[str] = (),
    *,
    trusted: bool = False,
) -> list[types.CodeAction | types.Command]:
    """For each finding in the range: why, its steps and trace, the difference to a good run, explain, dismiss; to run
    it again, or to make a test of it, where its fingerprint is `replayable`.
    """
    made: list[types.CodeAction | types.Command] = []
    for finding in asked_about(file, params):
        made += _of(finding, params, client, replayable=_group(finding) in replayable, trusted=trusted)
    return made


def asked_about(file: FileFindings | None, params: types.CodeActionParams) -> list[Finding]:
    """The findings in the range, where quick fixes are asked for."""
    only = params.context.only
    if file is None or (only and not any(_includes(kind) for kind in only)):
        return []
    first, last = params.range.start.line + 1, params.range.end.line + 1
    return [finding for finding in file.findings if first <= finding.place.located.line <= last]


def mending(
    mends: Iterable[Mend], params: types.CodeActionParams, client: Client, version: int | None
) -> list[types.CodeAction | types.Command]:
    """The edits that are suggested, for that version of the document."""
    return [
        types.CodeAction(
            title=one_line(mend.title, 100),
            kind=types.CodeActionKind.QuickFix,
            diagnostics=_answered(mend.finding, params),
            is_preferred=True if mend.sure and client.preferred_actions else None,
            edit=_edit(mend, params.text_document.uri, client, version),
        )
        for mend in mends
    ]


def _edit(mend: Mend, uri: str, client: Client, version: int | None) -> types.WorkspaceEdit:
    start, end = mend.edit.start, mend.edit.end
    change = types.TextEdit(
        types.Range(
            to_position(start.line, start.column, mend.start_text, client.encoding),
            to_position(end.line, end.column, mend.end_text, client.encoding),
        ),
        mend.edit.new_text,
    )
    if not client.document_edits:
        return types.WorkspaceEdit(changes={uri: [change]})
    document = types.OptionalVersionedTextDocumentIdentifier(uri=uri, version=version)
    return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(document, [change])])


def _includes(asked: str) -> bool:
    kind = str(types.CodeActionKind.QuickFix.value)
    asked = str(getattr(asked, "value", asked))
    return kind == asked or kind.startswith(asked + ".") or asked == ""


def _group(finding: Finding) -> str:
    return finding.issue.failure.fingerprint


def _of(
    finding: Finding, params: types.CodeActionParams, client: Client, *, replayable: bool, trusted: bool
) -> list[types.CodeAction | types.Command]:
    issue = finding.issue
    error = one_line(words.error_line(issue), 60)
    id = issue.sample_request_id
    asked = (
        (f"Why? {error}", "why"),
        (f"Steps of req:{id[:8]}", "debug"),
        (f"Trace of req:{id[:8]}", "trace"),
        (f"Compare req:{id[:8]} with a good request", "diff"),
        (f"Explain req:{id[:8]} (shows what a model would be asked)", "explain"),
    )
    running = [(f"Replay req:{id[:8]} with the code as it is now", "replay")] if replayable and trusted else []
    if running:
        running.append((f"Find the commit that broke req:{id[:8]}", "bisect"))
    testing = [(f"Create a regression test from req:{id[:8]}", "writeTest")] if replayable else []
    commands = [
        *_latest_replay(finding),
        *(
            types.Command(title, f"flux.server.{name}", arguments=[{"id": id, "show": True}])
            for title, name in (*asked, *running, *testing)
        ),
        types.Command(
            f"Dismiss {one_line(issue.failure.type, 60)}",
            "flux.server.dismiss",
            arguments=[{"fingerprint": issue.failure.fingerprint}],
        ),
    ]
    if not client.action_kinds:
        return list(commands)
    answered = _answered(finding, params)
    return [
        types.CodeAction(title=command.title, kind=types.CodeActionKind.QuickFix, diagnostics=answered, command=command)
        for command in commands
    ]


def _latest_replay(finding: Finding) -> list[types.Command]:
    """What it says comes first: it is of the code on the screen."""
    trial = finding.trial
    if trial is None:
        return []
    told = {"id": trial.request_id, "latest": True, "show": True}
    return [
        types.Command(f"Compare req:{trial.request_id[:8]} with its replay", "flux.server.replay", arguments=[told])
    ]


def _answered(finding: Finding, params: types.CodeActionParams) -> list[types.Diagnostic] | None:
    """The diagnostic of the finding's line, among those that the editor asks about: it stands for all that is there."""
    row = finding.place.located.line - 1
    return [
        each for each in params.context.diagnostics if each.source == SOURCE and each.range.start.line == row
    ] or None
