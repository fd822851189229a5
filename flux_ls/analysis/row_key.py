"""Which row it is: the primary key that a recorder told, and the one that somebody types, as one text.

A key of one column is the text of its value, so that nobody needs to know the column's name; one of several is JSON of
the texts by column. Whether a database has a number or a text there makes no difference.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Final

import msgspec

from flux_ls.model import AttributeValue
from flux_ls.record import wire

_LONGEST: Final = 200
_WRAPPED = re.compile(r"""[\w.]+\((['"])(.*)\1\)""", re.DOTALL)
_PART = re.compile(r"\s*([^\W\d][\w$.]*)\s*=")
_encoder = msgspec.json.Encoder(order="sorted")


def identity(key: Mapping[str, AttributeValue]) -> str:
    """The text that a row is found by; empty when its key is not known."""
    return _identity({name: _text(value) for name, value in key.items()})


def identities(typed: str) -> list[str]:
    """What a row may be called by somebody who types a key: `42`, `id=42`, `a=1,b=2`, or JSON of one of these.

    The likeliest first.
    """
    found = [_identity({"": typed})]
    try:
        tree = msgspec.json.decode(typed)
    except (msgspec.MsgspecError, RecursionError):
        tree = None
    if isinstance(tree, dict):
        found.insert(0, identity(tree))
    elif isinstance(tree, str):
        found.append(_identity({"": tree}))
    elif parts := _parts(typed):
        found.append(_identity(parts))
    return list(dict.fromkeys(found))


def _identity(texts: Mapping[str, str]) -> str:
    if not texts:
        return ""
    text = next(iter(texts.values())) if len(texts) == 1 else _encoder.encode(dict(texts)).decode()
    if len(text) <= _LONGEST:
        return text
    # Nobody types it in full, but a program may ask for it.
    return text[:_LONGEST] + hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()


def _parts(typed: str) -> dict[str, str]:
    """`a=1,b=2` by name; empty when the text is nothing like it. A value may hold commas and equals signs."""
    starts = [0, *(at + 1 for at, char in enumerate(typed) if char == "," and _PART.match(typed, at + 1))]
    parts: dict[str, str] = {}
    for start, end in zip(starts, [*(at - 1 for at in starts[1:]), len(typed)], strict=True):
        named = _PART.match(typed, start)
        if named is None:
            return {}
        parts[named[1]] = typed[named.end() : end].strip()
    return parts


def _text(value: AttributeValue) -> str:
    match value:
        case str():
            return value
        case {wire.REPR: str() as text}:
            wrapped = _WRAPPED.fullmatch(text)
            return wrapped[2] if wrapped else text
        case {wire.FLOAT: str() as text} | {wire.BYTES: str() as text} | {wire.CUT: str() as text}:
            return text
        case _:
            return _encoder.encode(value).decode()
