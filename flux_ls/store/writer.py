"""Writing to the store: spans and logs as they came, and what is maintained from them, in one transaction."""

import hashlib
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from flux_ls.model import Failure, Frame, Issue, Proof, Request, Span
from flux_ls.otlp.batch import LogBatch, Origin, TracePart
from flux_ls.otlp.decode import glimpse
from flux_ls.otlp.stacktrace import DEFAULT_RULE, InAppRule
from flux_ls.store import schema
from flux_ls.store.changes import Recordings
from flux_ls.store.checkpoint import Checkpoints
from flux_ls.store.connection import file_number, open_one, transaction, translated
from flux_ls.store.errors import StoreCorrupt, StoreTooNew
from flux_ls.store.rows import PUT_REQUEST, REQUEST_COLUMNS, packed, request_of
from flux_ls.store.traces import SpanSource, StoredSpan

_ORIGIN_CACHE = 4096
_ASKED_AT_ONCE = 256
_NO_TRACE = b""
_WORTH_KEEPING = 16384
"""Larger origins are looked up each time."""
_LOOKED_AT = 100_000
"""Spans of one request, the last to come, among which one that comes again is recognised."""
_raws = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[bytes])


class StoredRequest(NamedTuple):
    """A request with what only the store needs to know of it."""

    request: Request
    id: int
    first_ns: int
    last_ns: int
    notable: bool
    """Some span failed: the request is to be assessed, not only described."""


