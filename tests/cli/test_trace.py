"""`flux trace` as it reads."""

from tests.recorded import Recorded
from tests.telemetry import http, span

from .conftest import Flux


def test_the_tree(flux: Flux, recorded: Recorded) -> None:
    fault = recorded.timeout()
    root = http(
        "POST",
        "/signup",
        500,
        ms=100,
        raises=fault,
        children=[
            span("load user", start_ms=0, ms=25, children=[span("SELECT users", start_ms=5, ms=10, service="db")]),
            span("charge", start_ms=50, ms=50, raises=fault),
        ],
    )
    id = recorded.add(root)
    assert (
        flux("trace", id).out
        == f"""
  POST /signup  500  100ms  req:{id[:8]}  shop  4 spans

  ✗ POST /signup      +0.0ms  100ms  ▏████████████████████████▏  shop
    └─ TimeoutError: Stripe API timeout
       shop/payments.py : line 6  in charge
      load user       +0.0ms   25ms  ▏██████                  ▏  shop
        SELECT users    +5ms   10ms  ▏ ██                     ▏  db
  ✗   charge           +50ms   50ms  ▏            ████████████▏  shop
      └─ TimeoutError: Stripe API timeout
         shop/payments.py : line 6  in charge

"""
    )


def test_missing_parents_are_marked(flux: Flux, recorded: Recorded) -> None:
    root = http("GET", "/", children=[span("middle", children=[span("leaf")])])
    out = flux("trace", recorded.add(root, only=["leaf"])).out
    assert "leaf (parent missing)" in out
    assert "incomplete: its root span has not arrived" in out


def test_a_trace_without_duration(flux: Flux, recorded: Recorded) -> None:
    ran = flux("trace", recorded.add(span("tick", ms=0)))
    assert ran.code == 0
    assert "tick  +0.0ms  0.0ms  ▏" in ran.out


def test_json_has_offsets_from_the_first_start(flux: Flux, recorded: Recorded) -> None:
    id = recorded.add(http("GET", "/", ms=9, children=[span("a", start_ms=2.5, ms=3.25)]))
    (answer,) = flux("trace", id, "--json").json
    assert [(each["name"], each["start_ms"], each["duration_ms"]) for each in answer["spans"]] == [
        ("GET /", 0, 9),
        ("a", 2.5, 3.25),
    ]
    assert answer["spans"][1]["parent_id"] == answer["spans"][0]["span_id"]


def test_an_error_of_a_span_that_ended_well_is_a_warning(flux: Flux, recorded: Recorded) -> None:
    root = http("GET", "/a", ms=50, raises=recorded.timeout(), children=[span("pay", ms=9, raises=recorded.timeout())])
    out = flux("trace", recorded.add(root)).out
    assert "  ! GET /a" in out
    assert "  ✗   pay" in out
