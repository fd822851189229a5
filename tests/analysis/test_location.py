"""The responsible line, the way to it, and the chain of exceptions."""

import pytest

from flux_ls.analysis.assess import assess
from flux_ls.model import Failure, Frame, Raised
from tests.analysis.expected import only
from tests.analysis.spans import PRICING, Part, app, client, event, lib, log, raised, ran, request, server, span

VIEW, CHARGE, SEND = app("signup", 3, "/srv/app/shop/views.py"), app("charge", 42), app("send", 50)


def lines(failure: Failure) -> list[int]:
    return [frame.line for frame in failure.frames]


@pytest.mark.parametrize(
    ("root", "line", "frames"),
    [
        pytest.param(server(500, died=event(raised("E", "", VIEW, lib(), CHARGE, lib()))), 42, [3, 42], id="innermost"),
        pytest.param(
            server(
                500,
                span("charge", died=event(raised("E", "", CHARGE, SEND))),
                died=event(raised("E", "", VIEW, CHARGE, SEND)),
            ),
            50,
            [3, 42, 50],
            id="a child's stack begins where its span began",
        ),
        pytest.param(
            server(
                500,
                client(None, (1, 9), died=event(raised("E", "", lib()))),
                died=event(raised("E", "", VIEW, CHARGE, lib())),
            ),
            42,
            [3, 42],
            id="a library-only leaf: the ancestor's frame",
        ),
        pytest.param(
            server(
                500,
                span(
                    "charge",
                    (1, 20),
                    client(None, (1, 9), died=event(raised("E", "", lib()))),
                    died=event(raised("E", "", CHARGE, lib())),
                ),
                died=event(raised("E", "", VIEW, CHARGE, lib())),
            ),
            42,
            [3, 42],
            id="a library-only leaf: the nearest ancestor's frame",
        ),
        pytest.param(
            server(500, died=[event(raised("E", "", lib()), 5), log(raised("E", "", VIEW, CHARGE, lib()), 6)]),
            42,
            [3, 42],
            id="the log record has the frames that the event lacks",
        ),
        pytest.param(
            server(
                500, died=event(raised("W", "", VIEW, app("pay", 20), cause=raised("E", "", app("pay", 18), CHARGE)))
            ),
            42,
            [3, 18, 42],
            id="a cause's stack begins where it was caught",
        ),
        pytest.param(
            server(
                500,
                span("charge", (1, 9), died=event(raised("E", "", CHARGE))),
                died=event(raised("W", "", VIEW, app("pay", 20), cause=raised("E", "", app("pay", 18), CHARGE))),
            ),
            42,
            [3, 18, 42],
            id="a cause that a child recorded",
        ),
        pytest.param(
            server(
                500,
                died=event(
                    raised(
                        "W", "", VIEW, lib(), cause=raised("E", "", app("pay", 18), lib(), cause=raised("D", "", lib()))
                    )
                ),
            ),
            18,
            [3, 18],
            id="causes are followed into the user's code only",
        ),
        pytest.param(
            server(
                500,
                died=event(raised("W", "", lib(), cause=raised("C", "", lib()), context=raised("E", "", VIEW, CHARGE))),
            ),
            42,
            [3, 42],
            id="of a library's error the one that it was raised over",
        ),
        pytest.param(
            server(500, died=event(raised("E", "", *[app("walk", 8)] * 90))),
            8,
            [8],
            id="recursion counts once",
        ),
        pytest.param(
            server(500, died=event(raised("E", "", *[app("f", line) for line in range(1, 101)]))),
            100,
            [*range(1, 16), *range(56, 101)],
            id="a long path keeps both its ends",
        ),
        pytest.param(
            server(
                500, died=event(raised("ExceptionGroup", "", VIEW, members=(raised("E", "", app("task", 7), CHARGE),)))
            ),
            42,
            [3, 7, 42],
            id="into a group's member",
        ),
        pytest.param(
            server(
                500,
                client(
                    500, (1, 50), server(500, times=(2, 49), resource=PRICING, died=event(raised("E", "", CHARGE), 40))
                ),
                died=event(raised("HTTPError", "500 Server Error", VIEW, lib()), 60),
            ),
            42,
            [3, 42],
            id="from one service into the other",
        ),
        pytest.param(
            server(
                500,
                span(
                    "charge",
                    (1, 9),
                    status="error",
                    code__file__path="/srv/pay.py",
                    code__line__number=12,
                    code__function__name="pay",
                ),
            ),
            12,
            [12],
            id="code.* of the span",
        ),
        pytest.param(
            server(
                500,
                span(
                    "charge",
                    (1, 9),
                    client(None, (2, 8), died=event(raised("E", "", lib()))),
                    code__file__path="/srv/pay.py",
                    code__line__number=12,
                ),
            ),
            12,
            [12],
            id="code.* of a span above",
        ),
        pytest.param(
            server(
                500,
                died=event(
                    raised(
                        "E", "", app("a", 4), Frame("/srv/x.js", 5, "b", True, language="javascript"), truncated=True
                    )
                ),
            ),
            None,
            [4, 5],
            id="a cut stack",
        ),
        pytest.param(
            server(
                500,
                died=event(raised("E", "", Frame("/srv/x.js", 5, "b", True, language="javascript"), truncated=True)),
            ),
            5,
            [5],
            id="a cut stack of a language that writes the innermost frames first",
        ),
        pytest.param(
            server(
                500,
                span(
                    "charge",
                    (1, 9),
                    died=event(raised("E", "", CHARGE, truncated=True)),
                    code__file__path="/srv/pay.py",
                    code__line__number=12,
                ),
                died=event(raised("E", "", VIEW, CHARGE, truncated=True)),
            ),
            None,
            [3, 42],
            id="a cut stack with a span's code.*",
        ),
        pytest.param(
            server(
                500,
                span("charge", (1, 9), died=event(raised("E", "", CHARGE, truncated=True))),
                died=log(raised("E", "", VIEW, CHARGE, SEND)),
            ),
            50,
            [3, 42, 50],
            id="a cut stack that another record has whole",
        ),
        pytest.param(
            server(
                500,
                client(
                    500,
                    (1, 50),
                    server(
                        500, times=(2, 49), resource=PRICING, died=event(raised("E", "", CHARGE, truncated=True), 40)
                    ),
                ),
                died=event(raised("HTTPError", "500 Server Error", VIEW, lib()), 60),
            ),
            None,
            [3, 42],
            id="a cut stack: the caller's line is not the fault",
        ),
        pytest.param(
            server(
                500,
                span("charge", (1, 9), died=event(raised("E", "e", CHARGE, truncated=True))),
                died=event(raised("W", "", VIEW, cause=raised("E", "e", lib()))),
            ),
            None,
            [3, 42],
            id="a cut stack: the line that wrapped it is not the fault",
        ),
        pytest.param(
            server(500, died=event(raised("W", "", VIEW, cause=raised("E", "e", CHARGE, truncated=True)))),
            None,
            [3, 42],
            id="a cause whose stack was cut",
        ),
        pytest.param(
            server(
                500,
                span("walk", (1, 9), died=event(raised("E", "", app("walk", 1), app("walk", 2), app("walk", 3)))),
                died=event(raised("E", "", app("walk", 1), app("walk", 2))),
            ),
            3,
            [1, 2, 3],
            id="a recursion that two spans recorded",
        ),
    ],
)
def test_location(root: Part, line: int | None, frames: list[int]) -> None:
    failure = only(root)
    assert (failure.location and failure.location.line, lines(failure)) == (line, frames)
    assert failure.location is None or failure.location.in_app


