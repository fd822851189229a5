"""What an assessment comes to, and a check that holds it against a tree of spans."""

from msgspec import Struct

from flux_ls.analysis.assess import assess
from flux_ls.model import Assessment, Failure
from tests.analysis.spans import Part, app, raised, request

STRIPE = "shop.payments.StripeTimeout"
TIMEOUT = raised(STRIPE, "Stripe API timeout", app("signup", 3), app("charge", 42))
LEAF = raised(STRIPE, "Stripe API timeout", app("charge", 42))
OTHER = raised("ValueError", "no plan", app("plan", 7))


class Expected(Struct):
    """The failure, and the types of what was handled."""

    type: str | None = None
    at: str | None = None
    """The span of the origin."""
    line: int | None = None
    handled: tuple[str, ...] = ()


OK = Expected()


def summary(assessment: Assessment) -> Expected:
    failure = assessment.failure
    handled = tuple(one.type for one in assessment.handled)
    if failure is None:
        return Expected(handled=handled)
    line = failure.location.line if failure.location is not None else None
    return Expected(failure.type, failure.span_name, line, handled)


def check(root: Part, expected: Expected) -> None:
    spans = request(root)
    for order in (spans, spans[::-1]):
        assessment = assess(order)
        assert summary(assessment) == expected
        assert assessment.request.failed is (expected.type is not None)
        assert (assessment.request.error is not None) is assessment.request.failed
        assert all(one.handled for one in assessment.handled)
        for one in (assessment.failure, *assessment.handled):
            assert one is None or (one.location is None) is (one.location_reason is not None)


def only(root: Part) -> Failure:
    failure = assess(request(root)).failure
    assert failure is not None
    return failure
