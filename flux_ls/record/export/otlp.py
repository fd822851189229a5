"""Recordings as OTLP, in protobuf, straight from the SDK's spans and the recorder's own."""

from collections.abc import Mapping, Sequence
from struct import Struct
from typing import Any, Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import DEFAULT_TRACE_STATE, StatusCode

from flux_ls.record.export.protobuf import add_pairs, before_text, sized, utf8, varint
from flux_ls.record.export.taken import Taken
from flux_ls.record.export.texts import readable, readable_value
from flux_ls.record.made import Kind, MadeSpan
from flux_ls.record.values import Captured, encoded, text_of
from flux_ls.record.wire import ROW_SPAN

_KINDS: Final = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}
_STATUS: Final = {StatusCode.OK: b"\x18\x01", StatusCode.ERROR: b"\x18\x02"}
_MOST_NAMES: Final = 8192
_MOST_DESCRIPTIONS: Final = 1024
_LONGEST_DESCRIPTION: Final = 2048
_SIMPLE: Final = frozenset({str, int, bool})

# Tags of the fields of a Span.
_ATTRIBUTE: Final = b"\x4a"
_EVENT: Final = b"\x5a"
_LINK: Final = b"\x6a"
_STATUS_TAG: Final = b"\x7a"

_ids = Struct(">HQQHQ").pack
_ids_with_parent = Struct(">HQQHQHQ").pack
_times = Struct("<BQBQ").pack
_LOW: Final = 2**64 - 1
_at = Struct("<BQ").pack

_names: dict[str, bytes] = {}
_common: dict[int, tuple[dict[str, object], str, Kind, bytes]] = {}
_descriptions: dict[tuple[object, ...], bytes] = {}


def export_request(resource_spans: Mapping[bytes, Mapping[bytes, Sequence[bytes]]]) -> bytes:
    """The body of an export: spans by their scope, by their resource, all of them encoded and with their lengths."""
    parts: list[bytes] = []
    for resource, scopes in resource_spans.items():
        content = [b"\n", resource]
        for scope, spans in scopes.items():
            inside = b"\n" + scope + b"\x12" + b"\x12".join(spans)
            content += (b"\x12", sized(inside))
        parts += (b"\n", sized(b"".join(content)))
    return b"".join(parts)


def encode_resource(attributes: Mapping[str, object]) -> bytes:
    parts: list[bytes] = []
    add_pairs(parts, b"\n", attributes)
    return sized(b"".join(parts))


def encode_scope(name: str, version: str | None) -> bytes:
    told = b"\n" + sized(utf8(name))
    return sized(told + b"\x12" + sized(utf8(version)) if version else told)


def encode_span(taken: Taken, span: ReadableSpan, span_budget: int) -> bytes:
    """An SDK span with what the recorder found out about it."""
    context = span.context
    span_id = context.span_id
    added = taken.annotations.get(span_id)
    call = taken.parents.get(span_id)
    parent = span.parent
    parent_id = call or (parent.span_id if parent is not None else 0)
    end_ns = span.end_time or 0
    # Of a span that arrives twice, the one that ended later counts: this one, which has more, and not the one that the
    # application may export to the same place.
    end_ns = end_ns + 1 + taken.again if added or call else end_ns
    trace_id = context.trace_id
    ids = (0x0A10, trace_id >> 64, trace_id & _LOW, 0x1208, span_id)
    attributes = getattr(getattr(span, "_attributes", None), "_dict", None) or _items(span.attributes)
    parts = [
        _ids_with_parent(*ids, 0x2208, parent_id) if parent_id else _ids(*ids),
        _times(0x39, span.start_time or 0, 0x41, end_ns),
    ]
    if added:
        parts += (b"\x2a", _name(span.name), b"\x30", varint(span.kind.value + 1))
        add_pairs(parts, _ATTRIBUTE, {key: value for key, value in attributes.items() if key not in added})
        _add_attributes(parts, added, span_budget)
    else:
        parts.append(_described(span, attributes))
    kept = getattr(span, "_events", None)
    if kept != () and _are_some(kept):
        for event in span.events:
            content = [_at(0x09, event.timestamp), b"\x12", _name(event.name)]
            add_pairs(content, b"\x1a", _items(event.attributes))
            parts += (_EVENT, sized(b"".join(content)))
        if span.dropped_events:
            parts += (b"\x60", varint(span.dropped_events))
    kept = getattr(span, "_links", None)
    if kept != () and _are_some(kept):
        for link in span.links:
            linked = link.context
            content = [_ids(0x0A10, linked.trace_id >> 64, linked.trace_id & _LOW, 0x1208, linked.span_id)]
            add_pairs(content, b"\x22", _items(link.attributes))
            parts += (_LINK, sized(b"".join(content)))
        if span.dropped_links:
            parts += (b"\x70", varint(span.dropped_links))
    if span.dropped_attributes:
        parts += (b"\x50", varint(span.dropped_attributes))
    status = span.status
    if status.status_code is not StatusCode.UNSET:
        parts += (_STATUS_TAG, _status(_STATUS[status.status_code], status.description or ""))
    state = context.trace_state
    if state is not DEFAULT_TRACE_STATE and state:
        parts += (b"\x1a", sized(utf8(state.to_header())))
    return sized(b"".join(parts))


