"""Ingest: whatever comes, in whatever order and however often, the store tells the same story."""

import dataclasses
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from flux_ls.analysis.assess import assess
from flux_ls.analysis.recorded import input_of
from flux_ls.collector.ingest import Ingest
from flux_ls.model import Issue, Request
from flux_ls.otlp.sink import SinkBusy
from flux_ls.store.reader import Reader
from flux_ls.store.retention import prune
from tests.examples import examples
from tests.telemetry import RECORDER, Raises, SpanNode, http, logs, new_trace_id, recorded, span, traces

TIMEOUT = Raises(
    "shop.payments.StripeTimeout",
    "Stripe API timeout",
    (
        ("/srv/shop/.venv/lib/python3.11/site-packages/flask/app.py", 1511, "wsgi_app", "response = handler()"),
        ("/srv/shop/shop/views.py", 12, "signup", "create_user(form)"),
        ("/srv/shop/shop/payments.py", 42, "charge", "raise StripeTimeout(TEXT)"),
    ),
)
LOST = Raises("KeyError", "'plan'", (("/srv/shop/shop/plans.py", 7, "plan_of", "return PLANS[name]"),))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "flux.db"


@pytest.fixture
def ingest(store: Path) -> Iterator[Ingest]:
    opened = Ingest(store)
    yield opened
    opened.close()


def signup(status: int = 500, raises: Raises | None = TIMEOUT, children: list[SpanNode] | None = None) -> SpanNode:
    return http(
        "POST",
        "/signup",
        status,
        route="/signup",
        raises=raises,
        ms=40,
        children=children or [span("charge", raises=raises)],
    )


def only_request(store: Path) -> Request:
    with Reader(store) as reader:
        (request,) = reader.requests()
        return request


def issues(store: Path) -> list[Issue]:
    with Reader(store) as reader:
        return [issue for issue in reader.issues()[1] if issue.count]


def test_a_failing_request_is_there_with_its_issue_when_the_call_returns(ingest: Ingest, store: Path) -> None:
    assert ingest.traces(traces(signup())).rejected == 0
    request = only_request(store)
    assert (request.method, request.path, request.status, request.failed, request.complete, request.spans) == (
        *("POST", "/signup", 500, True, True),
        2,
    )
    assert request.error == "StripeTimeout: Stripe API timeout"
    (issue,) = issues(store)
    assert issue.failure.location is not None
    assert (issue.failure.location.path, issue.failure.location.line) == ("/srv/shop/shop/payments.py", 42)
    assert (issue.count, issue.sample_request_id) == (1, request.id)
    assert issue.route is not None
    assert (issue.route.name, issue.route.requests, issue.route.failures) == ("POST /signup", 1, 1)


def test_spans_are_kept_as_they_came(ingest: Ingest, store: Path) -> None:
    message = traces(signup())
    ingest.traces(message)
    sent = {
        item.span_id.hex() for group in message.resource_spans for scope in group.scope_spans for item in scope.spans
    }
    with Reader(store) as reader:
        stored = reader.spans(only_request(store).id)
    assert {item.span_id for item in stored} == sent
    assert [item.exceptions[0].stacktrace for item in stored if item.exceptions] == [TIMEOUT.stacktrace] * 2


def test_what_is_sent_twice_is_there_once(ingest: Ingest, store: Path) -> None:
    message = traces(signup())
    for _ in range(3):
        ingest.traces(message)
    doubled = ExportTraceServiceRequest()
    doubled.MergeFrom(message)
    doubled.MergeFrom(message)
    ingest.traces(doubled)
    assert only_request(store).spans == 2
    assert [issue.count for issue in issues(store)] == [1]
    with Reader(store) as reader:
        assert len(reader.spans(only_request(store).id)) == 2
        assert reader.facts().bytes < 400_000


