"""The wiring: which part answers which message. Parts beyond the protocol are imported once the client is greeted."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams, JsonRpcMethodNotFound
from pygls.lsp.server import LanguageServer

from flux_ls import __version__
from flux_ls.lsp import client, commands, extensions
from flux_ls.lsp.convert import path_to_uri
from flux_ls.lsp.documents import Documents
from flux_ls.lsp.jobs import Jobs
from flux_ls.lsp.protocol import FluxProtocol, converter
from flux_ls.lsp.settings import EditorSettings
from flux_ls.lsp.trust import Trust, Trusted

if TYPE_CHECKING:
    from flux_ls.lsp.session import Session

log = logging.getLogger(__name__)

T = TypeVar("T")

STOP_TIMEOUT_S = 3.0
READY_TIMEOUT_S = 20.0
SAME_ERROR_EVERY_S = 60.0


class FluxServer(LanguageServer):
    """One client's server: what the protocol needs, and the session that starts once the client is greeted."""

    protocol: FluxProtocol

    def __init__(self) -> None:
        super().__init__("flux-ls", __version__, protocol_cls=FluxProtocol, converter_factory=converter)
        self.documents = Documents()
        self.settings = EditorSettings(self.say)
        self.client = client.Client()
        self.trust = Trust(lambda: self.folder_uris)
        self.jobs = Jobs(self.protocol)
        self.stuck = False
        """Whether some thread did not stop."""
        self._session: asyncio.Future[Session] | None = None
        self._stopping: asyncio.Future[None] | None = None
        self._said: dict[str, float] = {}
        self._shown: set[str] = set()

    # Words to the user.

    def say(self, text: str) -> None:
        """One line in the editor's log of this server."""
        log.info("%s", text)
        self.window_log_message(types.LogMessageParams(types.MessageType.Warning, text))

    def show(self, about: str, text: str) -> None:
        """A message on the user's screen; only the first about the same thing, however its words differ."""
        if about not in self._shown:
            self._shown.add(about)
            self.window_show_message(types.ShowMessageParams(types.MessageType.Warning, f"Flux: {text}"))

    def report_server_error(self, error: Exception, source: Any) -> None:
        # pygls would show a popup for each. That a method is not known is the client's to know, and logged already.
        if isinstance(error, JsonRpcMethodNotFound):
            return
        text = f"{type(error).__name__}: {error}"
        if time.monotonic() - self._said.get(text, -SAME_ERROR_EVERY_S) >= SAME_ERROR_EVERY_S:
            self._said[text] = time.monotonic()
            log.error("%s: %s", getattr(source, "__name__", source), text, exc_info=error)

    # The session.

    @property
    def folder_uris(self) -> list[str]:
        """The workspace folders, as the client spells them."""
        workspace = self.workspace
        if folders := [folder.uri for folder in workspace.folders.values()]:
            return folders
        if workspace.root_uri:
            return [workspace.root_uri]
        return [path_to_uri(workspace.root_path)] if workspace.root_path else []

    def start_session(self) -> None:
        if self._session is None:
            self._session = asyncio.ensure_future(self._make_session())
            self._session.add_done_callback(_log_failure)

    async def _make_session(self) -> "Session":
        def imported() -> "type[Session]":
            from flux_ls.lsp.session import Session

            return Session

        # Importing everything takes a while, in which the client is already served.
        made = (await asyncio.to_thread(imported))(self)
        await made.start()
        return made

    async def session(self) -> "Session":
        """The session, as soon as it runs."""
        if self._session is None:
            self.start_session()
        assert self._session is not None
        return await asyncio.wait_for(asyncio.shield(self._session), READY_TIMEOUT_S)

    async def stop_work(self) -> None:
        """Ends all work and threads; once, however often it is asked for."""
        if self._stopping is None:
            self._stopping = asyncio.ensure_future(self._stop_work())
        await asyncio.shield(self._stopping)

    async def _stop_work(self) -> None:
        if not await self.jobs.stop_all(STOP_TIMEOUT_S):
            self.stuck = True
        session = self._session
        if session is None or session.cancel():
            return
        if not session.cancelled() and session.exception() is None and not await session.result().stop(STOP_TIMEOUT_S):
            self.stuck = True

    async def execute_command(self, params: types.ExecuteCommandParams) -> object:
        return await commands.execute(self, params)


