"""Ingest under telemetry that nobody sends on purpose and disks that nobody wants."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from flux_ls.analysis.assess import assess
from flux_ls.collector.ingest import Ingest
from flux_ls.otlp.decode import glimpse
from flux_ls.otlp.sink import SinkBusy
from flux_ls.store import schema
from flux_ls.store import traces as stored_traces
from flux_ls.store.connection import open_for_writing
from flux_ls.store.errors import StoreReplaced
from flux_ls.store.reader import Reader
from tests.examples import examples
from tests.telemetry import Raises, SpanNode, http, logs, new_trace_id, span, traces

T0 = 1_790_000_000_000_000_000
ONE = "0af7651916cd43dd8448eb211c80319c"
LOST = Raises("KeyError", "'plan'", (("/srv/shop/shop/plans.py", 7, "plan_of", "return PLANS[name]"),))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "data" / "flux.db"


@pytest.fixture
def ingest(store: Path) -> Iterator[Ingest]:
    opened = Ingest(store)
    yield opened
    opened.close()


def failing(**rest: Any) -> SpanNode:
    return http("GET", "/plan", 500, route="/plan", raises=LOST, **rest)


def everything(store: Path) -> dict[str, list[tuple[Any, ...]]]:
    connection = sqlite3.connect(store)
    names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    held = {name: connection.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall() for name in names}
    connection.close()
    return held


# The disk


@pytest.mark.parametrize("kind", ["quiet", "failing", "logs", "orphans"])
def test_on_a_full_disk_the_client_is_told_to_come_again_and_nothing_is_half_written(
    ingest: Ingest, store: Path, kind: str
) -> None:
    known = http("GET", "/", children=[span("query")])
    ingest.traces(traces(known, trace_id=ONE, at_ns=T0, only=["query"]))
    for _ in range(5):
        ingest.traces(traces(failing(), at_ns=T0))
    large = {"payload": "x" * 50_000}

    def send(number: int) -> None:
        if kind == "logs":
            raises = Raises("KeyError", "x" * 50_000)
            ingest.logs(logs(known, raises, of="query", trace_id=ONE, at_ns=T0 + number))
            return
        root = failing(attributes=large) if kind == "failing" else http("GET", "/", attributes=large)
        # Two traces: what came of the first one goes when the second does not fit.
        parent = "12" * 8 if kind == "orphans" else ""
        ingest.traces(traces(root, root, at_ns=T0, parent_id=parent))

    before = everything(store)
    connection = ingest._writer._connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 8}")
    with pytest.raises(SinkBusy, match="disk is full"):
        send(0)
    assert everything(store) == before
    connection.execute("PRAGMA max_page_count = 100000")
    send(1)
    after = everything(store)
    assert after != before
    assert len({row[1] for row in after["request"]}) == len(after["request"])


def test_a_folder_that_is_gone_for_a_while_is_no_end(ingest: Ingest, store: Path) -> None:
    ingest.traces(traces(failing(), at_ns=T0))
    for part in store.parent.iterdir():
        part.unlink()
    store.parent.rmdir()
    store.parent.touch()  # as a disk that is not mounted
    for _ in range(2):
        with pytest.raises(SinkBusy, match="--store"):
            ingest.traces(traces(failing(), at_ns=T0))
    store.parent.unlink()
    ingest.traces(traces(failing(), trace_id=ONE, at_ns=T0))
    with Reader(store) as reader:
        assert [request.id for request in reader.requests()] == [ONE]


def test_a_store_replaced_while_a_batch_is_written_gets_the_batch(
    ingest: Ingest, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = http("GET", "/", children=[span("query")])
    ingest.traces(traces(known, trace_id=ONE, at_ns=T0))
    put_request = ingest._writer.put_request

    def replaced_meanwhile(*given: Any) -> None:
        put_request(*given)
        store.rename(store.with_name("old.db"))

    monkeypatch.setattr(ingest._writer, "put_request", replaced_meanwhile)
    # What came before is sent again: the old store had it, the new one must not lose it.
    ingest.traces(traces(replace(known, children=(*known.children, span("late"))), trace_id=ONE, at_ns=T0))
    with Reader(store) as reader:
        assert {each.name for each in reader.spans(ONE)} == {"GET /", "query", "late"}


def test_damage_that_shows_while_writing_is_moved_aside_once(ingest: Ingest, store: Path) -> None:
    for _ in range(100):
        ingest.traces(traces(failing(), at_ns=T0))
    ingest.close()
    with store.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(b"\xff" * 4096 * 30)
    again = Ingest(store)
    sent = [new_trace_id() for _ in range(10)]
    for trace_id in sent:
        again.traces(traces(failing(), trace_id=trace_id, at_ns=T0))
    again.close()
    with Reader(store) as reader:
        assert set(sent) <= {request.id for request in reader.requests()}
    assert len([path for path in store.parent.glob("flux.db.damaged-*") if path.name[-4:] not in ("-wal", "-shm")]) == 1


def test_a_store_that_a_newer_version_took_over_is_not_written_to(ingest: Ingest, store: Path) -> None:
    ingest.traces(traces(failing(), at_ns=T0))
    other = sqlite3.connect(store)
    other.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    before = everything(store)
    with pytest.raises(SinkBusy, match="newer version"):
        ingest.traces(traces(failing(), at_ns=T0))
    assert everything(store) == before
    other.execute(f"PRAGMA user_version = {schema.VERSION}")
    other.close()
    ingest.traces(traces(failing(), at_ns=T0))
    assert len(everything(store)["request"]) == 2


def test_a_store_that_is_emptied_in_place_is_moved_aside(ingest: Ingest, store: Path) -> None:
    ingest.traces(traces(failing(), at_ns=T0))
    with Reader(store) as reader:
        reader.data_version()
        other = sqlite3.connect(store)
        (names,) = other.execute("SELECT group_concat(name) FROM sqlite_master WHERE type = 'trigger'").fetchone()
        for name in names.split(","):
            other.execute(f"DROP TRIGGER {name}")
        other.execute("PRAGMA user_version = 0")
        other.close()
        with pytest.raises(StoreReplaced):
            reader.data_version()
    ingest.traces(traces(failing(), trace_id=ONE, at_ns=T0))
    with Reader(store) as reader:
        assert [request.id for request in reader.requests()] == [ONE]
    assert list(store.parent.glob("flux.db.damaged-*"))


def test_two_that_find_the_same_damage_move_it_aside_once(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flux_ls.store import connection

    open_for_writing(store).close()
    with store.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 3900)
    opening = connection._open_and_migrate
    calls: list[Path] = []

    def slower(path: Path) -> sqlite3.Connection:
        calls.append(path)
        try:
            return opening(path)
        finally:
            if len(calls) == 1:  # the other one is quicker
                open_for_writing(store).close()
                Ingest(store).traces(traces(failing(), trace_id=ONE, at_ns=T0))

    monkeypatch.setattr(connection, "_open_and_migrate", slower)
    open_for_writing(store).close()
    with Reader(store) as reader:
        assert [request.id for request in reader.requests()] == [ONE]


# Spans


def test_an_older_version_of_the_root_that_comes_again_changes_nothing(ingest: Ingest, store: Path) -> None:
    new = http("GET", "/", 201, ms=30, children=[span("late")])
    old = http("GET", "/", 200, ms=10, children=[span("late")])
    ingest.traces(traces(new, trace_id=ONE, at_ns=T0, without=["late"]))
    ingest.traces(traces(old, trace_id=ONE, at_ns=T0))
    with Reader(store) as reader:
        request = reader.request(ONE)
        assert (request.status, request.duration_ns, request.spans) == (201, 30_000_000, 2)
        assert assess(reader.spans(ONE)).request == request


ROOTS = [
    http("GET", "/a", start_ms=5, ms=5),
    http("GET", "/b", start_ms=1, ms=50),
    span("job", start_ms=0, ms=100),
    span("call", kind="client", start_ms=0, ms=3),
]


@pytest.mark.parametrize("parent_id", ["", "12" * 8])
@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_of_several_tops_the_same_one_is_shown_whatever_came_first(
    ingest: Ingest, store: Path, order: tuple[int, ...], together: bool, parent_id: str
) -> None:
    messages = [traces(ROOTS[index], trace_id=ONE, at_ns=T0, parent_id=parent_id) for index in order]
    for number, message in enumerate(messages):
        message.resource_spans[0].scope_spans[0].spans[0].span_id = bytes([order[number] + 1]) * 8
    if together:
        for message in messages[1:]:
            messages[0].MergeFrom(message)
        messages = messages[:1]
    for message in messages:
        ingest.traces(message)
    with Reader(store) as reader:
        request = reader.request(ONE)
        assert (request.name, request.spans, request.complete) == ("GET /b", 4, not parent_id)
        assert assess(reader.spans(ONE)).request == request


@pytest.mark.parametrize("at_ns", [0, 1, 2**63, 2**64 - 1])
def test_an_exception_at_an_impossible_time_is_kept(ingest: Ingest, store: Path, at_ns: int) -> None:
    message = traces(failing(), trace_id=ONE, at_ns=T0)
    message.resource_spans[0].scope_spans[0].spans[0].events[0].time_unix_nano = at_ns
    ingest.traces(message)
    with Reader(store) as reader:
        (issue,) = reader.issues_of(ONE)
        assert 0 < issue.last_seen_ns < 2**63


@pytest.mark.parametrize("line", ["9" * 19, "9" * 40, "9" * 5000, "0", "-1"])
@pytest.mark.parametrize(
    "stack",
    [
        'Traceback (most recent call last):\n  File "/srv/a.py", line {line}, in f\n    x\nE: no\n',
        "E: no\n    at f (/srv/a.js:{line}:{line})\n",
        "main.f()\n\t/srv/a.go:{line} +0x1d\n",
        "E: no\n\tat a.b.C.f(C.java:{line})\n",
    ],
)
def test_lines_beyond_all_files_are_no_end(ingest: Ingest, store: Path, stack: str, line: str) -> None:
    raises = Raises("E", "no")
    message = traces(http("GET", "/", 500, raises=raises), trace_id=ONE, at_ns=T0)
    (event,) = message.resource_spans[0].scope_spans[0].spans[0].events
    for pair in event.attributes:
        if pair.key == "exception.stacktrace":
            pair.value.string_value = stack.format(line=line)
    ingest.traces(message)
    with Reader(store) as reader:
        assert reader.request(ONE).failed
        assert len(reader.issues_of(ONE)) == 1


def test_very_many_attributes_are_no_end(ingest: Ingest, store: Path) -> None:
    root = failing(attributes={f"key.{number}": number for number in range(50_000)})
    ingest.traces(traces(root, trace_id=ONE, at_ns=T0))
    with Reader(store) as reader:
        (only,) = reader.spans(ONE)
        assert len(only.attributes) > 50_000


@pytest.mark.parametrize("fails", [False, True])
def test_a_trace_that_never_ends_costs_the_same_each_time(
    ingest: Ingest, store: Path, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    monkeypatch.setattr(stored_traces, "_LOOKED_AT", 2000)
    looked_at = 0

    def counted(raw: bytes, glimpse: Any = glimpse) -> Any:
        nonlocal looked_at
        looked_at += 1
        return glimpse(raw)

    monkeypatch.setattr(stored_traces, "glimpse", counted)
    costs = []
    for number in range(60):
        looked_at = 0
        ingest.traces(_many(number * 200, fails))
        costs.append(looked_at)
    # Each one arrives; not each one is a reason to look at all the others.
    assert max(costs) <= 2200
    assert sum(costs[30:]) <= 8 * 2200
    looked_at = 0
    ingest.traces(_many(60 * 200, fails, root=True))
    assert looked_at <= 2400
    with Reader(store) as reader:
        request = reader.request(ONE)
        assert (request.name, request.complete, request.spans, request.failed) == ("root", True, 12_201, fails)
        assert bool(reader.issues_of(ONE)) == fails


def test_a_root_that_came_long_ago_is_not_forgotten(
    ingest: Ingest, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_traces, "_LOOKED_AT", 1500)
    ingest.traces(_many(0, False, root=True))
    for number in range(1, 12):
        ingest.traces(_many(number * 200, number > 8))
    with Reader(store) as reader:
        request = reader.request(ONE)
        assert (request.name, request.complete, request.spans, request.failed) == ("root", True, 2401, False)
        assert "root" in {each.name for each in reader.spans_of_interest(ONE)}


def _many(start: int, fails: bool, *, root: bool = False) -> ExportTraceServiceRequest:
    message = ExportTraceServiceRequest()
    spans = message.resource_spans.add().scope_spans.add().spans
    top = b"\xff" * 8
    for number in range(start, start + 200):
        made: Any = spans.add(trace_id=bytes.fromhex(ONE), span_id=(number + 1).to_bytes(8, "big"), parent_span_id=top)
        made.start_time_unix_nano = T0 + number
        made.end_time_unix_nano = T0 + number + 1
        if fails and number % 100 == 0:
            made.status.code = 2
    if root:
        made = spans.add(trace_id=bytes.fromhex(ONE), span_id=top, name="root", start_time_unix_nano=T0)
        made.end_time_unix_nano = T0 + 10**9
        made.status.code = 2 if fails else 0
    return message


MOMENTS = st.sampled_from([0, 1, T0, T0 + 5, 2**63 - 1, 2**63, 2**64 - 1])
TEXT = st.text(st.characters(codec="utf-8"), max_size=6)
NAMES = st.sampled_from(
    [
        *("http.method", "http.status_code", "http.target", "http.route", "url.full", "code.lineno", "code.filepath"),
        *("code.function", "request_id", "exception.type", "exception.message", "exception.stacktrace", "x"),
    ]
)
VALUES = (
    st.builds(lambda value: AnyValue(string_value=value), TEXT | st.sampled_from(["/a?b", "http://[", LOST.stacktrace]))
    | st.builds(lambda value: AnyValue(int_value=value), st.sampled_from([-(2**63), -1, 0, 500, 2**63 - 1]))
    | st.builds(lambda value: AnyValue(double_value=value), st.floats())
    | st.builds(lambda value: AnyValue(bytes_value=value), st.binary(max_size=3))
    | st.just(AnyValue())
)
ATTRIBUTES = st.lists(st.builds(lambda key, value: KeyValue(key=key, value=value), NAMES, VALUES), max_size=5)


@st.composite
def exports(draw: st.DrawFn) -> ExportTraceServiceRequest:
    message = ExportTraceServiceRequest()
    for _ in range(draw(st.integers(0, 3))):
        group = message.resource_spans.add()
        group.resource.attributes.extend(draw(ATTRIBUTES))
        scope = group.scope_spans.add()
        for _ in range(draw(st.integers(1, 4))):
            made: Any = scope.spans.add(
                trace_id=draw(st.sampled_from([b"a" * 16, b"b" * 16, b""])),
                span_id=draw(st.sampled_from([b"1" * 8, b"2" * 8, b"3" * 8, bytes(8)])),
                parent_span_id=draw(st.sampled_from([b"", bytes(8), b"1" * 8, b"2" * 8, b"odd"])),
                start_time_unix_nano=draw(MOMENTS),
                end_time_unix_nano=draw(MOMENTS),
                name=draw(TEXT),
                attributes=draw(ATTRIBUTES),
            )
            made.kind = draw(st.integers(0, 7))
            made.status.code = draw(st.sampled_from([0, 1, 2]))
            for name in draw(st.lists(st.sampled_from(["exception", "note"]), max_size=2)):
                made.events.add(name=name, time_unix_nano=draw(MOMENTS), attributes=draw(ATTRIBUTES))
    return message


@given(st.lists(exports(), min_size=1, max_size=4))
@settings(max_examples=examples(100), deadline=None)
def test_whatever_comes_is_kept_and_told_alike(
    tmp_path_factory: pytest.TempPathFactory, messages: list[ExportTraceServiceRequest]
) -> None:
    store = tmp_path_factory.mktemp("any") / "flux.db"
    ingest = Ingest(store)
    expected: dict[str, set[str]] = {}
    for message in messages:
        ingest.traces(message)
        for group in message.resource_spans:
            for made in group.scope_spans[0].spans:
                late = max(made.start_time_unix_nano, made.end_time_unix_nano) >> 63
                if made.trace_id and any(made.span_id) and not late:
                    expected.setdefault(made.trace_id.hex(), set()).add(made.span_id.hex())
    ingest.close()
    with Reader(store) as reader:
        assert {request.id for request in reader.requests()} == expected.keys()
        for id, span_ids in expected.items():
            spans = reader.spans(id)
            assert {each.span_id for each in spans} == span_ids
            request = reader.request(id)
            assert request.spans == len(span_ids)
            told = assess(spans).request
            assert (request.name, request.failed, request.complete) == (told.name, told.failed, told.complete)
