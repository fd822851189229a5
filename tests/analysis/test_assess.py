"""What failed, and what was only handled: one case per rule, each with its decoys."""

import pytest

from flux_ls.analysis.assess import assess
from tests.analysis.expected import LEAF, OK, OTHER, STRIPE, TIMEOUT, Expected, check, only
from tests.analysis.spans import PRICING, Part, app, client, event, lib, log, raised, request, server, span

FAILED = {
    "answered 200": (server(200, span("charge", (1, 9))), OK),
    "answered 404": (server(404, client(404, (1, 9))), OK),
    "exception on the entry span": (server(500, died=event(TIMEOUT, 90)), Expected(STRIPE, "POST /signup", 42)),
    "exception in a log record only": (
        server(500, died=log(TIMEOUT, 90, "http.server.request.exception")),
        Expected(STRIPE, "POST /signup", 42),
    ),
    "500 without an exception": (server(500), Expected("HTTP 500", "POST /signup")),
    "4xx of a call is a fact about the callee": (
        server(500, span("charge", (1, 20), died=event(LEAF, 20)), client(404, (30, 60))),
        Expected(STRIPE, "charge", 42),
    ),
    "a script whose call was answered 404": (client(404, (0, 9)), OK),
    "a script whose call was answered 500": (client(500, (0, 9)), Expected("HTTP 500", "GET")),
    "a script that died": (span("import", died=event(OTHER, 100)), Expected("ValueError", "import", 7)),
    "logged while answering 200": (server(200, died=log(OTHER, 10)), Expected(handled=("ValueError",))),
    "websocket that died": (
        span("WS /chat", kind="server", url__scheme="ws", url__path="/chat", died=event(OTHER, 9)),
        Expected("ValueError", "WS /chat", 7),
    ),
    "an HTTPException that is the 404": (
        server(404, span("load", (1, 9), died=event(raised("HTTPException", "404: Not Found", app("load"))))),
        OK,
    ),
    "a 404 that the server made from an exception": (
        server(404, status="error", died=event(raised("django.http.response.Http404", "No Book", app("detail")))),
        OK,
    ),
    "the callee's 404 is not what the caller died of": (
        server(
            500,
            client(
                404,
                (1, 50),
                server(
                    404,
                    resource=PRICING,
                    times=(2, 49),
                    status="error",
                    died=event(raised("Http404", "No Book", app("detail")), 48),
                ),
            ),
            died=event(TIMEOUT, 90),
        ),
        Expected(STRIPE, "POST /signup", 42),
    ),
    "a caller that died of its 404": (
        client(404, (0, 9), died=event(OTHER, 9)),
        Expected("ValueError", "GET", 7),
    ),
    "an error before an unrelated 404": (
        server(404, span("load", (1, 9), died=event(OTHER))),
        Expected(handled=("ValueError",)),
    ),
    "a cancelled task": (
        server(200, span("poll", (1, 9), died=event(raised("asyncio.exceptions.CancelledError", "")))),
        OK,
    ),
}

