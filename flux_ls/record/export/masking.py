"""Spans without the secrets that their request is known to have: wherever they stand, in whatever was recorded."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.sdk.trace import Event
from opentelemetry.trace import Link, Status

from flux_ls.record import wire
from flux_ls.record.export.taken import Taken, span_id_of
from flux_ls.record.made import MadeEvent, MadeSpan
from flux_ls.record.redaction.places import is_place
from flux_ls.record.redaction.remembered import Remembered
from flux_ls.record.values import Captured


def without_secrets(taken: Taken, span: Any) -> Any:
    """The span as it is to be sent; what is to be added to it is changed in `taken`."""
    secrets = taken.secrets
    span_id = span_id_of(span)
    added = taken.annotations.get(span_id)
    if added is not None:
        taken.annotations[span_id] = attributes_without(secrets, added)
    return _made_without(secrets, span) if isinstance(span, MadeSpan) else _ended_without(secrets, span)


def attributes_without(secrets: Remembered, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes without secrets; those that tell of code and not of values stay as they are."""
    return {
        (key if is_place(key) else secrets.without(key)): (
            value if is_place(key) else _value_without(secrets, key, value)
        )
        for key, value in attributes.items()
    }


def _value_without(secrets: Remembered, key: str, value: Any) -> Any:
    if isinstance(value, Captured):
        return Captured(secrets.locals_without(value.tree) if key == wire.LOCALS else secrets.tree_without(value.tree))
    if isinstance(value, str):
        return secrets.without(str(value))
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return wire.REDACTED if secrets.is_number(value) else value
    if isinstance(value, bytes):
        text = value.decode("utf-8", "surrogateescape")
        masked = secrets.without(text)
        return value if masked == text else masked.encode("utf-8", "surrogateescape")
    if isinstance(value, Mapping):
        return {secrets.without(str(name)): _value_without(secrets, "", each) for name, each in value.items()}
    if isinstance(value, Sequence):
        return [_value_without(secrets, "", each) for each in value]
    return value


def _made_without(secrets: Remembered, span: MadeSpan) -> MadeSpan:
    made = MadeSpan(
        span.name if span.common is not None else secrets.without(span.name),
        span.span_id,
        span.parent_id,
        span.start_ns,
        span.end_ns,
        scope=span.scope,
        kind=span.kind,
        attributes=attributes_without(secrets, span.attributes),
        events=[
            MadeEvent(secrets.without(event.name), event.at_ns, attributes_without(secrets, event.attributes))
            for event in span.events
        ],
        error=None if span.error is None else secrets.without(span.error),
    )
    made.common = span.common
    return made


def _ended_without(secrets: Remembered, span: Any) -> Any:
    """A copy of an SDK span, which is the application's and stays as it is."""
    made = copy.copy(span)
    made._name = secrets.without(span.name)
    made._attributes = _like(span._attributes, attributes_without(secrets, span.attributes or {}))
    made._events = _several(
        span._events,
        [
            Event(secrets.without(event.name), attributes_without(secrets, event.attributes or {}), event.timestamp)
            for event in span.events
        ],
    )
    made._links = _several(
        span._links, [Link(link.context, attributes_without(secrets, link.attributes or {})) for link in span.links]
    )
    if span.status.description:
        made._status = Status(span.status.status_code, secrets.without(span.status.description))
    return made


def _like(kept: Any, attributes: dict[str, Any]) -> Any:
    """With how many were dropped, where the SDK counts that."""
    if not hasattr(kept, "_dict"):
        return attributes
    made = copy.copy(kept)
    made._dict = attributes
    return made


def _several(kept: Any, items: list[Any]) -> Any:
    if not hasattr(kept, "_dq"):
        return items
    made = copy.copy(kept)
    made._dq = type(kept._dq)(items, kept._dq.maxlen)
    return made
