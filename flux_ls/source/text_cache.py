"""The texts of source files, read and parsed once for each state they are in."""

import stat
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from flux_ls.source.edits import Edit, edited, span
from flux_ls.source.functions import FunctionIndex
from flux_ls.source.index import Index
from flux_ls.source.languages import grammars
from flux_ls.source.lines import decode_source, line_end, split_lines
from flux_ls.source.places import Text

MAX_BYTES = 5 * 1024 * 1024
_MAX_HELD = 8 * 1024 * 1024
"""Characters of all texts together."""


class Unreadable(Exception):
    """A file whose text cannot be had; the message says why."""


class Dated(Struct, frozen=True):
    """A text and when it was last changed; None for one that is not saved."""

    text: Text
    modified_ns: int | None


class _Held(Struct):
    state: object
    text: Text
    length: int
    compared: Text | None = None
    """The saved text that it was last compared with."""
    saved: bool = False
    """Whether it was the same."""


class TextCache:
    """Texts by path, the least recently used given up first."""

    def __init__(self) -> None:
        self._held: OrderedDict[tuple[Path, bool], _Held] = OrderedDict()
        self._length = 0

    def on_disk(self, path: Path) -> Dated:
        """The file as it is saved. Raises Unreadable."""
        try:
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):
                raise Unreadable("it is not a regular file")
            if status.st_size > MAX_BYTES:
                raise Unreadable(f"the file is larger than {MAX_BYTES // 1024**2} MB")
            state = (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)
            text = self._get(path, False, state, lambda: _read(path)).text
        except (OSError, ValueError) as error:
            raise Unreadable(f"the file cannot be read: {getattr(error, 'strerror', None) or error}") from error
        return Dated(text, status.st_mtime_ns)

    def in_editor(self, path: Path, content: str) -> Dated:
        """The file as the editor shows it. Raises Unreadable."""
        if len(content) > MAX_BYTES:
            raise Unreadable(f"the file is larger than {MAX_BYTES // 1024**2} MB")
        try:
            saved = self.on_disk(path)
        except Unreadable:
            saved = None
        held = self._get(path, True, content, lambda: content)
        if saved is None:
            return Dated(held.text, None)
        if held.compared is not saved.text:
            held.compared, held.saved = saved.text, saved.text.lines == held.text.lines
        return Dated(held.text, saved.modified_ns if held.saved else None)

    def edited(self, path: Path, before: str, content: str, edits: Sequence[Edit]) -> tuple[Text, Text] | None:
        """Follows edits that made `content` of the text `before`, if that is the text held: that text, and the new."""
        held = self._held.get((path, True))
        if held is None or held.state != before or (held.text.functions is not None) != _has_functions(path, content):
            return None
        lines, where = edited(held.text.lines, edits), span(edits)
        functions = held.text.functions
        if functions is not None and where is not None:
            functions = functions.after(lines, where)
        self._length += len(content) - held.length
        after = Text(lines, functions, len(content), line_end(content))
        self._held[path, True] = _Held(content, after, len(content))
        return held.text, after

    def forget(self, path: Path) -> None:
        """Reads the file again when it is asked for; what the editor shows needs no reading."""
        if held := self._held.pop((path, False), None):
            self._length -= held.length

    def _get(self, path: Path, in_editor: bool, state: object, read: Callable[[], str]) -> _Held:
        key = (path, in_editor)
        held = self._held.get(key)
        if held is not None and held.state == state:
            self._held.move_to_end(key)
            return held
        if held is not None:
            self._length -= self._held.pop(key).length
        content = read()
        self._held[key] = _Held(state, parsed(path, content, typed=in_editor), len(content))
        self._length += len(content)
        while self._length > _MAX_HELD and len(self._held) > 1:
            self._length -= self._held.popitem(last=False)[1].length
        return self._held[key]


def parsed(path: Path, content: str, *, typed: bool = False) -> Text:
    """The text of a file of that name, with its functions where they can be read; `typed` where edits will follow."""
    functions: Index | None
    if _is_python(path, content):
        functions = FunctionIndex.parse(content)
    else:
        functions = grammars.read(path, content, followed=typed)
    return Text(split_lines(content), functions, len(content), line_end(content))


def _has_functions(path: Path, content: str) -> bool:
    return _is_python(path, content) or grammars.grammar_of(path, len(content)) is not None


def _is_python(path: Path, content: str) -> bool:
    if not path.suffix:
        return content.startswith("#!") and "python" in content.partition("\n")[0]
    return path.suffix.lower() in (".py", ".pyw")


def _read(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if b"\0" in data:
        raise Unreadable("the file is binary")
    return decode_source(data)
