"""The steps of a request, and the rows as they were at each."""

from typing import Any

from flux_ls.answers.debug import debug
from flux_ls.answers.shapes import Debug, RowState
from tests.recorded import Recorded
from tests.signup import record
from tests.telemetry import RECORDER, SpanNode, http, row, span, transaction


def ask(recorded: Recorded, id: str) -> Debug:
    with recorded.reader() as reader:
        return debug(reader, recorded.workspace(), id)


def states(recorded: Recorded, *children: SpanNode) -> dict[str, list[Any]]:
    """Of each step the rows: key, columns (None when it does not exist), pending, outcome."""
    answer = ask(recorded, recorded.add(http("POST", "/", ms=100, children=children), resource=RECORDER))
    return {step.name: [told(state) for state in step.rows_state] for step in answer.spans}


def told(state: RowState) -> tuple[Any, ...]:
    return (state.key.get("id"), state.columns if state.exists else None, state.pending, state.outcome)


def test_a_step_is_a_span_of_the_trace_and_more(recorded: Recorded) -> None:
    answer = ask(recorded, record(recorded, None, fails=True))
    assert [(step.name, step.noise) for step in answer.spans] == [
        ("POST /signup", False),
        ("connect", True),
        ("create_user", False),
        ("charge", False),
        ("transaction", False),
    ]
    create_user = answer.spans[2]
    assert (create_user.depth, create_user.duration_ms, len(create_user.row_changes)) == (1, 8, 2)


def test_a_row_is_seen_as_each_step_left_or_found_it(recorded: Recorded) -> None:
    answer = ask(recorded, record(recorded, None, fails=True))
    within = (42, {"id": 42, "plan": None}, True, "rolled_back")
    assert {step.name: [told(state) for state in step.rows_state] for step in answer.spans} == {
        "POST /signup": [],
        "connect": [],
        "create_user": [within],
        "transaction": [(42, None, False, "rolled_back")],
        "charge": [within],
    }


def test_what_was_rolled_back_is_as_it_was_before(recorded: Recorded) -> None:
    changed = row("users", {"id": 1}, before={"plan": "free", "n": 1}, after={"plan": "pro", "n": 2}, at_ms=5, by="a")
    found = states(
        recorded,
        span("a", start_ms=1, ms=10),
        transaction("rolled_back", changed, start_ms=2, ms=20),
        span("during", start_ms=15, ms=1),
        span("after", start_ms=50, ms=1),
    )
    assert found["a"] == found["during"] == [(1, {"plan": "pro", "n": 2}, True, "rolled_back")]
    assert found["after"] == [(1, {"plan": "free", "n": 1}, False, "rolled_back")]


def test_what_was_committed_is_pending_until_then(recorded: Recorded) -> None:
    changed = row("users", {"id": 1}, before={"plan": "free"}, after={"plan": "pro"}, at_ms=5, by="a")
    found = states(
        recorded,
        span("before", start_ms=1, ms=1),
        span("a", start_ms=2, ms=10),
        transaction("committed", changed, start_ms=4, ms=20),
        span("during", start_ms=15, ms=1),
        span("after", start_ms=50, ms=1),
    )
    assert found["before"] == []
    assert found["during"] == [(1, {"plan": "pro"}, True, "committed")]
    assert found["after"] == [(1, {"plan": "pro"}, False, "committed")]


def test_a_savepoint_that_was_rolled_back_takes_back_only_its_own(recorded: Recorded) -> None:
    kept = row("users", {"id": 1}, before={"plan": "free"}, after={"plan": "pro"}, at_ms=5, by="a")
    lost = row("users", {"id": 1}, before={"plan": "pro"}, after={"plan": "x"}, at_ms=6, by="a", outcome="rolled_back")
    found = states(
        recorded,
        span("a", start_ms=1, ms=9),
        transaction("committed", kept, lost, start_ms=2, ms=20),
        span("after", start_ms=50, ms=1),
    )
    assert found["a"] == [(1, {"plan": "x"}, True, "rolled_back")]
    assert found["after"] == [(1, {"plan": "pro"}, False, "committed")]


