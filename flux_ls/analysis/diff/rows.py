"""Row changes of two requests paired: by table and key, new rows by what they hold."""

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from flux_ls.analysis.diff.noise import Renaming
from flux_ls.analysis.diff.sequences import Pair, aligned
from flux_ls.analysis.diff.values import canonical, masked
from flux_ls.model import AttributeValue, RowChange
from flux_ls.record import wire

RowPair = tuple[int | None, int | None]
"""Positions in the two requests' row changes; None for one that has no counterpart."""


def pair_inserts(before: Sequence[RowChange], after: Sequence[RowChange], spans: Mapping[str, str]) -> list[Pair]:
    """New rows that stand for each other, whatever keys they got. `spans` are counterparts by span id."""
    pairs: list[Pair] = []
    ours, theirs = _by_table(before), _by_table(after)
    for table in ours.keys() & theirs.keys():
        one, other = ours[table], theirs[table]
        levels = [
            ([key(before[a], spans) for a in one], [key(after[b], None) for b in other])
            for key in (_whole, _without_key, _vaguely, _by_span, _nothing)
        ]
        found = aligned(levels)
        if len(found) < min(len(one), len(other)):
            # Counted keys that overlap with those of the other run pair the wrong rows.
            found = max(found, aligned(levels[1:]), key=len)
        pairs += [(one[a], other[b]) for a, b in found]
    return sorted(pairs)


def pair_others(
    before: Sequence[RowChange], after: Sequence[RowChange], inserts: Sequence[Pair], renaming: Renaming
) -> list[RowPair]:
    """All row changes: those of one row in the order they happened, the row found by its key or its new key."""
    counterpart, origin = dict(inserts), {b: a for a, b in inserts}
    waiting: dict[Hashable, list[int]] = defaultdict(list)
    for b in range(len(after) - 1, -1, -1):
        if b not in origin and after[b].key:
            waiting[after[b].table, canonical(bare_key(after[b]))].append(b)
    for a, row in enumerate(before):
        if a in counterpart or not row.key:
            continue
        for key in _keys_after(row, renaming):
            places = waiting.get((row.table, key))
            if not places:
                continue
            same = next((b for b in reversed(places) if after[b].operation == row.operation), places[-1])
            places.remove(same)
            counterpart[a], origin[same] = same, a
            break
    _pair_keyless(before, after, counterpart, origin)
    return _in_order(before, after, counterpart, origin)


def document(row: RowChange) -> dict[str, Any]:
    """A row change as one JSON value to compare."""
    return {
        "key": bare_key(row),
        "operation": row.operation,
        "columns": {
            column.name: {"before": bare(column.before), "after": bare(column.after)} for column in row.columns
        },
        "outcome": row.outcome,
    }


def bare(value: AttributeValue) -> AttributeValue:
    """A date, a number or an id that is told by its type and a text, as the text: so ids are known again."""
    if isinstance(value, dict) and value.keys() == {wire.TYPE, wire.REPR}:
        return value[wire.REPR]
    return value


def bare_key(row: RowChange) -> dict[str, AttributeValue]:
    return {name: bare(value) for name, value in row.key.items()}


def _by_table(rows: Sequence[RowChange]) -> dict[str, list[int]]:
    tables: dict[str, list[int]] = defaultdict(list)
    for at, row in enumerate(rows):
        if row.operation == "insert":
            tables[row.table].append(at)
    return tables


def _whole(row: RowChange, _: Mapping[str, str] | None) -> str:
    return canonical(_values(row))


def _without_key(row: RowChange, _: Mapping[str, str] | None) -> str:
    return canonical({name: value for name, value in _values(row).items() if name not in row.key})


def _vaguely(row: RowChange, _: Mapping[str, str] | None) -> str:
    return masked(canonical(_values(row)))


def _by_span(row: RowChange, spans: Mapping[str, str] | None) -> str:
    return row.span_id if spans is None else spans.get(row.span_id, "")


def _nothing(_: RowChange, __: Mapping[str, str] | None) -> str:
    return ""


def _values(row: RowChange) -> dict[str, Any]:
    return {**bare_key(row), **{column.name: bare(column.after) for column in row.columns}}


def _keys_after(row: RowChange, renaming: Renaming) -> list[str]:
    """The row's key as it may read in the other request, the new name first."""
    keys: list[dict[str, Any]] = [{}]
    for name, value in bare_key(row).items():
        named = [*renaming.new_names(value), value]
        keys = [{**key, name: each} for key in keys for each in named][:16]
    return [canonical(key) for key in keys]


def _pair_keyless(
    before: Sequence[RowChange], after: Sequence[RowChange], counterpart: dict[int, int], origin: dict[int, int]
) -> None:
    """Changes of rows whose key nobody told: by table, operation and order."""
    ours = [a for a, row in enumerate(before) if a not in counterpart and not row.key]
    theirs = [b for b, row in enumerate(after) if b not in origin and not row.key]
    levels = [
        ([key(before[a]) for a in ours], [key(after[b]) for b in theirs])
        for key in (lambda row: (row.table, row.operation, _whole(row, None)), lambda row: (row.table, row.operation))
    ]
    for a, b in aligned(levels):
        counterpart[ours[a]], origin[theirs[b]] = theirs[b], ours[a]


def _in_order(
    before: Sequence[RowChange], after: Sequence[RowChange], counterpart: dict[int, int], origin: dict[int, int]
) -> list[RowPair]:
    """As they happened afterwards, each that is no more after the one it followed."""
    ordered: list[RowPair] = []
    told = 0
    for b in range(len(after)):
        a = origin.get(b)
        if a is not None:
            while told <= a:
                if told not in counterpart:
                    ordered.append((told, None))
                told += 1
        ordered.append((a, b))
    ordered += [(a, None) for a in range(told, len(before)) if a not in counterpart]
    return ordered
