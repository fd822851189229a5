"""What to say of a step of a request, line by line, for whoever shows steps: what went in and out, rows, the place."""

from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import Struct

from flux_ls.answers.rows import OUTCOMES, Run, beyond, change_text, row_name, runs
from flux_ls.answers.shapes import RowState, SpanShape, Step
from flux_ls.answers.values import LIMIT, pairs, shown
from flux_ls.record.wire import OMITTED_ROWS

MOST_CHANGES = 20
_ENVELOPE = ("method", "path", "url", "query", "headers", "body", "status")

Tone = Literal["plain", "good", "bad", "warn", "dim"]


class Line(Struct, frozen=True):
    """One line: `in`, `out`, `row` or `now`, the text as it was recorded, and a note to it."""

    label: str
    text: str
    note: str = ""
    tone: Tone = "plain"
    """Of the text when there is no note, else of the note."""


def lines(step: Step, states: Sequence[RowState], room: int = LIMIT) -> Iterator[Line]:
    """`states` are those of the step's rows that are to be told."""
    if (told := _in(step, room)) is not None:
        yield Line("in", told)
    changed = runs(step.row_changes)
    rows = [_row(run, room) for run in changed[:MOST_CHANGES]]
    out = _out(step, room)
    if out is not None and (step.error is None or "output" in step.recorded):
        yield out
    if step.error is not None:
        yield Line("out", step.error, tone="bad")
    elif out is None and rows:
        first = rows.pop(0)
        yield Line("out", first.text, first.note, first.tone)
    yield from rows
    if (left := beyond(changed, MOST_CHANGES)) > 0:
        yield Line("row", f"… {left:,} more {'change' if left == 1 else 'changes'}", tone="dim")
    for state in states:
        yield Line("now", _state(state, room), f"({_certainty(state)})", _tone(state.outcome, plain="dim"))


def news(steps: Sequence[Step]) -> Iterator[tuple[Step, tuple[RowState, ...]]]:
    """Each step with those of its rows that are not as they were told before; where something failed, with all."""
    known: dict[tuple[str, str], RowState] = {}
    for step in steps:
        told = []
        for state in step.rows_state:
            row = (state.table, repr(state.key))
            if step.error is not None or known.get(row) != state:
                told.append(state)
            known[row] = state
        yield step, tuple(told)


def _row(run: Run, room: int) -> Line:
    outcome = run.row.outcome
    return Line("row", change_text(run.row, run.count, room=room), f"({OUTCOMES[outcome]})", _tone(outcome))


def _in(step: Step, room: int) -> str | None:
    """What was recorded, else what plain OpenTelemetry says of a call."""
    if "input" in step.recorded:
        if step.kind in ("server", "client") and isinstance(step.input, dict) and "method" in step.input:
            return _message(step.input, room)
        return shown(step.input, room)
    attributes = step.attributes
    statement = attributes.get("db.query.text")
    if isinstance(statement, str):
        return _clipped(" ".join(statement.split()), room)
    method = attributes.get("http.request.method")
    names = ("url.full", "url.path") if step.kind == "client" else ("url.path", "url.full")
    where = attributes.get(names[0]) or attributes.get(names[1])
    return _clipped_middle(f"{method} {where}", room) if method and where else None


def _out(step: Step, room: int) -> Line | None:
    if "output" in step.recorded:
        if isinstance(step.output, dict) and "status" in step.output and step.kind in ("server", "client"):
            return Line("out", _message(step.output, room))
        return Line("out", shown(step.output, room))
    if step.outcome is not None:
        return Line("out", OUTCOMES[step.outcome], omitted_rows(step), _tone(step.outcome))
    status = step.attributes.get("http.response.status_code")
    return Line("out", str(status)) if isinstance(status, int) else None


def omitted_rows(span: SpanShape) -> str:
    """What to say of row changes that a recorder counted and did not keep."""
    count = span.attributes.get(OMITTED_ROWS)
    if not isinstance(count, int) or count <= 0:
        return ""
    return f"and {count:,} more row {'change' if count == 1 else 'changes'} not recorded"


def _message(told: dict[str, object], room: int) -> str:
    """An HTTP request or response: `POST /signup  {email: …}`, `201  {id: 42}`; its headers only in JSON."""
    head = " ".join(str(told[name]) for name in ("status", "method", "path", "url") if told.get(name) is not None)
    parts = [_clipped_middle(head, max(room // 2, room - 60))]
    room -= len(parts[0])
    if told.get("query"):
        parts.append(shown(told["query"], room // 2))
    if told.get("body") is not None:
        parts.append(shown(told["body"], max(20, room - sum(map(len, parts)))))
    more = {name: each for name, each in told.items() if name not in _ENVELOPE}
    if more:
        parts.append(shown(more, 40))
    return "  ".join(parts)


def _state(state: RowState, room: int) -> str:
    name = row_name(state.table, state.key)
    if not state.exists:
        return f"{name}  does not exist"
    held = {column: each for column, each in state.columns.items() if column not in state.key}
    return f"{name}  {pairs(held, max(20, room - len(name) - 30))}" if held else name


def _certainty(state: RowState) -> str:
    match state.outcome, state.pending:
        case "committed", True:
            return "not committed yet"
        case "committed", False:
            return "committed"
        case "rolled_back", True:
            return "not committed, and rolled back later"
        case "rolled_back", False:
            return "rolled back"
        case _:
            return "outcome unknown"


def _tone(outcome: str, plain: Tone = "good") -> Tone:
    return plain if outcome == "committed" else "warn"


def _clipped(text: str, room: int) -> str:
    return text if len(text) <= room else text[: max(room, 2) - 1] + "…"


def _clipped_middle(text: str, room: int) -> str:
    if len(text) <= room:
        return text
    half = max(room - 1, 2) // 2
    return f"{text[:half]}…{text[-half:]}"
