"""The protocol over pygls: requests always get an answer, nothing leaks, nothing pops up, shutdown is clean.

Each method here overrides one behaviour of pygls 2.1 that a long-lived server cannot live with; the tests of this
module name them one by one.
"""

import asyncio
import contextvars
import logging
from collections.abc import Callable, Generator
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Protocol

import cattrs
from lsprotocol import converters, types
from pygls.exceptions import (
    JsonRpcException,
    JsonRpcInternalError,
    JsonRpcInvalidParams,
    JsonRpcInvalidRequest,
    JsonRpcRequestCancelled,
    JsonRpcServerNotInitialized,
)
from pygls.protocol import (
    JsonRPCNotification,
    JsonRPCRequestMessage,
    JsonRPCResponseMessage,
    LanguageServerProtocol,
    lsp_method,
)

from flux_ls.lsp.json_text import json_text

if TYPE_CHECKING:
    from flux_ls.lsp.documents import Documents

log = logging.getLogger(__name__)

CONTENT_SCHEME = "flux"
"""The scheme of the virtual documents that this server provides."""


class Host(Protocol):
    """What the protocol needs of the server."""

    documents: "Documents"

    async def stop_work(self) -> None:
        """Stops every job and thread, within a few seconds."""

    async def execute_command(self, params: types.ExecuteCommandParams) -> object: ...


def converter() -> cattrs.Converter:
    """lsprotocol's converter; messages it has no type for keep their params as the plain JSON values they are."""
    made = converters.get_converter()
    made.register_structure_hook(
        JsonRPCNotification, lambda message, _: JsonRPCNotification(message["method"], "2.0", message.get("params"))
    )
    made.register_structure_hook(
        JsonRPCRequestMessage,
        lambda message, _: JsonRPCRequestMessage(message["id"], message["method"], "2.0", message.get("params")),
    )
    made.register_structure_hook(
        JsonRPCResponseMessage, lambda message, _: JsonRPCResponseMessage(message["id"], "2.0", message.get("result"))
    )
    return made


