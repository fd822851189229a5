"""The questions a store answers: what they find, that they miss nothing, and that they stay quick."""

import multiprocessing
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from flux_ls.analysis.request import entry_of
from flux_ls.collector.ingest import Ingest
from flux_ls.model import Issue, Proof, Request
from flux_ls.store import schema
from flux_ls.store.connection import open_for_writing
from flux_ls.store.errors import (
    AmbiguousRequest,
    BadRequestId,
    RequestNotFound,
    StoreMissing,
    StoreReplaced,
    StoreTooNew,
)
from flux_ls.store.reader import Reader
from flux_ls.store.retention import prune
from flux_ls.store.writer import Writer
from tests.telemetry import MS, Raises, SpanNode, http, logs, span, traces

T0 = 1_790_000_000_000_000_000
S = 1_000_000_000
LOST = Raises("KeyError", "'plan'", (("/srv/shop/shop/plans.py", 7, "plan_of", "return PLANS[name]"),))
SLOW = Raises("shop.Timeout", "too slow", (("/srv/shop/shop/pay.py", 9, "charge", "raise Timeout()"),))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "flux.db"


@pytest.fixture
def ingest(store: Path) -> Iterator[Ingest]:
    opened = Ingest(store)
    yield opened
    opened.close()


@pytest.fixture
def reader(ingest: Ingest, store: Path) -> Iterator[Reader]:
    with Reader(store) as opened:
        yield opened


def failing(raises: Raises = LOST, path: str = "/plan") -> SpanNode:
    return http("GET", path, 500, route=path, raises=raises)


def ids(requests: list[Request] | tuple[Request, ...]) -> list[str]:
    return [request.id for request in requests]


# Naming a request

ONE, TWO, OTHER = "abcdef0123456789" + "0" * 16, "abcdef9" + "0" * 25, "12345678" + "f" * 24
ALIAS = "Order-77/ä"


@pytest.fixture
def named(ingest: Ingest, reader: Reader) -> Reader:
    for number, trace_id in enumerate((ONE, TWO, OTHER)):
        told = {"http.request.header.x-request-id": (ALIAS if trace_id == OTHER else "shared",)}
        ingest.traces(traces(http("GET", "/", attributes=told), trace_id=trace_id, at_ns=T0 + number * S))
    return reader


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ONE, ONE),
        (ONE.upper(), ONE),
        ("abcdef0", ONE),
        ("abcdef01", ONE),
        ("ABCDEF9", TWO),
        ("req:abcdef9", TWO),
        ("REQ:abcdef9", TWO),
        ("  1234 ", OTHER),
        ("12345", OTHER),
        (OTHER[:31], OTHER),
        (ALIAS, OTHER),
        (f"req:{ALIAS}", OTHER),
    ],
)
def test_a_request_is_found_by_what_people_call_it(named: Reader, text: str, expected: str) -> None:
    found = named.resolve(text)
    assert found.id == expected
    assert found.aliases == ((ALIAS,) if expected == OTHER else ("shared",))


@pytest.mark.parametrize("text", ["abcd", "abcde", "abcdef", "shared"])
def test_an_ambiguous_name_lists_what_it_may_mean_the_latest_first(named: Reader, text: str) -> None:
    with pytest.raises(AmbiguousRequest, match=text) as raised:
        named.resolve(text)
    assert ids(raised.value.candidates) == [TWO, ONE]


@pytest.mark.parametrize(
    "text", ["", "  ", "req:", "a", "abc", "12", "%", "\0\0\0\0", "\udcff\udcff\udcff\udcff", "ab\x1bcd"]
)
def test_what_is_no_id_is_told_from_what_is_not_there(named: Reader, text: str) -> None:
    with pytest.raises(BadRequestId, match="4 hex digits"):
        named.resolve(text)


@pytest.mark.parametrize("text", ["ffff", "f" * 32, "f" * 33, "order-77/ä", "abcd%", "abc_ef", "' OR 1=1 --", "ﬀﬀ12"])
def test_what_is_not_there_is_not_found(named: Reader, text: str) -> None:
    with pytest.raises(RequestNotFound, match="flux tail"):
        named.resolve(text)


def test_a_full_id_names_its_request_whatever_others_call_themselves(ingest: Ingest, named: Reader) -> None:
    ingest.traces(traces(http("GET", "/", attributes={"request_id": ONE}), at_ns=T0))
    assert named.resolve(ONE).id == ONE


