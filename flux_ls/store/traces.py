"""The spans of one request out of the store: decoded, with the exceptions of log records joined to their spans."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import NamedTuple

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

_raws = msgspec.msgpack.Decoder(list[bytes])


class StoredSpan(NamedTuple):
    """A span still in its bytes."""

    raw: bytes
    resource: bytes
    scope: bytes


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
        seen = _newest((glimpse(stored.raw), stored) for stored in self._latest(request_id))
        return self.decode(seen[entry_of([each for each, _ in seen.values()]).span_id][1])

    def of_interest(self, request_id: int, trace_id: bytes) -> list[Span]:
        """The spans that decide what the request died of: all of them in a trace of ordinary size."""
        stored = self._latest(request_id)
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

    def _latest(self, request_id: int) -> list[StoredSpan]:
        """The spans that came last and the root, in the order they came; all of them unless there are a great many."""
        chunks: list[list[StoredSpan]] = []
        spans = 0
        rooted = False
        question = (
            "SELECT chunk.seq, chunk.rooted, chunk.raws, origin.resource, origin.scope FROM chunk"
            " JOIN origin ON origin.id = chunk.origin_id WHERE chunk.request_id = ?"
        )
        with closing(self._connection.execute(f"{question} ORDER BY chunk.seq DESC", (request_id,))) as rows:
            for seq, has_root, raws, resource, scope in rows:
                chunks.append([StoredSpan(raw, resource, scope) for raw in _raws.decode(raws)])
                rooted = rooted or bool(has_root)
                spans += len(chunks[-1])
                if spans >= _LOOKED_AT:
                    if not rooted:
                        chunks.append(self._roots_before(f"{question} AND chunk.rooted", request_id, seq))
                    break
        return [stored for chunk in reversed(chunks) for stored in chunk]

    def _roots_before(self, question: str, request_id: int, seq: int) -> list[StoredSpan]:
        row = self._connection.execute(
            f"{question} AND chunk.seq < ? ORDER BY chunk.seq DESC LIMIT 1", (request_id, seq)
        ).fetchone()
        if row is None:
            return []
        _, _, raws, resource, scope = row
        return [StoredSpan(raw, resource, scope) for raw in _raws.decode(raws) if glimpse(raw).parent_id is None]

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


def _newest(spans: Iterable[tuple[Glimpse, StoredSpan]]) -> dict[str, tuple[Glimpse, StoredSpan]]:
    """By id; of a span that came twice, the one that ended last or came last."""
    newest: dict[str, tuple[Glimpse, StoredSpan]] = {}
    for seen, stored in spans:
        known = newest.get(seen.span_id)
        if known is None or seen.end_ns >= known[0].end_ns:
            newest[seen.span_id] = (seen, stored)
    return newest


def _failing_and_near(stored: list[StoredSpan], logged: set[str]) -> list[StoredSpan]:
    newest = _newest((glimpse(one.raw), one) for one in stored)
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
