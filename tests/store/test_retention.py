"""Retention: what goes, what stays, and that nobody who reads or writes meanwhile is harmed."""

import multiprocessing
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from flux_ls.collector.ingest import Ingest
from flux_ls.model import Request
from flux_ls.store import retention
from flux_ls.store.reader import Reader
from flux_ls.store.retention import Pruned, prune
from tests.telemetry import MS, RECORDER, Raises, SpanNode, http, logs, recorded, row, span, traces

NOW = 1_790_000_000_000_000_000
DAY = 86_400_000_000_000
LOST = Raises("KeyError", "'plan'", (("/srv/shop/shop/plans.py", 7, "plan_of", "return PLANS[name]"),))
TABLES = ("request", "chunk", "log", "alias", "occurrence", "origin", "route", "row_change", "request_input")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "flux.db"


@pytest.fixture
def ingest(store: Path) -> Iterator[Ingest]:
    opened = Ingest(store)
    yield opened
    opened.close()


def failing(path: str = "/plan") -> SpanNode:
    return http("GET", path, 500, route=path, raises=LOST, children=[span("query")])


def requests(store: Path) -> list[Request]:
    with Reader(store) as reader:
        return list(reader.requests())


def rows(store: Path) -> dict[str, int]:
    connection = sqlite3.connect(store)
    counts = {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES}
    connection.close()
    return counts


def test_what_is_too_old_goes_with_all_that_belongs_to_it(ingest: Ingest, store: Path) -> None:
    for number, age in enumerate((9, 8, 7.5, 6, 1)):
        trace_id = f"{number + 1:032x}"
        told = {"request_id": f"id-{number}", **recorded({"body": {"plan": None}})}
        changed = row("users", {"id": number}, after={"plan": None})
        root = http("GET", f"/{number}", 500, raises=LOST, attributes=told, rows=[changed])
        resource = {"service.instance.id": str(number), **RECORDER}
        ingest.traces(traces(root, trace_id=trace_id, at_ns=NOW - int(age * DAY), resource=resource))
        ingest.logs(logs(root, LOST, of=root.name, trace_id=trace_id, at_ns=NOW))
    pruned = prune(store, days=7, bytes=0, now_ns=NOW)
    assert (pruned.requests, pruned.spans, pruned.logs) == (3, 3, 0)
    assert [request.path for request in requests(store)] == ["/3", "/4"]
    # The log records have one origin, and the paths one route.
    assert rows(store) == dict.fromkeys(TABLES, 2) | {"origin": 3, "route": 1}
    assert prune(store, days=7, bytes=0, now_ns=NOW) == Pruned(0, 0, 0)


def test_no_limit_removes_nothing(ingest: Ingest, store: Path) -> None:
    ingest.traces(traces(failing(), at_ns=1))
    assert prune(store, days=0, bytes=0, now_ns=NOW) == Pruned(0, 0, 0)
    assert len(requests(store)) == 1


def test_spans_that_tell_no_time_are_as_old_as_can_be(ingest: Ingest, store: Path) -> None:
    for at_ns in (0, 2**62):
        ingest.traces(traces(http("GET", "/", ms=0), at_ns=at_ns))
    assert prune(store, days=7, bytes=0, now_ns=NOW).requests == 1
    assert [request.started_ns for request in requests(store)] == [2**62]


