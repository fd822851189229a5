"""What is typed, on its way to the findings: edits close together are looked at together."""

import asyncio

from flux_ls.lsp.documents import Document
from flux_ls.lsp.findings import Findings, Touched
from flux_ls.lsp.open_files import Buffer
from flux_ls.source.edits import Edit

EDIT_PAUSE_S = 0.05
"""Edits closer together than this are looked at together..."""
IDLE_SHARE = 4
LONGEST_EDIT_PAUSE_S = 0.5
"""...and where a look takes long, what is typed meanwhile waits a multiple of that: most of the time is idle."""


class Edited:
    """The documents that the findings do not know as they are now, with the edits since then. For the event loop."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._waiting: dict[str, tuple[Document, tuple[Edit, ...] | None]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def opened(self, document: Document) -> None:
        self._waiting[document.uri] = (document, None)
        self.flush()

    def changed(self, document: Document, edits: tuple[Edit, ...] | None) -> None:
        _, before = self._waiting.get(document.uri, (document, ()))
        self._waiting[document.uri] = (document, None if before is None or edits is None else before + edits)
        if self._timer is None:
            pause = min(max(EDIT_PAUSE_S, IDLE_SHARE * self._findings.took_s), LONGEST_EDIT_PAUSE_S)
            self._timer = asyncio.get_running_loop().call_later(pause, self.flush)

    def closed(self, document: Document) -> None:
        self._waiting.pop(document.uri, None)
        if document.path is not None:
            self._findings.put(Buffer(document.uri, document.path, None, None))

    def saved(self, path: str) -> None:
        self._findings.put(Touched(path))

    def flush(self) -> None:
        self.stop()
        for document, edits in self._waiting.values():
            if document.path is not None:
                self._findings.put(Buffer(document.uri, document.path, document.version, document.text, edits))
        self._waiting.clear()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
