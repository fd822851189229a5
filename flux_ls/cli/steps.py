"""How a step of a request looks: what went in and out, the rows it changed and how they were then."""

from collections.abc import Iterator, Sequence

from flux_ls.answers.shapes import RowState, Step
from flux_ls.answers.steps import Line, Tone, lines
from flux_ls.answers.values import LIMIT
from flux_ls.cli.phrases import latency
from flux_ls.cli.places import place
from flux_ls.cli.requests import NO_NAME
from flux_ls.cli.rows import dimmed
from flux_ls.cli.terminal import Paint, Terminal, clipped, first_line, padded, plain

_WIDEST_NAME = 40
_PAINTS: dict[Tone, Paint | None] = {"plain": None, "good": "good", "bad": "bad", "warn": "warn", "dim": "dim"}


def step_lines(
    terminal: Terminal, step: Step, states: Sequence[RowState], number: int, of: int, name_width: int
) -> Iterator[str]:
    """
    Span 2/5  create_user  4ms
    in  : {email: "alice@example.com", plan: "pro"}
    out : users id=42  inserted
    """
    name = padded(clipped(name_of(step), _WIDEST_NAME), min(name_width, _WIDEST_NAME))
    head = f"Span {number}/{of}".ljust(len(f"Span {of}/{of}")) + f"  {name}  {latency(step.duration_ms)}"
    if step.parent_missing:
        head += "  (parent missing)"
    yield terminal.paint(head, "bad" if step.error is not None and step.status != "ok" else "title")
    room = LIMIT if terminal.width is None else max(40, terminal.width - 10)
    for line in lines(step, states, room):
        yield _painted(terminal, line, room)
    if step.frame is not None and step.frame.anchor != "gone":
        yield terminal.paint("at  : ", "dim") + place(terminal, step.frame)


def name_of(step: Step) -> str:
    return plain(step.name) or NO_NAME


def _painted(terminal: Terminal, line: Line, room: int) -> str:
    text = first_line(line.text) if line.tone == "bad" else plain(line.text)
    if line.tone == "bad":
        text = clipped(text, room)
    told = f"{line.label:<4}: "
    if not line.note:
        return told + dimmed(terminal, terminal.paint(text, _PAINTS[line.tone]))
    if line.label == "out" and not line.note.startswith("("):
        return f"{told}{terminal.paint(text, _PAINTS[line.tone])}  {line.note}"
    return f"{told}{dimmed(terminal, text)}  {terminal.paint(line.note, _PAINTS[line.tone])}"
