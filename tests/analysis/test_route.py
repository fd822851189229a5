"""Routes: their names, and where their handlers are."""

import pytest

from flux_ls.analysis.request import describe
from flux_ls.analysis.route import handler_of, route_name
from flux_ls.model import ExceptionRecord, Frame, Raised, Resource, Span


def entry(name: str = "GET", exceptions: tuple[ExceptionRecord, ...] = (), **attributes: object) -> Span:
    return Span(
        trace_id="0" * 31 + "1",
        span_id="0" * 15 + "1",
        parent_id=None,
        name=name,
        kind="server",
        start_ns=0,
        end_ns=1,
        status="unset",
        status_message="",
        attributes={key.replace("__", "."): value for key, value in attributes.items()},  # type: ignore[misc]
        resource=Resource("shop", None, None, {}),
        scope="",
        exceptions=exceptions,
    )


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        (
            {"http__request__method": "GET", "url__path": "/users/42", "http__route": "/users/<int:id>"},
            "GET /users/<int:id>",
        ),
        ({"http__request__method": "GET", "url__path": "/users/42"}, "GET /users/{id}"),
        ({"http__request__method": "GET", "url__path": "/o/550e8400-e29b-41d4-a716-446655440000/x"}, "GET /o/{id}/x"),
        ({"http__request__method": "GET", "url__path": "/blob/deadbeefcafe"}, "GET /blob/{id}"),
        ({"http__request__method": "GET", "url__path": "/v2/products"}, "GET /v2/products"),
        ({"url__scheme": "ws", "url__path": "/ws/42", "http__route": "/ws/{room}"}, "WS /ws/{room}"),
        ({"url__scheme": "ws", "url__path": "/ws/42"}, "WS /ws/{id}"),
        ({}, "nightly import"),
    ],
)
def test_names_vary_by_entry_point_and_not_by_request(attributes: dict[str, object], expected: str) -> None:
    span = entry("nightly import" if not attributes else "GET", **attributes)
    assert route_name(describe(span, started_ns=0, ended_ns=1, spans=1, complete=True)) == expected


LIBRARY = Frame("/venv/site-packages/flask/app.py", 9, "dispatch", in_app=False)
HANDLER = Frame("/srv/shop/views.py", 12, "signup", in_app=True)
FAULT = Frame("/srv/shop/payments.py", 42, "charge", in_app=True)
CODE = {"code__file__path": "/srv/shop/views.py", "code__line__number": 10, "code__function__name": "shop.views.signup"}


def recorded(*frames: Frame) -> ExceptionRecord:
    return ExceptionRecord(Raised("E", "", frames), "event", 0)


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (entry(), None),
        (entry(exceptions=(recorded(LIBRARY, HANDLER, FAULT),)), HANDLER),
        (entry(exceptions=(recorded(LIBRARY),)), None),
        (entry(**CODE), Frame("/srv/shop/views.py", 10, "shop.views.signup", in_app=True)),
    ],
)
def test_the_handler_is_what_the_entry_span_itself_tells(span: Span, expected: Frame | None) -> None:
    assert handler_of(span) == expected