def _are_some(kept: Any) -> bool:
    """Whether there is, or was, something in a list of the SDK's, whose copies take time; if not known, yes."""
    return kept is None or len(kept) > 0 or getattr(kept, "dropped", 0) > 0


def _described(span: ReadableSpan, attributes: Mapping[str, Any]) -> bytes:
    """Its name, kind and attributes: an instrumentation tells the same of the same statement all day."""
    name, kind = span.name, span.kind
    values = tuple(attributes.values())
    # With the types: one and True are equal.
    key = (name, id(kind), tuple(attributes), values, tuple(map(type, values)))
    try:
        known = _descriptions.get(key)
    except TypeError:  # a list among them
        known = None
    if known is not None:
        return known
    parts = [b"\x2a", _name(name), b"\x30", varint(kind.value + 1)]
    add_pairs(parts, _ATTRIBUTE, attributes)
    described = b"".join(parts)
    if len(described) <= _LONGEST_DESCRIPTION and _SIMPLE.issuperset(key[4]) and _are_open(attributes):
        if len(_descriptions) >= _MOST_DESCRIPTIONS:
            _descriptions.clear()
        _descriptions[key] = described
    return described


def _are_open(attributes: Mapping[str, Any]) -> bool:
    """Whether nothing of them is redacted: a secret is neither remembered here, nor overlooked when it comes again."""
    return all(readable_value(key, value) == value for key, value in attributes.items() if type(value) is str)


def encode_made(taken: Taken, span: MadeSpan, span_budget: int) -> bytes:
    """A span that the recorder made."""
    span_id = span.span_id
    common, attributes = span.common, span.attributes
    if span_id in taken.annotations:
        attributes = {**(common or {}), **attributes, **taken.annotations[span_id]}
        common = None
    trace_id, parent_id = taken.trace_id, span.parent_id
    ids = (0x0A10, trace_id >> 64, trace_id & _LOW, 0x1208, span_id)
    parts = [
        _ids_with_parent(*ids, 0x2208, parent_id) if parent_id else _ids(*ids),
        _times(0x39, span.start_ns, 0x41, span.end_ns + taken.again),
        _encoded_once(span.name, span.kind, common),
    ]
    if span.events:
        _add_events(parts, span, attributes, span_budget)
    else:
        _add_attributes(parts, attributes, span_budget)
    if span.error is not None:
        parts += (_STATUS_TAG, _status(b"\x18\x02", span.error))
    return sized(b"".join(parts))


def _add_attributes(parts: list[bytes], attributes: Mapping[str, object], span_budget: int) -> None:
    before = len(parts)
    if _add_told(parts, _ATTRIBUTE, attributes) > span_budget:
        del parts[before:]
        plain, captured = _parted(attributes)
        _add_texts(parts, encoded(captured, span_budget))
        add_pairs(parts, _ATTRIBUTE, plain)