@pytest.mark.parametrize(
    ("root", "reason"),
    [
        (server(500), "no exception was recorded: shop answered 500 without recording one"),
        (server(500, client(503, (1, 9))), "no exception was recorded: shop was answered 503 without recording one"),
        (
            span("import", status="error"),
            "no exception was recorded: the span 'import' of shop failed without recording one",
        ),
        (server(500, died=event(raised("E", "m"))), "the exception was recorded without a stack trace"),
        (server(500, died=event(raised("E", "m", lib()))), "every frame of the stack trace is library code"),
        (
            server(500, died=event(raised("E", "m", VIEW, truncated=True))),
            "the stack trace was cut by OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: its innermost frames are missing",
        ),
    ],
)
def test_why_there_is_no_location(root: Part, reason: str) -> None:
    failure = only(root)
    assert failure.location is None
    assert failure.location_reason == reason


@pytest.mark.parametrize(
    ("died", "chain"),
    [
        (raised("E", "e", VIEW), [("E", 3)]),
        (raised("W", "w", VIEW, cause=raised("E", "e", CHARGE)), [("E", 42), ("W", 3)]),
        (raised("W", "w", VIEW, cause=raised("D", "d", lib())), [("W", 3), ("D", None)]),
        (raised("W", "w", VIEW, context=raised("E", "e", CHARGE)), [("W", 3), ("E", 42)]),
        (
            raised(
                "V", "v", VIEW, cause=raised("W", "w", SEND, cause=raised("E", "e", CHARGE)), context=raised("X", "x")
            ),
            [("E", 42), ("W", 50), ("V", 3), ("X", None)],
        ),
        (
            raised("G", "g", VIEW, members=(raised("D", "d", lib()), raised("E", "e", CHARGE), raised("F", "f", SEND))),
            [("E", 42), ("G", 3), ("D", None), ("F", 50)],
        ),
        (
            raised("W", "w", VIEW, cause=raised("E", "same", CHARGE), context=raised("E", "same", CHARGE)),
            [("E", 42), ("W", 3)],
        ),
    ],
)
def test_chain(died: Raised, chain: list[tuple[str, int | None]]) -> None:
    links = only(server(500, died=event(died))).chain
    assert [(link.type, link.frame and link.frame.line) for link in links] == chain


