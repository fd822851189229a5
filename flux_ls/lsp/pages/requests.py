"""Pages about one request: why it failed, its spans, its steps."""

from collections.abc import Mapping

from flux_ls.answers.rows import Run, beyond, runs
from flux_ls.answers.shapes import ContrastShape, Debug, Explain, Trace, Why
from flux_ls.answers.steps import Line, news
from flux_ls.answers.steps import lines as told
from flux_ls.answers.values import shown
from flux_ls.answers.words import LINK_WORDS
from flux_ls.lsp import words
from flux_ls.lsp.markdown import code, fence
from flux_ls.lsp.pages.parts import duration, frame_line, location, mended, moment, numbered, request_line, text, where
from flux_ls.lsp.rows import line_of

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
    chained = {(link.type, link.message) for link in shape.chain}
    told_apart = [each for each in shape.handled if (each.type, each.message) not in chained]
    if told_apart:
        handled = (f"{code(each.type)} {code(each.message)} {where(each.location)}".rstrip() for each in told_apart)
        lines += ["## Handled on the way", "", *numbered(handled), ""]
    if shape.row_changes:
        changes = runs(shape.row_changes)
        lines += ["## Data changes", "", *numbered(map(_row, changes[:MOST_ROWS])), ""]
        if left := beyond(changes, MOST_ROWS):
            lines += [f"and {words.times(left, 'more change')}", ""]
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
            f"{count} of this kind, first {moment(shape.group.first_seen)}, last {moment(shape.group.last_seen)}"
            f"{mended(shape.group.resolved_by)}",
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
    for number, (step, states) in enumerate(news(steps), start=1):
        lines += [f"## {number}/{len(steps)} {code(step.name)} {duration(step.duration_ms)}", ""]
        lines += map(_line, told(step, states, VALUE_LIMIT))
        if step.frame is not None:
            lines.append(f"- at: {frame_line(step.frame)}")
        lines.append("")
    folded = len(shape.spans) - len(steps)
    if folded:
        left = words.times(folded, "span")
        lines.append(f"{left} of messages, connections and drivers left out.")
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


def _row(run: Run) -> str:
    return f"{code(line_of(run), 300)} {where(run.row.frame)}".rstrip()


def _line(line: Line) -> str:
    text = f"**{code(line.text, 500)}**" if line.tone == "bad" else code(line.text, VALUE_LIMIT)
    return f"- {line.label}: {text} {line.note}".rstrip()


def _values(values: Mapping[str, object]) -> list[str]:
    return [f"- {code(name)}: {code(shown(value, VALUE_LIMIT), VALUE_LIMIT)}" for name, value in values.items()]


def _contrast(found: ContrastShape) -> str:
    failing = f"{found.failing}/{found.failing_total} failures"
    passing = f"{found.passing}/{found.passing_total} successes"
    return f"{code(found.condition, 200)}: {failing}, {passing} ({code(found.where)})"
