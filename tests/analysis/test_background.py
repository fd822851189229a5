"""Background work: what ended after its parent, and queues' consumers."""

import pytest

from tests.analysis.expected import LEAF, OK, OTHER, STRIPE, TIMEOUT, Expected, check
from tests.analysis.spans import PRICING, Part, app, client, event, log, raised, server, span

BACKGROUND = {
    "a server's span that closes much later than its 500 was received": (
        server(200, client(500, (1, 50), server(500, times=(2, 150), resource=PRICING, died=event(LEAF, 50)))),
        Expected(handled=(STRIPE,)),
    ),
    "a call in the background whose service tells why": (
        server(202, client(500, (50, 300), server(500, times=(60, 290), resource=PRICING, died=event(LEAF, 280)))),
        Expected(STRIPE, "POST /signup", 42),
    ),
    "ended after its parent": (
        server(202, span("mail", (50, 300), died=event(LEAF, 300))),
        Expected(STRIPE, "mail", 42),
    ),
    "began after its parent": (
        server(202, span("mail", (100.05, 100.2), died=event(LEAF, 100.2))),
        Expected(STRIPE, "mail", 42),
    ),
    "seems to have begun after its parent, by Node's clock": (
        server(500, span("layer", (1, 1.5), span("handler", (2, 2.3), died=event(LEAF, 2.3)), died=event(LEAF, 1.5))),
        Expected(STRIPE, "handler", 42),
    ),
    "seems to have begun after its request, by Node's clock": (
        server(500, span("layer", (1, 1.4), died=event(LEAF, 1.4)), times=(0, 0.9)),
        Expected(STRIPE, "layer", 42),
    ),
    "within the clock's tolerance": (
        server(202, span("mail", (50, 100.5), died=event(LEAF, 100.5))),
        Expected(handled=(STRIPE,)),
    ),
    "with a failing step of its own": (
        server(202, span("mail", (50, 300), span("render", (60, 90), died=event(LEAF, 90)), died=event(TIMEOUT, 300))),
        Expected(STRIPE, "render", 42),
    ),
    "that handled its error": (
        server(202, span("mail", (50, 300), span("render", (60, 90), died=event(LEAF, 90)))),
        Expected(handled=(STRIPE,)),
    ),
    "the request died of something else": (
        server(500, span("mail", (50, 300), died=event(OTHER, 300)), died=event(TIMEOUT, 90)),
        Expected(STRIPE, "POST /signup", 42, ("ValueError",)),
    ),
    "a 500 without exception did not come from the background": (
        server(500, span("mail", (50, 300), died=event(OTHER, 300))),
        Expected("HTTP 500", "POST /signup", None, ("ValueError",)),
    ),
    "two of them: the first to fail": (
        server(202, span("mail", (50, 300), died=event(OTHER, 300)), span("bill", (60, 200), died=event(LEAF, 200))),
        Expected(STRIPE, "bill", 42, ("ValueError",)),
    ),
    "a queue's consumer, whatever its clock says": (
        server(
            202,
            span(
                "send",
                (1, 9),
                span("run/bill", (2, 8), kind="consumer", resource=PRICING, died=event(LEAF, 8)),
                kind="producer",
            ),
        ),
        Expected(STRIPE, "run/bill", 42),
    ),
    "a queue's consumer that the request waited for": (
        server(
            500,
            span(
                "send",
                (1, 9),
                span("run/bill", (2, 50), kind="consumer", resource=PRICING, died=event(LEAF, 50)),
                kind="producer",
            ),
            died=event(TIMEOUT, 60),
        ),
        Expected(STRIPE, "run/bill", 42),
    ),
    "another host's clock is not trusted": (
        server(202, span("replica", (50, 300), resource=PRICING, died=event(LEAF, 300))),
        Expected(handled=(STRIPE,)),
    ),
    "a server that went on after its caller gave up": (
        server(202, client(None, (1, 50), server(500, times=(2, 300), resource=PRICING, died=event(LEAF, 300)))),
        Expected(STRIPE, "POST /signup", 42),
    ),
    "a server whose span closes a little later": (
        server(200, client(500, (1, 50), server(500, times=(2, 51), resource=PRICING, died=event(LEAF, 50)))),
        Expected(handled=(STRIPE,)),
    ),
    "a call in the background that was answered 503": (server(202, client(503, (50, 300))), OK),
    "told by a log record after the answer": (
        server(
            200,
            span(
                "fastapi.background_task", (100, 150), span("mail", (101, 149), died=event(LEAF, 149)), status="error"
            ),
            died=log(
                raised("StripeTimeout", "Stripe API timeout", app("charge", 42)), 151, "http.server.request.exception"
            ),
        ),
        Expected(STRIPE, "mail", 42),
    ),
}


CASES = {
    f"{group}: {name}": case for group, cases in {"background": BACKGROUND}.items() for name, case in cases.items()
}


@pytest.mark.parametrize(("root", "expected"), CASES.values(), ids=CASES.keys())
def test_assess(root: Part, expected: Expected) -> None:
    check(root, expected)
