"""Recordings as spans for an exporter of the application's choice: any backend that takes OpenTelemetry's."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from flux_ls.record.export.masking import without_secrets
from flux_ls.record.export.packing import Parcel, resource_of
from flux_ls.record.export.process import Process
from flux_ls.record.export.sending import Busy
from flux_ls.record.export.taken import Taken
from flux_ls.record.export.texts import readable, readable_list, readable_value
from flux_ls.record.guard import tell
from flux_ls.record.made import MadeSpan
from flux_ls.record.recording import share_secrets
from flux_ls.record.redaction.remembered import gathering
from flux_ls.record.values import Captured, encode
from flux_ls.record.wire import DROPPED

_KINDS: Final = {kind.name.lower(): kind for kind in SpanKind}
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_FEW: Final = 500


class ThroughExporter:
    """A destination that hands SDK spans to an exporter."""

    def __init__(self, exporter: SpanExporter, span_budget: int, process: Process) -> None:
        self._exporter = exporter
        self._span_budget = span_budget
        self._process = process
        self._resources: dict[tuple[int, int], tuple[Mapping[str, Any], Resource]] = {}

    def pack(self, taken: Sequence[Taken], dropped: int) -> Iterator[Parcel]:
        spans: list[ReadableSpan] = []
        resources = [self._resource(resource_of(each) or self._process.resource(), dropped) for each in taken]
        # What one tells of may be a secret in another, and in all spans of its own.
        first = [self._as_spans(each, each.spans, resource) for each, resource in zip(taken, resources, strict=True)]
        for each, resource, made in zip(taken, resources, first, strict=True):
            spans += self._clean(each, resource) if each.secrets else made
            if len(spans) >= _FEW:
                yield Parcel(spans, _size(spans), len(spans), each.failed)
                spans = []
        if spans:
            yield Parcel(spans, _size(spans), len(spans), any(each.failed for each in taken))

    def send(self, parcel: Parcel) -> None:
        try:
            result = self._exporter.export(parcel.content)
        except Exception as error:
            raise Busy(f"the exporter failed: {type(error).__name__}") from error
        if result is not SpanExportResult.SUCCESS:
            # Exporters try again by themselves before they say so.
            tell("the exporter", RuntimeError("it did not take the spans"))

    def hurry(self, timeout_s: float) -> None:  # noqa: ARG002
        return None

    def forget(self) -> None:
        return None

    def _resource(self, resource: Resource, dropped: int) -> Resource:
        attributes = self._process.attributes(resource)
        key = (id(attributes), dropped)
        known = self._resources.get(key)
        if known is None:
            if len(self._resources) > 50:
                self._resources.clear()
            told = {**attributes, DROPPED: dropped} if dropped else attributes
            known = self._resources[key] = (attributes, Resource(told, resource.schema_url))
        return known[1]

    def _as_spans(self, taken: Taken, spans: Sequence[Any], resource: Resource) -> list[ReadableSpan]:
        made: list[ReadableSpan] = []
        with gathering(taken.secrets):
            for span in spans:
                try:
                    made.append(self._as_span(taken, span, resource))
                except Exception as error:
                    tell("making a span for the exporter", error)
        if taken.secrets:
            share_secrets(taken.trace_id, taken.secrets)
        return made

    def _clean(self, taken: Taken, resource: Resource) -> list[ReadableSpan]:
        clean: list[Any] = []
        for span in taken.spans:
            try:
                clean.append(without_secrets(taken, span))
            except Exception as error:
                tell("taking secrets out of a span", error)
        return self._as_spans(taken, clean, resource)

    def _as_span(self, taken: Taken, span: Any, resource: Resource) -> ReadableSpan:
        if isinstance(span, MadeSpan):
            return self._made(taken, span, resource)
        span_id = span.context.span_id
        added = taken.annotations.get(span_id, {})
        call = taken.parents.get(span_id)
        attributes = _told(span.attributes or {})
        attributes.update(self._texts(added))
        return ReadableSpan(
            name=readable(span.name),
            context=span.context,
            parent=_context(taken.trace_id, call) if call else span.parent,
            resource=resource,
            attributes=attributes,
            events=[Event(event.name, _told(event.attributes or {}), event.timestamp) for event in span.events],
            links=span.links,
            kind=span.kind,
            status=Status(span.status.status_code, readable(span.status.description))
            if span.status.description
            else span.status,
            start_time=span.start_time,
            end_time=(span.end_time or 0) + (1 + taken.again if added or call else 0),
            instrumentation_scope=span.instrumentation_scope,
        )

    def _made(self, taken: Taken, span: MadeSpan, resource: Resource) -> ReadableSpan:
        attributes = {**(span.common or {}), **span.attributes, **taken.annotations.get(span.span_id, {})}
        return ReadableSpan(
            name=readable(span.name),
            context=_context(taken.trace_id, span.span_id),
            parent=_context(taken.trace_id, span.parent_id) if span.parent_id else None,
            resource=resource,
            attributes=self._texts(attributes),
            events=[Event(event.name, self._texts(event.attributes), event.at_ns) for event in span.events],
            kind=_KINDS[span.kind],
            status=Status() if span.error is None else Status(StatusCode.ERROR, readable(span.error)),
            start_time=span.start_ns,
            end_time=span.end_ns + taken.again,
            instrumentation_scope=InstrumentationScope(span.scope),
        )

    def _texts(self, attributes: Mapping[str, object]) -> dict[str, Any]:
        captured = {key: value for key, value in attributes.items() if isinstance(value, Captured)}
        out = _told({key: value for key, value in attributes.items() if key not in captured})
        out.update(encode(captured, self._span_budget) if captured else {})
        return out


def _told(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _told_value(key, value) for key, value in attributes.items()}


def _told_value(key: str, value: Any) -> Any:
    if isinstance(value, str):
        return readable_value(key, value)
    return readable_list(key, value) if isinstance(value, list | tuple) else value


def _context(trace_id: int, span_id: int) -> SpanContext:
    return SpanContext(trace_id, span_id, is_remote=False, trace_flags=_SAMPLED)


def _size(spans: Sequence[ReadableSpan]) -> int:
    # Roughly: enough to bound what waits.
    return sum(
        500 + sum(len(value) for value in (span.attributes or {}).values() if isinstance(value, str)) for span in spans
    )
