"""Why a request failed."""

import pytest

from flux_ls.answers.shapes import Why
from flux_ls.answers.why import why
from flux_ls.store.errors import AmbiguousRequest, BadRequestId, RequestNotFound
from tests import telemetry
from tests.recorded import CALL_LINE, FAULT_LINE, Recorded
from tests.signup import record
from tests.telemetry import Raises, http, span


def ask(recorded: Recorded, id: str, *path_map: str) -> Why:
    with recorded.reader() as reader:
        return why(reader, recorded.workspace(*path_map), id)


def test_the_root_cause_is_on_the_line_of_todays_code(recorded: Recorded) -> None:
    id = recorded.add(recorded.failing_signup())
    answer = ask(recorded, id[:6])
    assert answer.request.id == id
    assert answer.root_cause is not None
    assert (answer.root_cause.type, answer.root_cause.message) == ("TimeoutError", "Stripe API timeout")
    assert answer.root_cause.span_name == "charge"
    assert not answer.root_cause.handled
    location = answer.location
    assert location is not None
    assert (location.path, location.line, location.function, location.anchor) == (
        "shop/payments.py",
        FAULT_LINE,
        "charge",
        "exact",
    )
    assert location.source == '        raise TimeoutError("Stripe API timeout")'
    assert answer.location_reason is None
    assert [(frame.function, frame.line) for frame in answer.frames] == [
        ("signup", CALL_LINE),
        ("charge", FAULT_LINE),
    ]
    assert answer.input == {"method": "POST", "path": "/signup", "route": "/signup"}
    assert (answer.row_changes, answer.suggestions, answer.contrast, answer.handled) == ((), (), (), ())


def test_a_line_that_moved_shows_both_lines(recorded: Recorded) -> None:
    id = recorded.add(recorded.failing_signup())
    recorded.payments.write_text("# a new first line\n" + recorded.payments.read_text())
    location = ask(recorded, id).location
    assert location is not None
    assert (location.line, location.recorded_line, location.anchor) == (FAULT_LINE + 1, FAULT_LINE, "moved")
    assert location.source == '        raise TimeoutError("Stripe API timeout")'


def test_a_containers_path_is_shown_as_the_file_here_and_as_recorded(recorded: Recorded) -> None:
    id = recorded.add(recorded.failing_signup(under="/srv/app"))
    location = ask(recorded, id).location
    assert location is not None
    assert (location.path, location.recorded_path) == ("shop/payments.py", "/srv/app/shop/payments.py")


def test_a_file_that_is_not_here_is_unmapped_with_the_reason(recorded: Recorded) -> None:
    fault = Raises("KeyError", "'x'", (("/srv/other/reports.py", 3, "monthly", "totals['x']"),))
    id = recorded.add(http("GET", "/reports", 500, raises=fault))
    location = ask(recorded, id).location
    assert location is not None
    assert (location.anchor, location.path, location.line) == ("unmapped", "/srv/other/reports.py", 3)
    assert location.source == "totals['x']"
    assert location.reason


def test_a_failure_without_a_stack_says_why_it_has_no_location(recorded: Recorded) -> None:
    answer = ask(recorded, recorded.add(http("GET", "/x", 500)))
    assert answer.root_cause is not None
    assert answer.location is None
    assert answer.location_reason


def test_a_chain_begins_with_the_root_cause(recorded: Recorded) -> None:
    file = str(recorded.payments)
    outer = Raises("shop.SignupFailed", "no luck", ((file, CALL_LINE, "signup", ""),), cause=recorded.timeout())
    answer = ask(recorded, recorded.add(http("POST", "/signup", 500, raises=outer)))
    assert [link.type for link in answer.chain] == ["TimeoutError", "shop.SignupFailed"]
    frames = [link.frame for link in answer.chain if link.frame is not None]
    assert [frame.line for frame in frames] == [FAULT_LINE, CALL_LINE]


def test_a_request_that_went_well_has_no_root_cause_but_what_it_handled(recorded: Recorded) -> None:
    root = http("POST", "/signup", 200, ms=50, children=[span("charge", ms=20, raises=recorded.timeout())])
    answer = ask(recorded, recorded.add(root))
    assert (answer.root_cause, answer.location, answer.group) == (None, None, None)
    (handled,) = answer.handled
    assert (handled.type, handled.span_name, handled.handled) == ("TimeoutError", "charge", True)
    assert handled.location is not None
    assert handled.location.line == FAULT_LINE


def test_the_group_counts_every_request_with_this_failure(recorded: Recorded) -> None:
    ids = [recorded.add(recorded.failing_signup()) for _ in range(3)]
    recorded.add(http("GET", "/x", 500))
    group = ask(recorded, ids[0]).group
    assert group is not None
    assert group.count == 3
    assert group.first_seen < group.last_seen


