"""A new file as an edit of the workspace: the editor makes it, shows it, and can undo it."""

import logging
from typing import TYPE_CHECKING

from lsprotocol import types

if TYPE_CHECKING:
    from flux_ls.lsp.server import FluxServer

log = logging.getLogger(__name__)


def creating(uri: str, text: str) -> types.WorkspaceEdit:
    """The edit; a file that is there already stays as it is, and the edit fails."""
    start = types.Position(0, 0)
    return types.WorkspaceEdit(
        document_changes=[
            types.CreateFile(uri=uri, options=types.CreateFileOptions(overwrite=False, ignore_if_exists=False)),
            types.TextDocumentEdit(
                types.OptionalVersionedTextDocumentIdentifier(uri=uri),
                [types.TextEdit(types.Range(start, start), text)],
            ),
        ]
    )


async def create(server: "FluxServer", uri: str, text: str, label: str) -> None:
    """Does not raise: the client may answer late, or not take it, and says so itself."""
    if not server.client.creates_files:
        server.show(
            uri, f"{label}: this editor makes no files for a language server; `flux incident replay` can write it"
        )
        return
    try:
        edit = types.ApplyWorkspaceEditParams(edit=creating(uri, text), label=f"Flux: {label}")
        answer = await server.workspace_apply_edit_async(edit)
        if not answer.applied:
            server.show(uri, f"{label}: {answer.failure_reason or 'the editor did not make the file'}")
        elif server.client.shows_documents:
            await server.window_show_document_async(types.ShowDocumentParams(uri, take_focus=True))
    except Exception as error:
        log.info("the client did not make %s: %s", uri, error)
