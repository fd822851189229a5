"""`textDocument/codeAction`: what to do about a failure under the cursor."""

from lsprotocol import types

from flux_ls.lsp import words
from flux_ls.lsp.client import Client
from flux_ls.lsp.diagnostics import SOURCE, diagnostic
from flux_ls.lsp.markdown import one_line
from flux_ls.lsp.snapshot import FileFindings, Finding


def actions(
    file: FileFindings | None, params: types.CodeActionParams, client: Client
) -> list[types.CodeAction | types.Command]:
    """For each finding in the range: why, the trace, dismiss."""
    only = params.context.only
    if file is None or (only and not any(_includes(kind) for kind in only)):
        return []
    first, last = params.range.start.line + 1, params.range.end.line + 1
    made: list[types.CodeAction | types.Command] = []
    for finding in file.findings:
        if first <= finding.place.located.line <= last:
            made += _of(finding, params, client)
    return made


def _includes(asked: str) -> bool:
    kind = str(types.CodeActionKind.QuickFix.value)
    asked = str(getattr(asked, "value", asked))
    return kind == asked or kind.startswith(asked + ".") or asked == ""


def _of(finding: Finding, params: types.CodeActionParams, client: Client) -> list[types.CodeAction | types.Command]:
    issue = finding.issue
    error = one_line(words.error_line(issue), 60)
    commands = [
        types.Command(f"Why? {error}", "flux.server.why", arguments=[{"id": issue.sample_request_id, "show": True}]),
        types.Command(
            f"Trace of req:{issue.sample_request_id[:8]}",
            "flux.server.trace",
            arguments=[{"id": issue.sample_request_id, "show": True}],
        ),
        types.Command(
            f"Dismiss {one_line(issue.failure.type, 60)}",
            "flux.server.dismiss",
            arguments=[{"fingerprint": issue.failure.fingerprint}],
        ),
    ]
    if not client.action_kinds:
        return list(commands)
    wanted = diagnostic(finding, client).code
    answered = [each for each in params.context.diagnostics if each.source == SOURCE and each.code == wanted]
    return [
        types.CodeAction(
            title=command.title, kind=types.CodeActionKind.QuickFix, diagnostics=answered or None, command=command
        )
        for command in commands
    ]
