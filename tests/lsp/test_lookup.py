"""What was recorded at a fault, as hovers and inlay hints look it up."""

from dataclasses import replace
from typing import Any

import pytest

from flux_ls.lsp.lookup import KEPT, Lookup
from flux_ls.model import Frame, Span
from flux_ls.otlp.decode import decode_span
from flux_ls.otlp.stacktrace import InAppRule
from flux_ls.store import traces as store_traces
from tests.recorded import CALL_LINE, FAULT_LINE, Recorded
from tests.signup import signup
from tests.telemetry import RECORDER, new_trace_id, span


def frame(recorded: Recorded, line: int, function: str) -> Frame:
    return Frame(str(recorded.payments), line, function, in_app=True)


def test_a_place_is_read_once_until_its_request_is_another(recorded: Recorded) -> None:
    lookup, id = Lookup(recorded.store, InAppRule()), new_trace_id()
    charge = frame(recorded, FAULT_LINE, "charge")
    story = signup(recorded, None, fails=True)
    recorded.add(story, trace_id=id, resource=RECORDER, only=["charge"])
    first = lookup.at(id, charge)
    assert first.variables == {"amount": 2900}
    assert first.rows == ()
    assert lookup.at(id, charge) is first
    recorded.add(signup(recorded), resource=RECORDER)
    assert lookup.at(id, charge) is first, "another request changes nothing"
    assert lookup.at(id, frame(recorded, CALL_LINE, "signup")).variables != first.variables
    recorded.add(story, trace_id=id, resource=RECORDER, without=["charge"])
    later = lookup.at(id, charge)
    assert [(run.row.table, run.row.outcome) for run in later.rows] == [("users", "rolled_back")] * 2
    lookup.reader().close()


def test_what_is_kept_is_bounded(recorded: Recorded) -> None:
    lookup, id = Lookup(recorded.store, InAppRule()), recorded.add(signup(recorded, None, fails=True))
    first = lookup.at(id, frame(recorded, 1, "f"))
    for line in range(2, KEPT + 1):
        lookup.at(id, frame(recorded, line, "f"))
    assert lookup.at(id, frame(recorded, 1, "f")) is first
    for line in range(2, 2 * KEPT):
        lookup.at(id, frame(recorded, line, "f"))
    assert lookup.at(id, frame(recorded, 1, "f")) is not first
    lookup.reader().close()


@pytest.mark.parametrize("arrives", ["at once", "in parts"])
def test_of_a_thousand_spans_those_that_tell_of_the_place_are_decoded(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch, arrives: str
) -> None:
    id, charge = new_trace_id(), frame(recorded, FAULT_LINE, "charge")
    story = signup(recorded, None, fails=True)
    small = recorded.add(story, resource=RECORDER)
    large = replace(story, children=(*story.children, *(span(f"query {number}") for number in range(1203))))
    if arrives == "at once":
        recorded.add(large, trace_id=id, resource=RECORDER)
    else:
        recorded.add(large, trace_id=id, resource=RECORDER, without=["POST /signup"])
        recorded.add(large, trace_id=id, resource=RECORDER, only=["POST /signup"])
    decoded: list[bytes] = []

    def counted(raw: bytes, *rest: Any) -> Span:
        decoded.append(raw)
        return decode_span(raw, *rest)

    monkeypatch.setattr(store_traces, "decode_span", counted)
    lookup = Lookup(recorded.store, InAppRule())
    found = lookup.at(id, charge)
    assert found.request.spans > 1200
    assert 0 < len(decoded) <= 5
    alone = lookup.at(small, charge)
    assert (found.variables, found.arguments, found.input) == (alone.variables, alone.arguments, alone.input)
    assert found.variables == {"amount": 2900}
    assert len(found.rows) == len(alone.rows) == 2
    lookup.reader().close()