def test_chain_across_spans_starts_at_the_root_cause() -> None:
    far = server(500, times=(2, 49), resource=PRICING, died=event(raised("KeyError", "k", CHARGE), 40))
    down = raised("Down", "pricing", VIEW, cause=raised("HTTPError", "500 Server Error", app("get", 9), lib()))
    failure = only(server(500, client(500, (1, 50), far), died=event(down, 60)))
    assert [link.type for link in failure.chain] == ["KeyError", "HTTPError", "Down"]


def test_a_log_record_that_shortens_the_message_is_no_other_link() -> None:
    whole = event(raised("shop.Odd", "[Errno 2] no such plan", CHARGE), 9)
    failure = only(
        server(500, span("charge", (1, 9), died=whole), died=log(raised("Odd", "no such plan", VIEW, CHARGE), 10))
    )
    assert [(link.type, link.message) for link in failure.chain] == [("shop.Odd", "[Errno 2] no such plan")]


def test_chain_of_many_links_is_cut() -> None:
    died = raised("E0", "", CHARGE)
    for number in range(1, 500):
        died = raised(f"E{number}", "", VIEW, cause=died)
    failure = only(server(500, died=event(died)))
    assert len(failure.chain) == 16
    assert failure.location is not None


def test_the_fault_has_one_fingerprint_however_it_was_told() -> None:
    frames = (VIEW, CHARGE)
    told = [
        server(500, died=event(raised("shop.E", "told", *frames))),
        server(500, died=log(raised("E", "told", *frames), 5, "http.server.request.exception")),
        server(500, died=[event(raised("shop.E", "told", *frames)), log(raised("E", "other text", *frames))]),
        server(
            500,
            span("charge", (1, 9), died=event(raised("shop.E", "told", CHARGE))),
            died=log(raised("E", "told", *frames)),
        ),
    ]
    assert len({only(root).fingerprint for root in told}) == 1


def test_another_services_callers_do_not_split_a_group() -> None:
    far = server(500, times=(2, 49), resource=PRICING, died=event(raised("KeyError", "k", CHARGE), 40), path="/price")
    called = [
        far,
        server(500, client(500, (1, 50), far), died=event(raised("HTTPError", "500 Server Error", VIEW), 60)),
        server(500, client(500, (1, 50), far), died=event(raised("HTTPError", "500 Server Error", SEND), 60)),
    ]
    assert len({only(root).fingerprint for root in called}) == 1


def test_handled_failures_have_their_place_too() -> None:
    attempt = span("attempt", (1, 30), died=event(raised("E", "", CHARGE), 30))
    (handled,) = assess(request(server(200, attempt))).handled
    assert handled.location == ran(CHARGE)
    assert handled.handled


@pytest.mark.parametrize(
    ("died", "relations"),
    [
        pytest.param(raised("E", "", CHARGE), [("E", "root_cause")], id="alone"),
        pytest.param(
            raised("W", "", VIEW, cause=raised("E", "", CHARGE)),
            [("E", "root_cause"), ("W", "raised_from")],
            id="an explicit cause",
        ),
        pytest.param(
            raised("E", "", VIEW, context=raised("K", "", CHARGE)),
            [("E", "root_cause"), ("K", "context")],
            id="what was being handled did not come from it",
        ),
        pytest.param(
            raised("E", "", VIEW, lib(), cause=raised("Low", "", lib())),
            [("E", "root_cause"), ("Low", "cause")],
            id="a library's own cause did not come from it",
        ),
        pytest.param(
            raised("Group", "", VIEW, members=(raised("E", "1", CHARGE), raised("K", "2", SEND))),
            [("E", "root_cause"), ("Group", "raised_from"), ("K", "member")],
            id="another member",
        ),
        pytest.param(
            raised("TimeoutError", "", VIEW, cause=raised("asyncio.exceptions.CancelledError", "", CHARGE, lib())),
            [("TimeoutError", "root_cause"), ("asyncio.exceptions.CancelledError", "cause")],
            id="a time limit",
        ),
    ],
)
def test_what_each_link_is_to_the_chain(died: Raised, relations: list[tuple[str, str]]) -> None:
    assert [(link.type, link.relation) for link in only(server(500, died=event(died))).chain] == relations


def test_a_time_limit_is_the_fault_and_the_await_that_it_ended_the_place() -> None:
    cancelled = raised("asyncio.exceptions.CancelledError", "", CHARGE, lib())
    failure = only(server(500, died=event(raised("TimeoutError", "", VIEW, cause=cancelled))))
    assert (failure.type, failure.location) == ("TimeoutError", ran(CHARGE))


def test_a_cancellation_alone_is_told_as_it_is() -> None:
    failure = only(server(500, died=event(raised("asyncio.exceptions.CancelledError", "", CHARGE))))
    assert (failure.type, [link.relation for link in failure.chain]) == (
        "asyncio.exceptions.CancelledError",
        ["root_cause"],
    )