class FluxProtocol(LanguageServerProtocol):
    """One client's session."""

    _request_futures: dict[Any, Any]
    """Of two kinds: tasks that answer the client's requests, and futures that wait for the client's answers."""

    def __init__(self, server: Any, converter: cattrs.Converter) -> None:
        super().__init__(server, converter)
        self._host: Host = server
        self._initialized = False
        self._broken = False
        self.exited = asyncio.Event()

    @property
    def exit_code(self) -> int:
        """What the process ends with: 0 only after an orderly shutdown."""
        return 0 if self._shutdown else 1

    # Messages in.

    def structure_message(self, data: dict[str, Any]) -> dict[str, Any]:
        # Called for every nested object too: typed in `handle_message`, where it is known to be a message.
        return data

    def handle_message(self, message: Any) -> None:
        """Hands a decoded message to its handler; whatever is wrong with it, a request is answered."""
        if not isinstance(message, dict) or message.get("jsonrpc") != self.VERSION:
            log.warning("ignored something that is no JSON-RPC 2.0 message")
            return
        method, msg_id = message.get("method"), message.get("id")
        if not isinstance(method, str):
            self._take_response(message)
            return
        if msg_id is not None and not isinstance(msg_id, int | str):
            log.warning("ignored a %s request whose id is neither a number nor a string", method)
            return
        if (refusal := self._refusal(method)) is not None:
            if msg_id is not None:
                self._send_response(msg_id, error=refusal.to_response_error())
            return
        fallback = JsonRPCNotification if msg_id is None else JsonRPCRequestMessage
        try:
            typed = self._converter.structure(message, self.get_message_type(method) or fallback)
        except Exception as error:
            text = "; ".join(_faults(error))
            log.warning("%s: %s", method, text)
            if msg_id is not None:
                self._send_response(msg_id, error=JsonRpcInvalidParams(f"{method}: {text}").to_response_error())
            return
        # From this message on, not from when its handler gets to run.
        self._shutdown = self._shutdown or method == types.SHUTDOWN
        context = contextvars.copy_context()
        if msg_id is None:
            context.run(self._handle_notification, method, typed.params)
        else:
            context.run(self._handle_request, msg_id, method, typed.params)

    def _refusal(self, method: str) -> JsonRpcException | None:
        if method == types.EXIT:
            return None
        if self._shutdown:
            return JsonRpcInvalidRequest("the server is shutting down")
        if method == types.INITIALIZE:
            return JsonRpcInvalidRequest("already initialized") if self._initialized else None
        return None if self._initialized else JsonRpcServerNotInitialized("`initialize` comes first")

    def _take_response(self, message: dict[str, Any]) -> None:
        msg_id: Any = message.get("id")
        future = self._request_futures.get(msg_id) if isinstance(msg_id, int | str) else None
        # The table also holds the client's own requests in flight, as tasks: those are not answered from outside.
        if not isinstance(future, Future):
            log.debug("ignored a response to an unknown request %r", msg_id)
            return
        self._request_futures.pop(msg_id, None)
        result_type = self._result_types.pop(msg_id, None)
        if future.done():
            return
        if (error := message.get("error")) is not None:
            future.set_exception(_client_error(error))
            return
        try:
            typed = self._converter.structure(message, result_type or JsonRPCResponseMessage)
        except Exception as wrong:
            future.set_exception(JsonRpcInvalidParams("; ".join(_faults(wrong))))
        else:
            future.set_result(typed.result)

    # Handlers.

    def _execute_handler(
        self,
        msg_id: int | str,
        handler: Callable[..., Any],
        callback: Callable[[Future[Any]], None],
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
    ) -> None:
        def done(future: Future[Any]) -> None:
            self._request_futures.pop(msg_id, None)
            callback(future)

        super()._execute_handler(msg_id, handler, done, args, kwargs)

    def _handle_cancel_notification(self, msg_id: int | str) -> None:
        # The request may have been answered meanwhile, which is nothing to warn about.
        if (future := self._request_futures.get(msg_id)) is not None and not isinstance(future, Future):
            future.cancel()

    def _send_handler_result(self, future: Future[Any], *, msg_id: int | str) -> None:
        self._request_futures.pop(msg_id, None)
        if future.cancelled():
            self._send_response(msg_id, error=JsonRpcRequestCancelled("cancelled").to_response_error())
        elif (error := future.exception()) is None:
            self._send_response(msg_id, result=future.result())
        elif isinstance(error, JsonRpcException):
            log.info("request %s: %s", msg_id, error)
            self._send_response(msg_id, error=error.to_response_error())
        else:
            log.error("request %s failed", msg_id, exc_info=error)
            internal = JsonRpcInternalError(f"{type(error).__name__}: {error}")
            self._send_response(msg_id, error=internal.to_response_error())

    # Messages out.

    def _serialize_message(self, data: Any) -> Any:
        if hasattr(data, "__struct_fields__"):
            from msgspec import to_builtins

            return to_builtins(data)
        return super()._serialize_message(data)

    def _send_data(self, data: Any) -> None:
        if self.writer is None or self._broken:
            return
        try:
            body = self._body(data)
        except Exception as error:
            log.exception("a message could not be sent")
            if (msg_id := getattr(data, "id", None)) is None or hasattr(data, "method"):
                return
            failed = JsonRpcInternalError(f"the result could not be sent: {error}").to_response_error()
            body = self._body(types.ResponseErrorMessage(id=msg_id, error=failed))
        try:
            self.writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        except (OSError, ValueError):
            # Said once: the reader notices the end of the client too, and ends the session.
            self._broken = True
            log.warning("the client is gone")

    def _body(self, data: Any) -> bytes:
        return json_text(data, self._serialize_message).encode()

    # The life of the session.

    @lsp_method(types.INITIALIZE)
    def lsp_initialize(self, params: types.InitializeParams) -> Generator[Any, Any, types.InitializeResult]:
        result = yield from super().lsp_initialize(params)
        asked = self.client_capabilities.workspace
        if asked is not None and asked.text_document_content is not None and result.capabilities.workspace is not None:
            result.capabilities.workspace.text_document_content = types.TextDocumentContentOptions([CONTENT_SCHEME])
        self._initialized = True
        return result

    @lsp_method(types.SHUTDOWN)
    async def lsp_shutdown(self, *_: Any) -> None:  # type: ignore[override]
        current = self.msg_id
        running = [
            task for id_, task in list(self._request_futures.items()) if id_ != current and not isinstance(task, Future)
        ]
        for task in running:
            task.cancel()
        await self._host.stop_work()
        if running:
            await asyncio.wait(running, timeout=1)

    @lsp_method(types.EXIT)
    def lsp_exit(self, *_: Any) -> None:  # type: ignore[override]
        self.exited.set()

    # Documents, which `Documents` keeps instead of pygls' workspace.

    @lsp_method(types.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: types.DidOpenTextDocumentParams) -> None:
        self._host.documents.opened(params.text_document)

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: types.DidChangeTextDocumentParams) -> None:
        self._host.documents.changed(params.text_document, params.content_changes)

    @lsp_method(types.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: types.DidCloseTextDocumentParams) -> None:
        self._host.documents.closed(params.text_document.uri)

    # Notebooks: nothing recorded points into a cell, so their sync is not asked for, and harmless when it comes.

    @lsp_method(types.NOTEBOOK_DOCUMENT_DID_OPEN)
    def lsp_notebook_document__did_open(self, params: types.DidOpenNotebookDocumentParams) -> None: ...

    @lsp_method(types.NOTEBOOK_DOCUMENT_DID_CHANGE)
    def lsp_notebook_document__did_change(self, params: types.DidChangeNotebookDocumentParams) -> None: ...

    @lsp_method(types.NOTEBOOK_DOCUMENT_DID_CLOSE)
    def lsp_notebook_document__did_close(self, params: types.DidCloseNotebookDocumentParams) -> None: ...

    @lsp_method(types.WORKSPACE_EXECUTE_COMMAND)
    async def lsp_workspace__execute_command(self, params: types.ExecuteCommandParams) -> object:  # type: ignore[override]
        # A coroutine, so that `$/cancelRequest` reaches the command itself.
        return await self._host.execute_command(params)


def _faults(error: Exception) -> list[str]:
    """What is wrong with a message, by the path of the field."""
    try:
        return cattrs.transform_error(error, path="$")
    except Exception:
        return [f"{type(error).__name__}: {error}"]


def _client_error(error: object) -> JsonRpcException:
    if isinstance(error, dict) and isinstance(error.get("code"), int):
        return JsonRpcException(str(error.get("message", "")), error["code"], error.get("data"))
    return JsonRpcException(f"the client answered with an error: {error!r}")
