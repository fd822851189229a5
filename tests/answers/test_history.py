"""What happened to a row."""

import pytest

from flux_ls.answers.history import history
from flux_ls.answers.shapes import History
from flux_ls.store.errors import AmbiguousTable, RowNotFound, TableNotFound
from tests.recorded import CALL_LINE, Recorded
from tests.signup import record
from tests.telemetry import RECORDER, http, row


def ask(recorded: Recorded, table: str, key: str, limit: int | None = None) -> History:
    with recorded.reader() as reader:
        return history(reader, recorded.workspace(), table, key, limit)


def write(recorded: Recorded, table: str, key: dict[str, object]) -> str:
    changed = row(table, key, after=key, outcome="committed")
    return recorded.add(http("POST", "/", rows=[changed]), resource=RECORDER)


def test_every_change_newest_first_whatever_became_of_it(recorded: Recorded) -> None:
    first = record(recorded, "pro", at_ns=10**18)
    second = record(recorded, None, fails=True, at_ns=2 * 10**18)
    answer = ask(recorded, "users", "42")
    assert (answer.table, answer.key, answer.total) == ("users", {"id": 42}, 4)
    assert [(each.request_id, each.operation, each.outcome) for each in answer.changes] == [
        (second, "update", "rolled_back"),
        (second, "insert", "rolled_back"),
        (first, "update", "committed"),
        (first, "insert", "committed"),
    ]
    latest = answer.changes[0]
    assert latest.frame is not None
    assert (latest.frame.path, latest.frame.line, latest.frame.function) == ("shop/payments.py", CALL_LINE, "signup")
    assert latest.at == "2033-05-18T03:33:20.006000+00:00"


def test_a_limit_keeps_the_latest_and_counts_all(recorded: Recorded) -> None:
    for _ in range(3):
        record(recorded)
    answer = ask(recorded, "users", "42", 2)
    assert (len(answer.changes), answer.total) == (2, 6)
    assert ask(recorded, "users", "42", 6).total == 6


@pytest.mark.parametrize("typed", ["order_id=7,position=2", "position=2,order_id=7", '{"order_id": 7, "position": 2}'])
def test_composite_keys(recorded: Recorded, typed: str) -> None:
    write(recorded, "items", {"order_id": 7, "position": 2})
    assert ask(recorded, "items", typed).key == {"order_id": 7, "position": 2}


@pytest.mark.parametrize(
    ("tables", "typed", "found"),
    [
        (["users"], "users", "users"),
        (["public.users"], "users", "public.users"),
        (["users"], "public.users", "users"),
        (["users", "public.users"], "users", "users"),
        (["a.users", "b.users"], "b.users", "b.users"),
        (["shop.public.users"], "public.users", "shop.public.users"),
        (["Users"], "users", "Users"),
        (['"Users"'], "Users", '"Users"'),
        (["users"], '"users"', "users"),
    ],
)
def test_a_table_may_be_named_without_its_schema(recorded: Recorded, tables: list[str], typed: str, found: str) -> None:
    for table in tables:
        write(recorded, table, {"id": 1})
    assert ask(recorded, typed, "1").table == found


def test_a_name_that_fits_several_tables_is_ambiguous(recorded: Recorded) -> None:
    for table in ("a.users", "b.users", "a.orders"):
        write(recorded, table, {"id": 1})
    with pytest.raises(AmbiguousTable, match=r"a\.users, b\.users: give the name in full") as ambiguous:
        ask(recorded, "users", "1")
    assert ambiguous.value.candidates == ("a.users", "b.users")


@pytest.mark.parametrize(
    ("typed", "hint"),
    [("user", "did you mean public.users?"), ("invoices", "there are changes of orders, public.users")],
)
def test_a_table_that_is_not_there_is_told_with_those_that_are(recorded: Recorded, typed: str, hint: str) -> None:
    write(recorded, "public.users", {"id": 1})
    write(recorded, "orders", {"id": 1})
    with pytest.raises(TableNotFound) as missing:
        ask(recorded, typed, "1")
    assert str(missing.value).endswith(hint)


def test_without_any_row_changes_it_says_how_to_record_them(recorded: Recorded) -> None:
    recorded.add(http("GET", "/"))
    with pytest.raises(TableNotFound, match="flux run"):
        ask(recorded, "users", "1")


def test_a_row_that_is_not_there_is_told_with_those_that_changed_last(recorded: Recorded) -> None:
    for id in range(30):
        write(recorded, "users", {"id": id})
    with pytest.raises(RowNotFound) as missing:
        ask(recorded, "users", "99")
    assert missing.value.candidates == tuple(f"id={id}" for id in range(29, 19, -1))


def test_rows_whose_keys_were_not_recorded_cannot_be_asked_for(recorded: Recorded) -> None:
    write(recorded, "log", {})
    for typed in ("1", "", "{}"):
        with pytest.raises(RowNotFound, match="primary keys of its rows were not recorded"):
            ask(recorded, "log", typed)