def test_the_group_holds_the_same_failure_on_another_line(recorded: Recorded) -> None:
    first = recorded.add(recorded.failing_signup())
    file = str(recorded.payments)
    moved = Raises(
        "TimeoutError",
        "Stripe API timeout",
        ((file, CALL_LINE + 1, "signup", ""), (file, FAULT_LINE + 1, "charge", "")),
    )
    recorded.add(http("POST", "/signup", 500, route="/signup", raises=moved))
    group = ask(recorded, first).group
    assert group is not None
    assert group.count == 2


def test_ids_that_name_no_single_request(recorded: Recorded) -> None:
    recorded.add(http("GET", "/a"), trace_id="abcd" + "0" * 28)
    recorded.add(http("GET", "/b"), trace_id="abcd" + "1" * 28)
    with pytest.raises(AmbiguousRequest) as ambiguous:
        ask(recorded, "abcd")
    assert {request.name for request in ambiguous.value.candidates} == {"GET /a", "GET /b"}
    with pytest.raises(RequestNotFound):
        ask(recorded, "ffff")
    with pytest.raises(BadRequestId):
        ask(recorded, "x")
    assert ask(recorded, "req:ABCD0").request.path == "/a"


def test_the_services_own_request_id_works_too(recorded: Recorded) -> None:
    id = recorded.add(http("GET", "/a", attributes={"http.request.header.x_request_id": ["order-77"]}))
    assert ask(recorded, "order-77").request.id == id


def test_rows_inputs_and_locals_that_were_recorded(recorded: Recorded) -> None:
    answer = ask(recorded, record(recorded, None, fails=True))
    assert [(each.table, each.key, each.operation, each.outcome) for each in answer.row_changes] == [
        ("users", {"id": 42}, "insert", "rolled_back"),
        ("users", {"id": 42}, "update", "rolled_back"),
    ]
    changed = answer.row_changes[1]
    assert (changed.columns["plan"].before, changed.columns["plan"].after) == ("free", None)
    assert changed.frame is not None
    assert (changed.frame.path, changed.frame.line, changed.frame.function) == ("shop/payments.py", CALL_LINE, "signup")
    assert answer.input == {
        "method": "POST",
        "path": "/signup",
        "headers": {"host": "shop", "accept": "*/*"},
        "body": {"email": "alice@example.com", "plan": None},
        "route": "/signup",
    }
    assert answer.location is not None
    assert answer.location.locals == {"amount": 2900}
    assert [each.locals is not None and sorted(each.locals) for each in answer.frames] == [["form"], ["amount"]]


def test_what_failing_requests_have_in_common(recorded: Recorded) -> None:
    for number in range(20):
        record(recorded, "pro" if number % 2 else "free", id=number)
    ids = [record(recorded, None, fails=True, id=number) for number in range(5)]
    (found,) = ask(recorded, ids[-1]).contrast
    assert (found.condition, found.where) == ("plan is None", "request body")
    assert (found.failing, found.failing_total, found.passing, found.passing_total) == (5, 5, 0, 20)


def test_requests_without_a_recorder_have_nothing_to_compare(recorded: Recorded) -> None:
    recorded.add(http("POST", "/signup", route="/signup"))
    assert ask(recorded, recorded.add(recorded.failing_signup())).contrast == ()


def test_a_run_has_its_arguments_as_input(recorded: Recorded) -> None:
    told = telemetry.recorded({"argv": ["--all"]})
    id = recorded.add(span("nightly", raises=recorded.timeout(), attributes=told))
    assert ask(recorded, id).input == {"argv": ["--all"]}


def test_an_input_that_is_no_object_is_told_beside_what_is_known(recorded: Recorded) -> None:
    id = recorded.add(http("GET", "/a", 500, query="q=1", attributes={"flux.input": '{"body": "cut he'}))
    assert ask(recorded, id).input == {"method": "GET", "path": "/a", "query": {"q": "1"}, "input": '{"body": "cut he'}


def test_a_huge_request_still_tells_its_rows(recorded: Recorded) -> None:
    calls = [span(f"call {number}", start_ms=number / 10, ms=0.01) for number in range(2100)]
    changes = [telemetry.row("users", {"id": 1}, before={"n": 1}, after={"n": 2}, outcome="committed")]
    calls.append(span("transaction", start_ms=1, ms=1, rows=changes))
    root = http("GET", "/", 500, ms=500, raises=recorded.timeout(), children=calls)
    answer = ask(recorded, recorded.add(root, resource=telemetry.RECORDER))
    assert [each.table for each in answer.row_changes] == ["users"]
