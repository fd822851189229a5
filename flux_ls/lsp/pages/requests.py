"""Pages about one request: why it failed, its spans, its steps."""

from collections.abc import Mapping

from flux_ls.answers.shapes import ContrastShape, Debug, Explain, RowShape, RowState, Trace, Why
from flux_ls.answers.values import pairs, shown
from flux_ls.answers.words import LINK_WORDS
from flux_ls.lsp import words
from flux_ls.lsp.markdown import code, fence
from flux_ls.lsp.pages.parts import duration, frame_line, location, moment, numbered, request_line, text, where
from flux_ls.lsp.rows import OUTCOMES, line_of_shape
from flux_ls.lsp.rows import name as row_name

MOST_SPANS = 500
MOST_ROWS = 30
VALUE_LIMIT = 500
LONGEST_TEXT = 200_000


def why(shape: Why) -> str:
    request = shape.request
    lines = [f"# Why did {code('req:' + request.short_id)} fail?", "", request_line(request), ""]
    cause = shape.root_cause
    if cause is None:
        lines[0] = f"# {code('req:' + request.short_id)} did not fail"
    else:
        lines += ["## Root cause", "", code(cause.type, 200), "", fence(cause.message or cause.type, limit=4000), ""]
        lines += [f"in the span {code(cause.span_name)}", ""]
        lines += ["## Location", "", location(shape.location, shape.location_reason), ""]
        if shape.location is not None and shape.location.source:
            lines += [fence(shape.location.source.strip()), ""]
    if shape.frames:
        lines += ["## From handler to fault", "", *numbered(map(frame_line, shape.frames)), ""]
    if len(shape.chain) > 1:
        chain = (
            f"{LINK_WORDS[link.relation]}{code(link.type)} {code(link.message)} {where(link.frame)}".rstrip()
            for link in shape.chain
        )
        lines += ["## What led to what, root cause first", "", *numbered(chain), ""]
    if shape.handled:
        handled = (f"{code(each.type)} {code(each.message)} {where(each.location)}".rstrip() for each in shape.handled)
        lines += ["## Handled on the way", "", *numbered(handled), ""]
    if shape.row_changes:
        lines += ["## Data changes", "", *numbered(_row(row) for row in shape.row_changes[:MOST_ROWS]), ""]
        if len(shape.row_changes) > MOST_ROWS:
            lines += [f"and {words.times(len(shape.row_changes) - MOST_ROWS, 'more row')}", ""]
    if shape.input:
        lines += ["## Input", "", *_values(shape.input), ""]
    if shape.location is not None and shape.location.locals:
        lines += ["## Locals at the fault", "", *_values(shape.location.locals), ""]
    if shape.suggestions:
        lines += [
            "## Suggestion",
            "",
            *(f"- {code(each.title, 300)}: {code(each.evidence, 500)}" for each in shape.suggestions),
            "",
        ]
    if shape.contrast:
        lines += [
            "## What failing requests have in common",
            "",
            *(f"- {_contrast(each)}" for each in shape.contrast),
            "",
        ]
    if shape.group is not None:
        count = words.times(shape.group.count, "failure")
        lines += [
            f"{count} of this kind, first {moment(shape.group.first_seen)}, last {moment(shape.group.last_seen)}",
            "",
        ]
    return text(lines)


def trace(shape: Trace) -> str:
    lines = [f"# Trace of {code('req:' + shape.request.short_id)}", "", request_line(shape.request), ""]
    for span in shape.spans[:MOST_SPANS]:
        error = f" — {code(span.error)}" if span.error else ""
        mark = "✗" if span.status == "error" or span.error else "·"
        lines.append(
            f"{'  ' * min(span.depth, 20)}- {mark} {code(span.name)} {duration(span.duration_ms)}"
            f" at +{duration(span.start_ms)} {code(span.service)}{error} {where(span.frame)}".rstrip()
        )
    if len(shape.spans) > MOST_SPANS:
        lines.append(f"- and {words.times(len(shape.spans) - MOST_SPANS, 'more span')}")
    return text(lines)


def debug(shape: Debug) -> str:
    lines = [f"# Step by step: {code('req:' + shape.request.short_id)}", "", request_line(shape.request), ""]
    steps = [step for step in shape.spans if not step.noise][:MOST_SPANS]
    for number, step in enumerate(steps, start=1):
        lines += [f"## {number}/{len(steps)} {code(step.name)} {duration(step.duration_ms)}", ""]
        if "input" in step.recorded:
            lines.append(f"- in: {code(shown(step.input, VALUE_LIMIT), VALUE_LIMIT)}")
        if "output" in step.recorded:
            lines.append(f"- out: {code(shown(step.output, VALUE_LIMIT), VALUE_LIMIT)}")
        if step.error:
            lines.append(f"- error: {code(step.error, 500)}")
        lines += [f"- row: {code(line_of_shape(row), 300)}" for row in step.row_changes[:MOST_ROWS]]
        lines += [f"- now: {_state(state)}" for state in step.rows_state]
        if step.frame is not None:
            lines.append(f"- at: {frame_line(step.frame)}")
        lines.append("")
    folded = len(shape.spans) - len(steps)
    if folded:
        lines.append(f"{words.times(folded, 'span')} that say nothing of their own are left out.")
    return text(lines)


def explain(shape: Explain) -> str:
    if shape.sent:
        # What a model says is no more to be trusted with an editor than what a trace says.
        lines = ["# What the model says", "", fence(shape.answer or "", limit=LONGEST_TEXT), ""]
    else:
        lines = ["# What a model would be asked", "", "Nothing was sent.", ""]
    lines += [f"## The prompt, {shape.bytes:,} bytes", "", fence(shape.prompt, limit=LONGEST_TEXT), ""]
    if shape.omitted:
        lines += ["## Left out", "", *(f"- {code(each.what, 200)}: {code(each.reason, 200)}" for each in shape.omitted)]
    return text(lines)


def _row(row: RowShape) -> str:
    return f"{code(line_of_shape(row), 300)} {where(row.frame)}".rstrip()


def _state(state: RowState) -> str:
    held = {name: value for name, value in state.columns.items() if name not in state.key}
    told = f"{row_name(state.table, state.key)} {pairs(held, 160)}" if state.exists else "does not exist"
    certainty = "not committed yet" if state.pending else OUTCOMES[state.outcome]
    return f"{code(told, 240)} ({certainty})"


def _values(values: Mapping[str, object]) -> list[str]:
    return [f"- {code(name)}: {code(shown(value, VALUE_LIMIT), VALUE_LIMIT)}" for name, value in values.items()]


def _contrast(found: ContrastShape) -> str:
    failing = f"{found.failing}/{found.failing_total} failures"
    passing = f"{found.passing}/{found.passing_total} successes"
    return f"{code(found.condition, 200)}: {failing}, {passing}"
