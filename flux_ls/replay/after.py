"""A run as spans: those that the recorder exported, else one that stands for the request; comparable with the recorded.

The code may stand in another folder than the one that was recorded. Its paths become those of the recording, so that
the same failure has the same fingerprint.
"""

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath

from msgspec.structs import replace

from flux_ls.analysis.request import entry_of
from flux_ls.collector.redaction import Redactor
from flux_ls.model import ExceptionRecord, Frame, Raised, Span
from flux_ls.otlp.batch import TraceExport, read_spans
from flux_ls.otlp.decode import decode_resource, decode_scope, decode_span
from flux_ls.otlp.payload import decode
from flux_ls.otlp.stacktrace import InAppRule, parse_stacktrace
from flux_ls.record import wire
from flux_ls.record.redaction import redact_text
from flux_ls.record.redaction.remembered import Remembered
from flux_ls.record.values import body, headers
from flux_ls.replay.process import START
from flux_ls.replay.shapes import Conditions, Recording
from flux_ls.replay.told import Ran

_CODE = "code.file.path"


def rule_of(conditions: Conditions) -> InAppRule:
    """What is the user's own code; the part of ours that runs beside it is not."""
    settings = conditions.settings
    return InAppRule(include=settings.in_app_include, exclude=(*settings.in_app_exclude, str(START.parent)))


def spans_of(ran: Ran, recording: Recording, conditions: Conditions) -> tuple[tuple[Span, ...], bool]:
    """The spans of a run, and whether the recorder told them."""
    rule = rule_of(conditions)
    redactor = _redactor(conditions.settings.redact_keys)
    told = [span for raw in ran.traces for span in _decoded(raw, redactor, rule)]
    found = _of_the_request(told)
    is_told = bool(found)
    if not found:
        found = (_one_span(ran, recording, rule, _filled_in(conditions)),)
    moved = _moved(recording, conditions.root)
    return tuple(_as_recorded(span, moved) for span in found) if moved else found, is_told


@lru_cache(maxsize=4)
def _redactor(keys: tuple[str, ...]) -> Redactor:
    return Redactor(keys)


def _decoded(raw: bytes, redactor: Redactor, rule: InAppRule) -> Iterator[Span]:
    batch = redactor.spans(read_spans(decode(raw, "protobuf", TraceExport), raw), raw)
    for part in batch.parts:
        for index, chunk in part.chunks.items():
            origin = batch.origins[index]
            resource, scope = decode_resource(origin.resource), decode_scope(origin.scope)
            yield from (decode_span(each, resource, scope, rule) for each in chunk.raws)


def _of_the_request(spans: list[Span]) -> tuple[Span, ...]:
    """The trace that a request began; those of start-up and of tasks beside it are others."""
    by_trace: dict[str, dict[str, Span]] = {}
    for span in spans:
        known = by_trace.setdefault(span.trace_id, {})
        if span.span_id not in known or known[span.span_id].end_ns <= span.end_ns:
            known[span.span_id] = span
    traces = [tuple(each.values()) for each in by_trace.values()]
    served = [each for each in traces if (entry := entry_of(list(each))).kind == "server" and entry.parent_id is None]
    return max(served, key=lambda each: (len(each), each[0].trace_id), default=())


def _filled_in(conditions: Conditions) -> Remembered:
    """What was redacted, and is told for this run alone: no more of it is shown than was recorded."""
    secrets = Remembered()
    for value in conditions.fill.values():
        secrets.add(value)
    return secrets


def _one_span(ran: Ran, recording: Recording, rule: InAppRule, secrets: Remembered) -> Span:
    """What is known of a run without the recorder."""
    entry = entry_of(list(recording.spans))
    attributes = {
        name: value
        for name, value in entry.attributes.items()
        if name not in (wire.OUTPUT, wire.LOCALS, wire.BLOBS, "error.type")
    }
    failed = ran.error is not None or (ran.status or 0) >= 500
    if ran.status is not None:
        attributes["http.response.status_code"] = ran.status
    if wire.INPUT in entry.attributes:
        content_type = next((value for name, value in ran.headers if name.lower() == "content-type"), None)
        answer: dict[str, object] = {"status": ran.status, "headers": headers(ran.headers).tree}
        if ran.body_total:
            answer["body"] = body(content_type, ran.body, ran.body_total).tree
        attributes[wire.OUTPUT] = json.dumps(secrets.tree_without(answer))
    start_ns = recording.request.started_ns
    return replace(
        entry,
        trace_id=os.urandom(16).hex(),
        span_id=os.urandom(8).hex(),
        parent_id=None,
        end_ns=start_ns + int(ran.duration_ms * 1e6),
        status="error" if failed else "unset",
        status_message="",
        attributes=attributes,
        exceptions=_exceptions(ran, rule, start_ns, secrets),
        events=(),
    )


def _exceptions(ran: Ran, rule: InAppRule, at_ns: int, secrets: Remembered) -> tuple[ExceptionRecord, ...]:
    if ran.error is None:
        return ()
    message, trace = (secrets.without(redact_text(ran.error[part])) for part in ("message", "stacktrace"))
    raised = parse_stacktrace(trace, type=ran.error["type"], message=message, language="python", rule=rule)
    return (ExceptionRecord(raised, "event", at_ns, trace),)


def _moved(recording: Recording, root: Path) -> tuple[str, str] | None:
    """The folder that runs, and the one that was recorded; None when they are the same or nobody knows."""
    here = str(root.resolve())
    votes: Counter[str] = Counter()
    for path in dict.fromkeys(recorded_paths(recording.spans)):
        parts = PurePosixPath(path.replace("\\", "/")).parts
        for start in range(1, len(parts)):
            if (root / Path(*parts[start:])).is_file():
                votes[path[: len(path) - len("/".join(parts[start:])) - 1]] += 1
                break
    if not votes:
        return None
    recorded = votes.most_common(1)[0][0]
    return None if recorded == here else (here + os.sep, recorded + "/")


def recorded_paths(spans: Iterable[Span]) -> Iterator[str]:
    """The files of the user's own code that the request ran through."""
    for span in spans:
        path = span.attributes.get(_CODE)
        if isinstance(path, str) and path:
            yield path
        for record in span.exceptions:
            yield from (frame.path for frame in record.raised.frames if frame.in_app)


def _as_recorded(span: Span, moved: tuple[str, str]) -> Span:
    here, recorded = moved
    path = span.attributes.get(_CODE)
    attributes = span.attributes
    if isinstance(path, str) and path.startswith(here):
        attributes = {**attributes, _CODE: recorded + path.removeprefix(here)}
    exceptions = tuple(replace(each, raised=_raised(each.raised, moved)) for each in span.exceptions)
    return replace(span, attributes=attributes, exceptions=exceptions)


def _raised(raised: Raised, moved: tuple[str, str]) -> Raised:
    return replace(
        raised,
        frames=tuple(_frame(frame, moved) for frame in raised.frames),
        cause=None if raised.cause is None else _raised(raised.cause, moved),
        context=None if raised.context is None else _raised(raised.context, moved),
        members=tuple(_raised(member, moved) for member in raised.members),
    )


def _frame(frame: Frame, moved: tuple[str, str]) -> Frame:
    here, recorded = moved
    if not frame.path.startswith(here):
        return frame
    return replace(frame, path=recorded + frame.path.removeprefix(here))
