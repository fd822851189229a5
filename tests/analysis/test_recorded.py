"""What a recorder added to spans, as any recorder may have written it and any pipeline may have cut it."""

import json
from typing import Any

import pytest

from flux_ls.analysis.recorded import (
    CHANGES_LIMIT,
    NOT_LOADED,
    changes_of,
    has_output,
    input_of,
    locals_at,
    locals_of,
    output_of,
    parsed,
    row_changes,
)
from flux_ls.model import Attributes, ColumnChange, Event, Frame, FrameLocals, Span
from flux_ls.record import wire
from tests.analysis.spans import START_NS, TRACE, app, ms, ran
from tests.analysis.spans import span as part


def made(attributes: Attributes, *events: Event, name: str = "charge", id: str = "a" * 16) -> Span:
    from msgspec.structs import replace

    return replace(part(name).span, trace_id=TRACE, attributes=attributes, events=events, span_id=id)


def changed(at: float = 0, **told: Any) -> Event:
    names = {
        "table": wire.ROW_TABLE,
        "key": wire.ROW_KEY,
        "operation": wire.ROW_OPERATION,
        "before": wire.ROW_BEFORE,
        "after": wire.ROW_AFTER,
        "outcome": wire.ROW_OUTCOME,
        "by": wire.ROW_SPAN,
        "path": "code.file.path",
        "line": "code.line.number",
        "function": "code.function.name",
    }
    values = {"table": "users", **told}
    return Event(wire.ROW_CHANGE, ms(at), {names[name]: value for name, value in values.items() if value is not None})


def deep(levels: int) -> str:
    return "[" * levels + "]" * levels


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ('{"amount": 2900, "plan": null}', {"amount": 2900, "plan": None}),
        ("[1, 2]", [1, 2]),
        ("null", None),
        ('"text"', "text"),
        ('{"amount": 29', '{"amount": 29'),  # cut by a length limit
        ("", ""),
        ("a repr, not JSON", "a repr, not JSON"),
        ({"amount": 2900}, {"amount": 2900}),  # sent as a tree, as OTLP can
        (7, 7),
        (None, None),
        ('{"rate": NaN}', {"rate": {"$float": "nan"}}),
        ('[-Infinity, 1e999, "NaN"]', [{"$float": "-inf"}, {"$float": "inf"}, "NaN"]),
        ('["\\ud800", NaN]', '["\\ud800", NaN]'),
        (str(2**80), 2**80),
        (deep(64), json.loads(deep(64))),
        (deep(70), deep(70)),
        (deep(100_000), deep(100_000)),
        ("[" + deep(1) + ', "[[["' * 60 + "]", None),
    ],
)
def test_json_is_a_tree_and_anything_else_is_itself(told: Any, expected: Any) -> None:
    if isinstance(told, str) and expected is None and told != "null":
        expected = json.loads(told)
    span = made({wire.INPUT: told, wire.OUTPUT: told})
    assert input_of(span) == expected
    assert output_of(span) == expected


def test_nothing_recorded_is_told_from_null() -> None:
    assert (input_of(made({})), output_of(made({})), has_output(made({}))) == (None, None, False)
    assert (output_of(made({wire.OUTPUT: "null"})), has_output(made({wire.OUTPUT: "null"}))) == (None, True)


def test_locals_are_those_frames_that_make_sense() -> None:
    good = {"path": "/srv/app/pay.py", "line": 42, "function": "charge", "locals": {"amount": 2900}}
    told = [good, {**good, "line": "42"}, {**good, "locals": None}, {**good, "path": 3}, "x", {**good, "function": 1}]
    assert locals_of(made({wire.LOCALS: json.dumps(told)})) == (
        FrameLocals("/srv/app/pay.py", 42, "charge", {"amount": 2900}),
        FrameLocals("/srv/app/pay.py", 42, "", {"amount": 2900}),
    )
    for nonsense in ("[{", "{}", "7", ""):
        assert locals_of(made({wire.LOCALS: nonsense})) == ()


@pytest.mark.parametrize(
    ("frame", "found"),
    [
        (Frame("/srv/app/shop/pay.py", 42, "charge", True), True),
        (Frame("shop/pay.py", 42, "Payment.charge", True), True),
        (Frame("./pay.py", 42, "charge", True), True),
        (Frame("/other/pay.py", 42, "charge", True), False),
        (Frame("/srv/app/shop/xpay.py", 42, "charge", True), False),
        (Frame("/srv/app/shop/pay.py", 43, "charge", True), False),
        (Frame("/srv/app/shop/pay.py", 42, "refund", True), False),
        (Frame("C:\\srv\\app\\shop\\pay.py", 42, "charge", True), True),
    ],
)
def test_locals_belong_to_the_frame_with_their_file_line_and_function(frame: Frame, found: bool) -> None:
    told = [
        FrameLocals("C:/srv/app/shop/pay.py" if ":" in frame.path else "/srv/app/shop/pay.py", 42, "charge", {"a": 1})
    ]
    assert (locals_at(frame, told) == {"a": 1}) is found


