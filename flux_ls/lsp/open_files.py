"""The files that are open in the editor: whose text counts, by path and by the path behind links."""

import os
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from flux_ls.lsp.convert import path_to_uri
from flux_ls.source.edits import Edit


class Buffer(Struct, frozen=True):
    """The text of an open file; None of `text` when it was closed."""

    uri: str
    path: str
    version: int | None
    text: str | None
    edits: tuple[Edit, ...] | None = None
    """What made it of the text before; None where that is not known."""


class OpenFiles:
    """The latest of each buffer. `overlay` is the same object for ever: texts by path, as a workspace takes them."""

    def __init__(self) -> None:
        self.overlay: dict[Path, str] = {}
        self._by_path: dict[str, Buffer] = {}
        self._opened: dict[str, tuple[Buffer, str]] = {}
        """By URI, the latest last, with the path behind the links: one file may be open under several."""

    @property
    def by_path(self) -> Mapping[str, Buffer]:
        return self._by_path

    def take(self, buffer: Buffer) -> Buffer | None:
        """What was open under its URI before."""
        real = os.path.realpath(buffer.path)
        before = self._opened.pop(buffer.uri, None)
        if buffer.text is not None:
            self._opened[buffer.uri] = (buffer, real)
            self._lay_over(buffer, buffer.text, real)
        else:
            for key in {buffer.path, real}:
                self._by_path.pop(key, None)
                self.overlay.pop(Path(key), None)
            for other, other_real in self._opened.values():
                if other_real == real and other.text is not None:
                    self._lay_over(other, other.text, real)
        return None if before is None else before[0]

    def uri(self, path: str) -> str:
        buffer = self._by_path.get(path) or self._by_path.get(os.path.realpath(path))
        return buffer.uri if buffer is not None else path_to_uri(path)

    def versions(self) -> dict[str, int | None]:
        return {buffer.uri: buffer.version for buffer in self._by_path.values()}

    def _lay_over(self, buffer: Buffer, text: str, real: str) -> None:
        for key in {buffer.path, real}:
            self._by_path[key] = buffer
            self.overlay[Path(key)] = text
