"""What holds for every trace: order does not matter, unrelated work changes nothing, size and depth are borne."""

import random
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from flux_ls.analysis.assess import assess
from flux_ls.analysis.request import entry_of
from flux_ls.analysis.tree import build
from flux_ls.model import ExceptionRecord, Resource, Span, SpanKind, SpanStatus
from tests.analysis.spans import PRICING, SHOP, TRACE, app, event, lib, log, ms, raised, request, server

pytestmark = pytest.mark.slow

KINDS: list[SpanKind] = ["internal", "server", "client", "producer", "consumer"]
STATUSES: list[SpanStatus] = ["unset", "ok", "error"]
ERRORS = [
    raised("shop.Late", "too late", app("view", 1), app("late", 2)),
    raised("Late", "late"),
    raised("KeyError", "'k'", app("get", 3)),
    raised("OSError", "500 for http://pricing/x", lib()),
    raised("W", "w", app("view", 5), cause=raised("KeyError", "'k'", app("get", 3))),
    raised("G", "g", members=(raised("KeyError", "'k'", app("get", 3)), raised("shop.Late", "too late"))),
    raised("HTTPException", "503", app("view", 6), context=raised("OSError", "500 for http://pricing/x", lib())),
    raised("E", "", app("cut", 7), truncated=True),
]


@st.composite
def records(draw: st.DrawFn) -> tuple[ExceptionRecord, ...]:
    build = st.builds(
        lambda error, at, name: event(error, at) if name is None else log(error, at, name),
        st.sampled_from(ERRORS),
        st.integers(0, 60),
        st.sampled_from([None, None, "", "http.server.request.exception"]),
    )
    return tuple(draw(st.lists(build, max_size=2)))


@st.composite
def traces(draw: st.DrawFn) -> list[Span]:
    """Spans of any shape: orphans, circles, duplicates, several roots, skewed clocks."""
    spans = []
    for number in range(draw(st.integers(1, 9))):
        start, length = draw(st.integers(0, 50)), draw(st.integers(0, 30))
        attributes: dict[str, Any] = {}
        if draw(st.booleans()):
            attributes["http.response.status_code"] = draw(st.sampled_from([200, 404, 500, 503]))
            attributes["http.request.method"] = "GET"
        if draw(st.integers(0, 3)) == 0:
            attributes["error.type"] = draw(st.sampled_from(["shop.Late", "KeyError", "500"]))
        spans.append(
            Span(
                trace_id=TRACE,
                span_id=f"{draw(st.integers(0, 12)) if draw(st.integers(0, 5)) == 0 else number:016x}",
                parent_id=None if number == 0 else f"{draw(st.integers(0, number + 1)):016x}",
                name=draw(st.sampled_from(["step", "fastapi.endpoint", "GET / http send"])),
                kind=draw(st.sampled_from(KINDS)),
                start_ns=ms(start),
                end_ns=ms(start + length),
                status=draw(st.sampled_from(STATUSES)),
                status_message=draw(st.sampled_from(["", "", "too late", "KeyError: 'k'"])),
                attributes=attributes,
                resource=draw(st.sampled_from([SHOP, PRICING])),
                scope="",
                exceptions=draw(records()),
            )
        )
    return spans


@given(traces(), st.randoms(use_true_random=False))
def test_order_does_not_matter(spans: list[Span], shuffler: random.Random) -> None:
    expected = assess(spans)
    shuffled = [*spans, shuffler.choice(spans)]
    shuffler.shuffle(shuffled)
    assert assess(shuffled) == expected


@given(traces())
def test_what_is_said_is_consistent(spans: list[Span]) -> None:
    assessment = assess(spans)
    request, failure = assessment.request, assessment.failure
    assert request.failed is (failure is not None) is (request.error is not None)
    assert request.error is None or (len(request.error) <= 200 and "\n" not in request.error)
    assert len(assessment.handled) <= 20
    ids = {span.span_id for span in spans}
    for one in (*assessment.handled, *([failure] if failure else [])):
        assert one.span_id in ids
        assert (one.location is None) is bool(one.location_reason)
        assert one.location is None or (one.location.in_app and one.location in one.frames)
        assert all(frame.in_app for frame in one.frames)
        assert (one.chain[0].type, one.chain[0].message) == (one.type, one.message)


