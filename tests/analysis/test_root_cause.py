"""From what a request died of down to its origin: one case per rule, each with its decoys."""

import pytest

from tests.analysis.expected import LEAF, OK, OTHER, STRIPE, TIMEOUT, Expected, check
from tests.analysis.spans import PRICING, Part, app, client, event, lib, log, raised, server, span

PROPAGATED = {
    "not from what a called service handled": (
        server(
            500,
            client(200, (1, 50), server(200, span("cache", (2, 9), died=event(LEAF, 9)), resource=PRICING)),
            died=event(raised(STRIPE, "Stripe API timeout", app("signup", 3)), 91),
        ),
        Expected(STRIPE, "POST /signup", 3, (STRIPE,)),
    ),
    "nor when that service logged something": (
        server(
            500,
            client(
                200,
                (1, 50),
                server(200, span("cache", (2, 9), died=event(LEAF, 9)), resource=PRICING, died=log(OTHER, 10)),
            ),
            died=event(raised(STRIPE, "Stripe API timeout", app("signup", 3)), 91),
        ),
        Expected(STRIPE, "POST /signup", 3, ("ValueError", STRIPE)),
    ),
    "from another host, whose clock is ahead": (
        server(
            500,
            span("charge", (200, 300), resource=PRICING, died=event(LEAF, 300)),
            died=log(TIMEOUT, 91, "http.server.request.exception"),
        ),
        Expected(STRIPE, "charge", 42),
    ),
    "not what failed later by another host's clock": (
        server(500, span("replica", (200, 300), resource=PRICING, died=event(LEAF, 300)), died=event(OTHER, 91)),
        Expected("ValueError", "POST /signup", 7, (STRIPE,)),
    ),
    "of equal children from the one that ended last": (
        server(
            500,
            span("slow", (1, 80), died=event(LEAF, 80)),
            span("quick", (2, 40), died=event(raised(STRIPE, "Stripe API timeout", app("charge", 43)), 40)),
            died=event(TIMEOUT, 91),
        ),
        Expected(STRIPE, "slow", 42, (STRIPE,)),
    ),
    "from the route, and not from the dependency around it that it was thrown into": (
        server(
            500,
            span("session", (1, 60), died=event(raised(STRIPE, "Stripe API timeout"), 60)),
            span(
                "signup",
                (2, 40),
                span("charge", (3, 30), died=event(LEAF, 30)),
                died=event(raised(STRIPE, "Stripe API timeout"), 40),
            ),
            died=event(TIMEOUT, 91),
        ),
        Expected(STRIPE, "charge", 42),
    ),
    "the same with all of the stack recorded in the dependency": (
        server(
            500,
            span("session", (1, 60), died=event(TIMEOUT, 60)),
            span("charge", (3, 30), died=event(LEAF, 30)),
            died=event(TIMEOUT, 91),
        ),
        Expected(STRIPE, "charge", 42),
    ),
    "of attempts inside of such a dependency from the last": (
        server(
            500,
            span("session", (1, 80), died=event(raised(STRIPE, "Stripe API timeout"), 80)),
            span("first", (2, 40), died=event(LEAF, 40)),
            span("second", (41, 79), died=event(LEAF, 79)),
            died=event(TIMEOUT, 91),
        ),
        Expected(STRIPE, "second", 42),
    ),
    "certainly recorded, whatever failed after it": (
        server(
            500,
            span("cleanup", (92, 95), died=event(OTHER, 95)),
            died=log(TIMEOUT, 91, "http.server.request.exception"),
        ),
        Expected(STRIPE, "POST /signup", 42, ("ValueError",)),
    ),
    "a 404 that raised": (
        server(500, client(404, (1, 9), died=event(raised("HTTPError", "404 Client Error", app("get", 9)), 9))),
        Expected("HTTPError", "GET", 9),
    ),
    "two events of one exception: the better type": (
        server(500, died=[event(raised("StripeTimeout", "Stripe API timeout"), 90), event(TIMEOUT, 91)]),
        Expected(STRIPE, "POST /signup", 42),
    ),
    "an answer raised over an error that no span recorded": (
        server(502, span("checkout", died=event(raised("HTTPException", "502", app("checkout", 5), context=LEAF)))),
        Expected(STRIPE, "checkout", 42),
    ),
    "not from a message that begins alike": (
        server(
            500,
            span("decoy", (1, 90), died=event(raised("ValueError", "no", app("decoy", 9)), 90)),
            died=event(raised("ValueError", "no plan", app("signup", 3)), 91),
        ),
        Expected("ValueError", "POST /signup", 3, ("ValueError",)),
    ),
    "from a message that a length limit cut": (
        server(
            500,
            span("load", (1, 90), died=event(raised("ValueError", "x" * 128, app("load", 9)), 90)),
            died=event(raised("ValueError", "x" * 400, app("signup", 3), app("load", 9)), 91),
        ),
        Expected("ValueError", "load", 9),
    ),
    "from a child": (
        server(500, span("charge", (1, 90), died=event(LEAF, 90)), died=event(TIMEOUT, 91)),
        Expected(STRIPE, "charge", 42),
    ),
    "through spans that recorded nothing": (
        server(
            500,
            span("a", (1, 95), span("b", (2, 94), span("charge", (3, 93), died=event(LEAF, 93)))),
            died=event(TIMEOUT, 96),
        ),
        Expected(STRIPE, "charge", 42),
    ),
    "into a log record, whose type is unqualified": (
        server(
            500,
            span("charge", (1, 90), died=event(LEAF, 90)),
            died=log(raised("StripeTimeout", "Stripe API timeout", app("signup", 3)), 91),
        ),
        Expected(STRIPE, "charge", 42),
    ),
    "into a log record, whose message is the first argument": (
        server(
            500,
            span("pick", (1, 90), died=event(raised("KeyError", "'plan'", app("pick", 8)), 90)),
            died=log(raised("KeyError", "plan", app("signup", 3), app("pick", 8)), 91),
        ),
        Expected("KeyError", "pick", 8),
    ),
    "into a log record, whose message is another": (
        server(
            500,
            span("pick", (1, 90), died=event(raised("shop.Odd", "told by __str__", app("pick", 8)), 90)),
            died=log(raised("Odd", "42", app("signup", 3), app("pick", 8)), 91),
        ),
        Expected("shop.Odd", "pick", 8),
    ),
    "not from another type of the same name": (
        server(
            500,
            span("decoy", (1, 90), died=event(raised("billing.Timeout", "slow", app("decoy", 9)), 90)),
            died=event(raised("shop.Timeout", "slow", app("signup", 3)), 91),
        ),
        Expected("shop.Timeout", "POST /signup", 3, ("billing.Timeout",)),
    ),
    "not from another message": (
        server(
            500,
            span("decoy", (1, 90), died=event(raised("ValueError", "one", app("decoy", 9)), 90)),
            died=event(raised("ValueError", "two", app("signup", 3)), 91),
        ),
        Expected("ValueError", "POST /signup", 3, ("ValueError",)),
    ),
    "not past a span that died of something else": (
        server(
            500,
            span(
                "outer",
                (1, 90),
                span("decoy", (2, 50), died=event(raised("ValueError", "two", app("decoy", 9)), 50)),
                died=event(raised("KeyError", "k", app("outer", 5)), 90),
            ),
            died=event(raised("ValueError", "two", app("signup", 3)), 95),
        ),
        Expected("ValueError", "POST /signup", 3, ("KeyError", "ValueError")),
    ),
    "wrapped: raise X from Y": (
        server(
            500,
            span("charge", (1, 90), died=event(LEAF, 90)),
            died=event(raised("shop.PaymentFailed", "payment failed", app("signup", 5), cause=LEAF), 91),
        ),
        Expected(STRIPE, "charge", 42),
    ),
    "wrapped without a span of its own": (
        server(500, died=event(raised("shop.PaymentFailed", "", app("signup", 5), cause=LEAF), 91)),
        Expected(STRIPE, "POST /signup", 42),
    ),
    "wrapped by a library": (
        server(500, died=event(raised("orm.Error", "", app("signup", 5), cause=raised("db.Error", "", lib())), 91)),
        Expected("orm.Error", "POST /signup", 5),
    ),
    "while another was handled": (
        server(
            500,
            span("charge", (1, 50), died=event(LEAF, 50)),
            died=event(raised("shop.RollbackFailed", "lost", app("undo", 5), context=LEAF), 91),
        ),
        Expected("shop.RollbackFailed", "POST /signup", 5, (STRIPE,)),
    ),
    "an answer raised over an error": (
        server(
            502,
            span(
                "checkout",
                (1, 90),
                span("charge", (2, 50), died=event(LEAF, 50)),
                died=event(raised("fastapi.HTTPException", "502: payment", app("checkout", 5), context=LEAF), 90),
            ),
        ),
        Expected(STRIPE, "charge", 42),
    ),
    "a group's first member of the user's code": (
        server(
            500,
            span("fetch", (1, 40), died=event(raised("OSError", "gone", lib()), 40)),
            span("charge", (1, 90), died=event(LEAF, 90)),
            died=event(
                raised(
                    "ExceptionGroup",
                    "unhandled errors in a TaskGroup (2 sub-exceptions)",
                    app("signup", 5),
                    members=(raised("OSError", "gone", lib()), LEAF),
                ),
                91,
            ),
        ),
        Expected(STRIPE, "charge", 42),
    ),
    "a group in a group": (
        server(
            500,
            died=event(
                raised(
                    "ExceptionGroup", "a", app("signup", 5), members=(raised("ExceptionGroup", "b", members=(LEAF,)),)
                )
            ),
        ),
        Expected(STRIPE, "POST /signup", 42),
    ),
    "a group of nothing but library code": (
        server(
            500, died=event(raised("ExceptionGroup", "a", app("signup", 5), members=(raised("OSError", "", lib()),)))
        ),
        Expected("ExceptionGroup", "POST /signup", 5),
    ),
    "an ancestor without a record: the child that failed last": (
        server(
            500,
            span("first", (1, 30), died=event(OTHER, 30)),
            span("last", (1, 90), died=event(LEAF, 90)),
            span("fine", (92, 99)),
        ),
        Expected(STRIPE, "last", 42, ("ValueError",)),
    ),
    "a framework's layer span": (
        server(500, span("middleware", (0, 99), span("request handler", (1, 90), died=event(LEAF, 90)))),
        Expected(STRIPE, "request handler", 42),
    ),
    "a status message without an exception": (
        server(500, span("charge", (1, 90), status="error", message="card declined")),
        Expected("Error", "charge"),
    ),
    "what was logged and handled before the child failed": (
        server(500, span("charge", (20, 90), died=event(LEAF, 90)), died=log(OTHER, 10)),
        Expected(STRIPE, "charge", 42, ("ValueError",)),
    ),
    "the exception that the status message tells": (
        server(
            500,
            message="StripeTimeout: Stripe API timeout",
            died=[event(TIMEOUT, 50), event(raised("OSError", "while reporting", app("report", 8)), 60)],
        ),
        Expected(STRIPE, "POST /signup", 42, ("OSError",)),
    ),
    "the last exception of several": (
        server(500, died=[event(OTHER, 10), event(TIMEOUT, 50)]),
        Expected(STRIPE, "POST /signup", 42, ("ValueError",)),
    ),
    "a framework's span that knows the type only": (
        server(
            500,
            span("fastapi.dependencies", (1, 2)),
            span("fastapi.endpoint", (3, 90), status="error", error__type=STRIPE, code__function__name="shop.signup"),
            died=log(TIMEOUT, 91, "http.server.request.exception"),
        ),
        Expected(STRIPE, "fastapi.endpoint", 42),
    ),
}

