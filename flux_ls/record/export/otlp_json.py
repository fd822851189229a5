"""Recordings as OTLP/JSON, straight from the SDK's spans and the recorder's own."""

import base64
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode

from flux_ls.record.export.taken import Taken
from flux_ls.record.export.texts import readable, readable_list, readable_value
from flux_ls.record.recording import MadeSpan
from flux_ls.record.values import Captured, encode

_KINDS: Final = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
_STATUS: Final = {StatusCode.UNSET: 0, StatusCode.OK: 1, StatusCode.ERROR: 2}
_ERROR: Final = 2
_SAFE: Final = 2**53
_INT64: Final = 2**63

_encode = msgspec.json.Encoder().encode


def export_request(resource_spans: Mapping[bytes, Mapping[bytes, Sequence[bytes]]]) -> bytes:
    """The body of an export: encoded spans by their encoded scope, by their encoded resource."""
    return b'{"resourceSpans":[%b]}' % b",".join(
        b'{"resource":%b,"scopeSpans":[%b]}'
        % (
            resource,
            b",".join(b'{"scope":%b,"spans":[%b]}' % (scope, b",".join(spans)) for scope, spans in scopes.items()),
        )
        for resource, scopes in resource_spans.items()
    )


def encode_resource(attributes: Mapping[str, object]) -> bytes:
    return _bytes({"attributes": key_values(attributes.items())})


def encode_scope(name: str, version: str | None) -> bytes:
    return _bytes({"name": name, "version": version} if version else {"name": name})


def encode_span(taken: Taken, span: ReadableSpan, span_budget: int) -> bytes:
    """An SDK span with what the recorder found out about it."""
    context = span.context
    span_id = context.span_id
    added = taken.annotations.get(span_id)
    call = taken.parents.get(span_id)
    parent = span.parent
    parent_id = call or (parent.span_id if parent is not None else 0)
    status = span.status
    attributes = key_values(_items(getattr(span, "_attributes", None) or span.attributes))
    if added:
        attributes = [pair for pair in attributes if pair["key"] not in added]
        attributes += _with_texts(added, encode(_captured(added), span_budget))
    end_ns = span.end_time or 0
    out: dict[str, object] = {
        "traceId": f"{context.trace_id:032x}",
        "spanId": f"{span_id:016x}",
        "name": readable(span.name),
        "kind": span.kind.value + 1,
        "startTimeUnixNano": str(span.start_time or 0),
        # Of a span that arrives twice, the one that ended later counts: this one, which has more, and not the one that
        # the application may export to the same place.
        "endTimeUnixNano": str(end_ns + 1 + taken.again if added or call else end_ns),
        "attributes": attributes,
    }
    if parent_id:
        out["parentSpanId"] = f"{parent_id:016x}"
    if events := span.events:
        out["events"] = [
            {
                "name": readable(event.name),
                "timeUnixNano": str(event.timestamp),
                "attributes": key_values(_items(event.attributes)),
            }
            for event in events
        ]
    if links := span.links:
        out["links"] = [
            {
                "traceId": f"{link.context.trace_id:032x}",
                "spanId": f"{link.context.span_id:016x}",
                "attributes": key_values(_items(link.attributes)),
            }
            for link in links
        ]
    if status.status_code is not StatusCode.UNSET:
        out["status"] = {"code": _STATUS[status.status_code], "message": readable(status.description or "")}
    if context.trace_state:
        out["traceState"] = context.trace_state.to_header()
    if span.dropped_attributes:
        out["droppedAttributesCount"] = span.dropped_attributes
    if span.dropped_events:
        out["droppedEventsCount"] = span.dropped_events
    if span.dropped_links:
        out["droppedLinksCount"] = span.dropped_links
    return _bytes(out)


