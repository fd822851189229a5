"""The open documents, with their text exactly as the client has it.

Lines end at `\\n`, `\\r\\n` and lone `\\r`, as the protocol, editors and CPython count them. (`str.splitlines` ends
them at form feeds and other separators too, which puts every later edit into the wrong place.)
"""

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from lsprotocol import types

from flux_ls.lsp.convert import Encoding, code_points, uri_to_path

if TYPE_CHECKING:
    from flux_ls.source.edits import Edit

log = logging.getLogger(__name__)

_LINE_END = re.compile(r"(?<=\n)|(?<=\r)(?!\n)")


def split_keeping_ends(text: str) -> list[str]:
    """The lines with their ends; there is always a last one, empty when the text ends with a line end."""
    if "\r" in text:
        return _LINE_END.split(text)
    *ended, last = text.split("\n")
    return [line + "\n" for line in ended] + [last]


class Document:
    """One open document: a file, an untitled buffer, a notebook cell."""

    def __init__(self, uri: str, text: str, version: int | None, encoding: Encoding) -> None:
        self.uri = uri
        self.path = uri_to_path(uri)
        """None for what is no file."""
        self.version = version
        self._encoding = encoding
        self._lines = split_keeping_ends(text)
        self._text: str | None = text

    @property
    def text(self) -> str:
        if self._text is None:
            self._text = "".join(self._lines)
        return self._text

    def apply(self, change: types.TextDocumentContentChangeEvent) -> "Edit | None":
        """Changes the text, and tells which lines that replaced; None where it is another text altogether."""
        if isinstance(change, types.TextDocumentContentChangeWholeDocument):
            self._lines, self._text = split_keeping_ends(change.text), change.text
            return None
        # Not loaded before the client is greeted, and nobody types before that.
        from flux_ls.source.edits import Edit

        first, before = self._place(change.range.start)
        last, after = self._place(change.range.end)
        if (last, after) < (first, before):
            first, before, last, after = last, after, first, before
        piece = self._lines[first][:before] + change.text + self._lines[last][after:]
        if first > 0 and piece.startswith("\n") and self._lines[first - 1].endswith("\r"):
            # What stood between the two is gone: together they end one line.
            first -= 1
            piece = self._lines[first] + piece
        lines = split_keeping_ends(piece)
        if last + 1 < len(self._lines) and not lines[-1]:
            # The piece ends with a line end: the line after it is there already.
            lines.pop()
        self._lines[first : last + 1] = lines
        self._text = None
        return Edit(first, last + 1, tuple(line.rstrip("\r\n") for line in lines))

    def _place(self, position: types.Position) -> tuple[int, int]:
        """(index of the line, code points before the position); beyond a line's end is its end."""
        if position.line >= len(self._lines):
            return len(self._lines) - 1, len(self._lines[-1])
        line = self._lines[position.line]
        return position.line, code_points(line.rstrip("\r\n"), position.character, self._encoding)


class Documents:
    """All open documents by URI, and who wants to know of them."""

    def __init__(self) -> None:
        self.encoding: Encoding = "utf-16"
        self.on_opened: Callable[[Document], None] = _ignore
        self.on_changed: Callable[[Document, tuple[Edit, ...] | None], None] = _ignore
        """With the edits that made the text what it is; None where they are not known."""
        self.on_closed: Callable[[Document], None] = _ignore
        self._open: dict[str, Document] = {}

    def get(self, uri: str) -> Document | None:
        return self._open.get(uri)

    def __iter__(self) -> Iterator[Document]:
        return iter(list(self._open.values()))

    def opened(self, item: types.TextDocumentItem) -> None:
        document = Document(item.uri, item.text, item.version, self.encoding)
        self._open[item.uri] = document
        self.on_opened(document)

    def changed(
        self,
        identifier: types.VersionedTextDocumentIdentifier,
        changes: Iterable[types.TextDocumentContentChangeEvent],
    ) -> None:
        document = self._open.get(identifier.uri)
        if document is None:
            log.warning("ignored a change of %s, which is not open", identifier.uri)
            return
        applied = [document.apply(change) for change in changes]
        edits = tuple(edit for edit in applied if edit is not None)
        document.version = identifier.version
        self.on_changed(document, edits if len(edits) == len(applied) else None)

    def closed(self, uri: str) -> None:
        if (document := self._open.pop(uri, None)) is not None:
            self.on_closed(document)


def _ignore(document: Document, edits: "tuple[Edit, ...] | None" = None) -> None: ...
