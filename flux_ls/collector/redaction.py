"""Redaction at ingest: whoever recorded a secret, it does not reach the store.

One search through the bytes of an export tells the spans in which there may be a secret; only those are looked into.
What has none is kept byte for byte as it came, and so is what Flux does not know of a message that had one.
"""

import logging
import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from random import Random
from typing import Any, Final, TypeVar

import msgspec
import re2  # type: ignore[import-untyped]
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from flux_ls.collector.masking import mask
from flux_ls.otlp.batch import LogBatch, Origin, SpanBatch
from flux_ls.record.redaction import configure, redact_text, redact_tree
from flux_ls.record.redaction.keys import Verdict, verdict
from flux_ls.record.redaction.prefilter import expression
from flux_ls.record.redaction.remembered import Remembered, gathering
from flux_ls.record.redaction.remembered import redacted as mark_of
from flux_ls.record.redaction.sql import redact_parameters, secret_positions
from flux_ls.record.redaction.trees import is_secret_value, redacted_as
from flux_ls.record.wire import REDACTED

_MEMORY: Final = 64 << 20
"""For the automaton of the search: enough that it is not made anew all the time."""
_WARM_UP: Final = 1 << 14
_ORIGINS_KEPT: Final = 1024
_WORTH_KEEPING: Final = 16384
_DEEPEST: Final = 32
_STATEMENTS: Final = ("db.query.text", "db.statement")
_PARAMETERS: Final = "db.statement.parameters"
_PARAMETER = re.compile(r"db\.query\.parameter\.(\d{1,4})")
_FLUX: Final = "flux."

M = TypeVar("M", Span, LogRecord, Resource, InstrumentationScope)

log = logging.getLogger(__name__)


class Redactor:
    """Takes the secrets out of what is about to be stored. `extra_keys` are names that are secret, too."""

    def __init__(self, extra_keys: Sequence[str] = ()) -> None:
        if extra_keys:
            configure(extra_keys)
        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1
        options.max_mem = _MEMORY
        options.never_capture = True
        self._suspect = re2.compile(expression(extra_keys).encode("latin-1"), options).search
        # The automaton is made while it searches. On random bytes, as ids are, that takes a fraction of the time it
        # takes on the first exports.
        self._suspect(Random(0).randbytes(_WARM_UP))
        self._origins: dict[Origin, Origin] = {}

    def spans(self, batch: SpanBatch, body: bytes = b"") -> SpanBatch:
        """The batch without secrets. `body` is what its bytes were cut from, if they were."""
        if body and self._suspect(body) is None:
            return batch
        by_trace = [(part.trace_id, chunk.raws) for part in batch.parts for chunk in part.chunks.values()]
        redacted = self._redact_all(by_trace, Span, _redact_span)
        if redacted:
            for part in batch.parts:
                if part.root is not None and (raw := redacted.get(id(part.root[0]))) is not None:
                    part.root = (raw, part.root[1])
            for _, raws in by_trace:
                raws[:] = [redacted.get(id(raw), raw) for raw in raws]
        return batch._replace(origins=self._redacted_origins(batch.origins))

    def logs(self, batch: LogBatch) -> LogBatch:
        redacted = self._redact_all([(row.trace_id, [row.raw]) for row in batch.rows], LogRecord, _redact_log)
        rows = [row._replace(raw=redacted.get(id(row.raw), row.raw)) for row in batch.rows] if redacted else batch.rows
        return batch._replace(origins=self._redacted_origins(batch.origins), rows=rows)

    def _redact_all(
        self, by_trace: Sequence[tuple[bytes, list[bytes]]], kind: type[M], redact: "Any"
    ) -> dict[int, bytes]:
        """Of the messages that have to change, what they become, by the identity of their bytes."""
        raws = [raw for _, chunk in by_trace for raw in chunk]
        traces = [trace_id for trace_id, chunk in by_trace for _ in chunk]
        together = b"".join(raws)
        found = self._suspect(together)
        if found is None:
            return {}
        changed: dict[int, bytes] = {}
        secrets: dict[bytes, Remembered] = {}
        ends = list(accumulate(map(len, raws)))
        while found is not None:
            first = bisect_right(ends, found.start())
            # A match across the edge of two messages may hide one that begins in the second.
            last = bisect_right(ends, max(found.start(), found.end() - 1))
            for index in range(first, min(last, len(raws) - 1) + 1):
                with gathering(secrets.setdefault(traces[index], Remembered())):
                    raw = _redacted(raws[index], kind, redact)
                if raw != raws[index]:
                    changed[id(raws[index])] = raw
            if last >= len(raws):
                break
            found = self._suspect(together, ends[last])
        # What a name has told to be a secret is one wherever it stands in the trace.
        told = {trace_id: known for trace_id, known in secrets.items() if known}
        for raw, trace_id in zip(raws, traces, strict=True) if told else ():
            clean = changed.get(id(raw), raw)
            known = told.get(trace_id)
            if known is not None and known.may_be_in(clean):
                changed[id(raw)] = _masked(clean, kind, known)
        return changed

    def _redacted_origins(self, origins: list[Origin]) -> list[Origin]:
        return [self._origins.get(origin) or self._redacted_origin(origin) for origin in origins]

    def _redacted_origin(self, origin: Origin) -> Origin:
        clean = origin
        if self._suspect(origin.resource) is not None or self._suspect(origin.scope) is not None:
            clean = Origin(
                _redacted(origin.resource, Resource, _redact_attributed),
                _redacted(origin.scope, InstrumentationScope, _redact_scope),
            )
        if len(origin.resource) + len(origin.scope) <= _WORTH_KEEPING:
            if len(self._origins) >= _ORIGINS_KEPT:
                self._origins.clear()
            # Under what it becomes: nothing keeps a secret, not even our memory.
            self._origins[clean] = clean
        return clean