def test_of_very_many_candidates_a_few_are_listed(ingest: Ingest, reader: Reader) -> None:
    for number in range(30):
        ingest.traces(traces(http("GET", "/"), trace_id=f"aaaa{number:028x}", at_ns=T0))
    with pytest.raises(AmbiguousRequest) as raised:
        reader.resolve("aaaa")
    assert len(raised.value.candidates) == 10


def test_a_service_may_not_call_a_request_by_a_thousand_names(ingest: Ingest, reader: Reader) -> None:
    told = {"http.request.header.x-request-id": tuple(f"name-{number}" for number in range(20_000))}
    ingest.traces(traces(http("GET", "/", attributes=told), trace_id=ONE))
    assert 0 < len(reader.request(ONE).aliases) <= 8


@pytest.mark.parametrize("ask", ["request", "spans", "spans_of_interest"])
def test_a_full_id_that_is_not_there_is_not_found(named: Reader, ask: str) -> None:
    with pytest.raises(RequestNotFound):
        getattr(named, ask)("f" * 32)
    with pytest.raises(BadRequestId):
        getattr(named, ask)("no such id")


# Requests


def test_requests_by_time_service_and_badness(ingest: Ingest, reader: Reader) -> None:
    made = []
    for number, (status, service) in enumerate(((200, "a"), (404, "b"), (500, "a"), (201, "b"), (200, "a"))):
        trace_id = f"{number:08x}" + "1" * 24
        made.append(trace_id)
        ingest.traces(traces(http("GET", "/", status), trace_id=trace_id, at_ns=T0 + number * S, service=service))
    assert ids(list(reader.requests())) == made
    assert ids(list(reader.requests(newest_first=True))) == made[::-1]
    assert ids(list(reader.requests(limit=2))) == made[:2]
    assert ids(list(reader.requests(limit=2, newest_first=True))) == made[:2:-1]
    assert ids(list(reader.requests(since_ns=T0 + 3 * S))) == made[3:]
    assert ids(list(reader.requests(service="b"))) == [made[1], made[3]]
    assert ids(list(reader.requests(service="nobody"))) == []
    assert ids(list(reader.requests(bad_only=True))) == [made[1], made[2]]
    assert ids(list(reader.requests(bad_only=True, service="a", limit=5, newest_first=True))) == [made[2]]
    assert ids(list(reader.requests(limit=0))) == []


