"""Which requests are wanted, and when each is shown."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flux_ls.answers.tail import PATIENCE_S, Follow, RequestFilter, Seen
from tests.examples import examples
from tests.recorded import Recorded
from tests.telemetry import MS, Raises, SpanNode, http, new_trace_id, span

EVERY = RequestFilter()


def lines(seen: list[Seen]) -> list[str]:
    """`↻GET /a 200` for a correction, `GET /a …` for one that is not complete."""
    return [
        ("↻" if each.correction else "")
        + each.request.name
        + (f" {each.request.status}" if each.request.status else "")
        + (" failed" if each.request.failed else "")
        + ("" if each.request.complete else " …")
        for each in seen
    ]


@contextmanager
def following(recorded: Recorded, wanted: RequestFilter = EVERY) -> Iterator[Follow]:
    recorded.add(http("GET", "/before"))
    with recorded.reader() as reader:
        yield Follow(reader, wanted)


def test_a_complete_request_is_shown_at_once_and_once(recorded: Recorded) -> None:
    with following(recorded) as follow:
        assert follow.poll(0) == []
        recorded.add(http("GET", "/a"))
        recorded.add(recorded.failing_signup())
        assert lines(follow.poll(1)) == ["GET /a 200", "POST /signup 500 failed"]
        assert follow.poll(100) == []


def test_a_request_without_its_root_waits_and_is_then_shown_incomplete(recorded: Recorded) -> None:
    with following(recorded) as follow:
        recorded.add(http("GET", "/a", children=[span("query")]), only=["query"])
        assert follow.poll(1) == []
        assert follow.poll(1 + PATIENCE_S - 0.1) == []
        assert lines(follow.poll(1 + PATIENCE_S)) == ["query …"]
        assert follow.poll(100) == []


def test_a_late_root_in_time_is_all_that_is_shown(recorded: Recorded) -> None:
    root, id = http("GET", "/a", children=[span("query")]), new_trace_id()
    with following(recorded) as follow:
        recorded.add(root, trace_id=id, only=["query"])
        assert follow.poll(1) == []
        recorded.add(root, trace_id=id, only=["GET /a"])
        assert lines(follow.poll(1.5)) == ["GET /a 200"]
        assert follow.poll(100) == []


def test_news_of_an_incomplete_request_make_it_wait_anew(recorded: Recorded) -> None:
    root, id = http("GET", "/a", children=[span("one"), span("two")]), new_trace_id()
    with following(recorded) as follow:
        recorded.add(root, trace_id=id, only=["one"])
        assert follow.poll(1) == []
        recorded.add(root, trace_id=id, only=["two"])
        assert follow.poll(2.5) == []
        assert follow.poll(1 + PATIENCE_S) == []
        assert len(follow.poll(2.5 + PATIENCE_S)) == 1


def test_what_was_shown_and_failed_since_is_shown_again(recorded: Recorded) -> None:
    fault = recorded.timeout()
    root, id = http("GET", "/a", ms=10, children=[span("background", ms=50, raises=fault)]), new_trace_id()
    with following(recorded) as follow:
        recorded.add(root, trace_id=id, only=["GET /a"])
        assert lines(follow.poll(1)) == ["GET /a 200"]
        recorded.add(root, trace_id=id, only=["background"])
        assert lines(follow.poll(2)) == ["↻GET /a 200 failed"]


def test_an_exception_in_a_late_log_record_is_a_correction(recorded: Recorded) -> None:
    root, id = http("GET", "/a", 500), new_trace_id()
    with following(recorded) as follow:
        recorded.add(root, trace_id=id)
        (first,) = follow.poll(1)
        recorded.add_log(root, recorded.timeout(), of="GET /a", trace_id=id)
        (second,) = follow.poll(2)
        assert (first.correction, second.correction) == (False, True)
        assert second.request.error == "TimeoutError: Stripe API timeout"


def test_a_late_span_that_changes_nothing_to_see_is_not_shown(recorded: Recorded) -> None:
    root, id = http("GET", "/a", children=[span("query")]), new_trace_id()
    with following(recorded) as follow:
        recorded.add(root, trace_id=id, only=["GET /a"])
        assert len(follow.poll(1)) == 1
        recorded.add(root, trace_id=id, only=["query"])
        assert follow.poll(2) == []


def test_a_request_that_late_spans_make_wanted_is_shown_then(recorded: Recorded) -> None:
    root, id = http("GET", "/a", children=[span("charge card")]), new_trace_id()
    with following(recorded, RequestFilter(function="charge")) as follow:
        recorded.add(root, trace_id=id, only=["GET /a"])
        assert follow.poll(1) == []
        recorded.add(root, trace_id=id, only=["charge card"])
        assert lines(follow.poll(2)) == ["GET /a 200"]


def test_more_news_than_a_page_are_all_shown(recorded: Recorded) -> None:
    with following(recorded) as follow:
        root = http("GET", "/a")
        from flux_ls.collector.ingest import Ingest
        from tests.telemetry import traces

        ingest = Ingest(recorded.store)
        ingest.traces(traces(*[root] * 1203))
        ingest.close()
        assert len(follow.poll(1)) == 1203


def test_history_is_oldest_first_and_not_shown_again(recorded: Recorded) -> None:
    for at, path in ((3, "/c"), (1, "/a"), (2, "/b")):
        recorded.add(http("GET", path), at_ns=at * 10**9)
    with recorded.reader() as reader:
        follow = Follow(reader, EVERY)
        assert lines(list(follow.history(None))) == ["GET /a 200", "GET /b 200", "GET /c 200"]
        assert lines(list(follow.history(2 * 10**9))) == ["GET /b 200", "GET /c 200"]
        assert lines(list(follow.history(None, limit=2))) == ["GET /b 200", "GET /c 200"]
        assert follow.poll(1) == []


# Filters.

SHOP = http(
    "POST",
    "/orders/7/pay",
    402,
    route="/orders/{id}/pay",
    ms=250,
    attributes={"enduser.plan": "pro", "retry": True, "items": 3},
    children=[
        span("SELECT orders", kind="client", service="database"),
        span("charge", ms=5, raises=Raises("ValueError", "bad", (("/app/shop/pay.py", 3, "Card.charge", ""),))),
        span("send", attributes={"code.function.name": "shop.mail.send_receipt"}),
    ],
)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (RequestFilter(), True),
        (RequestFilter(errors_only=True), True),
        (RequestFilter(slow_ms=250), True),
        (RequestFilter(slow_ms=250.1), False),
        (RequestFilter(service="shop"), True),
        (RequestFilter(service="sh*"), True),
        (RequestFilter(service="database"), True),
        (RequestFilter(service="bakery"), False),
        (RequestFilter(function="pay"), True),
        (RequestFilter(function="/orders/7"), True),
        (RequestFilter(function="{id}"), True),
        (RequestFilter(function="select ORDERS"), True),
        (RequestFilter(function="Card.charge"), True),
        (RequestFilter(function="card.*"), True),
        (RequestFilter(function="send_receipt"), True),
        (RequestFilter(function="refund"), False),
        (RequestFilter(function="*refund*"), False),
        (RequestFilter(attributes=(("enduser.plan", "pro"),)), True),
        (RequestFilter(attributes=(("enduser.plan", "p*"),)), True),
        (RequestFilter(attributes=(("enduser.plan", "PRO"),)), False),
        (RequestFilter(attributes=(("retry", "true"), ("items", "3"))), True),
        (RequestFilter(attributes=(("retry", "true"), ("items", "4"))), False),
        (RequestFilter(attributes=(("http.response.status_code", "40*"),)), True),
        (RequestFilter(attributes=(("service.name", "database"),)), True),
        (RequestFilter(attributes=(("nothing", "*"),)), False),
        (RequestFilter(service="database", function="charge", attributes=(("items", "3"),)), True),
        (RequestFilter(service="database", function="refund"), False),
    ],
)
def test_filters(recorded: Recorded, wanted: RequestFilter, expected: bool) -> None:
    request = recorded.request(recorded.add(SHOP))
    with recorded.reader() as reader:
        assert wanted.matches(request, reader) is expected


@pytest.mark.parametrize(("status", "expected"), [(200, False), (302, False), (404, True), (500, True)])
def test_errors_only_shows_4xx_and_failures(recorded: Recorded, status: int, expected: bool) -> None:
    request = recorded.request(recorded.add(http("GET", "/a", status)))
    with recorded.reader() as reader:
        assert RequestFilter(errors_only=True).matches(request, reader) is expected


# Whatever order spans come in, and whenever it is looked: in the end everybody knows how it was.


@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(range(6)), st.lists(st.booleans(), min_size=6, max_size=6))
def test_the_last_line_of_each_request_is_how_it_is(recorded: Recorded, order: list[int], looks: list[bool]) -> None:
    fault = recorded.timeout()
    roots: list[SpanNode] = [
        http("GET", "/fine", children=[span("a"), span("b")]),
        http("GET", "/broken", 200, ms=10, children=[span("a"), span("b", ms=20, raises=fault)]),
    ]
    ids = [new_trace_id() for _ in roots]
    steps = [(which, name) for which, root in enumerate(roots) for name in (root.name, "a", "b")]
    at_ns = 10**18
    with following(recorded) as follow:
        last: dict[str, Seen] = {}
        now = 0.0
        for number, looked in zip(order, looks, strict=True):
            which, name = steps[number]
            recorded.add(roots[which], trace_id=ids[which], only=[name], at_ns=at_ns)
            now += 1.5
            if looked:
                for seen in follow.poll(now):
                    assert seen.correction == (seen.request.id in last)
                    last[seen.request.id] = seen
        for seen in [*follow.poll(now), *follow.poll(now + PATIENCE_S)]:
            last[seen.request.id] = seen
    assert {id: (seen.request.failed, seen.request.complete) for id, seen in last.items()} == {
        ids[0]: (False, True),
        ids[1]: (True, True),
    }
    assert last[ids[1]].request.duration_ns == 10 * MS