FAR = server(
    500, times=(6, 44), resource=PRICING, path="/price", died=event(raised("KeyError", "'cents'", app("cents", 11)), 44)
)
RAISE_FOR_STATUS = raised(
    "requests.exceptions.HTTPError",
    "500 Server Error: INTERNAL SERVER ERROR for url: http://pricing/price?of=sofa",
    app("price", 21),
    lib("raise_for_status"),
)


def remote_call(code: int) -> Part:
    died = event(raised("grpc.RpcError", "INTERNAL", lib()), 45)
    return span(
        "shop.Prices/Get", (5, 45), FAR, kind="client", died=died, rpc__system="grpc", rpc__grpc__status_code=code
    )


SERVICES = {
    "what the server received meanwhile is no work": (
        server(
            500,
            client(500, (5, 45), FAR),
            span("POST /signup http receive", (50, 51)),
            died=event(raised("Down", "no price", app("f")), 90),
        ),
        Expected("KeyError", "POST /price", 11),
    ),
    "not what a queue's consumer called": (
        server(
            500,
            span(
                "send",
                (1, 4),
                span(
                    "run/price", (5, 46), client(500, (5, 45), FAR), kind="consumer", status="error", resource=PRICING
                ),
                kind="producer",
            ),
            died=event(RAISE_FOR_STATUS, 90),
        ),
        Expected("requests.exceptions.HTTPError", "POST /signup", 21, ("KeyError",)),
    ),
    "by gRPC": (
        server(500, remote_call(13), died=event(raised("grpc.RpcError", "INTERNAL", app("price", 21)), 46)),
        Expected("KeyError", "POST /price", 11),
    ),
    "by gRPC, when the caller's deadline had passed": (
        server(500, remote_call(4), died=event(raised("grpc.RpcError", "INTERNAL", app("price", 21)), 46)),
        Expected("grpc.RpcError", "shop.Prices/Get", 21, ("KeyError",)),
    ),
    "the cause is in the second service": (
        server(500, client(500, (5, 45), FAR), died=event(RAISE_FOR_STATUS, 90)),
        Expected("KeyError", "POST /price", 11),
    ),
    "though other work went on before the status was looked at": (
        server(500, client(500, (5, 45), FAR), span("count", (50, 60)), died=event(RAISE_FOR_STATUS, 90)),
        Expected("KeyError", "POST /price", 11),
    ),
    "named by its status code": (
        server(
            500,
            client(500, (5, 45), FAR),
            span("count", (50, 60)),
            died=event(raised("Down", "got 500!", app("f")), 90),
        ),
        Expected("KeyError", "POST /price", 11),
    ),
    "by being the last thing before the exception": (
        server(
            500, span("count", (1, 3)), client(500, (5, 45), FAR), died=event(raised("Down", "no price", app("f")), 90)
        ),
        Expected("KeyError", "POST /price", 11),
    ),
    "not when something else went well in between": (
        server(
            500,
            client(500, (5, 45), FAR),
            span("count", (50, 60)),
            died=event(raised("ValueError", "5000", app("f", 4)), 90),
        ),
        Expected("ValueError", "POST /signup", 4, ("KeyError",)),
    ),
    "not when the service tells nothing": (
        server(
            500, client(500, (5, 45), server(500, times=(6, 44), resource=PRICING)), died=event(RAISE_FOR_STATUS, 90)
        ),
        Expected("requests.exceptions.HTTPError", "POST /signup", 21),
    ),
    "not when the caller gave up": (
        server(
            500,
            client(None, (5, 45), FAR, died=event(raised("requests.ReadTimeout", "slow", lib()), 45)),
            died=event(raised("requests.ReadTimeout", "slow", app("price", 21), lib()), 46),
        ),
        Expected("requests.ReadTimeout", "GET", 21, ("KeyError",)),
    ),
    "without any record on the way": (
        server(500, client(500, (5, 45), FAR)),
        Expected("KeyError", "POST /price", 11),
    ),
    "the call recorded the exception itself": (
        server(
            500,
            client(500, (5, 45), FAR, died=event(raised("aiohttp.ClientResponseError", "500", lib()), 45)),
            died=event(raised("aiohttp.ClientResponseError", "500", app("price", 21), lib()), 46),
        ),
        Expected("KeyError", "POST /price", 11),
    ),
    "the call's span was lost": (
        server(500, FAR, died=event(RAISE_FOR_STATUS, 90)),
        Expected("KeyError", "POST /price", 11),
    ),
    "a third service": (
        server(
            500,
            client(
                502,
                (5, 60),
                server(502, client(500, (7, 45), FAR), times=(6, 59), died=event(RAISE_FOR_STATUS, 50), path="/middle"),
                url="http://middle/price",
            ),
            died=event(raised("Down", "502 from http://middle/price", app("f")), 90),
        ),
        Expected("KeyError", "POST /price", 11),
    ),
    "a call that was refused": (
        server(
            500,
            client(None, (5, 45), died=event(raised("httpx.ConnectError", "refused", lib()), 45)),
            died=event(raised("httpx.ConnectError", "refused", app("price", 21), lib()), 46),
        ),
        Expected("httpx.ConnectError", "GET", 21),
    ),
    "a bad answer that says nothing does not hide what failed earlier": (
        server(500, span("charge", (1, 9), died=event(LEAF, 9)), client(503, (10, 20))),
        Expected(STRIPE, "charge", 42),
    ),
    "a bad answer is better than nothing": (
        server(500, client(503, (10, 20))),
        Expected("HTTP 503", "GET"),
    ),
}