@given(traces(), st.integers(0, 8))
def test_unrelated_work_that_went_well_changes_no_failure(spans: list[Span], parent: int) -> None:
    # It ends before anything else began: nothing is said about work between a failed call and the exception.
    fine = Span(
        trace_id=TRACE,
        span_id="f" * 16,
        parent_id=spans[min(parent, len(spans) - 1)].span_id,
        name="fine",
        kind="internal",
        start_ns=ms(-5),
        end_ns=ms(-4),
        status="unset",
        status_message="",
        attributes={},
        resource=SHOP,
        scope="",
    )
    assume(entry_of(build(spans).spans).parent_id is None)
    before, after = assess(spans), assess([*spans, fine])
    assert (after.failure, after.handled) == (before.failure, before.handled)


def spans_of(count: int, parent_of: Any, error: Any = None) -> Iterator[Span]:
    one = request(server(500))[0]
    for number in range(count):
        died = error(number) if error else None
        yield replace(
            one,
            span_id=f"{number:016x}",
            parent_id=f"{parent_of(number):016x}" if number else None,
            kind="internal" if number else "server",
            start_ns=ms(number / 1000),
            end_ns=ms(1000 - number / 1000),
            status="error" if number == 0 or died else "unset",
            attributes=one.attributes if number == 0 else {},
            exceptions=(event(died, 1000 - number / 1000),) if died else (),
        )


def calls(spans: list[Span]) -> int:
    """How many function calls an assessment takes: a measure that no other process disturbs."""
    made = 0

    def count(frame: FrameType, what: str, argument: object) -> None:
        nonlocal made
        made += what in ("call", "c_call")

    sys.setprofile(count)
    try:
        assess(spans)
    finally:
        sys.setprofile(None)
    return made


SAME = raised("E", "same", app("f", 4))
SHAPES = {
    "a chain without errors": (lambda number: number - 1, None),
    "a chain of one error": (lambda number: number - 1, lambda number: SAME),
    "a chain of many errors": (lambda number: number - 1, lambda number: raised("E", f"n{number}", app("f", 4))),
    "a chain whose end failed": (lambda number: number - 1, lambda number: SAME if number >= 3999 else None),
    "a wide trace without errors": (lambda number: 0, None),
    "a wide trace of one error": (lambda number: 0, lambda number: SAME),
    "a wide trace of many errors": (lambda number: 0, lambda number: raised("E", f"n{number}", app("f", 4))),
    "a binary tree of many errors": (lambda number: number // 2, lambda number: raised("E", f"n{number}", app("f", 4))),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_work_grows_with_the_spans(shape: str) -> None:
    parent_of, error = SHAPES[shape]
    small, large = (calls(list(spans_of(count, parent_of, error))) for count in (1000, 4000))
    assert large < 4.6 * small


def test_a_hundred_thousand_spans_fifty_thousand_deep() -> None:
    def parent_of(number: int) -> int:
        return number - 1 if number < 50_000 else number - 50_000

    spans = list(spans_of(100_000, parent_of, lambda number: SAME if number < 50_000 else None))
    random.Random(3).shuffle(spans)
    assessment = assess(spans)
    assert assessment.failure is not None
    assert (assessment.failure.span_id, assessment.request.spans) == (f"{49_999:016x}", 100_000)


def test_many_records_on_one_span() -> None:
    records = [log(raised("E", f"n{number}", app("f", number)), number) for number in range(5000)]
    (one,) = request(server(200, died=records))
    assert len(assess([one]).handled) == 20


def test_equal_resources_of_two_exports_are_one_process() -> None:
    late = replace(
        request(server(200, died=()))[0],
        span_id="f" * 16,
        parent_id=f"{0:016x}",
        kind="internal",
        status="error",
        attributes={},
        end_ns=ms(500),
        resource=Resource("shop", "dev", "c0ffee", {"service.name": "shop"}),
        exceptions=(event(SAME, 400),),
    )
    assert assess([request(server(200))[0], late]).failure is not None