def test_of_a_span_that_is_sent_again_the_one_that_ended_later_is_kept(ingest: Ingest, store: Path) -> None:
    trace_id, at_ns = new_trace_id(), 1_790_000_000_000_000_000
    for ms, status in ((10, 200), (30, 201), (20, 202)):
        ingest.traces(traces(http("GET", "/x", status, ms=ms), trace_id=trace_id, at_ns=at_ns))
    request = only_request(store)
    assert (request.spans, request.status, request.duration_ns) == (1, 201, 30_000_000)


def test_a_request_without_its_root_is_shown_and_corrected_when_the_root_comes(ingest: Ingest, store: Path) -> None:
    trace_id = new_trace_id()
    whole = signup(children=[span("charge", raises=TIMEOUT)])
    ingest.traces(traces(whole, trace_id=trace_id, at_ns=10**18, only=["charge"]))
    orphan = only_request(store)
    assert (orphan.complete, orphan.name, orphan.spans) == (False, "charge", 1)
    ingest.traces(traces(whole, trace_id=trace_id, at_ns=10**18, without=["charge"]))
    request = only_request(store)
    assert (request.complete, request.name, request.spans, request.failed) == (True, "POST /signup", 2, True)
    assert [issue.count for issue in issues(store)] == [1]


@pytest.mark.parametrize("log_first", [True, False])
def test_an_exception_in_a_log_record_is_joined_whenever_it_comes(ingest: Ingest, store: Path, log_first: bool) -> None:
    trace_id = new_trace_id()
    root = http("POST", "/signup", 500)
    spans = traces(root, trace_id=trace_id, at_ns=10**18)
    record = logs(root, TIMEOUT, of=root.name, trace_id=trace_id, at_ns=10**18)
    if log_first:
        ingest.logs(record)
        ingest.traces(spans)
    else:
        ingest.traces(spans)
        assert issues(store) == [] or issues(store)[0].failure.location is None
        ingest.logs(record)
    ingest.logs(record)
    assert only_request(store).error == "StripeTimeout: Stripe API timeout"
    (issue,) = issues(store)
    assert issue.failure.location is not None
    assert issue.failure.location.line == 42


def test_a_failure_that_turns_out_to_be_another_leaves_the_first_group(ingest: Ingest, store: Path) -> None:
    trace_id = new_trace_id()
    whole = http("POST", "/signup", 500, children=[span("charge", raises=TIMEOUT, ms=5)], raises=LOST)
    ingest.traces(traces(whole, trace_id=trace_id, at_ns=10**18, only=["charge"]))
    ingest.traces(traces(whole, trace_id=trace_id, at_ns=10**18, without=["charge"]))
    found = {(issue.failure.type.rpartition(".")[2], issue.failure.handled): issue.count for issue in issues(store)}
    assert found == {("KeyError", False): 1, ("StripeTimeout", True): 1}


def test_good_and_bad_requests_are_counted_by_route(ingest: Ingest, store: Path) -> None:
    for status in (201, 500, 201, 404):
        ingest.traces(traces(signup(status, TIMEOUT if status == 500 else None)))
    with Reader(store) as reader:
        (route,) = reader.routes()
        assert (route.requests, route.failures) == (4, 1)
        newest_good = max((r for r in reader.requests() if r.status == 201), key=lambda r: r.started_ns)
        assert route.last_good_id == newest_good.id
        assert len(reader.route_durations(route.id)) == 2


def test_spans_without_valid_ids_are_refused_and_the_others_kept(ingest: Ingest, store: Path) -> None:
    message = traces(signup())
    spans = message.resource_spans[0].scope_spans[0].spans
    for change in (
        {"trace_id": b""},
        {"span_id": b"\0" * 8},
        {"trace_id": b"\0" * 16},
        {"end_time_unix_nano": 2**64 - 1},
    ):
        bad = spans.add()
        bad.CopyFrom(spans[0])
        bad.span_id = b"12345678"
        for name, value in change.items():
            setattr(bad, name, value)
    outcome = ingest.traces(message)
    assert outcome.rejected == 4
    assert "16-byte trace id" in outcome.message
    assert only_request(store).spans == 2


