"""Facts: what went into a request, flattened to paths and small values, so that many requests can be compared.

What is kept is about the shape and the small values of an input: a long text counts by its length, a list by how many
it holds. A place is what took the input: a request (`@` and its span's name) or a function (its span's name).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec
from msgspec import Struct

from flux_ls.model import AttributeValue, SpanKind
from flux_ls.record import wire

Fact = AttributeValue
"""A scalar as it is, or `[kind, length]` of what has a length and is not kept: `["str", 2048]`, `["list", 3]`."""
Facts = dict[str, dict[str, Fact]]
"""By place, then by path: `{"create_user": {"form.plan": None}}`."""

PARTLY: Final = "…"
"""A place that stands for what was left out: where it is, a missing path says nothing."""
FACTS: Final = 40
BYTES: Final = 2048
_TEXT = 60
_DEEP = 4
_HEADERS = 8
_ENTRIES = ("server", "consumer")
_OF_A_REQUEST = frozenset({"method", "path", "url", "route"})
"""What makes two requests the same question says nothing about why one of them failed."""
_UNTELLING_HEADERS = frozenset(
    (
        *("accept-encoding", "authorization", "baggage", "cache-control", "connection", "content-length", "cookie"),
        *("date", "host", "if-modified-since", "if-none-match", "referer", "traceparent", "tracestate", "via"),
        *("x-amzn-trace-id", "x-correlation-id", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port"),
        *("x-real-ip", "x-request-id"),
    )
)


class Input(Struct, frozen=True):
    """What one span took in."""

    name: str
    kind: SpanKind
    start_ns: int
    tree: AttributeValue


def place_of(name: str, kind: SpanKind) -> str:
    return f"@{name}" if kind in _ENTRIES else name


def facts_of(inputs: Iterable[Input]) -> Facts:
    """The facts of a request's inputs; of a function that was called several times, those of its last call."""
    found: Facts = {}
    for each in sorted(inputs, key=lambda each: (each.kind not in _ENTRIES, each.start_ns)):
        if each.kind not in ("client", "producer") and isinstance(each.tree, dict):
            facts = dict(_of_request(each.tree) if each.kind == "server" else _flattened("", each.tree, _DEEP))
            if any(path.endswith(PARTLY) for path in facts):
                facts = {path: fact for path, fact in facts.items() if not path.endswith(PARTLY)}
                found[PARTLY] = {}
            if facts:
                found[place_of(each.name, each.kind)] = facts
    return bounded(found)


def merged(known: Facts, news: Facts) -> Facts:
    """The facts of a request of which more has arrived."""
    together = {**known, **news}
    requests = {place: facts for place, facts in together.items() if place.startswith("@")}
    return bounded({**requests, **together})


def bounded(facts: Facts) -> Facts:
    """As many as are kept: of each place a few before all of any."""
    count = sum(map(len, facts.values()))
    if count <= FACTS and len(msgspec.json.encode(facts)) <= BYTES:
        return facts
    kept: Facts = {place: {} for place in facts}
    kept[PARTLY] = {}
    waiting = {place: iter(of_place.items()) for place, of_place in facts.items()}
    room, left = BYTES - len(PARTLY) - 10, FACTS
    while waiting and left:
        for place in list(waiting):
            item = next(waiting[place], None)
            if item is None:
                del waiting[place]
                continue
            cost = len(msgspec.json.encode(item)) + (0 if kept[place] else len(msgspec.json.encode(place)) + 4)
            if cost <= room and left:
                path, fact = item
                kept[place][path] = fact
                room, left = room - cost, left - 1
    return {place: of_place for place, of_place in kept.items() if of_place or place == PARTLY}


def _of_request(tree: Mapping[str, AttributeValue]) -> Iterator[tuple[str, Fact]]:
    for name, value in tree.items():
        if name not in _OF_A_REQUEST and name != "headers":
            yield from _flattened(name, value, _DEEP)
    headers = tree.get("headers")
    if isinstance(headers, dict):
        telling = ((name, value) for name, value in headers.items() if name.lower() not in _UNTELLING_HEADERS)
        for (name, value), _ in zip(telling, range(_HEADERS), strict=False):
            yield from _flattened(f"headers.{name.lower()}", value, 1)


def _flattened(path: str, value: AttributeValue, deep: int) -> Iterator[tuple[str, Fact]]:
    match value:
        case None | bool() | int() | float():
            yield path, value
        case str():
            yield path, value if len(value) <= _TEXT else ["str", len(value)]
        case list():
            more = value[-1].get(wire.MORE) if value and isinstance(value[-1], dict) else None
            yield path, ["list", len(value) - 1 + more if isinstance(more, int) else len(value)]
            if value and deep and isinstance(value[0], dict) and more is None:
                yield from _flattened(f"{path}[0]", value[0], deep - 1)
        case dict():
            yield from _of_object(path, value, deep)


def _of_object(path: str, value: Mapping[str, AttributeValue], deep: int) -> Iterator[tuple[str, Fact]]:
    match value:
        case {wire.CUT: _, "length": int() as length}:
            yield path, ["str", length]
        case {wire.REPR: str() as text, wire.TYPE: str() as kind}:
            yield path, text if len(text) <= _TEXT else [kind, len(text)]
        case {wire.FLOAT: str() as name}:
            yield path, name
        case {wire.UNLOADED: _} | {wire.UNREADABLE: _} | {wire.REF: _} | {wire.DEEP: _} | {wire.BYTES: _}:
            return
        case _:
            if not value and path:
                yield path, ["dict", 0]
            if wire.MORE in value:
                yield f"{path}.{PARTLY}", None
            for name, inner in value.items():
                if deep and name not in wire.MARKS:
                    yield from _flattened(f"{path}.{name}" if path else name, inner, deep - 1)
