"""What makes two failures the same."""

import pytest

from flux_ls.analysis.fingerprint import alike, fingerprint, qualified
from flux_ls.model import Failure, Frame
from flux_ls.otlp.stacktrace import InAppRule, parse_stacktrace
from flux_ls.record.failures import stacktrace_of
from tests.analysis.spans import app


def of(type: str, *frames: Frame, span_name: str = "POST /signup", service: str = "shop") -> str:
    return fingerprint(type, frames, span_name=span_name, service=service)


BASE = of("shop.payments.StripeTimeout", app("signup", 10), app("charge", 42))


@pytest.mark.parametrize(
    ("other", "alike"),
    [
        (of("StripeTimeout", app("signup", 10), app("charge", 42)), True),
        (of("shop.payments.StripeTimeout", app("signup", 11), app("charge", 99)), True),
        (of("StripeTimeout", app("signup", path="/home/me/code/shop/payments.py"), app("charge")), True),
        (of("StripeTimeout", app("signup", path="C:\\code\\shop\\payments.py"), app("charge")), True),
        (of("StripeTimeout", app("signup"), app("charge"), span_name="GET /x", service="y"), True),
        (of("StripeTimeout", app("signup"), app("charge"), app("charge"), app("charge")), True),
        (of("ValueError", app("signup"), app("charge")), False),
        (of("StripeTimeout", app("signup"), app("refund")), False),
        (of("StripeTimeout", app("charge")), False),
        (of("StripeTimeout", app("signup", path="/srv/app/shop/views.py"), app("charge")), False),
        (of("StripeTimeout"), False),
    ],
)
def test_frames(other: str, alike: bool) -> None:
    assert (other == BASE) is alike


@pytest.mark.parametrize(
    ("type", "frames", "expected"),
    [
        ("shop.KeyError", (app("signup"), app("charge")), True),
        ("KeyError", (app("signup", path="/srv/app/shop/views.py"), app("charge")), True),
        ("KeyError", (app("signup"), app("charge"), app("charge", 4)), True),
        ("IndexError", (app("signup"), app("charge")), False),
        ("KeyError", (app("charge"),), False),
        ("KeyError", (), False),
    ],
)
def test_the_same_failure_in_another_revision(type: str, frames: tuple[Frame, ...], expected: bool) -> None:
    one, other = failed("KeyError", app("signup"), app("charge")), failed(type, *frames)
    assert alike(one, other) is expected
    assert alike(failed("KeyError"), failed("KeyError", fingerprint="f2")) is False, "nothing tells that they are"


def failed(type: str, *frames: Frame, fingerprint: str = "") -> Failure:
    """Where files have other names the fingerprint is another one."""
    own = fingerprint or of(type, *frames)
    return Failure(own, type, "", "1", "POST /signup", False, None, None, frames, (), 0)


def test_recursion_of_any_depth_is_one_failure() -> None:
    even, odd = app("even"), app("odd")
    assert of("RecursionError", even, odd) == of("RecursionError", *(even, odd) * 40)


@pytest.mark.parametrize("cycle", [("walk",), ("walk", "step"), ("walk", "step", "peek"), ("b", "c", "a")])
def test_a_stack_that_overflowed_is_one_failure_wherever_it_met_its_limit(cycle: tuple[str, ...]) -> None:
    frames = [app(name) for name in cycle] * 100
    prints = {
        of("RecursionError", *before, *frames[start:end], *after)
        for before in ((), (app("handler"),), (app("handler"), app("other")))
        for start in range(4)
        for end in range(90, 94)
        for after in ((), (app("leaf"),))
    }
    assert len(prints) == 1
    assert prints != {of("RecursionError", *[app("walk"), app("others")] * 40)}
    assert prints != {of("ValueError", *frames)}


def test_the_overflow_of_a_real_stack_is_one_failure() -> None:
    def walk(at: int) -> int:
        return step(at + 1)

    def step(at: int) -> int:
        return walk(at) if at else 0

    def begin(deeper: int) -> int:
        return walk(0) if deeper == 0 else begin(deeper - 1)

    prints = set()
    for deeper in range(6):
        with pytest.raises(RecursionError) as failed:
            begin(deeper)
        text = stacktrace_of(failed.value)
        told = parse_stacktrace(text, type="RecursionError", message="", language="python", rule=InAppRule())
        prints.add(of("RecursionError", *told.frames))
    assert len(prints) == 1


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("GET /users/42", "GET /users/7", True),
        ("job 550e8400-e29b-41d4-a716-446655440000", "job 1b4e28ba-2fa1-11d2-883f-0016d3cca427", True),
        ("load c0ffee12", "load deadbee7", True),
        ("GET /users/42", "GET /orders/42", False),
        ("charge", "refund", False),
    ],
)
def test_span_name_stands_in(one: str, other: str, alike: bool) -> None:
    assert (of("HTTP 500", span_name=one) == of("HTTP 500", span_name=other)) is alike
    assert of("HTTP 500", span_name=one) != of("HTTP 500", span_name=one, service="pricing")


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (app("charge"), "shop/payments:charge"),
        (app("PaymentService.charge", path="/app/src/payments.ts"), "src/payments:charge"),
        (app("main", path="main.py"), "main:main"),
        (app("run", path="/srv/.env"), "srv/.env:run"),
        (app("", path=""), ":"),
    ],
)
def test_qualified(frame: Frame, expected: str) -> None:
    assert qualified(frame) == expected
