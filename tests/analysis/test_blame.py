"""Who wrote what a row holds."""

from typing import Any

import pytest

from flux_ls.analysis.blame import ATTEMPTS, blame, blame_each
from flux_ls.model import ColumnChange, RowChange, RowOperation, RowOutcome


def change(
    request: str, operation: RowOperation, outcome: RowOutcome = "committed", id: int = 42, **after: Any
) -> RowChange:
    columns = tuple(
        ColumnChange(name, value if operation == "delete" else None, None if operation == "delete" else value)
        for name, value in after.items()
    )
    return RowChange("users", {"id": id}, operation, columns, outcome, "s", request, 0, None)


CREATED = change("r1", "insert", id=42, name="Ada", plan="free", age=None)


@pytest.mark.parametrize(
    ("oldest_first", "writers", "attempts"),
    [
        ([CREATED], {"name": ("Ada", "r1"), "plan": ("free", "r1"), "age": (None, "r1")}, []),
        (
            [CREATED, change("r2", "update", plan="pro")],
            {"name": ("Ada", "r1"), "plan": ("pro", "r2"), "age": (None, "r1")},
            [],
        ),
        (
            [CREATED, change("r2", "update", "rolled_back", plan="pro")],
            {"name": ("Ada", "r1"), "plan": ("free", "r1"), "age": (None, "r1")},
            ["r2"],
        ),
        (
            [CREATED, change("r2", "update", "unknown", plan="pro")],
            {"name": ("Ada", "r1"), "plan": ("free", "r1"), "age": (None, "r1")},
            ["r2"],
        ),
        # An attempt on a column that was written since is history.
        (
            [change("r1", "update", "rolled_back", plan="pro"), change("r2", "update", plan="team")],
            {"plan": ("team", "r2")},
            [],
        ),
        # The other column of it was not.
        (
            [change("r1", "update", "rolled_back", plan="pro", age=7), change("r2", "update", plan="team")],
            {"plan": ("team", "r2")},
            ["r1"],
        ),
        # The insertion was never seen.
        (
            [change("r3", "update", age=9), change("r4", "update", plan="pro")],
            {"age": (9, "r3"), "plan": ("pro", "r4")},
            [],
        ),
        ([change("r1", "insert", "rolled_back", name="Ada")], {}, ["r1"]),
        ([change("r1", "delete", "rolled_back")], {}, ["r1"]),
        # Deleted: nobody but who did that.
        (
            [CREATED, change("r2", "update", plan="pro"), change("r3", "delete", plan="pro")],
            {"name": (None, "r3"), "plan": (None, "r3"), "age": (None, "r3")},
            [],
        ),
        # Another row with the key of one that was deleted.
        (
            [CREATED, change("r2", "delete"), change("r3", "insert", name="Bob")],
            {"name": ("Bob", "r3")},
            [],
        ),
        (
            [CREATED, change("r2", "delete"), change("r3", "insert", "rolled_back", name="Bob")],
            {"name": (None, "r2"), "plan": (None, "r2"), "age": (None, "r2")},
            ["r3"],
        ),
    ],
)
def test_the_last_committed_writer_of_each_column(
    oldest_first: list[RowChange], writers: dict[str, tuple[Any, str]], attempts: list[str]
) -> None:
    blamed = blame(reversed(oldest_first))
    assert {each.column: (each.value, each.change.request_id) for each in blamed.columns} == writers
    assert [each.request_id for each in blamed.attempts] == attempts


def test_columns_stand_as_the_row_was_first_told_with() -> None:
    blamed = blame([change("r3", "update", zip="1"), change("r2", "update", plan="pro"), CREATED])
    assert [each.column for each in blamed.columns] == ["name", "plan", "age", "zip"]


def test_it_reads_no_further_than_the_insertion() -> None:
    def changes() -> Any:
        yield CREATED
        raise AssertionError("read too far")

    assert len(blame(changes()).columns) == 3


def test_the_latest_attempts_are_kept() -> None:
    tried = [change(f"r{n}", "update", "rolled_back", plan=str(n)) for n in range(ATTEMPTS + 9)]
    assert [each.request_id for each in blame([*tried, CREATED]).attempts] == [f"r{n}" for n in range(ATTEMPTS)]


def test_of_a_table_the_last_writer_of_each_column_in_any_row() -> None:
    writers = blame_each(
        [
            change("r4", "update", "rolled_back", id=3, plan="x"),
            change("r3", "update", id=2, plan="pro"),
            change("r2", "insert", id=1, name="Bob", plan="free"),
            CREATED,
        ]
    )
    assert [(each.column, each.change.request_id) for each in writers] == [
        ("plan", "r3"),
        ("name", "r2"),
        ("age", "r1"),
    ]
