"""Row changes in words, and those that follow each other as one."""

import pytest

from flux_ls.answers.rows import beyond, change_text, runs, telling
from flux_ls.answers.shapes import ColumnShape, RowShape
from flux_ls.model import RowOperation, RowOutcome


def change(
    before: object,
    after: object,
    *,
    id: object = 1,
    column: str = "stock",
    operation: RowOperation = "update",
    outcome: RowOutcome = "committed",
) -> RowShape:
    key = {} if id is None else {"id": id}
    columns = {column: ColumnShape(before, after)}
    return RowShape("items", key, operation, columns, outcome, "s", "r", "2026-03-01T00:00:00+00:00", None)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], []),
        ([change(1, 2), change(2, 3), change(3, 4)], [("items id=1  stock: 1 → 4  in 3 changes", 3)]),
        (
            [change(1, 2), change(5, 6, id=2), change(2, 3)],
            [("items id=1  stock: 1 → 2", 1), ("items id=2  stock: 5 → 6", 1), ("items id=1  stock: 2 → 3", 1)],
        ),
        (
            [change(1, 2), change(2, 3, outcome="rolled_back")],
            [("items id=1  stock: 1 → 2", 1), ("items id=1  stock: 2 → 3", 1)],
        ),
        (
            [change(1, 2), change("a", "b", column="name")],
            [("items id=1  stock: 1 → 2", 1), ("items id=1  name: a → b", 1)],
        ),
        (
            [change(1, 2, id=None), change(2, 3, id=None)],
            [("items (key not recorded)  stock: 1 → 2", 1), ("items (key not recorded)  stock: 2 → 3", 1)],
        ),
        (
            [change(None, 1, operation="insert"), change(1, 2)],
            [("items id=1  inserted  stock: 1", 1), ("items id=1  stock: 1 → 2", 1)],
        ),
    ],
)
def test_runs(rows: list[RowShape], expected: list[tuple[str, int]]) -> None:
    told = runs(rows)
    assert [(change_text(run.row, run.count), run.count) for run in told] == expected
    assert beyond(told, 1) == sum(count for _, count in expected[1:])


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (change(None, 1, column="id", operation="insert"), []),
        (change(1, None, column="id", operation="delete"), []),
        (change(1, 2, column="id"), ["id"]),
        (change(None, 7, column="id", operation="insert"), ["id"]),
    ],
)
def test_a_key_is_told_once(row: RowShape, expected: list[str]) -> None:
    assert list(telling(row)) == expected