def _redacted(raw: bytes, kind: type[M], redact: Any) -> bytes:
    message = kind.FromString(raw)
    try:
        changed = redact(message)
    except Exception:
        log.exception("could not look for secrets in a %s: its texts are not kept", kind.__name__)
        changed = _strip(message)
    return message.SerializeToString() if changed else raw


def _masked(raw: bytes, kind: type[M], secrets: Remembered) -> bytes:
    message: Any = kind.FromString(raw)
    before = kind.FromString(raw)
    try:
        mask(message, secrets)
    except Exception:
        log.exception("could not look for known secrets in a %s: its texts are not kept", kind.__name__)
        _strip(message)
    return message.SerializeToString() if message != before else raw


def _strip(message: Any) -> bool:
    """Leaves what cannot be a secret: ids, times, kinds."""
    message.DiscardUnknownFields()
    for field, _ in message.ListFields():
        if field.name in ("name", "trace_state", "attributes", "body", "event_name", "version", "severity_text"):
            message.ClearField(field.name)
    if isinstance(message, Span):
        message.status.ClearField("message")
        for part in (*message.events, *message.links):
            part.ClearField("attributes")
    return True


def _redact_span(span: Span) -> bool:
    changed = _redact_attributed(span)
    changed |= _redact_field(span, "name")
    if span.trace_state:
        changed |= _redact_field(span, "trace_state")
    if span.HasField("status") and span.status.message:
        changed |= _redact_field(span.status, "message")
    for event in span.events:
        changed |= _redact_field(event, "name")
        changed |= _redact_attributed(event)
    for link in span.links:
        changed |= _redact_attributed(link)
    return changed


def _redact_log(record: LogRecord) -> bool:
    changed = _redact_attributed(record)
    changed |= _redact_value("", record.body, _DEEPEST)
    return changed | _redact_field(record, "event_name")


def _redact_scope(scope: InstrumentationScope) -> bool:
    changed = _redact_attributed(scope)
    return changed | _redact_field(scope, "name") | _redact_field(scope, "version")


def _redact_field(message: Any, name: str) -> bool:
    text = getattr(message, name)
    redacted = redact_text(text)
    if redacted == text:
        return False
    setattr(message, name, redacted)
    return True


