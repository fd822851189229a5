"""Which requests are wanted, and when each is shown."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flux_ls.answers.tail import PATIENCE_S, Follow, Page, RequestFilter, Seen, page
from flux_ls.store.retention import prune
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


@settings(
    max_examples=examples(25),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
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


# Pages of what is stored, the latest first.


def all_pages(recorded: Recorded, wanted: RequestFilter, **how: float) -> list[list[str]]:
    """The paths of each page, from the latest page to the end."""
    pages: list[list[str]] = []
    found = Page((), None)
    with recorded.reader() as reader:
        while not pages or found.earlier is not None:
            found = page(reader, wanted, before=found.earlier, **how)  # type: ignore[arg-type]
            pages.append([request.path or "" for request in found.requests])
    return pages


@pytest.mark.parametrize(
    ("wanted", "limit", "expected"),
    [
        (EVERY, 3, [["/4", "/5", "/6"], ["/1", "/2", "/3"], ["/0"]]),
        (EVERY, 7, [["/0", "/1", "/2", "/3", "/4", "/5", "/6"]]),
        (EVERY, 100, [["/0", "/1", "/2", "/3", "/4", "/5", "/6"]]),
        (RequestFilter(errors_only=True), 2, [["/3", "/5"], ["/1"]]),
        # There may be more that pass, and there are none.
        (RequestFilter(function="/6"), 1, [["/6"], []]),
        (RequestFilter(function="nothing"), 5, [[]]),
    ],
)
def test_pages_go_back_to_the_first(
    recorded: Recorded, wanted: RequestFilter, limit: int, expected: list[list[str]]
) -> None:
    for number in range(7):
        # Several at the same moment.
        recorded.add(http("GET", f"/{number}", 500 if number % 2 else 200), at_ns=10**18 + number // 3)
    assert all_pages(recorded, wanted, limit=limit) == expected


def test_a_page_ends_at_the_time_and_when_patience_does(recorded: Recorded) -> None:
    for number in range(4):
        recorded.add(http("GET", f"/{number}"), at_ns=10**18 + number)
    rare = RequestFilter(function="/0")
    assert all_pages(recorded, rare, limit=1, patience_s=-1) == [[], [], [], ["/0"]]
    assert all_pages(recorded, rare, limit=1, since_ns=10**18 + 2) == [[]]
    assert all_pages(recorded, EVERY, limit=1, since_ns=10**18 + 2) == [["/3"], ["/2"]]


def test_what_arrives_or_is_removed_meanwhile_does_not_move_a_page(recorded: Recorded) -> None:
    day = 86_400 * 10**9
    for number in range(5):
        recorded.add(http("GET", f"/{number}"), at_ns=10**18 + number * day)
    with recorded.reader() as reader:
        first = page(reader, EVERY, limit=2)
        recorded.add(http("GET", "/new"), at_ns=10**18 + 9 * day)
        prune(recorded.store, days=1.5, bytes=0, now_ns=10**18 + 2 * day)
        assert [each.path for each in page(reader, EVERY, limit=5, before=first.earlier).requests] == ["/1", "/2"]
        # The one that it goes on from, too.
        prune(recorded.store, days=1.5, bytes=0, now_ns=10**18 + 5 * day)
        assert page(reader, EVERY, limit=5, before=first.earlier) == Page((), None)
