"""A request in one line, and many in columns."""

import io

import pytest

from flux_ls.answers.shapes import RequestShape, request_shape
from flux_ls.cli.requests import Line, colour
from flux_ls.cli.terminal import Terminal
from flux_ls.model import Request


def request(name: str, **changes: object) -> RequestShape:
    method, _, path = name.rpartition(" ")
    facts = {
        "id": "550e8400" + "0" * 24,
        "started_ns": 0,
        "duration_ns": 44_000_000,
        "service": "shop",
        "environment": None,
        "revision": None,
        "kind": "http" if method else "run",
        "name": name,
        "method": method or None,
        "path": path if method else None,
        "route": None,
        "function": None,
        "status": 200 if method else None,
        "failed": False,
        "error": None,
        "complete": True,
        "spans": 1,
        **changes,
    }
    return request_shape(Request(**facts))  # type: ignore[arg-type]


def lines(*requests: RequestShape) -> list[str]:
    line = Line(Terminal({}, io.StringIO()))
    return [line(each) for each in requests]


def test_columns_line_up_as_on_a_page() -> None:
    assert lines(
        request("POST /signup", status=201, duration_ns=88_000_000),
        request("GET /users", duration_ns=12_000_000),
        request("POST /checkout", duration_ns=192_000_000),
        request("POST /signup", status=500, failed=True),
    ) == [
        "    POST /signup     201  88ms   req:550e8400",
        "    GET  /users      200  12ms   req:550e8400",
        "    POST /checkout   200  192ms  req:550e8400",
        "    POST /signup     500  44ms   req:550e8400",
    ]


def test_columns_grow_and_stay() -> None:
    wide, narrow = lines(request("OPTIONS /api/v1/organisations", duration_ns=10_500_000_000), request("GET /"))
    assert wide == "    OPTIONS /api/v1/organisations 200  10.5s  req:550e8400"
    assert narrow == "    GET     /                     200  44ms   req:550e8400"


def test_what_is_no_http_request_says_what_it_is() -> None:
    first, second, third = lines(
        request("nightly.import"),
        request("nightly.import", failed=True),
        request("process mails", kind="message", method=None, path=None, status=None),
    )
    assert first == "    run  nightly.import ok   44ms   req:550e8400"
    assert second == "    run  nightly.import err  44ms   req:550e8400"
    assert third.startswith("    message process mails  ok")


def test_a_web_socket_says_so_where_others_have_their_method() -> None:
    first, second = lines(
        request("WS /ws/7", method=None, status=101),
        request("WS /ws/7", method=None, status=None, failed=True),
    )
    assert first == "    WS   /ws/7       101  44ms   req:550e8400"
    assert second == "    WS   /ws/7       err  44ms   req:550e8400"


def test_marks() -> None:
    line = Line(Terminal({}, io.StringIO()))
    assert line(request("GET /"), mark="↻").startswith("  ↻ GET  /")
    assert line(request("GET /", complete=False)).endswith("req:550e8400  (incomplete)")


def test_recorded_names_can_do_nothing() -> None:
    (shown,) = lines(request("G\x1b[2JET /a\nb", path="/a\nb", method="G\x1b[2JET"))
    assert shown.isprintable()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"status": 200}, "good"),
        ({"status": 302}, "good"),
        ({"status": 404}, "warn"),
        ({"status": 500, "failed": True}, "bad"),
        ({"status": 200, "failed": True}, "bad"),
        ({"status": None}, "good"),
    ],
)
def test_colours(changes: dict[str, object], expected: str) -> None:
    assert colour(request("GET /", **changes)) == expected


def test_what_has_no_name_says_so() -> None:
    (shown,) = lines(request(""))
    assert shown == "    run  (no name)   ok   44ms   req:550e8400"
