"""What a recorder added is there for questions about rows and inputs, in whatever pieces and however often it came."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flux_ls.analysis.recorded import row_changes
from flux_ls.collector.ingest import Ingest
from flux_ls.store.reader import Reader
from tests.examples import examples
from tests.telemetry import RECORDER, Raises, SpanNode, http, recorded, row, span, traces, transaction

ONE, TWO = "1" * 32, "2" * 32
LOST = Raises("KeyError", "'plan'", (("/srv/shop/shop/plans.py", 7, "plan_of", "return PLANS[name]"),))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "flux.db"


@pytest.fixture
def ingest(store: Path) -> Iterator[Ingest]:
    opened = Ingest(store)
    yield opened
    opened.close()


def signup(outcome: str = "rolled_back", plan: str | None = None, ms: float = 20, rows: int = 2) -> SpanNode:
    changes = [
        row("users", {"id": 42 + n}, before={"plan": "free"}, after={"plan": plan}, at_ms=5 + n, by="create_user")
        for n in range(rows)
    ]
    return http(
        "POST",
        "/signup",
        500,
        route="/signup",
        raises=LOST,
        ms=50,
        attributes=recorded({"method": "POST", "path": "/signup", "body": {"plan": plan}}),
        children=[
            span("create_user", start_ms=1, ms=9, attributes=recorded({"plan": plan}, {"id": 42})),
            transaction(outcome, *changes, start_ms=2, ms=ms),
        ],
    )


def told(store: Path, trace_id: str = ONE) -> list[tuple[object, ...]]:
    """Each change as the questions about rows find it."""
    with Reader(store) as reader:
        found = reader.row_changes(trace_id)
        # What was maintained is what the spans say.
        by_spans = row_changes(reader.spans(trace_id))
        assert sorted(found, key=repr) == sorted(by_spans, key=repr)
        by_row = [
            written.change for change in found for written in reader.rows().history("users", str(change.key["id"]))
        ]
        assert {repr(change) for change in found} <= {repr(change) for change in by_row}
        return [(change.key["id"], change.columns[0].after, change.outcome) for change in found]


def test_row_changes_are_there_when_the_call_returns(ingest: Ingest, store: Path) -> None:
    ingest.traces(traces(signup(), trace_id=ONE, resource=RECORDER))
    assert told(store) == [(42, None, "rolled_back"), (43, None, "rolled_back")]


def test_what_comes_twice_counts_once(ingest: Ingest, store: Path) -> None:
    for _ in range(3):
        ingest.traces(traces(signup(), trace_id=ONE, at_ns=10**18, resource=RECORDER))
    assert len(told(store)) == 2
    with Reader(store) as reader:
        assert len(list(reader.rows().history("users", "42"))) == 1


def test_a_transaction_that_comes_again_later_replaces_what_it_said(ingest: Ingest, store: Path) -> None:
    ingest.traces(traces(signup("unknown"), trace_id=ONE, at_ns=10**18, resource=RECORDER))
    assert [outcome for *_, outcome in told(store)] == ["unknown", "unknown"]
    ingest.traces(traces(signup("committed", ms=30), trace_id=ONE, at_ns=10**18, resource=RECORDER))
    assert [outcome for *_, outcome in told(store)] == ["committed", "committed"]
    ingest.traces(traces(signup("committed", ms=40, rows=0), trace_id=ONE, at_ns=10**18, resource=RECORDER))
    assert told(store) == []


def test_a_transaction_that_comes_again_without_the_recorders_name_replaces_too(ingest: Ingest, store: Path) -> None:
    ingest.traces(traces(signup(), trace_id=ONE, at_ns=10**18, resource=RECORDER))
    ingest.traces(traces(signup(ms=40, rows=0), trace_id=ONE, at_ns=10**18))
    assert told(store) == []


def test_changes_of_several_requests_stand_by_row(ingest: Ingest, store: Path) -> None:
    ingest.traces(traces(signup("committed", "pro"), trace_id=ONE, at_ns=10**18, resource=RECORDER))
    ingest.traces(traces(signup(), trace_id=TWO, at_ns=2 * 10**18, resource=RECORDER))
    with Reader(store) as reader:
        found = list(reader.rows().history("users", "42"))
        assert [(each.request.id, each.change.outcome) for each in found] == [(TWO, "rolled_back"), (ONE, "committed")]
        assert [each.change.key["id"] for each in reader.rows().recent("users")] == [43, 42, 43, 42]


def test_spans_of_resources_that_name_no_recorder_are_not_looked_at(ingest: Ingest, store: Path) -> None:
    ingest.traces(traces(signup(), trace_id=ONE))
    with Reader(store) as reader:
        assert reader.rows().tables() == []
        assert reader.row_changes(ONE) == ()


def test_inputs_are_kept_as_facts_only_where_there_are_any(ingest: Ingest, store: Path) -> None:
    ingest.traces(traces(signup(), trace_id=ONE, resource=RECORDER))
    ingest.traces(traces(http("POST", "/signup", 500, route="/signup", raises=LOST), trace_id=TWO, resource=RECORDER))
    with Reader(store) as reader:
        (issue,) = reader.issues_of(ONE)
        inputs = reader.inputs(ONE, issue.failure.fingerprint)
        assert inputs is not None
        assert inputs.own == {"@POST /signup": {"body.plan": None}, "create_user": {"plan": None}}
        assert inputs.failing == (inputs.own,)
        assert reader.inputs(TWO, issue.failure.fingerprint) is None


def test_only_failures_of_the_same_route_and_good_ones_are_compared(ingest: Ingest, store: Path) -> None:
    def there(path: str, status: int, plan: str | None) -> SpanNode:
        told = recorded({"body": {"plan": plan}})
        return http("POST", path, status, route=path, raises=LOST if status == 500 else None, attributes=told)

    ingest.traces(traces(there("/a", 500, None), trace_id=ONE, resource=RECORDER))
    for path, status, plan in (
        ("/a", 500, "x"),
        ("/b", 500, "y"),
        ("/a", 200, "pro"),
        ("/a", 404, "z"),
        ("/b", 200, "q"),
    ):
        ingest.traces(traces(there(path, status, plan), resource=RECORDER))
    with Reader(store) as reader:
        (issue,) = reader.issues_of(ONE)
        inputs = reader.inputs(ONE, issue.failure.fingerprint)
        assert inputs is not None
        assert sorted(str(facts["@POST /a"]["body.plan"]) for facts in inputs.failing) == ["None", "x"]
        assert [facts["@POST /a"]["body.plan"] for facts in inputs.passing] == ["pro"]


def test_nonsense_of_a_recorder_keeps_the_spans_and_the_others_rows(ingest: Ingest, store: Path) -> None:
    odd = span("odd", attributes={"flux.input": "[" * 100_000, "flux.locals": "}"}, rows=[row("", {}, after={"a": 1})])
    deep = span("deep", attributes={"flux.input": '{"a":' * 500 + "1" + "}" * 500})
    huge = span("huge", rows=[row("users", {"id": 42}, after={"n": 2**90, "f": 1e308})])
    root = http("GET", "/", children=[odd, deep, huge])
    assert ingest.traces(traces(root, trace_id=ONE, resource=RECORDER)).rejected == 0
    with Reader(store) as reader:
        assert len(reader.spans(ONE)) == 4
        (change,) = reader.row_changes(ONE)
        assert change.columns[0].after == 2**90


NAMES = ("POST /signup", "create_user", "transaction")


@settings(
    max_examples=examples(25),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.permutations(NAMES), st.integers(0, 2**16))
def test_spans_may_come_in_any_order_and_again(tmp_path: Path, order: list[str], seed: int) -> None:
    store = tmp_path / f"{seed}-{random.random()}.db"
    ingest = Ingest(store)
    chance = random.Random(seed)
    for name in order:
        for _ in range(chance.choice((1, 1, 2))):
            ingest.traces(traces(signup(), trace_id=ONE, at_ns=10**18, only=[name], resource=RECORDER))
    ingest.close()
    assert told(store) == [(42, None, "rolled_back"), (43, None, "rolled_back")]
    with Reader(store) as reader:
        (issue,) = reader.issues_of(ONE)
        inputs = reader.inputs(ONE, issue.failure.fingerprint)
        assert inputs is not None
        assert inputs.own == {"@POST /signup": {"body.plan": None}, "create_user": {"plan": None}}