@pytest.mark.parametrize("newest_first", [False, True])
def test_requests_come_in_pages_and_none_is_missed(ingest: Ingest, reader: Reader, newest_first: bool) -> None:
    # More than two pages, most of them at the same moment.
    for start in range(0, 1300, 100):
        ingest.traces(traces(*(http("GET", "/") for _ in range(100)), at_ns=T0 + start // 500))
    found = list(reader.requests(newest_first=newest_first))
    assert len({request.id for request in found}) == len(found) == 1300
    starts = [request.started_ns for request in found]
    assert starts == sorted(starts, reverse=newest_first)
    assert len(list(reader.requests(newest_first=newest_first, limit=1001))) == 1001


def test_who_reads_requests_at_leisure_does_not_hold_the_wal(ingest: Ingest, reader: Reader, store: Path) -> None:
    ingest.traces(traces(*(http("GET", "/") for _ in range(600)), at_ns=T0))
    reading = reader.requests()
    next(reading)
    ingest.traces(traces(http("GET", "/"), at_ns=T0))
    other = sqlite3.connect(store)
    busy, *_ = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    other.close()
    assert not busy
    assert sum(1 for _ in reading) == 600


# News


def _write(store: Path, exports: int) -> None:
    ingest = Ingest(store)
    for number in range(exports):
        ingest.traces(traces(*(failing(path=f"/{number % 7}") for _ in range(3)), http("GET", "/"), at_ns=T0))
    ingest.close()


def _follow(store: Path, expected: int, limit: int) -> tuple[int, int, int]:
    """How many requests and occurrences one saw that followed a store, and the last sequence number."""
    with Reader(store) as reader:
        seen: set[str] = set()
        issues: dict[int, Issue] = {}
        seq = issues_seq = 0
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline:
            reader.data_version()
            issues_seq, changed = reader.issues(issues_seq)
            issues.update((issue.id, issue) for issue in changed)
            before = seq
            seq, requests = reader.news(before, limit)
            assert len(requests) <= limit
            assert seq > before or not requests
            seen.update(request.id for request in requests)
            if len(seen) >= expected and sum(issue.count for issue in issues.values()) >= expected * 3 // 4:
                break
        return len(seen), sum(issue.count for issue in issues.values()), seq


@pytest.mark.slow
def test_news_misses_nothing_while_another_process_writes(store: Path) -> None:
    Ingest(store).close()
    exports, expected = 60, 240
    context = multiprocessing.get_context("spawn")
    found: list[tuple[int, int, int]] = []
    following = [
        threading.Thread(target=lambda limit=limit: found.append(_follow(store, expected, limit)))
        for limit in (1, 7, 500)
    ]
    writer = context.Process(target=_write, args=(store, exports))
    writer.start()
    for thread in following:
        thread.start()
    with context.Pool(1) as pool:
        elsewhere = pool.apply(_follow, (store, expected, 50))
    for thread in following:
        thread.join()
    writer.join()
    assert writer.exitcode == 0
    with Reader(store) as reader:
        seq = reader.last_seq()
        assert all(last <= seq for *_, last in found)
    assert [one[:2] for one in [*found, elsewhere]] == [(expected, expected * 3 // 4)] * 4


def test_a_corrected_request_is_news_again(ingest: Ingest, reader: Reader) -> None:
    whole = http("GET", "/plan", 500, raises=LOST, children=[span("query")])
    ingest.traces(traces(whole, trace_id=ONE, at_ns=T0, only=["query"]))
    seq, (orphan,) = reader.news(0)
    assert not orphan.complete
    assert reader.news(seq) == (seq, [])
    ingest.traces(traces(whole, trace_id=ONE, at_ns=T0, without=["query"]))
    later, (request,) = reader.news(seq)
    assert later > seq
    assert (request.id, request.complete, request.failed) == (ONE, True, True)
    assert reader.last_seq() >= later


def test_the_version_changes_when_another_connection_commits(ingest: Ingest, reader: Reader) -> None:
    before = reader.data_version()
    assert reader.data_version() == before
    ingest.traces(traces(http("GET", "/")))
    assert reader.data_version() != before


# Routes


def test_a_route_knows_its_latest_good_request_and_how_long_good_ones_take(ingest: Ingest, reader: Reader) -> None:
    for number, (status, ms) in enumerate(((200, 10), (500, 90), (201, 20), (404, 80), (200, 30))):
        resource = {"vcs.ref.head.revision": f"r{number}"}
        root = http("GET", "/plan", status, route="/plan", ms=ms)
        ingest.traces(traces(root, at_ns=T0 + number * S, resource=resource))
    ingest.traces(traces(http("GET", "/plan", route="/plan"), at_ns=T0 + 9 * S, parent_id="12" * 8))  # an orphan
    ingest.traces(traces(failing(path="/bad"), at_ns=T0))
    bad, plan = sorted(reader.routes(), key=lambda route: route.name)
    assert (plan.name, plan.requests, plan.failures) == ("GET /plan", 6, 1)
    assert (plan.last_good_ns, plan.last_good_revision) == (T0 + 4 * S, "r4")
    assert (bad.requests, bad.failures, bad.last_good_id, bad.last_good_ns) == (1, 1, None, None)
    assert reader.route_durations(plan.id) == [30 * MS, 20 * MS, 10 * MS]
    assert reader.route_durations(plan.id, limit=1) == [30 * MS]
    assert reader.route_durations(10**6) == []
    assert plan.last_good_id is not None
    latest = reader.request(plan.last_good_id)
    assert (latest.id, latest.started_ns) == (plan.last_good_id, T0 + 4 * S)


def test_a_route_that_only_orphans_came_by_goes_when_their_root_comes(ingest: Ingest, reader: Reader) -> None:
    whole = http("GET", "/plan", route="/plan", children=[span("SELECT plans", kind="client")])
    ingest.traces(traces(whole, trace_id=ONE, at_ns=T0, only=["SELECT plans"]))
    assert [route.name for route in reader.routes()] == ["SELECT plans"]
    ingest.traces(traces(whole, trace_id=ONE, at_ns=T0, without=["SELECT plans"]))
    assert [(route.name, route.requests) for route in reader.routes()] == [("GET /plan", 1)]


# Issues


def test_an_issue_tells_first_and_last_in_whatever_order_they_come(ingest: Ingest, reader: Reader) -> None:
    for number in (3, 1, 4, 2):
        resource = {"vcs.ref.head.revision": f"r{number}"}
        ingest.traces(
            traces(failing(), trace_id=f"{number:032x}", at_ns=T0 + number * S, resource=resource),
        )
    _, (issue,) = reader.issues()
    ended = 10 * MS
    assert (issue.count, issue.first_seen_ns, issue.last_seen_ns) == (4, T0 + S + ended, T0 + 4 * S + ended)
    assert (issue.first_revision, issue.last_revision) == ("r1", "r4")
    assert issue.sample_request_id == f"{4:032x}"
    assert issue.route is not None
    assert (issue.route.name, issue.route.failures) == ("GET /plan", 4)


def test_handled_and_failing_are_groups_of_their_own(ingest: Ingest, reader: Reader) -> None:
    handled = http("GET", "/", 200, children=[span("try", raises=LOST)])
    ingest.traces(traces(handled, trace_id=ONE, at_ns=T0))
    ingest.traces(traces(http("GET", "/", 500, raises=LOST), trace_id=TWO, at_ns=T0 + S))
    (one,), (two,) = reader.issues_of(ONE), reader.issues_of(TWO)
    assert one.failure.fingerprint == two.failure.fingerprint
    assert (one.failure.handled, two.failure.handled) == (True, False)
    assert (one.count, two.count) == (1, 1)
    assert reader.group(one.failure.fingerprint, handled=True) == [one]
    assert reader.group(two.failure.fingerprint) == [two]
    assert not reader.request(ONE).failed


def test_the_requests_of_a_group_are_the_latest_first_and_each_once(ingest: Ingest, reader: Reader) -> None:
    elsewhere = Raises(LOST.type, LOST.message, (("/srv/shop/shop/plans.py", 70, "plan_of", "return PLANS[name]"),))
    made = [f"{number:032x}" for number in range(1, 5)]
    for number, trace_id in enumerate(made):
        raises = elsewhere if number % 2 else LOST
        again = http("GET", "/inner", 500, raises=raises, start_ms=50, ms=5)
        ingest.traces(traces(failing(raises), again, trace_id=trace_id, at_ns=T0 + number * S))
    handled = http("GET", "/", 200, children=[span("try", raises=LOST)])
    ingest.traces(traces(handled, trace_id=ONE, at_ns=T0 + 9 * S))
    ingest.traces(traces(failing(SLOW), trace_id=TWO, at_ns=T0 + 9 * S))
    group = reader.issues_of(made[0])[0].failure.fingerprint
    assert ids(reader.requests_of_group(group, 10)) == made[::-1]
    assert ids(reader.requests_of_group(group, 2)) == made[:1:-1]
    assert ids(reader.requests_of_group(group, 10, handled=True)) == [ONE]
    assert reader.requests_of_group("nobody", 10) == []


def test_one_request_may_be_in_several_issues_the_failing_one_first(ingest: Ingest, reader: Reader) -> None:
    both = http("GET", "/", 500, raises=SLOW, ms=90, children=[span("try", raises=LOST, ms=5)])
    ingest.traces(traces(both, trace_id=ONE, at_ns=T0))
    found = reader.issues_of(ONE)
    assert [(issue.failure.type.rpartition(".")[2], issue.failure.handled) for issue in found] == [
        ("Timeout", False),
        ("KeyError", True),
    ]
    assert reader.issues_of(TWO) == []


def test_an_issue_that_is_no_more_is_told_to_those_who_knew_it(ingest: Ingest, reader: Reader) -> None:
    whole = http("POST", "/", 500, raises=LOST, children=[span("charge", raises=SLOW, ms=5)])
    ingest.traces(traces(whole, trace_id=ONE, at_ns=T0, only=["charge"]))
    seq, (first,) = reader.issues()
    assert not first.failure.handled
    ingest.traces(traces(whole, trace_id=ONE, at_ns=T0, without=["charge"]))
    later, changed = reader.issues(seq)
    by_id = {issue.id: issue for issue in changed}
    assert by_id[first.id].count == 0
    assert by_id[first.id].failure.fingerprint == first.failure.fingerprint
    assert sorted(issue.count for issue in changed) == [0, 1, 1]
    assert reader.issues(later) == (later, [])
    # Who comes anew is not told of what is gone.
    assert first.id not in {issue.id for issue in reader.issues()[1]}
    assert reader.group(first.failure.fingerprint) == []


def test_what_is_committed_in_the_middle_of_a_question_is_not_passed_over(ingest: Ingest, reader: Reader) -> None:
    whole = http("POST", "/", 500, raises=LOST, children=[span("charge", raises=SLOW, ms=5)])
    ingest.traces(traces(whole, trace_id=ONE, at_ns=T0, only=["charge"]))
    seq, issues = reader.issues()
    known = {issue.id: issue.count for issue in issues}
    done: list[str] = []

    def meanwhile(statement: str) -> None:
        if "count = 0" in statement and not done:
            done.append(statement)
            ingest.traces(traces(failing(), at_ns=T0))  # a new issue, and then one that goes
            ingest.traces(traces(whole, trace_id=ONE, at_ns=T0, without=["charge"]))

    reader._connection.set_trace_callback(meanwhile)
    for _ in range(2):
        seq, changed = reader.issues(seq)
        known.update((issue.id, issue.count) for issue in changed)
    reader._connection.set_trace_callback(None)
    assert done
    assert {id for id, count in known.items() if count} == {issue.id for issue in reader.issues()[1]}


def test_dismissal_lasts_until_it_is_taken_back(ingest: Ingest, reader: Reader, store: Path) -> None:
    ingest.traces(traces(failing(), at_ns=T0))
    seq, (issue,) = reader.issues()
    writer = Writer(store)
    try:
        assert writer.dismiss(issue.failure.fingerprint)
        ingest.traces(traces(failing(), at_ns=T0 + S))
        seq, (again,) = reader.issues(seq)
        assert (again.dismissed, again.count) == (True, 2)
        assert writer.restore(issue.failure.fingerprint)
        assert not writer.restore(issue.failure.fingerprint)
    finally:
        writer.close()
    assert [each.dismissed for each in reader.issues(seq)[1]] == [False]


@pytest.mark.parametrize(
    ("then", "dismissed"),
    [
        # One kind: the type, and the functions on the way to the fault.
        (LOST, True),
        (Raises("KeyError", "'rate'", LOST.frames), True),
        (Raises("KeyError", "'plan'", (("/app/shop/plans.py", 31, "plan_of", "return PLANS.data[name]"),)), True),
        (Raises("builtins.KeyError", "'plan'", LOST.frames), True),
        # Another kind.
        (Raises("ValueError", "'plan'", LOST.frames), False),
        (Raises("KeyError", "'plan'", (("/srv/shop/shop/plans.py", 7, "price_of", "return PLANS[name]"),)), False),
        (Raises("KeyError", "'plan'", (SLOW.frames[0], *LOST.frames)), False),
        (Raises("KeyError", "'plan'", (("/srv/shop/shop/prices.py", 7, "plan_of", "return PLANS[name]"),)), False),
    ],
)
def test_a_new_kind_of_failure_is_not_dismissed_with_an_old_one(store: Path, then: Raises, dismissed: bool) -> None:
    ingest = Ingest(store)
    ingest.traces(traces(failing(), trace_id=ONE, at_ns=T0))
    with Reader(store) as reader:
        (issue,) = reader.issues_of(ONE)
    writer = Writer(store)
    writer.dismiss(issue.failure.fingerprint)
    writer.close()
    ingest.close()
    # Whoever opens the store next finds it so.
    ingest = Ingest(store)
    ingest.traces(traces(failing(then), trace_id=TWO, at_ns=T0 + S))
    ingest.close()
    with Reader(store) as reader:
        assert [each.dismissed for each in reader.issues_of(TWO)] == [dismissed]


def test_a_dismissal_outlasts_the_requests_it_was_of(ingest: Ingest, reader: Reader, store: Path) -> None:
    ingest.traces(traces(failing(), trace_id=ONE, at_ns=T0))
    (issue,) = reader.issues_of(ONE)
    writer = Writer(store)
    writer.dismiss(issue.failure.fingerprint)
    writer.close()
    prune(store, days=1, bytes=0, now_ns=T0 + 10 * 86400 * S)
    ingest.traces(traces(failing(), trace_id=TWO, at_ns=T0 + 10 * 86400 * S))
    assert [each.dismissed for each in reader.issues_of(TWO)] == [True]


# What was mended


def mend(store: Path, issue: Issue, trace_id: str, at_ns: int, status: int | None = 201) -> None:
    writer = Writer(store)
    try:
        writer.resolve([(issue, Proof(trace_id, status, at_ns))])
    finally:
        writer.close()


def test_what_showed_an_issue_mended_is_kept_until_it_fails_again(ingest: Ingest, reader: Reader, store: Path) -> None:
    ingest.traces(traces(failing(), trace_id=ONE, at_ns=T0))
    seq, (issue,) = reader.issues()
    assert issue.proof is None
    mend(store, issue, TWO, T0 + S)
    seq, (mended,) = reader.issues(seq)
    assert mended == replace(issue, proof=Proof(TWO, 201, T0 + S)), "a change that readers are told of"
    mend(store, issue, OTHER, T0 + 2 * S, None)
    assert reader.issues(seq)[1] == [], "what was seen first stays"
    # One that came late changes nothing; one after the proof does.
    ingest.traces(traces(failing(), at_ns=T0 - S))
    assert [each.proof for each in reader.issues_of(ONE)] == [Proof(TWO, 201, T0 + S)]
    ingest.traces(traces(failing(), at_ns=T0 + 3 * S))
    (again,) = reader.issues_of(ONE)
    assert (again.proof, again.count) == (None, 3)
    # Who has not heard of that failure yet cannot call it mended.
    mend(store, issue, OTHER, T0 + 2 * S)
    assert [each.proof for each in reader.issues_of(ONE)] == [None]
    mend(store, again, OTHER, T0 + 4 * S, None)
    assert [each.proof for each in reader.issues_of(ONE)] == [Proof(OTHER, None, T0 + 4 * S)]


def test_a_resolution_goes_with_its_issue(
    ingest: Ingest, reader: Reader, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for trace_id, path in ((ONE, "/a"), (TWO, "/b")):
        ingest.traces(traces(failing(LOST if path == "/a" else SLOW, path), trace_id=trace_id, at_ns=T0))
        (issue,) = reader.issues_of(trace_id)
        mend(store, issue, OTHER, T0 + S)
    monkeypatch.setattr("flux_ls.store.retention._GONE_ISSUES", 1)
    prune(store, days=1, bytes=0, now_ns=T0 + 10 * 86400 * S)
    mend(store, issue, OTHER, T0 + S)
    left = sqlite3.connect(store)
    kept = left.execute("SELECT issue_id FROM resolution").fetchall()
    assert kept == left.execute("SELECT id FROM issue").fetchall()
    left.execute("DELETE FROM issue")
    assert left.execute("SELECT count(*) FROM resolution").fetchone() == (0,)
    left.close()
    mend(store, issue, OTHER, T0 + S)
    assert reader.issues()[1] == [], "of an issue that is gone nothing is kept"


# Spans


def test_exceptions_of_logs_are_joined_and_a_record_without_a_span_goes_to_the_root(
    ingest: Ingest, reader: Reader
) -> None:
    root = http("GET", "/", 500, children=[span("query")])
    ingest.traces(traces(root, trace_id=ONE, at_ns=T0))
    ingest.logs(logs(root, LOST, of="query", trace_id=ONE, at_ns=T0))
    whole = logs(root, SLOW, of="query", trace_id=ONE, at_ns=T0)
    whole.resource_logs[0].scope_logs[0].log_records[0].span_id = b""
    ingest.logs(whole)
    told = {
        each.name: [record.raised.type.rpartition(".")[2] for record in each.exceptions] for each in reader.spans(ONE)
    }
    assert told == {"GET /": ["Timeout"], "query": ["KeyError"]}


def test_a_huge_trace_is_judged_by_what_failed_in_it(ingest: Ingest, reader: Reader) -> None:
    calls = [span(f"call {number}", start_ms=number, ms=1) for number in range(2500)]
    calls[1700] = span("charge", start_ms=1700, ms=1, children=[span("POST", start_ms=1700, ms=1, raises=LOST)])
    root = http("GET", "/", 500, raises=LOST, ms=5000, children=calls)
    for start in range(0, 2600, 400):  # the root last, as exporters do
        names = {f"call {number}" for number in range(start, start + 400)}
        ingest.traces(traces(root, trace_id=ONE, at_ns=T0, only=[*names]))
    ingest.traces(traces(root, trace_id=ONE, at_ns=T0, only=["charge", "POST"]))
    assert not reader.request(ONE).complete
    ingest.traces(traces(root, trace_id=ONE, at_ns=T0, only=["GET /"]))
    request = reader.request(ONE)
    assert (request.complete, request.spans, request.error) == (True, 2502, "KeyError: 'plan'")
    assert len(reader.spans(ONE)) == 2502
    near = reader.spans_of_interest(ONE)
    assert {"GET /", "charge", "POST"} <= {each.name for each in near}
    assert len(near) <= 2000
    (issue,) = reader.issues_of(ONE)
    assert issue.failure.span_name == "POST"
    starts = [each.start_ns for each in reader.spans(ONE)]
    assert all(one <= two for one, two in pairwise(starts))


NOTED = span("noted", start_ms=2, attributes={"flux.locals": "[]"})
WHOLE = http("GET", "/", children=[span("query", start_ms=3), NOTED, span("f", start_ms=1, attributes={"f": "of f"})])


@pytest.mark.parametrize(
    ("parts", "entry"),
    [
        ([{}], "GET /"),
        ([{"without": ["GET /"]}, {"only": ["GET /"]}], "GET /"),
        ([{"only": ["GET /"]}, {"without": ["GET /"]}], "GET /"),
        ([{"without": ["GET /"]}], "f"),
        ([{"parent_id": "9" * 16}], "GET /"),
        ([{"parent_id": "0" * 16}], "GET /"),
    ],
)
def test_the_entry_and_what_was_noted(ingest: Ingest, reader: Reader, parts: list[dict[str, Any]], entry: str) -> None:
    for part in parts:
        ingest.traces(traces(WHOLE, trace_id=ONE, at_ns=T0, **part))
    for names, expected in (
        ([], []),
        ([["flux.locals"]], ["noted"]),
        ([["of f", "f"], ["flux.locals", "[]"]], ["f", "noted"]),
        ([["flux.locals", "of f"]], []),
    ):
        began, found = reader.entry_and(ONE, *names)
        assert (began.name, [each.name for each in found]) == (entry, expected)
        assert began == entry_of(reader.spans(ONE))


def test_of_a_span_that_came_again_the_newest_is_what_was_noted(ingest: Ingest, reader: Reader) -> None:
    for ms, attributes in ((10, {"flux.locals": "[1]"}), (20, {"flux.locals": "[2]"}), (30, {})):
        again = span("noted", start_ms=2, ms=ms, attributes=attributes)
        ingest.traces(traces(http("GET", "/", ms=50, children=[again]), trace_id=ONE, at_ns=T0, only=["noted"]))
        _, (found,) = reader.entry_and(ONE, ["flux.locals"])
        assert found.attributes == attributes
        assert found.end_ns == T0 + (2 + ms) * MS


# The file


def test_facts_count_what_is_there(ingest: Ingest, reader: Reader, store: Path) -> None:
    empty = reader.facts()
    assert (empty.requests, empty.spans, empty.failed, empty.logs, empty.services) == (0, 0, 0, 0, ())
    assert empty.last_received_ns is None
    root = failing()
    ingest.traces(traces(root, trace_id=ONE, at_ns=T0))
    ingest.logs(logs(root, LOST, of=root.name, trace_id=ONE))
    ingest.traces(traces(http("GET", "/", children=[span("query")]), at_ns=T0 + S, service="b", only=["query"]))
    facts = reader.facts()
    assert (facts.requests, facts.spans, facts.failed, facts.logs) == (2, 2, 1, 1)
    assert facts.services == ("b", "shop")
    assert (facts.last_received_ns, facts.without_root) == (T0 + S + 10 * MS, 1)
    assert facts.bytes >= store.stat().st_size
    assert facts.schema_version == schema.VERSION


def test_a_store_that_is_replaced_or_removed_is_noticed(ingest: Ingest, reader: Reader, store: Path) -> None:
    ingest.traces(traces(failing()))
    reader.data_version()
    store.rename(store.with_name("old.db"))
    with pytest.raises(StoreReplaced, match="open it again"):
        reader.data_version()
    with pytest.raises(StoreMissing):
        Reader(store)
    assert not store.exists()
    open_for_writing(store).close()
    with pytest.raises(StoreReplaced):
        reader.data_version()
    with Reader(store) as again:
        assert list(again.requests()) == []


def test_a_store_whose_folder_goes_is_noticed(tmp_path: Path) -> None:
    store = tmp_path / "data" / "flux.db"
    open_for_writing(store).close()
    with Reader(store) as reader:
        shutil.rmtree(store.parent)
        store.parent.touch()
        with pytest.raises(StoreReplaced):
            reader.data_version()


def test_a_store_that_a_newer_version_migrates_meanwhile_is_told(ingest: Ingest, reader: Reader, store: Path) -> None:
    reader.data_version()
    other = sqlite3.connect(store)
    other.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    other.close()
    with pytest.raises(StoreTooNew, match="upgrade"):
        reader.data_version()
    with pytest.raises(StoreTooNew, match="upgrade"):
        Reader(store)


@pytest.mark.parametrize("name", ["with space.db", "odd?name#1.db", "100%25.db", "ünï.db"])
def test_a_store_may_have_any_name(tmp_path: Path, name: str) -> None:
    store = tmp_path / name
    ingest = Ingest(store)
    ingest.traces(traces(failing()))
    ingest.close()
    with Reader(store) as reader:
        assert len(list(reader.requests())) == 1
    assert [path.name for path in tmp_path.iterdir()] == [name]


# What questions cost


def test_no_question_of_the_editor_reads_a_whole_table(
    ingest: Ingest, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest.traces(traces(failing(), trace_id=ONE, at_ns=T0))
    asked: list[str] = []
    reader._connection.set_trace_callback(asked.append)
    (issue,) = reader.issues_of(ONE)
    route = issue.route
    assert route is not None
    reader.last_seq()
    reader.news(0)
    reader.issues()
    reader.issues(1)
    reader.group(issue.failure.fingerprint)
    reader.resolve("abcd")
    reader.request(ONE)
    reader.spans(ONE)
    reader.spans_of_interest(ONE)
    reader.routes()
    reader.route_durations(route.id)
    list(reader.requests(limit=1, newest_first=True))
    list(reader.requests(since_ns=1, limit=1, bad_only=True))
    reader._connection.set_trace_callback(None)
    # Of routes and issues there are as many as there are places in the code.
    small = ("SCAN route", "SCAN issue", "SCAN counter", "SCAN CONSTANT ROW")
    questions = {statement for statement in asked if statement.startswith("SELECT")}
    assert len(questions) >= 12
    for question in questions:
        plan = [row[3] for row in reader._connection.execute(f"EXPLAIN QUERY PLAN {question}")]
        scans = [step for step in plan if step.startswith("SCAN") and not step.startswith(small)]
        assert all(" USING " in step and "INDEX request_" in step for step in scans), (question, plan)
        assert not any("TEMP B-TREE" in step for step in plan if "trace_id" not in question), (question, plan)


def test_issues_cost_the_same_however_often_they_occurred(ingest: Ingest, reader: Reader) -> None:
    def steps() -> int:
        """How much of SQLite's machine the question takes, in thousands of instructions."""
        count = 0

        def beat() -> int:
            nonlocal count
            count += 1
            return 0

        reader._connection.set_progress_handler(beat, 100)
        reader.issues()
        reader.routes()
        reader._connection.set_progress_handler(None, 0)
        return count

    def fail(times: int) -> None:
        ingest.traces(
            traces(*(failing(path=f"/{number % 20}") for number in range(times)), at_ns=T0),
        )

    fail(40)
    few = steps()
    fail(1500)
    assert steps() <= 1.5 * few + 2


def test_a_request_is_the_same_by_every_way_to_it(named: Reader) -> None:
    (first, *_) = named.requests()
    assert replace(named.request(first.id), aliases=()) == first
    assert named.news(0, limit=1)[1] == [first]


def test_pruned_requests_are_not_found(ingest: Ingest, reader: Reader, store: Path) -> None:
    ingest.traces(traces(failing(), trace_id=ONE, at_ns=T0))
    prune(store, days=1, bytes=0, now_ns=T0 + 10 * 86400 * S)
    for ask in (reader.request, reader.spans, reader.resolve):
        with pytest.raises(RequestNotFound):
            ask(ONE)
