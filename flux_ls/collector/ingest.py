"""Ingest: an export request becomes stored spans, corrected requests and their failures, in one transaction."""

import logging
from collections.abc import Callable, Sequence, Set
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from flux_ls.analysis.assess import assess
from flux_ls.analysis.request import describe, entry_of
from flux_ls.analysis.route import handler_of, route_name
from flux_ls.collector.recordings import keep_recordings
from flux_ls.collector.redaction import Redactor
from flux_ls.model import Request, Span
from flux_ls.otlp.batch import (
    LogBatch,
    LogExport,
    Origin,
    SpanBatch,
    TraceExport,
    TracePart,
    read_exception_logs,
    read_spans,
)
from flux_ls.otlp.sink import Outcome, SinkBusy
from flux_ls.otlp.stacktrace import DEFAULT_RULE, InAppRule
from flux_ls.store.connection import move_aside
from flux_ls.store.errors import StoreBusy, StoreCorrupt, StoreError
from flux_ls.store.traces import SPANS_OF_INTEREST
from flux_ls.store.writer import StoredRequest, Writer

_RETRY_AFTER_S = 1
_ATTEMPTS = 3
_ORDINARY = 200
"""Spans of a request."""
_log = logging.getLogger(__name__)


class Kept(NamedTuple):
    """What is kept of a trace, this export included."""

    id: int
    trace_id: bytes
    first_ns: int
    last_ns: int
    spans: int