def test_a_store_damaged_while_in_use_is_moved_aside_and_nothing_acknowledged_after_it_is_lost(
    ingest: Ingest, store: Path
) -> None:
    ingest.traces(traces(*(signup() for _ in range(50))))
    ingest.close()
    with store.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096 * 8)
    again = Ingest(store)
    for _ in range(20):
        again.traces(traces(signup()))
    again.close()
    with Reader(store) as reader:
        assert sum(1 for _ in reader.requests()) >= 20
    assert list(store.parent.glob("flux.db.damaged-*"))


def test_a_store_removed_while_in_use_is_made_anew(ingest: Ingest, store: Path) -> None:
    ingest.traces(traces(signup()))
    for part in store.parent.glob("flux.db*"):
        part.unlink()
    ingest.traces(traces(signup()))
    assert only_request(store).failed


def test_a_store_locked_by_another_is_busy_and_the_client_told_to_come_again(
    ingest: Ingest, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flux_ls.store.connection import open_for_writing, transaction

    monkeypatch.setattr("flux_ls.store.connection._BUSY_TIMEOUT_S", 0.05)
    hurried = Ingest(store)
    other = open_for_writing(store)
    with transaction(other, store), pytest.raises(SinkBusy):
        hurried.traces(traces(signup()))
    hurried.traces(traces(signup()))
    hurried.close()
    other.close()
    assert only_request(store).failed


def test_telemetry_that_cannot_be_understood_is_kept_all_the_same(
    ingest: Ingest, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(spans: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("flux_ls.collector.ingest.assess", broken)
    ingest.traces(traces(signup()))
    assert only_request(store).spans == 2


def test_pruning_takes_the_oldest_and_leaves_counts_right(ingest: Ingest, store: Path) -> None:
    now_ns = 1_790_000_000_000_000_000
    for age_days in (9, 8, 1):
        ingest.traces(traces(signup(), at_ns=now_ns - age_days * 86_400_000_000_000))
    assert issues(store)[0].count == 3
    pruned = prune(store, days=7, bytes=0, now_ns=now_ns)
    assert (pruned.requests, pruned.spans) == (2, 4)
    (issue,) = issues(store)
    assert issue.count == 1
    assert issue.route is not None
    assert issue.route.requests == 1
    with Reader(store) as reader:
        assert len(list(reader.requests())) == 1


def test_pruning_by_size_stops_when_the_store_is_small_enough(ingest: Ingest, store: Path) -> None:
    for _ in range(30):
        ingest.traces(traces(*(signup(201, None) for _ in range(100))))
    with Reader(store) as reader:
        before = reader.facts().requests
    limit = 1_000_000
    assert prune(store, days=0, bytes=limit, now_ns=0).requests > 0
    with Reader(store) as reader:
        after = reader.facts()
    assert 0 < after.requests < before
    assert store.stat().st_size <= limit
    oldest_left = min(request.started_ns for request in Reader(store).requests())
    assert oldest_left > 0


def test_retention_in_the_same_process_leaves_the_locks_of_ingest_alone(ingest: Ingest, store: Path) -> None:
    # A second descriptor of the database that is opened and closed by hand drops SQLite's POSIX locks: the next
    # reader in another process would take itself for the last one and delete the WAL.
    ingest.traces(traces(signup()))
    for _ in range(3):
        prune(store, days=7, bytes=0, now_ns=0)
        assert _requests_seen_by_another_process(store) == 1
    ingest.traces(traces(signup()))
    assert _requests_seen_by_another_process(store) == 2


def _requests_seen_by_another_process(store: Path) -> int:
    code = "import sys; from pathlib import Path; from flux_ls.store.reader import Reader\n"
    code += "with Reader(Path(sys.argv[1])) as reader: print(len(list(reader.requests())))"
    return int(subprocess.run([sys.executable, "-c", code, store], check=True, capture_output=True, text=True).stdout)


def test_a_dismissed_group_is_hidden_until_it_is_restored(ingest: Ingest, store: Path) -> None:
    from flux_ls.store.writer import Writer

    ingest.traces(traces(signup()))
    fingerprint = issues(store)[0].failure.fingerprint
    writer = Writer(store)
    with Reader(store) as reader:
        seq, _ = reader.issues()
        assert writer.dismiss(fingerprint)
        seq, changed = reader.issues(seq)
        assert [issue.dismissed for issue in changed] == [True]
        assert writer.restore(fingerprint)
        assert [issue.dismissed for issue in reader.issues(seq)[1]] == [False]
    assert not writer.dismiss("no such group")
    writer.close()


STORY = http(
    "POST",
    "/signup",
    500,
    route="/signup",
    ms=100,
    raises=TIMEOUT,
    children=[
        span("validate", start_ms=1, ms=5),
        span("look up", start_ms=7, ms=10, children=[span("SELECT users", kind="client", start_ms=8, ms=3)]),
        span("try card", start_ms=20, ms=10, raises=LOST),
        span(
            "charge",
            start_ms=40,
            ms=50,
            raises=TIMEOUT,
            children=[span("POST stripe", kind="client", start_ms=41, ms=45)],
        ),
    ],
)


@given(data=st.data())
@settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_order_any_batching_and_any_repetition_end_in_the_same_story(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    whole = traces(STORY, trace_id=trace_id, at_ns=10**18)
    names = ["POST /signup", "validate", "look up", "SELECT users", "try card", "charge", "POST stripe"]
    batches = data.draw(st.lists(st.lists(st.sampled_from(names), min_size=1), max_size=6))
    seen = {name for batch in batches for name in batch}
    missing = [name for name in names if name not in seen]
    if missing:
        batches.append(missing)
    random.Random(0).shuffle(batches)
    folder = tmp_path_factory.mktemp("story")
    piecemeal, at_once = Ingest(folder / "a.db"), Ingest(folder / "b.db")
    for batch in batches:
        piecemeal.traces(traces(STORY, trace_id=trace_id, at_ns=10**18, only=batch))
    at_once.traces(whole)
    assert only_request(folder / "a.db") == only_request(folder / "b.db")
    told = [
        [(i.failure, i.count, i.first_seen_ns, i.last_seen_ns) for i in issues(folder / name)]
        for name in ("a.db", "b.db")
    ]
    assert sorted(told[0], key=str) == sorted(told[1], key=str)
    with Reader(folder / "a.db") as reader:
        spans = reader.spans(trace_id)
        assert len(spans) == len(names)
        assert assess(spans).request == only_request(folder / "a.db")
    piecemeal.close()
    at_once.close()


@pytest.mark.parametrize("order", [("plain", "recorder"), ("recorder", "plain"), ("recorder", "plain", "recorder")])
def test_the_recorder_knows_more_than_the_service_that_exports_on_its_own(
    order: tuple[str, ...], tmp_path: Path
) -> None:
    plain = http("POST", "/signup", 500, route="/signup", ms=40)
    told = recorded(input={"body": {"plan": None}})
    exports = {
        "plain": traces(plain, trace_id="ab" * 16, at_ns=10**18),
        "recorder": traces(
            dataclasses.replace(plain, attributes={**plain.attributes, **told}),
            trace_id="ab" * 16,
            at_ns=10**18,
            resource=RECORDER,
        ),
    }
    ingest = Ingest(tmp_path / "flux.db")
    for name in order:
        ingest.traces(exports[name])
    ingest.close()
    with Reader(tmp_path / "flux.db") as reader:
        [span] = reader.spans("ab" * 16)
        assert input_of(span) == {"body": {"plan": None}}
        assert reader.request("ab" * 16).spans == 1
