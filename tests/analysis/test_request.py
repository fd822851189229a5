"""What an entry span says about its request."""

from typing import Any

import pytest
from msgspec.structs import replace

from flux_ls.analysis.request import describe, entry_of, failed
from flux_ls.model import Span
from tests.analysis.spans import PRICING, Part, client, event, log, ms, raised, request, server, span

BOOM = raised("ValueError", "boom")


def root(part: Part) -> Span:
    return request(part)[0]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (server(200), False),
        (server(404), False),
        (server(422), False),
        (server(499), False),
        (server(500), True),
        (server(503, status="unset"), True),
        (server(None, status="error"), True),
        (server(None), False),
        (server(200, status="error"), True),  # a streamed answer that broke
        (server(404, status="error"), False),
        (server(404, status="error", died=event(BOOM)), False),  # Django's Http404
        (server(None, died=event(BOOM)), True),
        (server(None, died=event(BOOM), status="ok"), False),
        (server(200, died=event(BOOM), status="ok"), False),
        (server(200, died=log(BOOM)), False),  # logger.exception
        (server(None, died=log(BOOM)), False),
        (server(200, died=log(BOOM, event_name="http.server.request.exception")), True),
        (server(404, died=log(BOOM, event_name="http.server.request.exception")), True),
        (server(None, died=log(BOOM, event_name="http.server.request.exception")), True),
        (client(200, (0, 1)), False),
        (client(404, (0, 1)), False),
        (client(500, (0, 1)), True),
        (client(None, (0, 1), died=event(BOOM)), True),
        (span("job", status="error"), True),
        (span("job", status="ok"), False),
        (span("job", died=event(BOOM)), True),
        (span("job", died=log(BOOM)), False),
        (span("run/shop.tasks.charge", kind="consumer", died=event(BOOM)), True),
        (span("GET", http__response__status_code="500"), True),
        (span("GET", http__response__status_code="many"), False),
        (span("GET", http__response__status_code=True), False),
        (span("GET", http__response__status_code=99), False),
    ],
)
def test_failed(entry: Part, expected: bool) -> None:
    assert failed(root(entry)) is expected


def test_recorded_and_handled_exception_of_an_answered_request_is_no_failure() -> None:
    handled = replace(root(server(200, died=event(BOOM))), status="unset")
    assert not failed(handled)


@pytest.mark.parametrize(
    ("orphan", "expected"),
    [
        (server(500), True),
        (server(200), False),
        (span("step", died=event(BOOM)), True),
        (client(None, (0, 1), died=event(BOOM)), False),
        (client(404, (0, 1)), False),
        (span("send", kind="producer", status="error"), False),
    ],
)
def test_failed_orphan(orphan: Part, expected: bool) -> None:
    assert failed(replace(root(orphan), parent_id="f" * 16)) is expected