ORIGINAL = "UNIQUE constraint failed: members.email"
DRIVER = event(raised("sqlite3.IntegrityError", ORIGINAL, lib("execute")), 29)
MAPPER = raised(
    "sqlalchemy.exc.IntegrityError",
    f"(sqlite3.IntegrityError) {ORIGINAL}\n[SQL: INSERT ...]",
    app("add", 31),
    lib(),
    cause=raised("sqlite3.IntegrityError", ORIGINAL, lib("execute")),
)


def statement(times: tuple[float, float], *below: Part, **more: object) -> Part:
    return span("INSERT", times, *below, kind="client", db__system__name="sqlite", **more)  # type: ignore[arg-type]


DATABASES = {
    "object mapper only: its span has a status message": (
        server(500, statement((20, 30), status="error", message=ORIGINAL), died=event(MAPPER, 40)),
        Expected("sqlalchemy.exc.IntegrityError", "INSERT", 31),
    ),
    "object mapper and driver": (
        server(
            500,
            statement((20, 30), status="error", message=ORIGINAL),
            statement((21, 29), died=DRIVER),
            died=event(MAPPER, 40),
        ),
        Expected("sqlite3.IntegrityError", "INSERT", 31),
    ),
    "the driver's span below the mapper's": (
        server(
            500,
            statement((20, 30), statement((21, 29), died=DRIVER), status="error", message=ORIGINAL),
            died=event(MAPPER, 40),
        ),
        Expected("sqlite3.IntegrityError", "INSERT", 31),
    ),
    "nothing recorded above": (
        server(500, statement((20, 30), status="error", message=ORIGINAL), statement((21, 29), died=DRIVER)),
        Expected("sqlite3.IntegrityError", "INSERT"),
    ),
    "handled": (
        server(200, statement((20, 30), status="error", message=ORIGINAL), statement((21, 29), died=DRIVER)),
        Expected(handled=("sqlite3.IntegrityError",)),
    ),
}

NOISE = {
    "message spans are never the origin": (
        server(
            500,
            span("charge", (1, 50), died=event(LEAF, 50)),
            span(
                "POST /signup http send", (90, 91), status="error", answer=500, asgi__event__type="http.response.start"
            ),
        ),
        Expected(STRIPE, "charge", 42),
    ),
    "nor what a 500 came from": (
        server(500, span("POST /signup http send", (90, 91), status="error", answer=500)),
        Expected("HTTP 500", "POST /signup"),
    ),
    "nor background work": (
        server(200, span("GET /chat websocket send", (90, 300), status="error", died=event(OTHER, 300))),
        OK,
    ),
}

CASES = {
    f"{group}: {name}": case
    for group, cases in {"propagated": PROPAGATED, "services": SERVICES, "databases": DATABASES, "noise": NOISE}.items()
    for name, case in cases.items()
}


@pytest.mark.parametrize(("root", "expected"), CASES.values(), ids=CASES.keys())
def test_assess(root: Part, expected: Expected) -> None:
    check(root, expected)
