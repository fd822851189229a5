"""The spans of a request as a tree."""

from hypothesis import given
from hypothesis import strategies as st

from flux_ls.answers.shapes import Trace
from flux_ls.answers.trace import in_tree_order, trace
from flux_ls.model import Resource, Span
from tests.recorded import CALL_LINE, FAULT_LINE, Recorded
from tests.signup import record
from tests.telemetry import RECORDER, Raises, SpanNode, http, row, span, transaction

RESOURCE = Resource("shop", None, None, {})


def ask(recorded: Recorded, id: str) -> Trace:
    with recorded.reader() as reader:
        return trace(reader, recorded.workspace(), id)


def test_children_stand_under_their_parents_by_start(recorded: Recorded) -> None:
    root = http(
        "GET",
        "/",
        ms=100,
        children=[
            span("second", start_ms=50, ms=10, children=[span("deep", start_ms=52, ms=1)]),
            span("first", start_ms=5, ms=10, service="auth"),
        ],
    )
    answer = ask(recorded, recorded.add(root))
    assert [(each.name, each.depth, each.start_ms, each.duration_ms) for each in answer.spans] == [
        ("GET /", 0, 0, 100),
        ("first", 1, 5, 10),
        ("second", 1, 50, 10),
        ("deep", 2, 52, 1),
    ]
    assert [each.service for each in answer.spans] == ["shop", "auth", "shop", "shop"]
    assert answer.spans[0].kind == "server"
    assert answer.spans[0].attributes["url.path"] == "/"


def test_an_error_has_its_line_and_its_place(recorded: Recorded) -> None:
    answer = ask(recorded, recorded.add(recorded.failing_signup()))
    charge = next(each for each in answer.spans if each.name == "charge")
    assert charge.error == "TimeoutError: Stripe API timeout"
    assert charge.status == "error"
    assert charge.frame is not None
    assert (charge.frame.path, charge.frame.line) == ("shop/payments.py", FAULT_LINE)


def test_a_function_that_an_error_passed_through_has_the_line_of_its_call(recorded: Recorded) -> None:
    """Only what raised it tells a stack; a function that is on it twice may have passed it on at either line."""
    whole = recorded.timeout()

    def told(name: str, line: int, message: str = whole.message) -> SpanNode:
        code = {
            "code.file.path": str(recorded.payments),
            "code.line.number": line,
            "code.function.name": f"shop.{name}",
        }
        return span(name, attributes=code, raises=Raises(whole.type, message, ()))

    def lines(*children: SpanNode, raises: Raises = whole) -> list[int | None]:
        answer = ask(recorded, recorded.add(http("POST", "/signup", 500, raises=raises, children=list(children))))
        return [each.frame.line if each.frame is not None else None for each in answer.spans]

    assert lines(told("signup", 10)) == [FAULT_LINE, CALL_LINE]
    assert lines(told("signup", 10, "another")) == [FAULT_LINE, 10]
    assert lines(told("refund", 10)) == [FAULT_LINE, 10]
    (outer, inner) = whole.frames
    twice = Raises(whole.type, whole.message, (outer, (outer[0], 4, *outer[2:]), inner))
    assert lines(told("signup", 10), raises=twice) == [FAULT_LINE, 10]


def test_errors_without_exceptions_are_told_as_far_as_they_are_known(recorded: Recorded) -> None:
    root = http(
        "GET",
        "/",
        500,
        ms=90,
        children=[span("a", failed=True, message="deadline"), span("b", failed=True), span("c")],
    )
    answer = ask(recorded, recorded.add(root))
    assert {each.name: each.error for each in answer.spans} == {
        "GET /": "HTTP 500",
        "a": "deadline",
        "b": "error",
        "c": None,
    }


def test_code_attributes_give_a_place_to_a_span_without_an_error(recorded: Recorded) -> None:
    told = {"code.file.path": str(recorded.payments), "code.line.number": 4, "code.function.name": "charge"}
    answer = ask(recorded, recorded.add(http("GET", "/", children=[span("charge", attributes=told)])))
    frame = answer.spans[1].frame
    assert frame is not None
    assert (frame.path, frame.line, frame.function) == ("shop/payments.py", 4, "charge")


def test_a_span_whose_parent_has_not_arrived_is_marked(recorded: Recorded) -> None:
    root = http("GET", "/", children=[span("middle", children=[span("leaf")])])
    answer = ask(recorded, recorded.add(root, without=["middle"]))
    assert [(each.name, each.depth, each.parent_missing) for each in answer.spans] == [
        ("GET /", 0, False),
        ("leaf", 0, True),
    ]


def made(id: int, parent: int | None, start: int) -> Span:
    return Span(
        trace_id="t",
        span_id=str(id),
        parent_id=None if parent is None else str(parent),
        name="",
        kind="internal",
        start_ns=start,
        end_ns=start,
        status="unset",
        status_message="",
        attributes={},
        resource=RESOURCE,
        scope="",
    )


@given(st.lists(st.tuples(st.none() | st.integers(0, 12), st.integers(0, 5)), max_size=10))
def test_any_parents_even_in_circles_show_each_span_once(parents: list[tuple[int | None, int]]) -> None:
    spans = tuple(made(id, parent, start) for id, (parent, start) in enumerate(parents))
    ordered = in_tree_order(spans)
    assert sorted(span.span_id for span, _ in ordered) == sorted(span.span_id for span in spans)
    open_at: dict[int, str] = {}
    for span_, depth in ordered:
        if depth:
            assert open_at[depth - 1] == span_.parent_id
        open_at[depth] = span_.span_id


def test_a_very_deep_trace_is_no_problem() -> None:
    spans = tuple(made(id, id - 1 if id else None, id) for id in range(20_000))
    assert in_tree_order(spans)[-1][1] == 19_999


def test_spans_have_what_went_in_and_out_and_the_rows_they_wrote(recorded: Recorded) -> None:
    answer = ask(recorded, record(recorded, None, fails=True))
    by_name = {each.name: each for each in answer.spans}
    user = by_name["create_user"]
    assert user.input == {"email": "alice@example.com", "plan": None}
    assert user.output == {"$type": "shop.models.User", "id": 42, "email": "alice@example.com"}
    assert user.recorded == ("input", "output")
    assert [(each.operation, each.outcome, each.span_id) for each in user.row_changes] == [
        ("insert", "rolled_back", user.span_id),
        ("update", "rolled_back", user.span_id),
    ]
    assert (by_name["transaction"].outcome, by_name["transaction"].row_changes) == ("rolled_back", ())
    charge = by_name["charge"]
    assert (charge.recorded, charge.output) == (("input",), None)
    assert charge.frame is not None
    assert charge.frame.locals == {"amount": 2900}
    assert not any(name.startswith("flux.") for each in answer.spans[:3] for name in each.attributes)


def test_rows_of_a_writer_that_has_not_arrived_stand_at_the_transaction(recorded: Recorded) -> None:
    changed = row("users", {"id": 1}, after={"id": 1}, by="create_user")
    root = http("POST", "/", children=[span("create_user"), transaction("committed", changed)])
    answer = ask(recorded, recorded.add(root, without=["create_user"], resource=RECORDER))
    assert {each.name: len(each.row_changes) for each in answer.spans} == {"POST /": 0, "transaction": 1}
