"""What a difference comes to, in words."""

from typing import Any

import pytest
from msgspec.structs import replace

from flux_ls.analysis.assess import assess
from flux_ls.analysis.diff.compare import compare
from flux_ls.analysis.diff.verdict import Subject, judge
from flux_ls.model import Span
from tests.analysis.spans import PRICING, app, client, event, raised, request, server, span

TIMEOUT = event(raised("shop.StripeTimeout", "Request timeout after 10011ms", app("charge")))
SLOWER = event(raised("shop.StripeTimeout", "Request timeout after 10042ms", app("charge")))
SHORTER = event(raised("shop.StripeTimeout", "Request timeout after 500ms", app("charge")))
KEY = event(raised("KeyError", "'plan'", app("signup")))


def signup(
    died: Any = (), *, status: int | None = None, took: float = 142, given: str = "", path: str = "/signup"
) -> list[Span]:
    told = {"flux__input": given} if given else {}
    pay = span("stripe.create", (1, 1 + took), died=died, kind="client")
    return request(
        server(
            status or (500 if died else 201), pay, died=died, path=path, times=(0, took + 10), http__route=path, **told
        )
    )


def verdict(before: list[Span], after: list[Span]) -> tuple[str, str]:
    subjects = [Subject(each.request, each.failure) for each in (assess(before), assess(after))]
    return judge(subjects[0], subjects[1], compare(before, after))


CASES: dict[str, tuple[list[Span], list[Span], str, str]] = {
    "fixed": (
        signup(TIMEOUT, took=10_011),
        signup(),
        "FIXED",
        "Fix verified: stripe.create answers in 142 ms instead of timing out",
    ),
    "fixed, another error": (
        signup(KEY),
        signup(),
        "FIXED",
        "Fix verified: stripe.create succeeds instead of failing with KeyError: 'plan'",
    ),
    "fixed by not calling it": (
        signup(KEY),
        request(server(201, http__route="/signup")),
        "FIXED",
        "Fix verified: stripe.create is not called any more",
    ),
    "fixed for another input": (
        signup(KEY, given='{"body": {"plan": "a"}}'),
        signup(given='{"body": {"plan": "b"}}'),
        "FIXED",
        "Passes, but with other input (input.body.plan), so no fix is proven:"
        " stripe.create succeeds instead of failing with KeyError: 'plan'",
    ),
    "fixed, asked by a server that tells the address in another form": (
        request(server(500, span("work", (1, 2), died=KEY), http__route="/signup", url__full="http://shop:80/signup")),
        request(server(201, span("work", (1, 2)), http__route="/signup")),
        "FIXED",
        "Fix verified: work succeeds instead of failing with KeyError: 'plan'",
    ),
    "fixed, with another query": (
        request(server(500, span("work", (1, 2), died=KEY), http__route="/signup", url__query="n=1")),
        request(server(201, span("work", (1, 2)), http__route="/signup")),
        "FIXED",
        "Passes, but with other input (url.query), so no fix is proven:"
        " work succeeds instead of failing with KeyError: 'plan'",
    ),
    "regressed": (
        signup(),
        signup(KEY),
        "REGRESSED",
        "Regressed: POST /signup fails with KeyError: 'plan' in stripe.create",
    ),
    "regressed for another input": (
        signup(given='{"body": {"plan": "a"}}'),
        signup(KEY, given='{"body": {"plan": "b"}}'),
        "REGRESSED",
        "Fails, but with other input (input.body.plan): POST /signup fails with KeyError: 'plan' in stripe.create",
    ),
    "changed for another input": (
        signup(given='{"body": {"plan": "a"}}'),
        signup(given='{"body": {"plan": "b"}}'),
        "CHANGED",
        "Changed: the input differs (input.body.plan)",
    ),
    "identical": (signup(), signup(), "IDENTICAL", "Identical"),
    "identical but for noise": (
        signup(),
        signup(took=150),
        "IDENTICAL",
        "Identical but for 2 differences in ids and timings",
    ),
    "not fixed": (
        signup(TIMEOUT),
        signup(TIMEOUT),
        "IDENTICAL",
        "Not fixed: the same error, StripeTimeout: Request timeout after 10011ms in stripe.create",
    ),
    "not fixed, though the rest changed": (
        signup(TIMEOUT),
        request(
            server(
                500,
                span("retry", (0, 1)),
                span("stripe.create", (1, 143), died=SLOWER, kind="client"),
                died=SLOWER,
                times=(0, 200),
                http__route="/signup",
            )
        ),
        "CHANGED",
        "Not fixed: the same error, StripeTimeout: Request timeout after 10042ms in stripe.create",
    ),
    "not fixed, in other words": (
        signup(TIMEOUT),
        signup(SHORTER),
        "CHANGED",
        "Not fixed: the same error, StripeTimeout: Request timeout after 500ms in stripe.create"
        " (it was 'Request timeout after 10011ms')",
    ),
    "still failing": (
        signup(TIMEOUT),
        signup(KEY),
        "CHANGED",
        "Still failing, but differently: KeyError: 'plan' in stripe.create"
        " instead of StripeTimeout: Request timeout after 10011ms in stripe.create",
    ),
    "refused": (
        signup(KEY),
        signup(status=422),
        "CHANGED",
        "No longer failing, but refused with 422: stripe.create succeeds instead of failing with KeyError: 'plan'",
    ),
    "another answer": (signup(), signup(status=404), "CHANGED", "Changed: POST /signup answers 404 instead of 201"),
    "another route": (
        signup(KEY),
        signup(path="/login"),
        "CHANGED",
        "Not the same scenario: POST /signup against POST /login",
    ),
    "another service": (
        signup(KEY),
        request(server(201, resource=PRICING)),
        "CHANGED",
        "Not the same scenario: shop against pricing",
    ),
    "slower": (
        signup(),
        signup(took=2000),
        "CHANGED",
        "Changed: stripe.create takes 2000 ms instead of 142 ms",
    ),
    "other spans": (
        request(server(200, span("a"), span("b"), client(200, (1, 2)))),
        request(server(200, span("a"), span("c", (50, 51)), span("d", (60, 61)))),
        "CHANGED",
        "Changed: c, d new; b, GET gone",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_verdicts(case: str) -> None:
    before, after, expected, summary = CASES[case]
    assert verdict(before, after) == (expected, summary)


def test_a_request_that_failed_before_its_route_was_known_is_the_same_scenario() -> None:
    before = request(server(500, died=KEY))
    after = request(server(200, http__route="/<page>"))
    assert verdict(before, after)[0] == "FIXED"


def test_what_has_not_arrived_is_said() -> None:
    before = [replace(each, parent_id="f" * 16) if each.parent_id is None else each for each in signup()]
    assert verdict(before, signup()) == ("IDENTICAL", "Identical (incomplete: req:550e8400 without a root span)")