HANDLED = {
    "a failing leaf below a failing attempt in a called service": (
        server(
            200,
            client(
                200,
                (1, 50),
                server(
                    200,
                    span(
                        "attempt",
                        (2, 30),
                        client(None, (3, 29), died=event(raised("OSError", "gone", lib()), 29)),
                        died=event(raised("OSError", "gone", app("attempt", 4), lib()), 30),
                    ),
                    resource=PRICING,
                ),
            ),
        ),
        Expected(handled=("OSError",)),
    ),
    "a retry": (
        server(
            200, client(None, (1, 9), died=event(raised("requests.Timeout", "slow", lib()), 9)), client(200, (10, 20))
        ),
        Expected(handled=("requests.Timeout",)),
    ),
    "three failing attempts are one failure": (
        server(
            500,
            *(span("charge", (at, at + 9), died=event(LEAF, at + 9)) for at in (1, 20, 40)),
            died=event(TIMEOUT, 91),
        ),
        Expected(STRIPE, "charge", 42),
    ),
    "the same attempt twice is handled once": (
        server(200, *(span("charge", (at, at + 9), died=event(LEAF, at + 9)) for at in (1, 20, 40))),
        Expected(handled=(STRIPE,)),
    ),
    "a fallback that failed too": (
        server(
            500,
            span("primary", (1, 20), died=event(LEAF, 20)),
            span("fallback", (21, 40), died=event(OTHER, 40)),
            died=event(raised("ValueError", "no plan", app("signup", 3), app("plan", 7), context=LEAF), 41),
        ),
        Expected("ValueError", "fallback", 7, (STRIPE,)),
    ),
    "none: two of a group, of which the request died": (
        server(
            500,
            span("first", (1, 20), died=event(LEAF, 20)),
            span("second", (1, 21), died=event(OTHER, 21)),
            died=event(raised("ExceptionGroup", "2 sub-exceptions", app("signup", 3), members=(LEAF, OTHER)), 41),
        ),
        Expected(STRIPE, "first", 42),
    ),
    "a gather's loser": (
        server(
            500,
            span("winner", (1, 30), died=event(LEAF, 30)),
            span("loser", (1, 80), died=event(OTHER, 80)),
            died=event(TIMEOUT, 31),
        ),
        Expected(STRIPE, "winner", 42, ("ValueError",)),
    ),
    "a failing leaf below a failing attempt is one failure": (
        server(
            200,
            span(
                "attempt",
                (1, 30),
                client(None, (2, 29), died=event(raised("OSError", "gone", lib()), 29)),
                died=event(raised("OSError", "gone", app("attempt", 4), lib()), 30),
            ),
        ),
        Expected(handled=("OSError",)),
    ),
    "what a called service handled": (
        server(
            500,
            client(200, (1, 50), server(200, span("cache", (2, 9), died=event(OTHER, 9)), resource=PRICING)),
            span("charge", (51, 60), died=event(LEAF, 60)),
        ),
        Expected(STRIPE, "charge", 42, ("ValueError",)),
    ),
    "what a called service handled, though nothing else explains the 500": (
        server(500, client(200, (1, 50), server(200, span("cache", (2, 9), died=event(OTHER, 9)), resource=PRICING))),
        Expected("HTTP 500", "POST /signup", None, ("ValueError",)),
    ),
    "what an explicitly ok span handled": (
        server(500, span("try", (1, 50), span("cache", (2, 9), died=event(OTHER, 9)), status="ok")),
        Expected("HTTP 500", "POST /signup", None, ("ValueError",)),
    ),
}

CASES = {
    f"{group}: {name}": case
    for group, cases in {"failed": FAILED, "handled": HANDLED}.items()
    for name, case in cases.items()
}


@pytest.mark.parametrize(("root", "expected"), CASES.values(), ids=CASES.keys())
def test_assess(root: Part, expected: Expected) -> None:
    check(root, expected)


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        (server(500, died=event(TIMEOUT)), "StripeTimeout: Stripe API timeout"),
        (server(500, died=event(raised("KeyError", "'plan'"))), "KeyError: 'plan'"),
        (server(500, died=event(raised("shop.Odd", ""))), "Odd"),
        (server(500, died=event(raised("E", "  first\nsecond"))), "E: first"),
        (server(500, died=event(raised("E", "x" * 500))), "E: " + "x" * 196 + "…"),
        (server(500), "HTTP 500: no exception was recorded"),
        (server(500, status="error", message="pool exhausted"), "HTTP 500: pool exhausted"),
        (span("job", status="error", message="TypeError: no", error__type="TypeError"), "TypeError: no"),
        (span("job", status="error"), "Error: no exception was recorded"),
        (server(200), None),
    ],
)
def test_error_in_one_line(root: Part, expected: str | None) -> None:
    assert assess(request(root)).request.error == expected


def test_request_of_a_trace() -> None:
    endpoint = span("fastapi.endpoint", (1, 300), code__function__name="shop.views.signup")
    assessed = assess(request(server(201, endpoint))).request
    assert (assessed.function, assessed.spans, assessed.complete, assessed.duration_ns) == (
        "shop.views.signup", 2, True, 100_000_000,
    )  # fmt: skip


def test_request_whose_root_is_missing() -> None:
    spans = request(span("gateway", (0, 500), server(500, times=(10, 60), died=event(TIMEOUT, 50))))[1:]
    assessment = assess(spans)
    assert assessment.failure is not None
    assert (assessment.request.name, assessment.request.complete, assessment.request.failed) == (
        "POST /signup", False, True,
    )  # fmt: skip


def test_status_is_taken_from_what_was_sent() -> None:
    sent = span("POST /signup http send", (90, 91), answer=500, status="error")
    assert assess(request(server(None, sent, died=event(TIMEOUT, 50)))).request.status == 500


def test_when_and_where_the_failure_was() -> None:
    failure = only(server(500, span("charge", (1, 90), died=event(LEAF, 89)), died=event(TIMEOUT, 91)))
    assert failure.at_ns == event(LEAF, 89).at_ns
    assert failure.span_id == f"{1:016x}"
    assert not failure.handled


def test_at_most_twenty_handled_errors_are_kept() -> None:
    parts = [span(f"s{at}", (at, at + 0.5), died=event(raised("E", str(at)), at)) for at in range(90)]
    assessment = assess(request(server(200, *parts)))
    assert [one.message for one in assessment.handled] == [str(at) for at in range(20)]
