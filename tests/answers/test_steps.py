"""What is told of a step, and which of its rows."""

from typing import Any

from flux_ls.answers.debug import debug
from flux_ls.answers.shapes import Step
from flux_ls.answers.steps import lines, news
from tests.recorded import Recorded
from tests.signup import record
from tests.telemetry import RECORDER, SpanNode, http, row, span, transaction


def steps(recorded: Recorded, id: str) -> tuple[Step, ...]:
    with recorded.reader() as reader:
        return debug(reader, recorded.workspace(), id).spans


def told(recorded: Recorded, *children: SpanNode, **more: Any) -> dict[str, list[str]]:
    id = recorded.add(http("POST", "/", ms=100, children=children, **more), resource=RECORDER)
    return {
        step.name: [f"{line.label}: {line.text} {line.note}".strip() for line in lines(step, states)]
        for step, states in news(steps(recorded, id))
    }


def test_a_row_is_told_when_it_is_another_and_where_something_failed(recorded: Recorded) -> None:
    found = told(
        recorded,
        span("write", start_ms=1, ms=5),
        transaction("rolled_back", row("users", {"id": 1}, after={"id": 1}, at_ms=2, by="write"), start_ms=1, ms=80),
        span("quiet", start_ms=10, ms=5),
        span("failing", start_ms=20, ms=5, raises=recorded.timeout()),
    )
    state = "now: users id=1 (not committed, and rolled back later)"
    assert state in found["write"]
    assert found["quiet"] == []
    assert state in found["failing"]
    assert found["transaction"] == ["out: rolled back", "now: users id=1  does not exist (rolled back)"]


def test_a_loop_over_a_row_is_one_line(recorded: Recorded) -> None:
    changes = [
        row("items", {"id": 1}, before={"stock": n}, after={"stock": n + 1}, at_ms=2 + n / 10, by="restock")
        for n in range(300)
    ]
    found = told(recorded, span("restock", start_ms=1, ms=40), transaction("committed", *changes, start_ms=1, ms=50))
    assert found["restock"] == [
        "out: items id=1  stock: 0 → 300  in 300 changes (committed)",
        "now: items id=1  stock=300 (not committed yet)",
    ]


def test_the_story(recorded: Recorded) -> None:
    by_name = {step.name: step for step in steps(recorded, record(recorded, None, fails=True))}
    assert [(line.label, line.text) for line in lines(by_name["charge"], ())] == [
        ("in", "{amount: 2900}"),
        ("out", "TimeoutError: Stripe API timeout"),
    ]