def _log_failure(task: "asyncio.Future[Session]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("the session did not start", exc_info=error)


def make_server() -> FluxServer:
    server = FluxServer()

    def on(method: str, handler: Callable[..., Awaitable[object]], options: object = None) -> None:
        server.feature(method, options)(handler)

    on(types.INITIALIZED, _initialized)
    on(types.WORKSPACE_DID_CHANGE_CONFIGURATION, _did_change_configuration)
    on(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS, _did_change_folders)
    on(types.WORKSPACE_DID_CHANGE_WATCHED_FILES, _did_change_files)
    on(types.TEXT_DOCUMENT_DID_SAVE, _did_save)
    on(types.TEXT_DOCUMENT_HOVER, _quietly(None, _hover))
    on(types.TEXT_DOCUMENT_CODE_LENS, _quietly([], _code_lens))
    on(
        types.TEXT_DOCUMENT_CODE_ACTION,
        _quietly([], _code_action),
        types.CodeActionOptions([types.CodeActionKind.QuickFix]),
    )
    on(types.TEXT_DOCUMENT_INLAY_HINT, _quietly([], _inlay_hint))
    on(types.WORKSPACE_TEXT_DOCUMENT_CONTENT, _content)
    on(types.TEXT_DOCUMENT_DOCUMENT_LINK, _quietly([], _document_link), types.DocumentLinkOptions())
    for message in extensions.MESSAGES:
        if message.sender == "client":
            on(message.method, _OWN[message.method])
    server.feature(types.INITIALIZE)(_initialize)
    for command in commands.COMMANDS:
        server.command(command.id)(_listed)
    return server


def _listed() -> None:
    """Puts a command among the capabilities; it is executed through `execute_command`."""


def _quietly(
    nothing: T, handler: Callable[[FluxServer, Any], Awaitable[T]]
) -> Callable[[FluxServer, Any], Awaitable[T]]:
    """For what editors ask on their own: a fault of ours is logged, and the editor gets nothing to show."""

    async def answered(ls: FluxServer, params: Any) -> T:
        try:
            return await handler(ls, params)
        except JsonRpcException:
            raise
        except Exception as error:
            ls.report_server_error(error, handler)
            return nothing

    return answered


def _initialize(ls: FluxServer, params: types.InitializeParams) -> None:
    encoding = ls.workspace.position_encoding
    ls.client = client.read(params.capabilities, str(getattr(encoding, "value", encoding)))
    ls.documents.encoding = ls.client.encoding
    ls.settings.start(params.initialization_options)
    ls.trust.start(params.initialization_options)


async def _initialized(ls: FluxServer, params: types.InitializedParams) -> None:
    ls.start_session()
    wanted = []
    if ls.client.watches_configuration:
        options: object = types.DidChangeConfigurationRegistrationOptions("flux")
        wanted.append(types.Registration("flux-configuration", types.WORKSPACE_DID_CHANGE_CONFIGURATION, options))
    if ls.client.watches_files:
        options = types.DidChangeWatchedFilesRegistrationOptions([types.FileSystemWatcher("**/pyproject.toml")])
        wanted.append(types.Registration("flux-files", types.WORKSPACE_DID_CHANGE_WATCHED_FILES, options))
    if wanted:
        # Nothing depends on the answer, so nobody waits for it.
        ls.client_register_capability(types.RegistrationParams(wanted))


async def _did_change_configuration(ls: FluxServer, params: types.DidChangeConfigurationParams) -> None:
    await (await ls.session()).configuration_changed(params.settings)


async def _did_change_folders(ls: FluxServer, params: types.DidChangeWorkspaceFoldersParams) -> None:
    await (await ls.session()).folders_changed()


async def _did_change_files(ls: FluxServer, params: types.DidChangeWatchedFilesParams) -> None:
    await (await ls.session()).files_changed()


async def _did_save(ls: FluxServer, params: types.DidSaveTextDocumentParams) -> None:
    (await ls.session()).saved(params.text_document.uri)


async def _hover(ls: FluxServer, params: types.HoverParams) -> types.Hover | None:
    return await (await ls.session()).hover(params)


async def _code_lens(ls: FluxServer, params: types.CodeLensParams) -> list[types.CodeLens]:
    return await (await ls.session()).code_lens(params)


async def _code_action(ls: FluxServer, params: types.CodeActionParams) -> list[types.CodeAction | types.Command]:
    return await (await ls.session()).code_action(params)


async def _inlay_hint(ls: FluxServer, params: types.InlayHintParams) -> list[types.InlayHint]:
    return await (await ls.session()).inlay_hint(params)


async def _content(ls: FluxServer, params: types.TextDocumentContentParams) -> types.TextDocumentContentResult:
    return types.TextDocumentContentResult(await commands.document_text(ls, params.uri))


async def _document_link(ls: FluxServer, params: types.DocumentLinkParams) -> list[types.DocumentLink]:
    uri = params.text_document.uri
    if not uri.startswith("flux:"):
        return []
    document = ls.documents.get(uri)
    page = await commands.document_text(ls, uri) if document is None else document.text
    return await (await ls.session()).document_link(page)


async def _status(ls: FluxServer, params: object) -> object:
    return (await ls.session()).status.current


async def _subscribe_tail(ls: FluxServer, params: object) -> object:
    return await (await ls.session()).subscribe_tail(params)


async def _unsubscribe_tail(ls: FluxServer, params: object) -> object:
    return await (await ls.session()).unsubscribe_tail(params)


async def _subscribe_errors(ls: FluxServer, params: object) -> object:
    return (await ls.session()).error_news.subscribe(params)


async def _unsubscribe_errors(ls: FluxServer, params: object) -> object:
    return (await ls.session()).error_news.unsubscribe(params)


async def _trust(ls: FluxServer, params: object) -> None:
    asked: Trusted = commands.read_object(
        Trusted, params or {}, lambda problem: JsonRpcInvalidParams(f"{extensions.TRUST}: {problem}")
    )
    ls.trust.say(asked.trusted)
    (await ls.session()).trust_changed()


_OWN: dict[str, Callable[[FluxServer, object], Awaitable[object]]] = {
    extensions.STATUS: _status,
    extensions.SUBSCRIBE_TAIL: _subscribe_tail,
    extensions.UNSUBSCRIBE_TAIL: _unsubscribe_tail,
    extensions.SUBSCRIBE_ERRORS: _subscribe_errors,
    extensions.UNSUBSCRIBE_ERRORS: _unsubscribe_errors,
    extensions.TRUST: _trust,
}
