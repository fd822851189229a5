"""How a step of a request looks: what went in and out, the rows it changed and how they were then."""

from collections.abc import Iterator

from flux_ls.answers.shapes import RowState, SpanShape, Step
from flux_ls.answers.values import LIMIT, pairs
from flux_ls.cli.phrases import counted, latency
from flux_ls.cli.places import place
from flux_ls.cli.requests import NO_NAME
from flux_ls.cli.rows import MOST_CHANGES, OUTCOMES, change_line, row_name, value
from flux_ls.cli.terminal import Terminal, clipped, clipped_middle, first_line, padded, plain
from flux_ls.record.wire import OMITTED_ROWS

_WIDEST_NAME = 40
_ENVELOPE = ("method", "path", "url", "query", "headers", "body", "status")


def step_lines(terminal: Terminal, step: Step, number: int, of: int, name_width: int) -> Iterator[str]:
    """
    Span 2/5  create_user  4ms
    in  : {email: "alice@example.com", plan: "pro"}
    out : users id=42  inserted
    """
    name = padded(clipped(name_of(step), _WIDEST_NAME), min(name_width, _WIDEST_NAME))
    head = f"Span {number}/{of}  {name}  {latency(step.duration_ms)}"
    if step.parent_missing:
        head += "  (parent missing)"
    yield terminal.paint(head, "bad" if step.error is not None and step.status != "ok" else "title")
    room = LIMIT if terminal.width is None else max(40, terminal.width - 10)
    if (told := _in(terminal, step, room)) is not None:
        yield f"in  : {told}"
    rows = [change_line(terminal, row, room) for row in step.row_changes[:MOST_CHANGES]]
    told = _out(terminal, step, room)
    if told is not None and (step.error is None or "output" in step.recorded):
        yield f"out : {told}"
    if step.error is not None:
        yield "out : " + terminal.paint(clipped(first_line(step.error), room), "bad")
    elif told is None and rows:
        yield f"out : {rows.pop(0)}"
    for row in rows:
        yield f"row : {row}"
    if len(step.row_changes) > MOST_CHANGES:
        yield f"row : … {counted(len(step.row_changes) - MOST_CHANGES, 'more change')} (--json has all)"
    for state in step.rows_state:
        yield f"now : {_state(terminal, state, room)}"
    if step.frame is not None and step.frame.anchor != "gone":
        yield terminal.paint("at  : ", "dim") + place(terminal, step.frame)


def name_of(step: Step) -> str:
    return plain(step.name) or NO_NAME


def _in(terminal: Terminal, step: Step, room: int) -> str | None:
    """What was recorded, else what plain OpenTelemetry says of a call."""
    if "input" in step.recorded:
        if step.kind in ("server", "client") and isinstance(step.input, dict) and "method" in step.input:
            return _message(terminal, step.input, room)
        return value(terminal, step.input, room)
    attributes = step.attributes
    statement = attributes.get("db.query.text")
    if isinstance(statement, str):
        return plain(clipped(" ".join(statement.split()), room))
    method = attributes.get("http.request.method")
    names = ("url.full", "url.path") if step.kind == "client" else ("url.path", "url.full")
    where = attributes.get(names[0]) or attributes.get(names[1])
    return plain(clipped_middle(f"{method} {where}", room)) if method and where else None


def _out(terminal: Terminal, step: Step, room: int) -> str | None:
    if "output" in step.recorded:
        if isinstance(step.output, dict) and "status" in step.output and step.kind in ("server", "client"):
            return _message(terminal, step.output, room)
        return value(terminal, step.output, room)
    if step.outcome is not None:
        return terminal.paint(*OUTCOMES[step.outcome]) + omitted_rows(step)
    status = step.attributes.get("http.response.status_code")
    return str(status) if isinstance(status, int) else None


def omitted_rows(span: SpanShape) -> str:
    """What to say of row changes that a recorder counted and did not keep."""
    count = span.attributes.get(OMITTED_ROWS)
    return f"  and {counted(count, 'more row change')} not recorded" if isinstance(count, int) and count > 0 else ""


def _message(terminal: Terminal, told: dict[str, object], room: int) -> str:
    """An HTTP request or response: `POST /signup  {email: …}`, `201  {id: 42}`; its headers only in JSON."""
    head = " ".join(str(told[name]) for name in ("status", "method", "path", "url") if told.get(name) is not None)
    parts = [plain(clipped_middle(head, room // 2))]
    room -= len(parts[0])
    if told.get("query"):
        parts.append(value(terminal, told["query"], room // 2))
    if told.get("body") is not None:
        parts.append(value(terminal, told["body"], max(20, room - sum(map(len, parts)))))
    more = {name: each for name, each in told.items() if name not in _ENVELOPE}
    if more:
        parts.append(value(terminal, more, 40))
    return "  ".join(parts)


def _state(terminal: Terminal, state: RowState, room: int) -> str:
    name = row_name(state.table, state.key)
    held = {column: each for column, each in state.columns.items() if column not in state.key}
    if not state.exists:
        text = f"{name}  does not exist"
    else:
        text = f"{name}  {plain(pairs(held, max(20, room - len(name) - 30)))}" if held else name
    return f"{text}  {terminal.paint(f'({_certainty(state)})', 'dim' if state.outcome == 'committed' else 'warn')}"


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