class Ingest:
    """The sink of the receivers: durable when a call returns. Used from one thread."""

    def __init__(self, store: Path, rule: InAppRule = DEFAULT_RULE, redact_keys: Sequence[str] = ()) -> None:
        self._store = store
        self._rule = rule
        self._redactor = Redactor(redact_keys)
        self._writer = Writer(store, rule)
        self._is_open = True

    def close(self) -> None:
        self._writer.close()

    def traces(self, message: TraceExport, body: bytes = b"") -> Outcome:
        """Stores the spans. Raises SinkBusy when the client should send them again."""
        batch = read_spans(message, body)
        if batch.parts:
            clean = self._redactor.spans(batch, body)
            self._durably(lambda: self._store_spans(clean))
        return _outcome(batch.rejected, "spans need a 16-byte trace id, an 8-byte span id and times before 2262")

    def logs(self, message: LogExport) -> Outcome:
        """Stores the log records that carry an exception of a request. Raises SinkBusy like `traces`."""
        batch = read_exception_logs(message)
        if batch.rows:
            clean = self._redactor.logs(batch)
            self._durably(lambda: self._store_logs(clean))
        return _outcome(batch.rejected, "log records need times before 2262")

    def _durably(self, store: Callable[[], None]) -> None:
        try:
            for _ in range(_ATTEMPTS):
                self._open()
                try:
                    with self._writer.transaction():
                        store()
                except StoreCorrupt:
                    self._move_aside()
                # What was written to a file that somebody removed meanwhile is not kept.
                if self._is_open and not self._writer.is_displaced():
                    return
        except StoreBusy as error:
            raise SinkBusy(_RETRY_AFTER_S, str(error)) from error
        except StoreError as error:
            raise SinkBusy(_RETRY_AFTER_S * 10, str(error)) from error
        raise SinkBusy(_RETRY_AFTER_S, f"the store {self._store} is being removed or damaged all the time")

    def _open(self) -> None:
        if self._is_open and self._writer.is_displaced():
            _log.warning("the store %s was removed: starting a new one", self._store)
            self._leave()
        if not self._is_open:
            self._writer = Writer(self._store, self._rule)
            self._is_open = True

    def _leave(self) -> None:
        self._is_open = False
        self._writer.close()

    def _move_aside(self) -> None:
        displaced = self._writer.is_displaced()
        self._leave()
        # Unless another process has done so, and what is there now is sound.
        if not displaced:
            _log.error("the store was damaged and moved aside to %s", move_aside(self._store))

    def _store_spans(self, batch: SpanBatch) -> None:
        trace_ids = [part.trace_id for part in batch.parts]
        stored, logged = self._writer.known(trace_ids), self._writer.with_exception_logs(trace_ids)
        for brought in batch.parts:
            known = stored.get(brought.trace_id)
            part, spans, replaced = self._merged(brought, known, batch.recorded)
            if not part.chunks:
                continue
            kept = Kept(
                id=known.id if known is not None else self._writer.new_request_id(),
                trace_id=part.trace_id,
                first_ns=min(part.first_ns, known.first_ns) if known is not None else part.first_ns,
                last_ns=max(part.last_ns, known.last_ns) if known is not None else part.last_ns,
                spans=spans,
            )
            self._writer.add_spans(kept.id, part, batch.origins)
            if replaced or batch.recorded:
                keep_recordings(self._writer, kept.id, part, batch, known=known is not None, replaced=replaced)
            if brought.trace_id in logged:
                part.notable = True
            if replaced:
                self._tell_anew(kept, part, known)
            else:
                self._update(kept, part, known, batch.origins)

    def _store_logs(self, batch: LogBatch) -> None:
        self._writer.add_logs(batch)
        # A log record may come before the spans of its trace: they will look for it.
        for trace_id, known in self._writer.known(list({row.trace_id for row in batch.rows})).items():
            self._judge(Kept(known.id, trace_id, known.first_ns, known.last_ns, known.request.spans))

    def _merged(self, part: TracePart, known: StoredRequest | None, recorded: Set[int]) -> tuple[TracePart, int, bool]:
        """The part without what came before, how many spans the request has with it, and whether it replaces any."""
        before = known.request.spans if known is not None else 0
        span_ids = part.span_ids()
        unique = set(span_ids)
        ends = self._writer.stored_ends(known.id, unique) if known is not None else {}
        if ends or len(unique) < len(span_ids):
            part = part.without_superseded(ends, recorded)
        replaced = bool(ends) and not ends.keys().isdisjoint(part.span_ids())
        return part, before + len(unique) - len(ends), replaced

    def _tell_anew(self, kept: Kept, part: TracePart, known: StoredRequest | None) -> None:
        # A span that came again may have another parent now, or another end: nothing known is to be relied on.
        if part.notable or (known is not None and known.notable):
            self._judge(kept)
        else:
            self._describe(kept, self._writer.entry_span(kept.id))

    def _update(self, kept: Kept, part: TracePart, known: StoredRequest | None, origins: Sequence[Origin]) -> None:
        if part.notable or (known is not None and known.notable):
            if known is None or _tells_more(part, known, kept.spans):
                self._judge(kept)
            else:
                self._put(kept, _grown(known.request, kept), notable=True)
        elif part.root is not None and (known is None or not known.request.complete):
            raw, origin = part.root
            self._describe(kept, self._writer.decode(raw, origins[origin]))
        elif known is not None and not part.rooted and (known.request.complete or kept.spans > SPANS_OF_INTEREST):
            self._put(kept, _grown(known.request, kept), notable=False)
        else:
            self._describe(kept, self._writer.entry_span(kept.id))

    def _describe(self, kept: Kept, entry: Span) -> None:
        request = _described(kept, entry)
        if request.failed:
            self._judge(kept)
        else:
            self._put(kept, request, notable=False)
            self._learn_handler(request, entry)

    def _learn_handler(self, request: Request, entry: Span) -> None:
        handler = handler_of(entry)
        if handler is not None:
            self._writer.learn_handler(request.service, route_name(request), handler)

    def _judge(self, kept: Kept) -> None:
        try:
            spans = self._writer.spans_of_interest(kept.id, kept.trace_id)
            assessment = assess(spans)
        except StoreError:
            raise
        except Exception:
            # Telemetry that we fail to understand is still telemetry that we were given to keep.
            _log.exception("could not assess request %s", kept.trace_id.hex())
            self._put(kept, _described(kept, self._writer.entry_span(kept.id)), notable=True)
            return
        request = replace(assessment.request, spans=kept.spans)
        stored = self._put(kept, request, notable=True)
        failures = (*((assessment.failure,) if assessment.failure else ()), *assessment.handled)
        self._writer.put_failures(stored, failures)
        self._learn_handler(request, entry_of(spans))

    def _put(self, kept: Kept, request: Request, *, notable: bool) -> StoredRequest:
        stored = StoredRequest(request, kept.id, kept.first_ns, kept.last_ns, notable)
        self._writer.put_request(stored, route_name(request))
        return stored


def _tells_more(part: TracePart, known: StoredRequest, spans: int) -> bool:
    """Whether a request with a failure in it is to be judged again.

    Always, in one of ordinary size. A large one that waits for its root, only now and then while it grows: looking at
    all of it takes longer than taking in an export.
    """
    if spans <= _ORDINARY or part.rooted:
        return True
    if known.request.complete:
        return part.notable or spans <= SPANS_OF_INTEREST
    step = 1 << (spans.bit_length() - 4)
    return not known.notable or known.request.spans // step != spans // step


def _grown(request: Request, kept: Kept) -> Request:
    """A request with more spans that change nothing but its size."""
    if request.complete:
        return replace(request, spans=kept.spans)
    return replace(
        request,
        spans=kept.spans,
        started_ns=kept.first_ns,
        duration_ns=max(0, kept.last_ns - kept.first_ns),
    )


def _described(kept: Kept, entry: Span) -> Request:
    complete = entry.parent_id is None
    return describe(
        entry,
        started_ns=entry.start_ns if complete else kept.first_ns,
        ended_ns=entry.end_ns if complete else kept.last_ns,
        spans=kept.spans,
        complete=complete,
    )


def _outcome(rejected: int, reason: str) -> Outcome:
    return Outcome(rejected, reason if rejected else "")
