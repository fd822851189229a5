"""Requests and answers as they are recorded: bodies in pieces, and trees that are made when they are sent."""

import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Final
from urllib.parse import parse_qsl

from flux_ls.record.guard import tell
from flux_ls.record.redaction import redact_text, redact_tree
from flux_ls.record.values import Captured, Tree, body, headers_by_name, snapshot_items
from flux_ls.record.wire import UNREADABLE

KEPT: Final = 64 * 1024
"""Bytes of a body that are kept until it is encoded, under the budget of a value."""
_DECOMPRESSED: Final = 4 * KEPT
_MOST_FIELDS: Final = 200
_WINDOW: Final = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}
"""How zlib is told what to expect; of `deflate` there are two kinds."""


class Late(Captured):
    """A tree that is made when it is sent: in the sender's thread, of things that do not change any more."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[], Tree]) -> None:
        self._make = make

    @property
    def tree(self) -> Tree:
        try:
            return self._make()
        except Exception as error:
            tell("making a tree", error)
            return {UNREADABLE: type(error).__qualname__}


class Collected:
    """The pieces of a body, as they pass by."""

    __slots__ = ("kept", "pieces", "total")

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.kept = 0
        self.total = 0
        """How long the body was, kept or not."""

    def add(self, piece: bytes) -> None:
        try:
            length = len(piece)
            self.total += length
            room = KEPT - self.kept
            if room <= 0:
                return
            if length > room or type(piece) is not bytes:
                piece = bytes(piece[:room])
                length = len(piece)
            self.pieces.append(piece)
            self.kept += length
        except Exception as error:  # no bytes: whoever is to send them will say so
            tell("keeping a body", error)

    def raw(self) -> bytes:
        return b"".join(self.pieces)


Pairs = Iterable[tuple[str | bytes, str | bytes]]
"""Headers by name, in the order in which they were sent."""


def message(head: dict[str, Tree], pairs: Pairs, content: Collected, *, decoded: bool = False) -> Tree:
    """A request or an answer: `head`, then headers and body. `decoded`: what was collected is no longer compressed."""
    by_name = headers_by_name(pairs)
    head["headers"] = snapshot_items(by_name.items()).tree
    if content.total:
        raw, total = content.raw(), content.total
        encoding = None if decoded else _header(by_name, "content-encoding")
        if encoding is not None:
            plain = _decompressed(raw, encoding.strip().lower())
            if plain is not None:
                total = (
                    len(plain) if total == content.kept and len(plain) < _DECOMPRESSED else max(len(plain) + 1, total)
                )
                raw = plain
        head["body"] = body(_header(by_name, "content-type"), raw, total).tree
    return head


def _header(by_name: Mapping[str, str | list[str]], wanted: str) -> str | None:
    found = by_name.get(wanted)
    return found[0] if type(found) is list else found  # type: ignore[return-value]


def _decompressed(raw: bytes, encoding: str) -> bytes | None:
    """The beginning of what was compressed; None when it is not known how."""
    for bits in _WINDOW.get(encoding, ()):
        try:
            return zlib.decompressobj(bits).decompress(raw, _DECOMPRESSED)
        except zlib.error:
            continue
    return None


def fields(query: str) -> Tree:
    """A query string by name; a name that comes several times has a list."""
    found: dict[str, str | list[str]] = {}
    try:
        pairs = parse_qsl(query[:KEPT], keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return redact_text(query)
    for name, value in pairs:
        known = found.get(name)
        if known is None:
            found[name] = value
        elif isinstance(known, list):
            known.append(value)
        else:
            found[name] = [known, value]
    return redact_tree(found)
