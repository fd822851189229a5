"""Row changes of two requests paired."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from flux_ls.analysis.diff.compare import RowDifference, compare
from flux_ls.analysis.diff.paths import written
from flux_ls.model import Event, Span
from flux_ls.record import wire
from tests.analysis.spans import ms, request, server, span


def row(
    table: str,
    key: dict[str, Any],
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    outcome: str = "committed",
) -> Event:
    operation = "insert" if before is None else "delete" if after is None else "update"
    told: dict[str, Any] = {
        wire.ROW_TABLE: table,
        wire.ROW_KEY: json.dumps(key),
        wire.ROW_OPERATION: operation,
        wire.ROW_OUTCOME: outcome,
    }
    if before is not None:
        told[wire.ROW_BEFORE] = json.dumps(before)
    if after is not None:
        told[wire.ROW_AFTER] = json.dumps(after)
    return Event(wire.ROW_CHANGE, 0, told)


def inserted(table: str, id: Any, outcome: str = "committed", **columns: Any) -> Event:
    return row(table, {"id": id}, None, {"id": id, **columns}, outcome)


def updated(table: str, id: int, outcome: str = "committed", **columns: tuple[Any, Any]) -> Event:
    before, after = ({name: pair[at] for name, pair in columns.items()} for at in (0, 1))
    return row(table, {"id": id}, before, after, outcome)


def writes(*events: Event) -> list[Span]:
    """A request that wrote these rows, in this order."""
    spans = request(server(200, span(wire.TRANSACTION, (1, 90))))
    told = tuple(Event(event.name, ms(1 + at / 100), event.attributes) for at, event in enumerate(events))
    return [spans[0], replace(spans[1], events=told)]


def told(difference: RowDifference) -> str:
    change = difference.after or difference.before
    assert change is not None
    key = ",".join(str(value) for value in change.key.values())
    if difference.change in ("added", "removed"):
        return f"{'+' if difference.change == 'added' else '-'} {change.table} {key}"
    paths = ", ".join(
        f"{written(field.change.path)}{'' if field.reason is None else f' ({field.reason})'}"
        for field in difference.fields
    )
    return f"{change.table} {key}: {paths}"


def diff(before: list[Event], after: list[Event]) -> list[str]:
    return [told(each) for each in compare(writes(*before), writes(*after)).rows]


def uuid(number: int) -> dict[str, str]:
    """As it is recorded."""
    return {"$type": "uuid.UUID", "$repr": f"b{number}0e8400-e29b-41d4-a716-44665544000{number}"}


CASES: dict[str, tuple[list[Event], list[Event], list[str]]] = {
    "the same": (
        [updated("users", 1, plan=("free", "pro"))],
        [updated("users", 1, plan=("free", "pro"))],
        ["users 1: "],
    ),
    "another value": (
        [updated("users", 1, plan=("free", None))],
        [updated("users", 1, plan=("free", "pro"))],
        ["users 1: columns.plan.after"],
    ),
    "another end": (
        [updated("users", 1, "rolled_back", plan=("free", "pro"))],
        [updated("users", 1, plan=("free", "pro"))],
        ["users 1: outcome"],
    ),
    "another row": (
        [updated("users", 1, plan=("free", "pro"))],
        [updated("users", 2, plan=("free", "pro"))],
        ["- users 1", "+ users 2"],
    ),
    "a new row with a new key": (
        [inserted("users", 7, name="ada")],
        [inserted("users", 9, name="ada")],
        ["users 9: key.id (id), columns.id.after (id)"],
    ),
    "which is then changed": (
        [inserted("users", 7, name="ada"), updated("users", 7, plan=(None, "free"))],
        [inserted("users", 9, name="ada"), updated("users", 9, plan=(None, "pro"))],
        ["users 9: key.id (id), columns.id.after (id)", "users 9: key.id (id), columns.plan.after"],
    ),
    "with a new key of another type": (
        [inserted("users", uuid(1)), inserted("orders", 7, user_id=uuid(1))],
        [inserted("users", uuid(2)), inserted("orders", 9, user_id=uuid(2))],
        [
            f"users {uuid(2)}: key.id (id), columns.id.after (id)",
            "orders 9: key.id (id), columns.id.after (id), columns.user_id.after (id)",
        ],
    ),
    "and pointed at": (
        [inserted("users", 7), inserted("orders", 70, user_id=7)],
        [inserted("users", 9), inserted("orders", 90, user_id=9)],
        [
            "users 9: key.id (id), columns.id.after (id)",
            "orders 90: key.id (id), columns.id.after (id), columns.user_id.after (id)",
        ],
    ),
    "pointing at another one": (
        [inserted("users", 7), inserted("orders", 70, user_id=7)],
        [inserted("users", 9), inserted("orders", 90, user_id=3)],
        [
            "users 9: key.id (id), columns.id.after (id)",
            "orders 90: key.id (id), columns.id.after (id), columns.user_id.after",
        ],
    ),
    "keys that overlap with those of the other run": (
        [inserted("lines", at, quantity=1) for at in (1, 2, 3)],
        [inserted("lines", at, quantity=1) for at in (2, 3, 4)],
        [f"lines {at}: key.id (id), columns.id.after (id)" for at in (2, 3, 4)],
    ),
    "rows told apart by what they hold": (
        [inserted("lines", 1, sku="ham"), inserted("lines", 2, sku="egg")],
        [inserted("lines", 5, sku="tea"), inserted("lines", 6, sku="ham"), inserted("lines", 7, sku="egg")],
        [
            "+ lines 5",
            "lines 6: key.id (id), columns.id.after (id)",
            "lines 7: key.id (id), columns.id.after (id)",
        ],
    ),
    "one less": (
        [updated("users", 1, n=(1, 2)), updated("users", 2, n=(1, 2)), updated("users", 3, n=(1, 2))],
        [updated("users", 1, n=(1, 2)), updated("users", 3, n=(1, 2))],
        ["users 1: ", "- users 2", "users 3: "],
    ),
    "written twice": (
        [updated("users", 1, n=(1, 2)), updated("users", 1, n=(2, 3))],
        [updated("users", 1, n=(1, 2)), updated("users", 1, n=(2, 4))],
        ["users 1: ", "users 1: columns.n.after"],
    ),
    "deleted instead of changed": (
        [updated("users", 1, n=(1, 2))],
        [row("users", {"id": 1}, {"n": 1}, None)],
        ["users 1: operation, columns.n.after"],
    ),
    "composite keys": (
        [row("seats", {"row": 1, "seat": 2}, {"taken": False}, {"taken": True})],
        [row("seats", {"row": 1, "seat": 2}, {"taken": False}, {"taken": False})],
        ["seats 1,2: columns.taken.after"],
    ),
    "without a key": (
        [row("log", {}, None, {"text": "a"}), row("log", {}, None, {"text": "b"})],
        [row("log", {}, None, {"text": "b"})],
        ["- log ", "log : "],
    ),
    "another table": ([inserted("a", 1)], [inserted("b", 1)], ["- a 1", "+ b 1"]),
}


@pytest.mark.parametrize("case", CASES)
def test_pairs(case: str) -> None:
    before, after, expected = CASES[case]
    assert sorted(diff(before, after)) == sorted(expected)


changes = st.lists(
    st.tuples(
        st.sampled_from(["insert", "update", "delete"]), st.sampled_from("abc"), st.integers(1, 5), st.integers(0, 3)
    ),
    max_size=12,
)


def made(told: list[tuple[str, str, int, int]]) -> list[Event]:
    events = {
        "insert": lambda table, key, value: inserted(table, key, v=value),
        "update": lambda table, key, value: updated(table, key, v=(9, value)),
        "delete": lambda table, key, value: row(table, {"id": key}, {"v": value}, None),
    }
    return [events[operation](table, key, value) for operation, table, key, value in told]


@given(changes, changes)
def test_each_change_is_told_once(
    before: list[tuple[str, str, int, int]], after: list[tuple[str, str, int, int]]
) -> None:
    found = compare(writes(*made(before)), writes(*made(after))).rows
    assert sum(each.before is not None for each in found) == len(before)
    assert [each.after.at_ns for each in found if each.after is not None] == sorted(
        each.after.at_ns for each in found if each.after is not None
    )
    assert sum(each.after is not None for each in found) == len(after)
    for each in found:
        assert each.before is None or each.after is None or each.before.table == each.after.table


@given(changes)
def test_rows_and_themselves(told: list[tuple[str, str, int, int]]) -> None:
    comparison = compare(writes(*made(told)), writes(*made(told)))
    assert comparison.identical
    assert comparison.muted == 0