def test_by_size_what_came_first_goes_whatever_its_clock_says(ingest: Ingest, store: Path) -> None:
    future = http("GET", "/future")
    for start in range(0, 2000, 100):
        ingest.traces(traces(*(future for _ in range(100)), at_ns=NOW + 100 * DAY + start))
    for start in range(0, 2000, 100):
        ingest.traces(traces(*(http("GET", "/now") for _ in range(100)), at_ns=NOW + start))
    connection = sqlite3.connect(store)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    size = store.stat().st_size
    pruned = prune(store, days=7, bytes=size // 2, now_ns=NOW)
    left = [request.path for request in requests(store)]
    assert 1000 < pruned.requests < 4000
    assert len(left) == 4000 - pruned.requests
    assert left.count("/now") == min(2000, len(left))
    assert store.stat().st_size <= size // 2
    assert pruned.bytes_freed > size // 4


def test_a_call_removes_about_as_much_as_it_is_told(
    ingest: Ingest, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_CHUNK", 7)
    ingest.traces(traces(*(http("GET", "/") for _ in range(50)), at_ns=NOW - 9 * DAY))
    assert [prune(store, days=7, bytes=0, now_ns=NOW, at_most=20).requests for _ in range(4)] == [20, 20, 10, 0]


def test_logs_of_traces_that_never_came_go_by_age(ingest: Ingest, store: Path) -> None:
    for number, age in enumerate((9, 8, 1)):
        ingest.logs(logs(failing(), LOST, of="query", trace_id=f"{number + 1:032x}", at_ns=NOW - age * DAY))
    assert prune(store, days=7, bytes=0, now_ns=NOW).logs == 2
    assert rows(store)["log"] == 1


def test_logs_of_traces_that_never_came_go_by_size(ingest: Ingest, store: Path) -> None:
    # Who samples traces and exports every log fills the store with them.
    message = logs(failing(), LOST, of="query", trace_id="f" * 32, at_ns=NOW)
    records = message.resource_logs[0].scope_logs[0].log_records
    for number in range(3000):
        record = records.add()
        record.CopyFrom(records[0])
        record.trace_id = (number + 1).to_bytes(16, "big")
        record.time_unix_nano = NOW + number
    ingest.traces(traces(failing(), at_ns=NOW + 1500))
    ingest.logs(message)
    before = rows(store)["log"]
    pruned = prune(store, days=0, bytes=200_000, now_ns=NOW)
    after = rows(store)["log"]
    assert pruned.logs == before - after > 0
    assert store.stat().st_size < 400_000


def test_an_issue_keeps_when_it_was_first_seen(ingest: Ingest, store: Path) -> None:
    def fail(age: int, revision: str) -> None:
        ingest.traces(traces(failing(), at_ns=NOW - age * DAY, resource={"vcs.ref.head.revision": revision}))

    fail(20, "r1")
    fail(9, "r2")
    fail(1, "r3")
    with Reader(store) as reader:
        for count in (2, 1):
            prune(store, days=10 if count == 2 else 7, bytes=0, now_ns=NOW)
            _, (issue,) = reader.issues()
            assert (issue.count, issue.first_revision, issue.last_revision) == (count, "r1", "r3")
            assert issue.first_seen_ns == NOW - 20 * DAY + 10 * MS
        prune(store, days=0.5, bytes=0, now_ns=NOW)
        assert reader.issues()[1] == []
        fail(0, "r4")
        _, (again,) = reader.issues()
        assert (again.count, again.first_revision, again.last_revision) == (1, "r1", "r4")
        assert again.id == issue.id


def test_who_pages_by_seq_is_told_of_issues_that_go(ingest: Ingest, store: Path) -> None:
    for number in range(5):
        raises = Raises(f"E{number}", "", LOST.frames)
        ingest.traces(traces(http("GET", "/", 500, raises=raises), at_ns=NOW - (9 if number < 3 else 1) * DAY))
    with Reader(store) as reader:
        seq, known = reader.issues()
        assert len(known) == 5
        prune(store, days=7, bytes=0, now_ns=NOW)
        later, changed = reader.issues(seq)
        assert {issue.id for issue in changed} == {issue.id for issue in known if issue.last_seen_ns < NOW - 7 * DAY}
        assert {issue.count for issue in changed} == {0}
        assert reader.issues(later) == (later, [])


def test_of_issues_that_are_gone_the_latest_are_remembered(
    ingest: Ingest, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_GONE_ISSUES", 2)
    for number in range(6):
        ingest.traces(
            traces(http("GET", "/", 500, raises=Raises(f"E{number}", "", LOST.frames)), at_ns=NOW - (9 - number) * DAY)
        )
        prune(store, days=3.5, bytes=0, now_ns=NOW)
    connection = sqlite3.connect(store)
    gone = connection.execute("SELECT count(*) FROM issue WHERE count = 0").fetchone()[0]
    alive = connection.execute("SELECT count(*) FROM issue WHERE count > 0").fetchone()[0]
    connection.close()
    assert (gone, alive) == (3, 0)


def test_a_writer_does_not_use_what_another_process_removed(ingest: Ingest, store: Path) -> None:
    # Its caches know the origin and the route of what it wrote before.
    ingest.traces(traces(failing(), at_ns=NOW - 9 * DAY))
    prune(store, days=7, bytes=0, now_ns=NOW)
    assert rows(store) == dict.fromkeys(TABLES, 0)
    ingest.traces(traces(failing(), trace_id="ab" * 16, at_ns=NOW))
    with Reader(store) as reader:
        assert [each.name for each in reader.spans("ab" * 16)] == ["GET /plan", "query"]
        assert [(route.name, route.requests) for route in reader.routes()] == [("GET /plan", 1)]
        (issue,) = reader.issues_of("ab" * 16)
        assert issue.route is not None


def test_a_reader_in_the_middle_does_not_stop_pruning(ingest: Ingest, store: Path) -> None:
    ingest.traces(traces(*(failing() for _ in range(600)), at_ns=NOW - 9 * DAY))
    with Reader(store) as reader:
        reading = reader.requests()
        next(reading)
        assert prune(store, days=7, bytes=0, now_ns=NOW).requests == 600
        assert sum(1 for _ in reading) == 499  # the page it had


def _prune_often(store: Path, done: "multiprocessing.synchronize.Event", removed: "multiprocessing.Queue[int]") -> None:
    total = 0
    while True:
        last = done.is_set()
        total += prune(store, days=7, bytes=0, now_ns=NOW, at_most=20).requests
        if last:
            break
    removed.put(total)


def test_ingest_goes_on_while_another_process_prunes(ingest: Ingest, store: Path) -> None:
    context = multiprocessing.get_context("spawn")
    done, removed = context.Event(), context.Queue()
    process = context.Process(target=_prune_often, args=(store, done, removed))
    process.start()
    young = []
    for number in range(150):
        ingest.traces(traces(failing(f"/{number % 5}"), at_ns=NOW - 9 * DAY))
        young.append(f"{number + 1:032x}")
        ingest.traces(traces(failing(f"/{number % 5}"), trace_id=young[-1], at_ns=NOW - number))
    done.set()
    total = removed.get(timeout=30)
    process.join()
    assert process.exitcode == 0
    total += prune(store, days=7, bytes=0, now_ns=NOW).requests
    assert total == 150
    with Reader(store) as reader:
        assert sorted(request.id for request in reader.requests()) == young
        assert all(len(reader.spans(id)) == 2 for id in young)
        assert sum(route.requests for route in reader.routes()) == 150
        assert [(issue.count, issue.failure.type) for issue in reader.issues()[1]] == [(150, "KeyError")]
        assert reader.facts().failed == 150
    connection = sqlite3.connect(store)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