def _encoded_once(name: str, kind: Kind, attributes: dict[str, object] | None) -> bytes:
    """What spans of the same kind have in common."""
    known = _common.get(id(attributes)) if attributes is not None else None
    if known is not None and known[1] is name and known[2] is kind:
        return known[3]
    parts = [b"\x2a", _name(name), b"\x30", varint(_KINDS[kind])]
    if attributes is None:
        return b"".join(parts)
    if len(_common) >= _MOST_NAMES:
        _common.clear()
    add_pairs(parts, _ATTRIBUTE, attributes)
    # With the attributes, so that their id is not given to others meanwhile.
    known = _common[id(attributes)] = (attributes, name, kind, b"".join(parts))
    return known[3]


def _add_events(parts: list[bytes], span: MadeSpan, attributes: Mapping[str, object], span_budget: int) -> None:
    """The texts of a span's attributes and of its events share the budget."""
    before = len(parts)
    size = _add_told(parts, _ATTRIBUTE, attributes)
    for event in span.events:
        content = [_at(0x09, event.at_ns), b"\x12", _name(event.name)]
        size += _add_told(content, b"\x1a", event.attributes)
        parts += (_EVENT, sized(b"".join(content)))
    if size > span_budget:
        del parts[before:]
        _add_cut_events(parts, span, attributes, span_budget)


def _add_told(parts: list[bytes], tag: bytes, attributes: Mapping[str, object]) -> int:
    """Adds attributes with their texts whole, and tells how long those are."""
    plain: dict[str, object] = {}
    size = 0
    for key, value in attributes.items():
        if isinstance(value, Captured):
            text = text_of(value.tree)
            length = len(text)
            size += length
            parts += (tag, before_text(key, length), text)
        elif key == ROW_SPAN and type(value) is str:
            # Another one with every row, of our own making.
            parts += (tag, before_text(key, len(value)), value.encode())
        else:
            plain[key] = value
    if plain:
        add_pairs(parts, tag, plain)
    return size


def _add_cut_events(parts: list[bytes], span: MadeSpan, attributes: Mapping[str, object], span_budget: int) -> None:
    plain, captured = _parted(attributes)
    own = tuple(captured)
    told = []
    for number, event in enumerate(span.events):
        plain_of_event, of_event = _parted(event.attributes)
        told.append((event, plain_of_event, of_event))
        for key, value in of_event.items():
            captured[f"{number} {key}"] = value
    texts = encoded(captured, span_budget)
    add_pairs(parts, _ATTRIBUTE, plain)
    _add_texts(parts, {key: texts[key] for key in own})
    for number, (event, plain_of_event, of_event) in enumerate(told):
        content = [_at(0x09, event.at_ns), b"\x12", _name(event.name)]
        add_pairs(content, b"\x1a", plain_of_event)
        for key in of_event:
            text = texts[f"{number} {key}"]
            content += (b"\x1a", before_text(key, len(text)), text)
        parts += (_EVENT, sized(b"".join(content)))


def _name(name: str) -> bytes:
    known = _names.get(name)
    if known is None:
        if len(_names) >= _MOST_NAMES:
            _names.clear()
        told = readable(name)
        known = sized(utf8(told))
        if len(known) <= 256 and told == name:
            _names[name] = known
    return known


def forget() -> None:
    """The rules of what is a secret have changed."""
    _names.clear()
    _common.clear()
    _descriptions.clear()


def _status(code: bytes, message: str) -> bytes:
    return sized(b"\x12" + sized(utf8(readable(message))) + code if message else code)


def _parted(attributes: Mapping[str, object]) -> tuple[dict[str, object], dict[str, Captured]]:
    """What goes as it is, and what becomes a text."""
    plain: dict[str, object] = {}
    captured: dict[str, Captured] = {}
    for key, value in attributes.items():
        if isinstance(value, Captured):
            captured[key] = value
        else:
            plain[key] = value
    return plain, captured


def _add_texts(parts: list[bytes], texts: Mapping[str, bytes]) -> None:
    for key, text in texts.items():
        parts += (_ATTRIBUTE, before_text(key, len(text)), text)


def _items(attributes: Any) -> Mapping[str, Any]:
    # The SDK's mappings lock and look up each value on the way; what has ended does not change any more.
    return getattr(attributes, "_dict", attributes) or {}
