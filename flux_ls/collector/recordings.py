"""What a recorder added to the spans of an export, kept where questions about rows and inputs find it.

Only spans of resources that name a recorder are looked at, so that those of everybody else cost nothing.
"""

import logging
from collections.abc import Iterator

from flux_ls.analysis.facts import Input, facts_of, merged
from flux_ls.analysis.recorded import changes_of, parsed
from flux_ls.model import RowChange
from flux_ls.otlp.batch import SpanBatch, TracePart
from flux_ls.otlp.decode import recorded_input
from flux_ls.record import wire
from flux_ls.store.errors import StoreError
from flux_ls.store.writer import Writer

_ROW_CHANGE = wire.ROW_CHANGE.encode()
_INPUT = wire.INPUT.encode()
_log = logging.getLogger(__name__)


def keep_recordings(
    writer: Writer, request_id: int, part: TracePart, batch: SpanBatch, *, known: bool, replaced: bool
) -> None:
    """Keeps the row changes and inputs of what an export brought of one trace.

    `known` when there was something of the request before, `replaced` when spans of it came again.
    """
    recordings = writer.recordings
    if replaced:
        recordings.forget_changes(request_id, part.span_ids())
    if batch.recorded.isdisjoint(part.chunks):
        return
    try:
        changes = dict(_changes(writer, part, batch))
        facts = facts_of(_inputs(part, batch))
    except StoreError:
        raise
    except Exception:
        # The spans themselves are kept, whatever we make of them.
        _log.exception("could not read what was recorded of request %s", part.trace_id.hex())
        return
    if known and changes:
        recordings.forget_changes(request_id, changes)
    for source, told in changes.items():
        recordings.put_changes(request_id, source, told)
    if facts:
        recordings.put_facts(request_id, merged(recordings.facts(request_id), facts) if known else facts)


def _changes(writer: Writer, part: TracePart, batch: SpanBatch) -> Iterator[tuple[bytes, list[RowChange]]]:
    for index in batch.recorded & part.chunks.keys():
        chunk = part.chunks[index]
        for span_id, raw in zip(chunk.span_ids, chunk.raws, strict=True):
            if _ROW_CHANGE in raw:
                yield span_id, list(changes_of(writer.decode(raw, batch.origins[index])))


def _inputs(part: TracePart, batch: SpanBatch) -> Iterator[Input]:
    for index in batch.recorded & part.chunks.keys():
        for raw in part.chunks[index].raws:
            if _INPUT in raw and (found := recorded_input(raw)) is not None:
                tree = parsed(found.value) if isinstance(found.value, str) else found.value
                yield Input(found.name, found.kind, found.start_ns, tree)
