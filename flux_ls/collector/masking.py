"""Spans and log records without the secrets that their trace is known to have, wherever those stand in them."""

from collections.abc import Iterable

import msgspec
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from flux_ls.record import wire
from flux_ls.record.redaction.places import is_place
from flux_ls.record.redaction.remembered import Remembered

_JSON = (wire.INPUT, wire.OUTPUT, wire.LOCALS, wire.ROW_KEY, wire.ROW_BEFORE, wire.ROW_AFTER)


def mask(message: Span | LogRecord, secrets: Remembered) -> None:
    """Takes the secrets out of the message."""
    _mask_pairs(message.attributes, secrets)
    if isinstance(message, LogRecord):
        _mask_value("", message.body, secrets)
        message.event_name = secrets.without(message.event_name)
        return
    message.name = secrets.without(message.name)
    if message.status.message:
        message.status.message = secrets.without(message.status.message)
    for event in message.events:
        event.name = secrets.without(event.name)
        _mask_pairs(event.attributes, secrets)
    for link in message.links:
        _mask_pairs(link.attributes, secrets)


def _mask_pairs(pairs: Iterable[KeyValue], secrets: Remembered) -> None:
    for pair in pairs:
        if not is_place(pair.key):
            _mask_value(pair.key, pair.value, secrets)
            pair.key = secrets.without(pair.key)


def _mask_value(key: str, value: AnyValue, secrets: Remembered) -> None:
    which = value.WhichOneof("value")
    if which == "string_value":
        value.string_value = _text_without(key, value.string_value, secrets)
    elif which == "bytes_value":
        text = value.bytes_value.decode("utf-8", "surrogateescape")
        masked = secrets.without(text)
        if masked != text:
            value.bytes_value = masked.encode("utf-8", "surrogateescape")
    elif which == "int_value" or which == "double_value":
        if secrets.is_number(getattr(value, which)):
            value.string_value = wire.REDACTED
    elif which == "array_value":
        for item in value.array_value.values:
            _mask_value("", item, secrets)
    elif which == "kvlist_value":
        _mask_pairs(value.kvlist_value.values, secrets)


def _text_without(key: str, text: str, secrets: Remembered) -> str:
    if key in _JSON:
        try:
            tree = msgspec.json.decode(text)
        except (ValueError, RecursionError):
            return secrets.without(text)
        masked = secrets.locals_without(tree) if key == wire.LOCALS else secrets.tree_without(tree)
        return text if masked == tree else msgspec.json.encode(masked).decode()
    return secrets.without(text)