def encode_made(taken: Taken, span: MadeSpan, span_budget: int) -> bytes:
    """A span that the recorder made."""
    added = taken.annotations.get(span.span_id)
    attributes = {**span.attributes, **added} if added else span.attributes
    captured = _captured(attributes)
    for number, event in enumerate(span.events):
        captured.update(_captured(event.attributes, f"{number} "))
    texts = encode(captured, span_budget) if captured else {}
    out: dict[str, object] = {
        "traceId": f"{taken.trace_id:032x}",
        "spanId": f"{span.span_id:016x}",
        "name": readable(span.name),
        "kind": _KINDS[span.kind],
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.end_ns + taken.again),
        "attributes": _with_texts(attributes, texts),
    }
    if span.parent_id:
        out["parentSpanId"] = f"{span.parent_id:016x}"
    if span.events:
        out["events"] = [
            {
                "name": event.name,
                "timeUnixNano": str(event.at_ns),
                "attributes": _with_texts(event.attributes, texts, f"{number} "),
            }
            for number, event in enumerate(span.events)
        ]
    if span.error is not None:
        out["status"] = {"code": _ERROR, "message": readable(span.error)}
    return _bytes(out)


def _captured(attributes: Mapping[str, object], prefix: str = "") -> dict[str, Captured]:
    return {prefix + key: value for key, value in attributes.items() if isinstance(value, Captured)}


def _with_texts(attributes: Mapping[str, object], texts: Mapping[str, str], prefix: str = "") -> list[dict[str, Any]]:
    """The attributes, with a captured value's JSON text in its place."""
    out = key_values((key, value) for key, value in attributes.items() if not isinstance(value, Captured))
    for key, value in attributes.items():
        if isinstance(value, Captured) and (text := texts.get(prefix + key)) is not None:
            out.append({"key": key, "value": {"stringValue": text}})
    return out


def _items(attributes: Any) -> Iterable[tuple[str, Any]]:
    # The SDK's mappings lock and look up each value on the way; what has ended does not change any more.
    within = getattr(attributes, "_dict", attributes)
    return within.items() if within else ()


def key_values(pairs: Iterable[tuple[str, object]]) -> list[dict[str, Any]]:
    """Attributes as OTLP has them; what has no place there is left out."""
    out: list[dict[str, Any]] = []
    for key, value in pairs:
        kind = type(value)
        if isinstance(value, str):
            text = value if kind is str else str(value)
            out.append({"key": key, "value": {"stringValue": readable_value(key, text)}})
        elif kind is int:
            out.append({"key": key, "value": _integer(value)})
        elif isinstance(value, list | tuple):
            out.append({"key": key, "value": _array(readable_list(key, value))})
        elif (any_value := _any_value(value)) is not None:
            out.append({"key": key, "value": any_value})
    return out


def _array(values: Sequence[Any]) -> dict[str, object]:
    return {"arrayValue": {"values": [_any_value(each) or {} for each in values]}}


def _integer(value: Any) -> dict[str, object]:
    if -_SAFE <= value <= _SAFE:
        return {"intValue": value}
    return {"intValue": str(value)} if -_INT64 <= value < _INT64 else {"stringValue": str(value)}


def _any_value(value: Any) -> dict[str, object] | None:
    if isinstance(value, str):
        return {"stringValue": readable(str(value))}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return _integer(int(value))
    if isinstance(value, float):
        if math.isfinite(value):
            return {"doubleValue": float(value)}
        return {"doubleValue": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}
    if isinstance(value, bytes):
        return {"bytesValue": base64.b64encode(value).decode("ascii")}
    if isinstance(value, list | tuple):
        return _array(value)
    if isinstance(value, Mapping):
        return {"kvlistValue": {"values": key_values((str(key), each) for key, each in value.items())}}
    return None


def _bytes(value: object) -> bytes:
    try:
        return _encode(value)
    except UnicodeEncodeError:
        return _encode(_mended(value))


def _mended(value: Any) -> Any:
    """Without lone surrogates, which UTF-8 does not have."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {_mended(key): _mended(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_mended(each) for each in value]
    return value
