"""Recorded values as text: one line, as short as asked, with the recorder's marks in words.

What was recorded is shown as it is: who puts it on a screen escapes what that screen would act on.
"""

import json
import math
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from flux_ls.record import wire

LIMIT: Final = 120
_DEEPEST = 16
_NAME = re.compile(r"[^\W\d]\w*")
_CONTROL = re.compile(r"[\x00-\x1f]")
_LITERALS = frozenset({"", "null", "none", "true", "false", "nan", "inf", "-inf", wire.REDACTED})


def shown(tree: object, limit: int = LIMIT) -> str:
    """A recorded tree as text of at most `limit` characters: `{email: "alice@example.com", plan: null}`."""
    text = _value(tree, max(limit, 1), 0)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def bare(tree: object, limit: int = LIMIT) -> str:
    """Like `shown`, with a text by itself unquoted unless it could be taken for something else: `free`."""
    if isinstance(tree, str) and tree.lower() not in _LITERALS and tree == tree.strip() and not _is_number(tree):
        text = json.dumps(tree, ensure_ascii=False)[1:-1].replace('\\"', '"')
        return text if len(text) <= limit else text[: limit - 1] + "…"
    return shown(tree, limit)


def pairs(tree: Mapping[str, object], limit: int = LIMIT) -> str:
    """The names and values of an object, without braces: `id=42, plan=null`."""
    text = _joined(_named(tree, "="), limit, 0)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def size(count: int) -> str:
    """How much was cut, in the units that people count files in."""
    if count < 1000:
        return f"{count} B"
    amount, unit = count / 1000, "KB"
    for larger in ("MB", "GB"):
        if amount < 999.5:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.0f} {unit}" if amount >= 10 else f"{amount:.1f} {unit}"


def _value(tree: object, limit: int, depth: int) -> str:
    match tree:
        case None:
            return "null"
        case bool():
            return "true" if tree else "false"
        case str():
            return tree if tree == wire.REDACTED else _quoted(tree, limit)
        case float():
            return _number(tree)
        case list() | tuple():
            return f"[{_joined(_items(tree), limit - 2, depth + 1)}]" if depth < _DEEPEST else "[…]"
        case dict():
            return _mark(tree, limit, depth) or _object(tree, limit, depth)
        case _:
            return str(tree)


def _quoted(text: str, limit: int) -> str:
    whole = json.dumps(text[: limit + 1], ensure_ascii=False)
    if len(text) <= limit and len(whole) <= limit:
        return whole
    return _begun(text, limit)


def _begun(text: str, limit: int) -> str:
    """The beginning of a text that goes on: `"once upon a…"`."""
    kept = text[: max(limit - 3, 1)]
    while len(json.dumps(kept, ensure_ascii=False)) + 1 > limit and len(kept) > 1:
        kept = kept[: max(1, len(kept) - max(1, (len(json.dumps(kept, ensure_ascii=False)) + 1 - limit) // 6))]
    return json.dumps(kept, ensure_ascii=False)[:-1] + '…"'


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "nan" if value != value else "inf" if value > 0 else "-inf"
    return str(value)


def _mark(tree: Mapping[str, Any], limit: int, depth: int) -> str | None:
    """A value that the recorder marked; None for an ordinary object."""
    match tree:
        case {wire.CUT: str() as text}:
            note = f" ({size(length)})" if (length := _length(tree)) is not None else ""
            return _begun(text, max(limit - len(note), 8)) + note
        case {wire.BYTES: str() as encoded}:
            return _bytes(encoded, _length(tree), limit)
        case {wire.REF: kind}:
            return f"<{_type(kind)} again>"
        case {wire.DEEP: kind}:
            return f"{_type(kind)}(…)" if _type(kind) not in ("dict", "list") else "{…}" if kind == "dict" else "[…]"
        case {wire.UNLOADED: _}:
            return "<not loaded>"
        case {wire.UNREADABLE: error}:
            return f"<unreadable: {_type(error)}>"
        case {wire.FLOAT: str() as name}:
            return _on_one_line(name)
        case {wire.REPR: str() as text}:
            text = _on_one_line(text[: limit + 1])
            return text if len(text) <= limit else text[: max(limit - 1, 1)] + "…"
        case {wire.REPR: {wire.CUT: str() as text}}:
            return _on_one_line(text[:limit])[: max(limit - 1, 1)] + "…"
        case {wire.TYPE: kind}:
            name = _type(kind)
            fields = _named({name: value for name, value in tree.items() if name != wire.TYPE}, "=")
            return f"{name}({_joined(fields, limit - len(name) - 2, depth + 1)})" if depth < _DEEPEST else f"{name}(…)"
        case _:
            return None


def _object(tree: Mapping[str, object], limit: int, depth: int) -> str:
    if depth >= _DEEPEST:
        return "{…}"
    return f"{{{_joined(_named(tree, ': '), limit - 2, depth + 1)}}}"


def _named(tree: Mapping[str, object], sign: str) -> Iterator[tuple[str, object]]:
    for name, value in tree.items():
        yield (wire.MORE if name == wire.MORE else f"{_key(name)}{sign}"), value


def _joined(parts: Iterable[tuple[str, object]], limit: int, depth: int) -> str:
    """Named values one after another, as many as there is room for."""
    kept: list[str] = []
    room = limit
    waiting = iter(parts)
    part = next(waiting, None)
    while part is not None:
        head, value = part
        part = next(waiting, None)
        # Three for the sign that there is more.
        free = room - (3 if part is not None else 0)
        text = _more(value) if head == wire.MORE else head + _value(value, max(free - len(head), 6), depth)
        if kept and len(text) > free:
            kept.append("…")
            break
        kept.append(text)
        room -= len(text) + 2
    return ", ".join(kept)


def _items(tree: Iterable[object]) -> Iterator[tuple[str, object]]:
    for item in tree:
        match item:
            case {wire.MORE: count, **rest} if not rest:
                yield wire.MORE, count
            case _:
                yield "", item


def _more(count: object) -> str:
    return f"… {count:,} more" if isinstance(count, int) else "…"


def _key(name: str) -> str:
    if name in wire.MARKS:
        return name
    name = name[1:] if name.startswith("$$") else name
    return name if _NAME.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def _type(kind: object) -> str:
    """The last part of a qualified name: nobody needs the module to know the class."""
    name = str(kind)
    return _on_one_line(name.rpartition(".")[2] or name)


def _on_one_line(text: str) -> str:
    """A text that stands without quotes, its backslashes as they are."""
    return _CONTROL.sub(lambda found: json.dumps(found[0])[1:-1], text)


def _length(tree: Mapping[str, object]) -> int | None:
    length = tree.get("length")
    return length if isinstance(length, int) else None


def _bytes(encoded: str, length: int | None, limit: int) -> str:
    try:
        raw = b64decode(encoded, validate=True)
    except ValueError:
        raw = b""
    count = length if length is not None else len(raw)
    note = f" ({size(count)})"
    text = repr(raw)
    room = max(limit - len(note), 8)
    return (text if len(text) <= room and length is None else text[: room - 2].rstrip("\\'\"") + "…'") + note


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