@pytest.mark.parametrize(
    ("entry", "kind", "name", "method", "path", "route"),
    [
        (server(200, http__route="/signup"), "http", "POST /signup", "POST", "/signup", "/signup"),
        (
            server(200, path="/users/42", http__route="/users/{id}"),
            "http",
            "POST /users/42",
            "POST",
            "/users/42",
            "/users/{id}",
        ),
        (
            span("GET", kind="server", http__request__method="GET", url__full="http://shop:8000/books/7?a=b#c"),
            "http",
            "GET /books/7",
            "GET",
            "/books/7",
            None,
        ),
        (
            span("GET", kind="server", http__request__method="GET", url__full="http://shop"),
            "http",
            "GET /",
            "GET",
            "/",
            None,
        ),
        (
            span("GET", kind="server", http__request__method="GET", url__full="http://[broken"),
            "http",
            "GET",
            "GET",
            None,
            None,
        ),
        (
            span("GET", kind="server", http__request__method="GET", http__route="/x/{id}"),
            "http",
            "GET /x/{id}",
            "GET",
            None,
            "/x/{id}",
        ),
        (
            span(
                "HTTP",
                kind="server",
                http__request__method="_OTHER",
                http__request__method_original="PURGE",
                url__path="/a",
            ),
            "http",
            "PURGE /a",
            "PURGE",
            "/a",
            None,
        ),
        (span("WS", kind="server", url__scheme="wss", url__path="/chat"), "http", "WS /chat", None, "/chat", None),
        (client(200, (0, 1)), "http", "GET /price", "GET", "/price", None),
        (span("shop.Cart/Add", kind="server", rpc__system="grpc"), "rpc", "shop.Cart/Add", None, None, None),
        (span("run/shop.tasks.charge", kind="consumer"), "message", "run/shop.tasks.charge", None, None, None),
        (span("orders send", kind="producer"), "message", "orders send", None, None, None),
        (span("nightly import"), "run", "nightly import", None, None, None),
    ],
)
def test_name(entry: Part, kind: str, name: str, method: str | None, path: str | None, route: str | None) -> None:
    described = describe(root(entry), started_ns=0, ended_ns=5, spans=1, complete=True)
    assert (described.kind, described.name, described.method, described.path, described.route) == (
        kind, name, method, path, route,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("scheme", "status", "expected"),
    [("ws", 200, 101), ("wss", 200, 101), ("ws", None, None), ("ws", 403, 403), ("http", 200, 200)],
)
def test_a_web_socket_was_switched_to(scheme: str, status: int | None, expected: int | None) -> None:
    answered = {} if status is None else {"http__response__status_code": status}
    entry = root(span("HTTP /ws/{room}", kind="server", url__scheme=scheme, url__path="/ws/7", **answered))
    assert describe(entry, started_ns=0, ended_ns=5, spans=1, complete=True).status == expected


def test_facts() -> None:
    entry = root(server(201, code__function__name="shop.views.signup"))
    described = describe(entry, started_ns=ms(1), ended_ns=ms(45), spans=3, complete=False)
    assert described.id == entry.trace_id
    assert (described.started_ns, described.duration_ns, described.spans) == (ms(1), 44_000_000, 3)
    assert (described.service, described.environment, described.revision) == ("shop", "dev", "c0ffee")
    assert (described.function, described.status, described.complete) == ("shop.views.signup", 201, False)
    assert not described.failed
    assert described.error is None


def test_a_span_that_ends_before_it_starts_takes_no_time() -> None:
    assert describe(root(server(200)), started_ns=ms(9), ended_ns=ms(1), spans=1, complete=True).duration_ns == 0


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, ()),
        ({"http__request__header__x-request-id": ["abc-1"]}, ("abc-1",)),
        ({"http__request__header__x_request_id": "abc-1"}, ("abc-1",)),
        (
            {
                "http__request__header__x-request-id": ["abc-1"],
                "http__response__header__x-request-id": ["abc-1", "up-2"],
            },
            ("abc-1", "up-2"),
        ),
        ({"request_id": "r", "request__id": "s"}, ("s", "r")),
        ({"request_id": 7}, ()),
        ({"request_id": ""}, ()),
        ({"request_id": "x" * 201}, ()),
    ],
)
def test_aliases(attributes: dict[str, Any], expected: tuple[str, ...]) -> None:
    described = describe(root(server(200, **attributes)), started_ns=0, ended_ns=1, spans=1, complete=True)
    assert described.aliases == expected


def test_entry_is_the_root() -> None:
    spans = request(span("job", (0, 9), client(200, (1, 5), server(200, times=(2, 4), resource=PRICING))))
    assert {entry_of(order).name for order in (spans, spans[::-1])} == {"job"}


def test_entry_without_a_root_is_the_earliest_server_span() -> None:
    spans = request(span("job", (0, 9), client(200, (0, 1)), server(200, times=(3, 4)), server(201, times=(2, 4))))[1:]
    assert {entry_of(order).attributes["http.response.status_code"] for order in (spans, spans[::-1])} == {201}


def test_entry_of_spans_that_are_each_others_parents() -> None:
    one, two = request(span("a", (5, 9), span("b", (1, 3))))
    assert entry_of([replace(one, parent_id=two.span_id), two]).name == "b"


def test_entry_of_nothing() -> None:
    with pytest.raises(ValueError, match="at least one span"):
        entry_of([])
