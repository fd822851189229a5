"""The spans of one request out of the store: decoded, with the exceptions of log records joined to their spans."""

import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from flux_ls.analysis.request import entry_of
from flux_ls.model import ExceptionRecord, Span
from flux_ls.otlp.decode import Glimpse, decode_exception_log, decode_resource, decode_scope, decode_span, glimpse
from flux_ls.otlp.stacktrace import InAppRule

SPANS_OF_INTEREST = 1000
"""A trace with more spans than this is judged by those that failed, their ancestors and those beside them."""
_LOOKED_AT = 10 * SPANS_OF_INTEREST
"""Of a trace with even more, only about so many that came last: who never stops adding to one trace must not pay for
all of it each time."""

_CHILD = re.compile(rb"\x0a\x10.{16}\x12\x08.{8}\x22\x08(?!\0{8})", re.DOTALL)
"""How everybody writes a span that has a parent: the ids of the trace, of the span and of the parent come first."""
_raws = msgspec.msgpack.Decoder(list[bytes])


class StoredSpan(NamedTuple):
    """A span still in its bytes."""

    raw: bytes
    resource: bytes
    scope: bytes


class _Chunk(NamedTuple):
    """The spans that came of a request with one export; `span_ids` are those of `raws`, one behind the other."""

    seq: int
    rooted: bool
    span_ids: bytes
    raws: list[bytes]
    packed: bytes
    """All of `raws` as they are stored: one look through it is faster than one through each."""
    resource: bytes
    scope: bytes

    def span(self, at: int) -> StoredSpan:
        return StoredSpan(self.raws[at], self.resource, self.scope)

    def spans(self) -> list[StoredSpan]:
        return [StoredSpan(raw, self.resource, self.scope) for raw in self.raws]

    def copies(self, span_ids: Iterable[bytes]) -> Iterator[StoredSpan]:
        """Those of these spans that are among its own."""
        for span_id in span_ids:
            at = self.span_ids.find(span_id)
            while at >= 0:
                if at % 8 == 0:
                    yield self.span(at // 8)
                at = self.span_ids.find(span_id, at + 1)


class SpanSource:
    """Reads traces over somebody else's connection."""

    def __init__(self, connection: sqlite3.Connection, rule: InAppRule) -> None:
        self._connection = connection
        self._rule = rule

    def decode(self, stored: StoredSpan) -> Span:
        return decode_span(stored.raw, decode_resource(stored.resource), decode_scope(stored.scope), self._rule)

    def all(self, request_id: int, trace_id: bytes) -> list[Span]:
        """Every span of the trace, by start time; of a span that came twice, the one that ended last or came last."""
        return self._joined(trace_id, self._stored(request_id))

    def entry(self, request_id: int) -> Span:
        """Of a trace that has spans, the one where the request began."""
        return self.decode(_entry_among(self._latest(request_id)))

    def entry_and(self, request_id: int, names: Sequence[Sequence[bytes]]) -> tuple[Span, list[Span]]:
        """The entry span; and by start time the spans with all the names of one of `names` somewhere in them.

        No other span is decoded: what a recorder noted of a fault stands in a few of a thousand.
        """
        chunks = self._latest(request_id)
        found = {span_id for chunk in chunks for each in names for span_id in _having(chunk, each)}
        newest = _newest(stored for chunk in chunks for stored in chunk.copies(found))
        spans = [self.decode(stored) for _, stored in newest.values()]
        return self.decode(_entry_among(chunks)), sorted(spans, key=lambda span: span.start_ns)

    def of_interest(self, request_id: int, trace_id: bytes) -> list[Span]:
        """The spans that decide what the request died of: all of them in a trace of ordinary size."""
        stored = [stored for chunk in self._latest(request_id) for stored in chunk.spans()]
        if len(stored) > SPANS_OF_INTEREST:
            logged = {span_id for span_id, _ in self._logged(trace_id)}
            stored = _failing_and_near(stored, logged)
        return self._joined(trace_id, stored)

    def _stored(self, request_id: int) -> Iterator[StoredSpan]:
        for raws, resource, scope in self._connection.execute(
            "SELECT chunk.raws, origin.resource, origin.scope FROM chunk JOIN origin ON origin.id = chunk.origin_id"
            " WHERE chunk.request_id = ? ORDER BY chunk.seq",
            (request_id,),
        ):
            for raw in _raws.decode(raws):
                yield StoredSpan(raw, resource, scope)

    def _latest(self, request_id: int) -> list[_Chunk]:
        """The spans that came last and the root, in the order they came; all of them unless there are a great many."""
        chunks: list[_Chunk] = []
        spans = 0
        rooted = False
        question = (
            "SELECT chunk.seq, chunk.rooted, chunk.span_ids, chunk.raws, origin.resource, origin.scope FROM chunk"
            " JOIN origin ON origin.id = chunk.origin_id WHERE chunk.request_id = ?"
        )
        with closing(self._connection.execute(f"{question} ORDER BY chunk.seq DESC", (request_id,))) as rows:
            for row in rows:
                chunks.append(_chunk_of(row))
                rooted = rooted or chunks[-1].rooted
                spans += len(chunks[-1].raws)
                if spans >= _LOOKED_AT:
                    if not rooted:
                        chunks += self._roots_before(f"{question} AND chunk.rooted", request_id, chunks[-1].seq)
                    break
        return chunks[::-1]

    def _roots_before(self, question: str, request_id: int, seq: int) -> list[_Chunk]:
        row = self._connection.execute(
            f"{question} AND chunk.seq < ? ORDER BY chunk.seq DESC LIMIT 1", (request_id, seq)
        ).fetchone()
        if row is None:
            return []
        chunk = _chunk_of(row)
        roots = [at for at, raw in enumerate(chunk.raws) if glimpse(raw).parent_id is None]
        span_ids = b"".join(chunk.span_ids[8 * at : 8 * at + 8] for at in roots)
        return [chunk._replace(span_ids=span_ids, raws=[chunk.raws[at] for at in roots])]

    def _joined(self, trace_id: bytes, stored: "Iterator[StoredSpan] | list[StoredSpan]") -> list[Span]:
        spans: dict[str, Span] = {}
        for span in map(self.decode, stored):
            known = spans.get(span.span_id)
            if known is None or span.end_ns >= known.end_ns:
                spans[span.span_id] = span
        logged: dict[str, list[ExceptionRecord]] = defaultdict(list)
        top = next((span.span_id for span in spans.values() if span.parent_id is None), "")
        for span_id, record in self._logged(trace_id):
            # A record that names its trace but no span tells of the request as a whole.
            logged[span_id or top].append(record)
        for span_id in logged.keys() & spans.keys():
            span = spans[span_id]
            spans[span_id] = replace(span, exceptions=(*span.exceptions, *logged[span_id]))
        return sorted(spans.values(), key=lambda span: span.start_ns)

    def _logged(self, trace_id: bytes) -> Iterator[tuple[str, ExceptionRecord]]:
        for raw, resource in self._connection.execute(
            "SELECT log.raw, origin.resource FROM log JOIN origin ON origin.id = log.origin_id"
            " WHERE log.trace_id = ? ORDER BY log.at_ns, log.seq LIMIT ?",
            (trace_id, SPANS_OF_INTEREST),
        ):
            found = decode_exception_log(raw, decode_resource(resource), self._rule)
            if found is not None:
                yield found


def _chunk_of(row: tuple[Any, ...]) -> _Chunk:
    seq, rooted, span_ids, raws, resource, scope = row
    return _Chunk(seq, bool(rooted), span_ids, _raws.decode(raws), raws, resource, scope)


def _having(chunk: _Chunk, names: Sequence[bytes]) -> list[bytes]:
    """The ids of the spans with all of these names somewhere in their bytes."""
    if any(name not in chunk.packed for name in names):
        return []
    found = list(enumerate(chunk.raws))
    # Of the name of an attribute and its value, most spans have the first.
    for name in reversed(names):
        found = [(at, raw) for at, raw in found if name in raw]
    return [chunk.span_ids[8 * at : 8 * at + 8] for at, _ in found]


def _entry_among(chunks: Sequence[_Chunk]) -> StoredSpan:
    roots = {
        chunk.span_ids[8 * at : 8 * at + 8]
        for chunk in chunks
        if chunk.rooted
        for at, raw in enumerate(chunk.raws)
        if not _CHILD.match(raw)
    }
    # Of one that came again only the newest counts, and that may have a parent.
    seen = _newest(stored for chunk in chunks for stored in chunk.copies(roots))
    if not any(each.parent_id is None for each, _ in seen.values()):
        seen = _newest(stored for chunk in chunks for stored in chunk.spans())
    return seen[entry_of([each for each, _ in seen.values()]).span_id][1]


def _newest(spans: Iterable[StoredSpan]) -> dict[str, tuple[Glimpse, StoredSpan]]:
    """By id; of a span that came twice, the one that ended last or came last."""
    newest: dict[str, tuple[Glimpse, StoredSpan]] = {}
    for stored in spans:
        seen = glimpse(stored.raw)
        known = newest.get(seen.span_id)
        if known is None or seen.end_ns >= known[0].end_ns:
            newest[seen.span_id] = (seen, stored)
    return newest


def _failing_and_near(stored: list[StoredSpan], logged: set[str]) -> list[StoredSpan]:
    newest = _newest(stored)
    seen, stored = [each for each, _ in newest.values()], [one for _, one in newest.values()]
    by_id = {one.span_id: index for index, one in enumerate(seen)}
    children: dict[str, list[int]] = defaultdict(list)
    for index, one in enumerate(seen):
        if one.parent_id is not None:
            children[one.parent_id].append(index)
    chosen: dict[int, None] = {by_id[entry_of(seen).span_id]: None}
    # The failures that ended last come first: they are nearest to what the request died of.
    failing = [index for index, one in enumerate(seen) if one.notable or one.span_id in logged]
    for start in sorted(failing, key=lambda index: -seen[index].end_ns):
        at: int | None = start
        while at is not None and at not in chosen and len(chosen) < 2 * SPANS_OF_INTEREST:
            chosen[at] = None
            parent: str | None = seen[at].parent_id
            at = by_id.get(parent) if parent is not None else None
        if len(chosen) >= SPANS_OF_INTEREST:
            break
    for index in list(chosen):
        for beside in children[seen[index].span_id][: max(0, 2 * SPANS_OF_INTEREST - len(chosen))]:
            chosen.setdefault(beside)
    return [stored[index] for index in chosen]
