"""What requests are recorded to have committed to rows, as a throw-away database needs it to put them back.

Values are plain JSON with the name of their type, where JSON has none for it; what is not known whole is named with the
reason.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from flux_ls.analysis.recorded import told_changes
from flux_ls.model import AttributeValue, RowChange, RowOperation, Span
from flux_ls.record import wire
from flux_ls.replay.bodies import Lost, plain

Value = tuple[str, AttributeValue]
"""The name of a type, or nothing where JSON has it, and the value."""
_TYPES = frozenset({"datetime.datetime", "datetime.time", "datetime.timedelta", "decimal.Decimal", "uuid.UUID"})
_REDACTED = "was redacted"
_CUT = "was cut when it was recorded"
_UNTOLD = "was not recorded"


class Written(Struct, frozen=True):
    """What a request committed to one row. `before` and `after` hold what is known of its columns."""

    request_id: str
    committed_ns: int
    table: str
    operation: RowOperation
    shown_key: Mapping[str, AttributeValue]
    key: Mapping[str, Value]
    before: Mapping[str, Value]
    after: Mapping[str, Value]
    untold_before: Mapping[str, str]
    """Why what a column held is not known: `was redacted`."""
    why_not: str = ""
    """Why it cannot be put back, if that is known already."""
    spare: bool = False
    """It is put back only where it stands in the way of another one."""
    service: str = ""
    database: str = ""
    """Its system and name, where both were recorded."""

    def is_beside(self, other: "Written") -> bool:
        """Whether both are of one database, as far as was recorded: another one may have rows of the same names."""
        return self.service == other.service or (bool(self.database) and self.database == other.database)


class NotPutBack(Struct, frozen=True):
    """A row of the throw-away database that is not as it was before the request, and why."""

    table: str
    key: dict[str, Any]
    reason: str


def written(spans: Iterable[Span]) -> tuple[Written, ...]:
    """What a request did to rows and others may have seen, the newest first."""
    told = told_changes(spans)
    return newest_first(
        _written(change, span.end_ns, span.resource.service, _database(span))
        for change, span in reversed(told)
        if change.outcome != "rolled_back"
    )


def newest_first(changes: Iterable[Written]) -> tuple[Written, ...]:
    """By when they were committed; those of one transaction stay as they are."""
    return tuple(sorted(changes, key=lambda each: -each.committed_ns))


def left_alone(changes: Iterable[tuple[Written, str]]) -> tuple[NotPutBack, ...]:
    """Each row once, with the first reason: of the newest change."""
    found: dict[str, NotPutBack] = {}
    for change, reason in changes:
        found.setdefault(row_of(change), NotPutBack(change.table, dict(change.shown_key), reason))
    return tuple(found.values())


def row_of(change: Written) -> str:
    """What tells one row from another."""
    return repr((change.table, sorted(change.key.items())))


def spare(change: RowChange, service: str) -> Written:
    """Of a row that may refer to one that goes. When it was committed is about when it was written."""
    return replace(_written(change, change.at_ns, service), spare=True)


def _database(span: Span) -> str:
    system, name = span.attributes.get("db.system.name"), span.attributes.get("db.namespace")
    return f"{system} {name}" if system and name else ""


def _written(change: RowChange, committed_ns: int, service: str, database: str = "") -> Written:
    key, lost_keys = _known(change.key.items())
    before, untold = _known((each.name, each.before) for each in change.columns)
    after, _ = _known((each.name, each.after) for each in change.columns)
    why_not = ""
    if change.outcome == "unknown":
        why_not = "nobody knows whether it was committed"
    elif lost_keys or not key:
        why_not = f"its key {next(iter(lost_keys.values()), _UNTOLD)}"
    return Written(
        request_id=change.request_id,
        committed_ns=committed_ns,
        table=change.table,
        operation=change.operation,
        shown_key=change.key,
        key=key,
        before={} if change.operation == "insert" else before,
        after={} if change.operation == "delete" else after,
        untold_before={} if change.operation == "insert" else untold,
        why_not=why_not,
        service=service,
        database=database,
    )


def _known(columns: Iterable[tuple[str, AttributeValue]]) -> tuple[dict[str, Value], dict[str, str]]:
    known: dict[str, Value] = {}
    lost: dict[str, str] = {}
    for name, tree in columns:
        try:
            known[name] = _value(tree)
        except _Unknown as unknown:
            lost[name] = str(unknown)
    return known, lost


class _Unknown(Exception):
    """What a column held is not known; says why."""


def _value(tree: AttributeValue) -> Value:
    if any(wire.REDACTED in text for text in _texts(tree)):
        raise _Unknown(_REDACTED)
    if isinstance(tree, dict):
        names = set(tree)
        kind = tree.get(wire.TYPE)
        if names == {wire.TYPE, wire.REPR} and isinstance(kind, str):
            return _told_by_text(kind, str(tree[wire.REPR]))
        if names == {wire.TYPE, "name", "value"}:
            return "enum", [tree["name"], tree["value"]]
        if wire.BYTES in names:
            if "length" in names:
                raise _Unknown(_CUT)
            return "bytes", tree[wire.BYTES]
        if names == {wire.FLOAT}:
            return "float", tree[wire.FLOAT]
        if wire.TYPE in names:
            raise _Unknown(_UNTOLD)
    try:
        return "", plain(tree)
    except Lost:
        raise _Unknown(_CUT if isinstance(tree, dict) and wire.CUT in tree else _UNTOLD) from None


def _told_by_text(kind: str, text: str) -> Value:
    if kind == "int":
        return "", int(text) if text.lstrip("-").isdigit() else text
    if kind == "datetime.date" or kind.startswith("ipaddress."):
        return "", text
    if kind not in _TYPES or text.endswith("in another time zone"):
        raise _Unknown(_UNTOLD)
    return kind, text


def _texts(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict):
        for inner in tree.values():
            yield from _texts(inner)
    elif isinstance(tree, list):
        for inner in tree:
            yield from _texts(inner)