def test_a_row_change_is_read_from_its_event() -> None:
    event = changed(
        3,
        key='{"id": 42}',
        operation="update",
        before='{"plan": "free"}',
        after='{"plan": null}',
        outcome="rolled_back",
        by="B" * 16,
        path="/srv/app/shop/users.py",
        line=7,
        function="User.downgrade",
    )
    (change,) = changes_of(made({wire.OUTCOME: "committed"}, event))
    assert (change.table, change.key, change.operation, change.outcome) == (
        "users",
        {"id": 42},
        "update",
        "rolled_back",
    )
    assert change.columns == (ColumnChange("plan", "free", None),)
    assert (change.span_id, change.request_id, change.at_ns) == ("b" * 16, TRACE, ms(3))
    assert change.frame == ran(app("User.downgrade", 7, "/srv/app/shop/users.py"))


@pytest.mark.parametrize(
    ("told", "operation", "columns"),
    [
        ({"after": '{"plan": "pro"}'}, "insert", [("plan", None, "pro")]),
        ({"before": '{"plan": "pro"}'}, "delete", [("plan", "pro", None)]),
        ({"before": '{"a": 1, "b": 2}', "after": '{"b": 3, "c": 4}'}, "update", None),
        ({"operation": "update", "after": '{"plan": "pro"}'}, "update", [("plan", NOT_LOADED, "pro")]),
        ({"operation": "delete"}, "delete", []),
        ({"operation": "upsert", "after": '{"plan": "pro"}'}, "insert", [("plan", None, "pro")]),
        ({"operation": "insert", "after": '{"plan": "pr'}, "insert", []),
    ],
)
def test_what_an_event_leaves_out_is_worked_out_or_unknown(told: dict[str, str], operation: str, columns: Any) -> None:
    (change,) = changes_of(made({}, changed(**told)))
    assert change.operation == operation
    if columns is None:
        columns = [("a", 1, NOT_LOADED), ("b", 2, 3), ("c", NOT_LOADED, 4)]
    assert [(each.name, each.before, each.after) for each in change.columns] == columns
    assert (change.key, change.frame, change.outcome, change.span_id) == ({}, None, "unknown", "a" * 16)


@pytest.mark.parametrize(
    ("own", "of_the_transaction", "expected"),
    [
        ("rolled_back", "committed", "rolled_back"),
        (None, "committed", "committed"),
        (None, None, "unknown"),
        ("aborted", "committed", "unknown"),
    ],
)
def test_a_change_without_an_outcome_has_its_transactions(own: Any, of_the_transaction: Any, expected: str) -> None:
    span = made({wire.OUTCOME: of_the_transaction}, changed(outcome=own))
    assert [change.outcome for change in changes_of(span)] == [expected]


@pytest.mark.parametrize(
    "event",
    [
        Event("flux.other", START_NS, {wire.ROW_TABLE: "users"}),
        changed(table=""),
        changed(table=7),
        Event(wire.ROW_CHANGE, START_NS, {}),
    ],
)
def test_events_of_no_table_are_no_row_changes(event: Event) -> None:
    assert list(changes_of(made({}, event))) == []


@pytest.mark.parametrize("line", [0, -1, "7", True, 1.5])
def test_a_line_that_is_none_makes_no_frame(line: Any) -> None:
    (change,) = changes_of(made({}, changed(path="/srv/a.py", line=line)))
    assert change.frame is None


def test_changes_stand_in_the_order_they_were_made_under_spans_that_are_there() -> None:
    one = made({}, changed(5, key='{"id": 1}', by="c" * 16), changed(5, key='{"id": 2}', by="d" * 16), id="a" * 16)
    two = made({}, changed(2, key='{"id": 3}', by="a" * 16), id="b" * 16)
    three = made({}, id="c" * 16)
    assert [(change.key, change.span_id) for change in row_changes([one, two, three])] == [
        ({"id": 3}, "a" * 16),
        ({"id": 1}, "c" * 16),
        ({"id": 2}, "a" * 16),
    ]


def test_a_span_with_a_great_many_changes_is_read_up_to_a_limit() -> None:
    events = [changed(0)] * (CHANGES_LIMIT + 5)
    assert len(list(changes_of(made({}, *events)))) == CHANGES_LIMIT


def test_a_tree_that_is_parsed_can_be_written_again() -> None:
    for text in (deep(64), '{"a": NaN}', str(10**40)):
        assert json.loads(json.dumps(parsed(text))) == parsed(text)
