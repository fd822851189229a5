"""Opening an answer in the editor, for clients that do nothing with a command's result."""

import asyncio
import contextlib
import hashlib
import logging
import shutil
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from lsprotocol import types

from flux_ls.lsp import new_file
from flux_ls.lsp.background import in_background
from flux_ls.lsp.convert import path_to_uri, uri_to_path

if TYPE_CHECKING:
    from flux_ls.lsp.server import FluxServer

log = logging.getLogger(__name__)

MESSAGE_LINES = 12


class Shower:
    """Shows pages: as a `flux:` document where the client asks for its text, else as a file, else as a message
    that says where its file is."""

    def __init__(self, server: "FluxServer") -> None:
        self._server = server
        self._folder: Path | None = None
        self._showing: set[asyncio.Task[None]] = set()
        self._writing = threading.Lock()
        self._tidied = False

    async def show(self, uri: str, text: str) -> None:
        """Does not wait for the client, which may answer late or never.

        A message is sent when this returns: some clients look at what comes behind an answer only when more has come.
        """
        if not self._server.client.shows_documents:
            await self._say(uri, text)
            return
        task = asyncio.create_task(self._show(uri, text))
        self._showing.add(task)
        task.add_done_callback(self._showing.discard)

    def create(self, uri: str, text: str, label: str) -> None:
        """Has the editor make a file, and show it."""
        task = asyncio.create_task(new_file.create(self._server, uri, text, label))
        self._showing.add(task)
        task.add_done_callback(self._showing.discard)

    def stop(self) -> None:
        for task in self._showing:
            task.cancel()

    async def _show(self, uri: str, text: str) -> None:
        if not self._server.client.content:
            uri = await in_background("flux-page", lambda: self._written(uri, text))
        try:
            await self._server.window_show_document_async(types.ShowDocumentParams(uri, take_focus=True))
        except Exception as error:
            log.info("the client did not show %s: %s", uri, error)

    async def _say(self, uri: str, text: str) -> None:
        lines = [line for line in text.splitlines() if line.strip() and not line.startswith("```")]
        if len(lines) > MESSAGE_LINES:
            file = await in_background("flux-page", lambda: self._written(uri, text))
            lines = [*lines[: MESSAGE_LINES - 1], f"… all of it: {uri_to_path(file) or file}"]
        self._server.window_show_message(types.ShowMessageParams(types.MessageType.Info, "\n".join(lines)))

    def tidy(self) -> None:
        """Removes the files: they hold what was recorded."""
        with self._writing:
            self._tidied = True
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)

    def _written(self, uri: str, text: str) -> str:
        with self._writing:
            return self._write(uri, text)

    def _write(self, uri: str, text: str) -> str:
        if self._tidied:
            return uri  # The session ended meanwhile: nobody would remove the file.
        if self._folder is None:
            # mkdtemp makes it for its owner only.
            self._folder = Path(tempfile.mkdtemp(prefix="flux-"))
        name = "-".join(part for part in uri.partition("://")[2].replace("?", "/").split("/") if part.isalnum())
        digest = hashlib.blake2b(uri.encode(), digest_size=4).hexdigest()
        file = self._folder / f"{name[:40]}-{digest}.md"
        with contextlib.suppress(FileNotFoundError):
            file.unlink()
        file.write_text(text, encoding="utf-8", errors="backslashreplace")
        return path_to_uri(str(file))
