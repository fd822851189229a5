"""An answer's data within a size: the largest values are cut first, then lists are, and every cut is told."""

from typing import Any

import msgspec
from msgspec import Struct

_CUTS = (16384, 4096, 1024, 400, 160, 60)
"""How many bytes of a text stay, tried in turn."""
_ITEMS = (1000, 500, 250, 120, 60, 30, 15, 8, 4, 2, 1)
_FEWEST_FIELDS = 64
"""No struct has so many fields: what has more is a recorded object, which may lose some."""
_MOST_TOLD = 20
_DEEPEST = 9
"""No field of a struct is deeper: what is, was recorded, and may go when all else is cut."""
_TOLD_SHARE = 4
"""The list of the cuts, which has to fit as well, may take a fourth of the size."""


class Cut(Struct, frozen=True):
    """A value that is not all there: the text at `path` in bytes, or the list or object there in items."""

    path: str
    unit: str
    kept: int
    of: int


class TooLarge(Exception):
    """Not even the smallest form of it fits."""


def size_of(tree: Any) -> int:
    return len(msgspec.json.encode(tree))


def within(tree: dict[str, Any], limit: int) -> tuple[dict[str, Any], tuple[Cut, ...]]:
    """The tree in at most `limit` bytes of JSON, and what was cut. Raises TooLarge."""
    if size_of(tree) <= limit:
        return tree, ()
    room = limit - limit // _TOLD_SHARE
    for text in _CUTS:
        cut, told = _cut(tree, text, None)
        if size_of(cut) <= room:
            return cut, told
    # Then few items with some text in them tell more than many without.
    for text, items in ((_CUTS[-2], each) for each in _ITEMS):
        cut, told = _cut(tree, text, items)
        if size_of(cut) <= room:
            return cut, told
    cut, told = _cut(tree, _CUTS[-1], _ITEMS[-1], _DEEPEST)
    if size_of(cut) <= room:
        return cut, told
    raise TooLarge


def listed(cuts: tuple[Cut, ...], limit: int) -> list[dict[str, Any]]:
    """The cuts of a tree that had this limit as data, the largest first, as many as anybody reads."""
    largest = sorted(cuts, key=lambda cut: (cut.unit != "items", cut.kept - cut.of))
    told: list[dict[str, Any]] = []
    room = limit // _TOLD_SHARE - 20
    for cut in largest[:_MOST_TOLD]:
        shape = msgspec.to_builtins(cut)
        room -= size_of(shape) + 1
        if room < 0:
            break
        told.append(shape)
    return told


def _cut(tree: Any, text: int, items: int | None, deepest: int | None = None) -> tuple[Any, tuple[Cut, ...]]:
    cuts: list[Cut] = []

    def walk(value: Any, path: str, depth: int = 0) -> Any:
        if type(value) is str:
            if len(value) <= text // 4:
                return value
            return _shortened(value, text, path, cuts)
        if depth == deepest and isinstance(value, list | tuple | dict):
            cuts.append(Cut(path, "items", 0, len(value)))
            return "…"
        if type(value) is list or type(value) is tuple:
            kept = value if items is None or len(value) <= items else value[:items]
            if len(kept) < len(value):
                cuts.append(Cut(path, "items", len(kept), len(value)))
            return [walk(each, f"{path}[{at}]", depth + 1) for at, each in enumerate(kept)]
        if type(value) is dict:
            most = None if items is None else max(items, _FEWEST_FIELDS)
            names = list(value) if most is None else list(value)[:most]
            if len(names) < len(value):
                cuts.append(Cut(path, "items", len(names), len(value)))
            kept_fields = {}
            for name in names:
                short = _name(name, text)
                kept_fields[short] = walk(value[name], f"{path}.{_name(name, 60)}" if path else short, depth + 1)
            return kept_fields
        return value

    return walk(tree, ""), tuple(cuts)


def _name(name: str, most: int) -> str:
    """Of a recorded object, too, whose names may be long."""
    return name if len(name) <= most else name[: most - 1] + "…"


def _shortened(value: str, most: int, path: str, cuts: list[Cut]) -> str:
    whole = len(value.encode())
    if whole <= most:
        return value
    kept = value.encode()[:most].decode("utf-8", "ignore")
    cuts.append(Cut(path, "bytes", len(kept.encode()), whole))
    return f"{kept}… [{whole - len(kept.encode()):,} bytes cut]"