def test_a_row_that_is_deleted_and_made_again(recorded: Recorded) -> None:
    changes = [
        row("users", {"id": 1}, before={"id": 1, "plan": "free"}, at_ms=5, by="drop"),
        row("users", {"id": 1}, after={"id": 1, "name": "Bob"}, at_ms=15, by="make"),
    ]
    found = states(
        recorded,
        span("drop", start_ms=4, ms=5),
        span("make", start_ms=12, ms=5),
        transaction("committed", *changes, start_ms=3, ms=30),
    )
    assert found["drop"] == [(1, None, True, "committed")]
    assert found["make"] == [(1, {"id": 1, "name": "Bob"}, True, "committed")]
    assert found["transaction"] == [(1, {"id": 1, "name": "Bob"}, False, "committed")]


def test_rows_without_a_known_key_have_no_state(recorded: Recorded) -> None:
    found = states(recorded, transaction("committed", row("log", {}, after={"text": "x"}, at_ms=1), start_ms=1))
    assert found["transaction"] == []


def test_of_many_rows_the_latest_are_shown(recorded: Recorded) -> None:
    changes = [row("users", {"id": n}, after={"id": n}, at_ms=n / 10, by="a") for n in range(100)]
    found = states(
        recorded, span("a", ms=20), transaction("committed", *changes, ms=30), span("after", start_ms=50, ms=1)
    )
    assert [key for key, *_ in found["after"]] == list(range(80, 100))
    assert [key for key, *_ in found["a"]] == list(range(80, 100))


def test_connections_that_fail_are_steps(recorded: Recorded) -> None:
    broken = span("connect", failed=True, message="refused", attributes={"db.system.name": "postgresql"})
    answer = ask(recorded, recorded.add(http("GET", "/", 500, children=[broken])))
    assert [step.noise for step in answer.spans] == [False, False]


def statement(name: str, text: str, start_ms: float, ms: float = 1, **more: Any) -> SpanNode:
    attributes = {"db.system.name": "sqlite", "db.query.text": text}
    return span(name, kind="client", start_ms=start_ms, ms=ms, attributes=attributes, **more)


def test_a_transaction_stands_where_it_ended(recorded: Recorded) -> None:
    first = row("users", {"id": 1}, after={"id": 1}, at_ms=2, by="a")
    second = row("users", {"id": 2}, after={"id": 2}, at_ms=26, by="c")
    children = [
        span("a", start_ms=1, ms=5),
        transaction("committed", first, start_ms=1, ms=15),
        span("b", start_ms=10, ms=2),
        span("c", start_ms=25, ms=5),
        transaction("rolled_back", second, start_ms=25, ms=70),
        span("d", start_ms=40, ms=5),
    ]
    answer = ask(recorded, recorded.add(http("POST", "/", ms=100, children=children), resource=RECORDER))
    names = [f"{step.name} {step.outcome or ''}".strip() for step in answer.spans]
    assert names == ["POST /", "a", "b", "transaction committed", "c", "d", "transaction rolled_back"]


def test_after_a_statement_the_row_is_as_the_statement_left_it(recorded: Recorded) -> None:
    changed = row("users", {"id": 1}, before={"plan": "free"}, after={"plan": "pro"}, at_ms=13, by="upgrade")
    found = states(
        recorded,
        span("upgrade", start_ms=1, ms=30),
        statement("SELECT", "SELECT plan FROM users", 5),
        statement("UPDATE", "UPDATE users SET plan = ?", 10),
        transaction("committed", changed, start_ms=2, ms=38),
        statement("INSERT", "INSERT INTO mails VALUES (?)", 20),
    )
    pending = (1, {"plan": "pro"}, True, "committed")
    assert (found["SELECT"], found["UPDATE"], found["INSERT"]) == ([], [pending], [pending])


def test_a_statement_is_told_once(recorded: Recorded) -> None:
    text = "UPDATE users SET plan = ?"
    children = [
        statement("UPDATE shop.db", text, 1, 5),
        statement("UPDATE", text, 2, 2),
        statement("UPDATE again", text, 10, 5),
        statement("SELECT", "SELECT 1", 11, 1),
        statement("DELETE shop.db", "DELETE", 20, 5, children=[statement("DELETE", "DELETE", 21, 1)]),
        statement("INSERT shop.db", "INSERT", 30, 5),
        statement("INSERT", "INSERT", 31, 1, raises=recorded.timeout()),
    ]
    answer = ask(recorded, recorded.add(http("POST", "/", ms=100, children=children)))
    assert [step.name for step in answer.spans if step.noise] == ["UPDATE", "DELETE"]
