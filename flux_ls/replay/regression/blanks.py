"""What was redacted in a recorded request: each value is a fixture of its test, to be filled in."""

import keyword
import re
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from flux_ls.analysis import recorded
from flux_ls.analysis.request import entry_of
from flux_ls.record import wire
from flux_ls.replay.literals import text
from flux_ls.replay.regression.body import tree_in
from flux_ls.replay.shapes import Recording

_TAKEN = frozenset({"application", "outbound", "offline", "monkeypatch", "request", "headers", "body", "payload"})
"""Names that the file, or pytest, has another use for."""


class Blank(Struct, frozen=True):
    """A value that had been redacted: a fixture to fill in."""

    fixture: str
    name: str
    what: str
    default: str


def blanks_of(recording: Recording) -> list[Blank]:
    """Headers first, then the fields of the body."""
    found: list[Blank] = []
    taken = set(_TAKEN)
    for name, what, default in (*_blank_headers(recording), *_blank_fields(recording)):
        if not any(each.name == name and each.what == what for each in found):
            fixture = _identifier(name, taken)
            taken.add(fixture)
            found.append(Blank(fixture, name, what, default))
    return found


def _blank_headers(recording: Recording) -> Iterator[tuple[str, str, str]]:
    told = recorded.input_of(entry_of(list(recording.spans)))
    headers = told.get("headers") if isinstance(told, dict) else None
    sent = {name.lower() for name, value in recording.sent.headers if wire.REDACTED not in value}
    for name, value in headers.items() if isinstance(headers, dict) else ():
        if wire.REDACTED in str(value) and name.lower() not in sent:
            yield name, "header", "None"


def _blank_fields(recording: Recording) -> Iterator[tuple[str, str, str]]:
    for name, value in _leaves(tree_in(recording)):
        if isinstance(value, str) and wire.REDACTED in value:
            yield name, "field", text(value)


def _leaves(tree: object, name: str = "body") -> Iterator[tuple[str, object]]:
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from _leaves(value, str(key))
    elif isinstance(tree, list):
        for value in tree:
            yield from _leaves(value, name)
    else:
        yield name, tree


def _identifier(name: str, taken: Iterable[str]) -> str:
    found = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:40] or "value"
    if found[0].isdigit() or keyword.iskeyword(found) or found in taken:
        found = f"recorded_{found}"
    number = 2
    while found in taken:
        found, number = f"{found.rstrip('0123456789')}{number}", number + 1
    return found
