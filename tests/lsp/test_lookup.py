"""What was recorded at a fault, as hovers and inlay hints look it up."""

from flux_ls.lsp.lookup import KEPT, Lookup
from flux_ls.model import Frame
from flux_ls.otlp.stacktrace import InAppRule
from tests.recorded import CALL_LINE, FAULT_LINE, Recorded
from tests.signup import signup
from tests.telemetry import RECORDER, new_trace_id


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
