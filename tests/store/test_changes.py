"""Questions about rows: what they find, and that they cost the same in a large store."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest

from flux_ls.collector.ingest import Ingest
from flux_ls.store.reader import Reader
from tests.telemetry import RECORDER, Raises, SpanNode, http, recorded, row, traces

T0 = 1_790_000_000_000_000_000
S = 1_000_000_000
LOST = Raises("KeyError", "'plan'", (("/srv/shop/shop/plans.py", 7, "plan_of", "return PLANS[name]"),))


@pytest.fixture
def ingest(tmp_path: Path) -> Iterator[Ingest]:
    opened = Ingest(tmp_path / "flux.db")
    yield opened
    opened.close()


@pytest.fixture
def reader(ingest: Ingest, tmp_path: Path) -> Iterator[Reader]:
    with Reader(tmp_path / "flux.db") as opened:
        yield opened


def writing(table: str, id: int, number: int = 0, status: int = 200) -> SpanNode:
    """A request that wrote one row."""
    return http(
        "POST",
        "/signup",
        status,
        route="/signup",
        raises=LOST if status >= 500 else None,
        attributes=recorded({"body": {"plan": "pro", "number": number}}),
        rows=[row(table, {"id": id}, before={"n": number}, after={"n": number + 1}, outcome="committed", at_ms=number)],
    )


def test_tables_are_listed_once_each_by_name(ingest: Ingest, reader: Reader) -> None:
    assert reader.rows().tables() == []
    for table in ("users", "orders", "public.users", "users", "orders"):
        ingest.traces(traces(writing(table, 1), resource=RECORDER))
    assert reader.rows().tables() == ["orders", "public.users", "users"]


def test_a_row_has_its_changes_newest_first_over_many_pages(ingest: Ingest, reader: Reader) -> None:
    for number in range(450):
        # Several in one moment keep the order they came in.
        ingest.traces(traces(writing("users", 42, number // 3), at_ns=T0, resource=RECORDER))
    ingest.traces(traces(writing("users", 4, 999), at_ns=T0, resource=RECORDER))
    rows = reader.rows()
    found = [each.change.columns[0].before for each in rows.history("users", "42")]
    assert found == [number // 3 for number in reversed(range(450))]
    assert rows.count("users", "42") == 450
    assert [each.change.key["id"] for each in islice(rows.recent("users"), 2)] == [4, 42]
    assert list(rows.history("users", "43")) == []
    assert list(rows.history("orders", "42")) == []
    numbers = [each.number for each in rows.history("users", "42")]
    assert numbers == sorted(numbers, reverse=True)


def test_no_question_about_rows_reads_a_whole_table(ingest: Ingest, reader: Reader) -> None:
    ingest.traces(traces(writing("users", 42, status=500), trace_id="1" * 32, at_ns=T0, resource=RECORDER))
    (issue,) = reader.issues_of("1" * 32)
    asked: list[str] = []
    reader._connection.set_trace_callback(asked.append)
    rows = reader.rows()
    rows.tables()
    next(rows.history("users", "42"))
    next(rows.recent("users"))
    rows.count("users", "42")
    reader.row_changes("1" * 32)
    reader.inputs("1" * 32, issue.failure.fingerprint)
    reader._connection.set_trace_callback(None)
    questions = [statement for statement in asked if statement.startswith(("SELECT", "WITH"))]
    assert len(questions) >= 9
    allowed = ("SCAN known", "SCAN latest", "SCAN issue", "SCAN CONSTANT ROW")
    for question in questions:
        plan = [step[3] for step in reader._connection.execute(f"EXPLAIN QUERY PLAN {question}")]
        assert not [step for step in plan if step.startswith("SCAN") and not step.startswith(allowed)], (question, plan)
        assert not any("TEMP B-TREE" in step for step in plan), (question, plan)


@pytest.mark.slow
def test_questions_cost_the_same_however_much_else_is_stored(ingest: Ingest, reader: Reader) -> None:
    def fill(count: int, ids: int) -> None:
        # Many rows and tables, many failures and successes of the same route.
        roots = [
            writing(f"table{number % 5}", ids + number, number % 7, 500 if number % 4 == 0 else 200)
            for number in range(count)
        ]
        ingest.traces(traces(*roots, at_ns=T0 - S, resource=RECORDER))

    ingest.traces(traces(writing("users", 42), trace_id="1" * 32, at_ns=T0, resource=RECORDER))
    ingest.traces(traces(writing("users", 42, 1, 500), trace_id="2" * 32, at_ns=T0 + S, resource=RECORDER))
    (issue,) = reader.issues_of("2" * 32)
    rows = reader.rows()
    questions: dict[str, Callable[[], object]] = {
        "tables": rows.tables,
        "history": lambda: list(rows.history("users", "42")),
        "latest rows": lambda: list(islice(rows.recent("table1"), 20)),
        "of a request": lambda: reader.row_changes("1" * 32),
        "inputs": lambda: reader.inputs("2" * 32, issue.failure.fingerprint),
    }
    fill(1600, 1000)
    few = {name: _steps(reader, question) for name, question in questions.items()}
    fill(6400, 9000)
    many = {name: _steps(reader, question) for name, question in questions.items()}
    assert {name: many[name] for name in many if many[name] > 1.5 * few[name] + 3} == {}


def test_the_latest_are_compared_and_no_more_of_them_than_it_takes(ingest: Ingest, reader: Reader) -> None:
    failing = [writing("users", 1, number, 500) for number in range(80)]
    passing = [writing("users", 1, number) for number in range(400)]
    for number, root in enumerate((*failing, *passing)):
        ingest.traces(traces(root, trace_id=f"{number + 1:032x}", at_ns=T0 + number * S, resource=RECORDER))
    (issue,) = reader.issues_of(f"{1:032x}")
    inputs = reader.inputs(f"{1:032x}", issue.failure.fingerprint)
    assert inputs is not None
    place = "@POST /signup"
    assert [facts[place]["body.number"] for facts in inputs.failing] == list(range(79, 29, -1))
    assert [facts[place]["body.number"] for facts in inputs.passing] == list(range(399, 99, -1))


def _steps(reader: Reader, question: Callable[[], object]) -> int:
    """How much of SQLite's machine a question takes, in hundreds of instructions."""
    count = 0

    def beat() -> int:
        nonlocal count
        count += 1
        return 0

    reader._connection.set_progress_handler(beat, 100)
    question()
    reader._connection.set_progress_handler(None, 0)
    return count
