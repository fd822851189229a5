"""Who wrote what a row holds."""

import pytest

from flux_ls.answers.blame import blame_row, blame_table
from flux_ls.answers.shapes import Blame
from flux_ls.store.errors import TableNotFound
from tests.recorded import CALL_LINE, Recorded
from tests.signup import record
from tests.telemetry import RECORDER, http, row


def ask(recorded: Recorded, table: str, key: str | None = None) -> Blame:
    with recorded.reader() as reader:
        if key is None:
            return blame_table(reader, recorded.workspace(), table)
        return blame_row(reader, recorded.workspace(), table, key)


def test_the_last_committed_writer_with_line_time_and_revision(recorded: Recorded) -> None:
    good = record(recorded, "pro", at_ns=10**18, resource={"vcs.ref.head.revision": "c0ffee"})
    bad = record(recorded, None, fails=True, at_ns=2 * 10**18)
    answer = ask(recorded, "users", "42")
    assert (answer.table, answer.key) == ("users", {"id": 42})
    assert [(each.column, each.value, each.request_id, each.operation) for each in answer.columns] == [
        ("id", 42, good, "insert"),
        ("plan", "pro", good, "update"),
    ]
    plan = answer.columns[1]
    assert (plan.function, plan.revision, plan.at) == ("signup", "c0ffee", "2001-09-09T01:46:40.006000+00:00")
    assert plan.frame is not None
    assert (plan.frame.path, plan.frame.line) == ("shop/payments.py", CALL_LINE)
    assert [(each.request_id, each.outcome) for each in answer.attempts] == [(bad, "rolled_back")] * 2


def test_a_write_of_unknown_outcome_owns_nothing(recorded: Recorded) -> None:
    good = record(recorded, "pro", at_ns=10**18)
    changed = row("users", {"id": 42}, before={"plan": "pro"}, after={"plan": "team"}, outcome="unknown")
    recorded.add(http("POST", "/", rows=[changed]), resource=RECORDER, at_ns=2 * 10**18)
    answer = ask(recorded, "users", "42")
    assert [each.request_id for each in answer.columns] == [good, good]
    assert [each.outcome for each in answer.attempts] == ["unknown"]


def test_of_a_table_each_columns_last_writer_and_the_rows_that_changed_last(recorded: Recorded) -> None:
    record(recorded, "pro", id=1, at_ns=10**18)
    last = record(recorded, "team", id=2, at_ns=2 * 10**18)
    record(recorded, None, id=3, fails=True, at_ns=3 * 10**18)
    answer = ask(recorded, "users")
    assert answer.key is None
    assert {each.column: (each.value, each.request_id, each.key) for each in answer.columns} == {
        "id": (2, last, {"id": 2}),
        "plan": ("team", last, {"id": 2}),
    }
    assert [(each.key["id"], each.outcome) for each in answer.rows] == [
        (3, "rolled_back"),
        (2, "committed"),
        (1, "committed"),
    ]


def test_a_table_that_is_not_there(recorded: Recorded) -> None:
    record(recorded)
    with pytest.raises(TableNotFound, match="did you mean users"):
        ask(recorded, "usres")