class Writer:
    """One connection that writes; used from one thread at a time."""

    def __init__(self, path: Path, rule: InAppRule = DEFAULT_RULE) -> None:
        self.path = path
        self._connection, self._file = open_one(path)
        self._traces = SpanSource(self._connection, rule)
        self._checkpoints = Checkpoints(path)
        self.recordings = Recordings(self._connection)
        self._origins: dict[Origin, int] = {}
        self._routes: dict[tuple[str, str], int] = {}
        self._handlers: dict[int, Frame] = {}
        self._seq = 0
        self._last_id = 0
        self._pruned = 0
        self._has_logs = True
        # Rows wait here to be written in one go; nobody asks for them before `_flush`.
        self._chunks: list[tuple[int, int, bool, bytes, bytes]] = []
        self._requests: dict[int, tuple[Any, ...]] = {}
        self._counted = 0
        self._written = 0

    def close(self) -> None:
        self._checkpoints.close()
        self._connection.close()

    def is_displaced(self) -> bool:
        """Whether the file was removed or replaced: what is written here would be lost."""
        return file_number(self.path) != self._file

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything written inside is there, durably, when it ends, or not at all."""
        try:
            with transaction(self._connection, self.path):
                self._begin()
                yield
                self._flush()
                self._connection.execute("UPDATE counter SET value = ? WHERE name = 'seq'", (self._seq,))
            self._checkpoints.written(self._written)
        except BaseException:
            # Ids given out in a transaction that was rolled back belong to nobody.
            self._forget_ids()
            self._chunks.clear()
            self._requests.clear()
            raise

    def known(self, trace_ids: Sequence[bytes]) -> dict[bytes, StoredRequest]:
        """What the store knows of these traces."""
        rows = self._among(
            f"SELECT {REQUEST_COLUMNS}, id, first_ns, last_ns, notable FROM request WHERE trace_id IN", trace_ids
        )
        return {row[0]: StoredRequest(request_of(row), row[17], row[18], row[19], bool(row[20])) for row in rows}

    def with_exception_logs(self, trace_ids: Sequence[bytes]) -> set[bytes]:
        """Those of these traces of which a log record tells of an exception."""
        if not self._has_logs:
            return set()
        return {row[0] for row in self._among("SELECT DISTINCT trace_id FROM log WHERE trace_id IN", trace_ids)}

    def new_request_id(self) -> int:
        """The number under which a trace that is new will be kept."""
        self._last_id += 1
        return self._last_id

    def add_spans(self, request_id: int, part: TracePart, origins: Sequence[Origin]) -> None:
        """Keeps what an export brought of one trace."""
        self._chunks.extend(
            (
                request_id,
                self._origin_id(origins[index]),
                part.rooted and (part.root is None or part.root[1] == index),
                b"".join(chunk.span_ids),
                _raws.encode(chunk.raws),
            )
            for index, chunk in part.chunks.items()
        )

    def stored_ends(self, request_id: int, span_ids: set[bytes]) -> dict[bytes, int]:
        """Of these spans, those that are stored already, and when they ended."""
        ends: dict[bytes, int] = {}
        looked_at = 0
        with closing(
            self._connection.execute(
                "SELECT seq, span_ids FROM chunk WHERE request_id = ? ORDER BY seq DESC", (request_id,)
            )
        ) as chunks:
            for seq, packed_ids in chunks:
                stored = [packed_ids[start : start + 8] for start in range(0, len(packed_ids), 8)]
                if not span_ids.isdisjoint(stored):
                    (raws,) = self._connection.execute("SELECT raws FROM chunk WHERE seq = ?", (seq,)).fetchone()
                    for span_id, raw in zip(stored, _decoder.decode(raws), strict=True):
                        if span_id in span_ids:
                            ends[span_id] = max(ends.get(span_id, 0), glimpse(raw).end_ns)
                looked_at += len(stored)
                if looked_at >= _LOOKED_AT:
                    break
        return ends

    def add_logs(self, batch: LogBatch) -> None:
        """Keeps the log records; one that came before is not kept twice."""
        self._connection.executemany(
            "INSERT OR IGNORE INTO log (trace_id, at_ns, origin_id, digest, raw) VALUES (?, ?, ?, ?, ?)",
            [
                (
                    row.trace_id,
                    row.at_ns,
                    self._origin_id(batch.origins[row.origin]),
                    hashlib.blake2b(row.raw, digest_size=8).digest(),
                    row.raw,
                )
                for row in batch.rows
            ],
        )

    def entry_span(self, request_id: int) -> Span:
        """The span where a stored request began: its root, or the orphan that looks most like it."""
        with translated(self.path):
            self._flush()
            return self._traces.entry(request_id)

    def spans_of_interest(self, request_id: int, trace_id: bytes) -> list[Span]:
        """The spans that decide what a request died of."""
        with translated(self.path):
            self._flush()
            return self._traces.of_interest(request_id, trace_id)

    def decode(self, raw: bytes, origin: Origin) -> Span:
        return self._traces.decode(StoredSpan(raw, *origin))

    def put_request(self, stored: StoredRequest, route: str) -> None:
        """Creates or corrects a request."""
        self._seq += 1
        request = stored.request
        self._requests[stored.id] = (
            stored.id,
            bytes.fromhex(request.id),
            self._seq,
            self._route_id(request.service, route),
            request.started_ns,
            request.duration_ns,
            stored.first_ns,
            stored.last_ns,
            request.service,
            request.environment,
            request.revision,
            request.kind,
            request.name,
            request.method,
            request.path,
            request.route,
            request.function,
            request.status,
            request.failed,
            request.error,
            request.complete,
            request.spans,
            stored.notable,
        )
        if request.aliases:
            self._connection.executemany(
                "INSERT OR IGNORE INTO alias VALUES (?, ?)", ((alias, stored.id) for alias in request.aliases)
            )

    def put_failures(self, stored: StoredRequest, failures: Iterable[Failure]) -> None:
        """Makes the request occur in exactly the issues that these failures belong to."""
        issue_ids: dict[int, Failure] = {}
        for failure in failures:
            issue_ids.setdefault(self._issue_id(failure), failure)
        for (left,) in self._connection.execute(
            "SELECT issue_id FROM occurrence WHERE request_id = ?", (stored.id,)
        ).fetchall():
            if left not in issue_ids:
                self._connection.execute(
                    "DELETE FROM occurrence WHERE request_id = ? AND issue_id = ?", (stored.id, left)
                )
                self._touch_issue(left)
        self._connection.executemany(
            "INSERT INTO occurrence (issue_id, request_id, at_ns, failure) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (request_id, issue_id) DO UPDATE SET at_ns = excluded.at_ns, failure = excluded.failure",
            [
                (issue_id, stored.id, failure.at_ns or stored.request.ended_ns, packed(failure))
                for issue_id, failure in issue_ids.items()
            ],
        )

    def learn_handler(self, service: str, route: str, handler: Frame) -> None:
        """Remembers where the route's handler was seen."""
        route_id = self._route_id(service, route)
        if self._handlers.get(route_id) != handler:
            self._connection.execute("UPDATE route SET handler = ? WHERE id = ?", (packed(handler), route_id))
            self._handlers[route_id] = handler

    def dismiss(self, fingerprint: str) -> bool:
        """Hides an issue group until it is restored; whether there is such a group."""
        with self.transaction():
            known = self._touch_group(fingerprint)
            if known:
                self._connection.execute(
                    "INSERT OR REPLACE INTO dismissal VALUES (?, ?)", (fingerprint, time.time_ns())
                )
        return known

    def restore(self, fingerprint: str) -> bool:
        """Shows a dismissed issue group again; whether it was dismissed."""
        with self.transaction():
            self._touch_group(fingerprint)
            removed = self._connection.execute("DELETE FROM dismissal WHERE fingerprint = ?", (fingerprint,)).rowcount
        return removed > 0

    def resolve(self, mended: Iterable[tuple[Issue, Proof]]) -> None:
        """Keeps what showed these issues mended, until they fail again; what was kept first stays."""
        with self.transaction():
            for issue, proof in mended:
                kept = self._connection.execute(
                    "INSERT INTO resolution (issue_id, failed_ns, trace_id, status, at_ns)"
                    " SELECT id, ?, ?, ?, ? FROM issue WHERE id = ? AND fingerprint = ?"
                    " ON CONFLICT (issue_id) DO UPDATE SET failed_ns = excluded.failed_ns,"
                    " trace_id = excluded.trace_id, status = excluded.status, at_ns = excluded.at_ns"
                    " WHERE excluded.failed_ns > resolution.failed_ns",
                    (
                        issue.last_seen_ns,
                        bytes.fromhex(proof.request_id),
                        proof.status,
                        proof.at_ns,
                        issue.id,
                        # Of another store that has taken the place of the one it was read from, say.
                        issue.failure.fingerprint,
                    ),
                ).rowcount
                if kept:
                    self._touch_issue(issue.id)

    def _begin(self) -> None:
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version > schema.VERSION:
            # A newer flux migrated it meanwhile: what we would write may not be what it means there.
            raise StoreTooNew(self.path, version, schema.VERSION)
        if version < schema.VERSION:
            raise StoreCorrupt(self.path, "it was emptied")
        self._seq, pruned, self._last_id, self._has_logs = self._connection.execute(
            "SELECT (SELECT value FROM counter WHERE name = 'seq'), (SELECT value FROM counter WHERE name = 'pruned'),"
            " (SELECT coalesce(max(id), 0) FROM request), EXISTS (SELECT 1 FROM log)"
        ).fetchone()
        self._counted = self._last_id
        self._written = 0
        if pruned != self._pruned:
            self._forget_ids()
            self._pruned = pruned

    def _forget_ids(self) -> None:
        self._origins.clear()
        self._routes.clear()
        self._handlers.clear()

    def _among(self, question: str, trace_ids: Sequence[bytes]) -> Iterator[tuple[Any, ...]]:
        # One question for many traces, in few sizes so that SQLite need not compile it anew for each export.
        for start in range(0, len(trace_ids), _ASKED_AT_ONCE):
            asked = trace_ids[start : start + _ASKED_AT_ONCE]
            size = 1 << (len(asked) - 1).bit_length()
            places = ", ".join("?" * size)
            yield from self._connection.execute(f"{question} ({places})", (*asked, *[_NO_TRACE] * (size - len(asked))))

    def _flush(self) -> None:
        self._connection.executemany(
            "INSERT INTO chunk (request_id, origin_id, rooted, span_ids, raws) VALUES (?, ?, ?, ?, ?)", self._chunks
        )
        self._connection.executemany(PUT_REQUEST, self._requests.values())
        self._connection.executemany(
            "UPDATE route SET requests = requests + ?, failures = failures + ? WHERE id = ?", self._added()
        )
        self._written += sum(len(chunk[-1]) for chunk in self._chunks)
        self._chunks.clear()
        self._requests.clear()

    def _added(self) -> list[tuple[int, int, int]]:
        """What the requests that are new add to their routes: how many there are, and how many of them failed."""
        added: dict[int, list[int]] = {}
        for id, row in self._requests.items():
            if id > self._counted:
                counts = added.setdefault(row[3], [0, 0])
                counts[0] += 1
                counts[1] += row[18]
        self._counted = max(self._counted, *self._requests) if self._requests else self._counted
        return [(requests, failures, route_id) for route_id, (requests, failures) in added.items()]

    def _issue_id(self, failure: Failure) -> int:
        location = failure.location
        self._seq += 1
        row = self._connection.execute(
            "INSERT INTO issue (seq, fingerprint, handled, path, line, function) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (fingerprint, handled, path, line, function) DO UPDATE SET seq = excluded.seq RETURNING id",
            (
                self._seq,
                failure.fingerprint,
                failure.handled,
                location.path if location else "",
                location.line if location else 0,
                location.function if location else "",
            ),
        ).fetchone()
        return int(row[0])

    def _touch_issue(self, issue_id: int) -> None:
        self._seq += 1
        self._connection.execute("UPDATE issue SET seq = ? WHERE id = ?", (self._seq, issue_id))

    def _touch_group(self, fingerprint: str) -> bool:
        issues = self._connection.execute("SELECT id FROM issue WHERE fingerprint = ?", (fingerprint,)).fetchall()
        for (issue_id,) in issues:
            self._touch_issue(issue_id)
        return bool(issues)

    def _origin_id(self, origin: Origin) -> int:
        known = self._origins.get(origin)
        if known is None:
            known = self._id_of(
                "INSERT OR IGNORE INTO origin (resource, scope) VALUES (?, ?)",
                "SELECT id FROM origin WHERE resource = ? AND scope = ?",
                origin,
            )
            if len(self._origins) >= _ORIGIN_CACHE:
                self._origins.clear()
            if len(origin.resource) + len(origin.scope) <= _WORTH_KEEPING:
                self._origins[origin] = known
        return known

    def _route_id(self, service: str, name: str) -> int:
        known = self._routes.get((service, name))
        if known is None:
            known = self._id_of(
                "INSERT OR IGNORE INTO route (service, name) VALUES (?, ?)",
                "SELECT id FROM route WHERE service = ? AND name = ?",
                (service, name),
            )
            if len(self._routes) >= _ORIGIN_CACHE:
                self._routes.clear()
                self._handlers.clear()
            self._routes[service, name] = known
        return known

    def _id_of(self, insert: str, select: str, key: tuple[object, ...]) -> int:
        row = self._connection.execute(select, key).fetchone()
        if row is None:
            self._connection.execute(insert, key)
            row = self._connection.execute(select, key).fetchone()
        return int(row[0])
