"""What the client can do, read once from its capabilities: nothing is assumed that it did not say."""

from collections.abc import Mapping

import attrs
from lsprotocol import types

from flux_ls.lsp.convert import Encoding


@attrs.frozen
class Client:
    """The abilities that this server makes use of."""

    encoding: Encoding = "utf-16"
    markup: types.MarkupKind = types.MarkupKind.PlainText
    """Of hovers."""
    lens_refresh: bool = False
    inlay_refresh: bool = False
    configuration: bool = False
    """Can be asked for its settings."""
    watches_configuration: bool = False
    """Wants to be told that changes of the settings are of interest."""
    watches_files: bool = False
    """Tells of changes of files that the server names."""
    related_information: bool = False
    shows_documents: bool = False
    """Opens a document when the server asks for it."""
    content: bool = False
    """Asks for the text of `flux:` documents."""
    action_kinds: bool = False
    """Takes code actions with a kind, not only bare commands."""
    preferred_actions: bool = False
    """Knows of an action that is the one to take."""
    document_edits: bool = False
    """Takes edits for a version of a document, and refuses them for another."""
    creates_files: bool = False
    """Makes a file when an edit that the server asks for says so."""
    json_text: bool = False
    """Wants answers of commands as JSON text: what it decodes itself loses null, or the order of names."""


def read(capabilities: types.ClientCapabilities, encoding: str) -> Client:
    text = capabilities.text_document or types.TextDocumentClientCapabilities()
    workspace = capabilities.workspace or types.WorkspaceClientCapabilities()
    window = capabilities.window or types.WindowClientCapabilities()
    hover = (text.hover and text.hover.content_format) or [types.MarkupKind.PlainText]
    published = text.publish_diagnostics
    return Client(
        encoding="utf-8" if encoding == "utf-8" else "utf-32" if encoding == "utf-32" else "utf-16",
        markup=hover[0],
        lens_refresh=bool(workspace.code_lens and workspace.code_lens.refresh_support),
        inlay_refresh=bool(workspace.inlay_hint and workspace.inlay_hint.refresh_support),
        configuration=bool(workspace.configuration),
        watches_configuration=bool(
            workspace.did_change_configuration and workspace.did_change_configuration.dynamic_registration
        ),
        watches_files=bool(
            workspace.did_change_watched_files and workspace.did_change_watched_files.dynamic_registration
        ),
        related_information=bool(published and published.related_information),
        shows_documents=bool(window.show_document and window.show_document.support),
        content=workspace.text_document_content is not None,
        action_kinds=bool(text.code_action and text.code_action.code_action_literal_support),
        preferred_actions=bool(text.code_action and text.code_action.is_preferred_support),
        document_edits=bool(workspace.workspace_edit and workspace.workspace_edit.document_changes),
        creates_files=bool(
            workspace.apply_edit
            and workspace.workspace_edit
            and types.ResourceOperationKind.Create in (workspace.workspace_edit.resource_operations or ())
        ),
        json_text=_wants_json_text(capabilities.experimental),
    )


def _wants_json_text(experimental: object) -> bool:
    """Whether the client said `{"flux": {"json": true}}`, in whatever form pygls hands it on."""
    told = experimental
    for name in ("flux", "json"):
        told = told.get(name) if isinstance(told, Mapping) else getattr(told, name, None)
    return told is True