def _redact_attributed(message: Any) -> bool:
    changed = False
    for pair in message.attributes:
        changed |= _redact_pair(pair, _DEEPEST)
    statement = next((pair.value.string_value for pair in message.attributes if pair.key in _STATEMENTS), "")
    if statement:
        changed |= _redact_positions(statement, message.attributes)
    return changed


def _redact_positions(statement: str, pairs: Iterable[KeyValue]) -> bool:
    """Parameters of a statement that are told by their position."""
    changed = False
    for pair in pairs:
        text = redacted = pair.value.string_value
        if pair.key == _PARAMETERS:
            redacted = redact_parameters(statement, text)
        elif (position := _PARAMETER.fullmatch(pair.key)) and int(position[1]) in secret_positions(statement):
            redacted = mark_of(text)
        if redacted != text:
            pair.value.string_value = redacted
            changed = True
    return changed


def _redact_pair(pair: KeyValue, depth: int) -> bool:
    judged = verdict(pair.key)
    if judged is not Verdict.OPEN and _is_secret(judged, pair.value):
        changed = pair.value.string_value != REDACTED
        redacted_as(judged, _tree(pair.value, depth))
        pair.value.string_value = REDACTED
    else:
        changed = _redact_value(pair.key, pair.value, depth)
    return _redact_field(pair, "key") or changed


def _is_secret(judged: Verdict, value: AnyValue) -> bool:
    which = value.WhichOneof("value")
    if which is None or which == "bool_value":
        return False
    if which == "array_value":
        texts = [item.string_value for item in value.array_value.values]
        if judged is Verdict.SECRET:
            return texts != [""] and bool(texts)
        return any(is_secret_value(judged, text) for text in texts)
    if which == "kvlist_value":
        return judged is Verdict.SECRET
    plain = getattr(value, which)
    if which == "bytes_value":
        plain = plain.decode("latin-1")
    return plain != "" and is_secret_value(judged, plain)


def _tree(value: AnyValue, depth: int) -> Any:
    """A value as the rules see it: as JSON."""
    which = value.WhichOneof("value")
    if which is None or depth <= 0:
        return None
    if which == "array_value":
        return [_tree(item, depth - 1) for item in value.array_value.values]
    if which == "kvlist_value":
        return {pair.key: _tree(pair.value, depth - 1) for pair in value.kvlist_value.values}
    return getattr(value, which)


def _redact_value(key: str, value: AnyValue, depth: int) -> bool:
    which = value.WhichOneof("value")
    if which == "string_value":
        redacted = _redact_string(key, value.string_value)
        if redacted == value.string_value:
            return False
        value.string_value = redacted
        return True
    if which == "bytes_value":
        text = value.bytes_value.decode("latin-1")
        redacted = redact_text(text)
        if redacted == text:
            return False
        value.bytes_value = redacted.encode("latin-1")
        return True
    if which == "int_value" and is_secret_value(Verdict.OPEN, value.int_value):
        value.string_value = REDACTED
        return True
    if which in ("array_value", "kvlist_value") and depth <= 0:
        value.string_value = REDACTED  # what nobody looked at is not kept
        return True
    if which == "array_value":
        return _redact_array(value, depth)
    if which == "kvlist_value":
        changed = False
        for pair in value.kvlist_value.values:
            changed |= _redact_pair(pair, depth - 1)
        return changed
    return False


def _redact_array(value: AnyValue, depth: int) -> bool:
    items = value.array_value.values
    changed = False
    for item in items:
        changed |= _redact_value("", item, depth - 1)
    texts: list[Any] = [item.string_value if item.WhichOneof("value") == "string_value" else None for item in items]
    # What is secret because of what stands before it.
    for item, before, after in zip(items, texts, redact_tree(texts), strict=True):
        if after == REDACTED and before != REDACTED and item.string_value != REDACTED:
            item.string_value = REDACTED
            changed = True
    return changed


def _redact_string(key: str, text: str) -> str:
    if key.startswith(_FLUX) and text[:1] in ("{", "[", '"'):
        try:
            tree = msgspec.json.decode(text)
        except (ValueError, RecursionError):
            return redact_text(text)
        redacted = redact_tree(tree)
        return msgspec.json.encode(redacted).decode() if redacted != tree else text
    return redact_text(text)
