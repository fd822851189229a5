"""The page about two requests compared."""

from collections.abc import Iterator
from itertools import groupby

from flux_ls.analysis.diff.paths import written
from flux_ls.answers.diff import Diff, FieldShape, RowDiff, SpanDiff
from flux_ls.answers.values import shown
from flux_ls.lsp import words
from flux_ls.lsp.markdown import code
from flux_ls.lsp.pages.parts import request_line, text
from flux_ls.lsp.rows import line_of_shape
from flux_ls.record import wire

MOST_SPANS = 200
VALUE_LIMIT = 200
STATUS_CODE = written(("attributes", "http.response.status_code"))
OUTCOME = written(("attributes", wire.OUTCOME))


def diff(shape: Diff) -> str:
    before, after = shape.before, shape.after
    lines = [
        f"# {code('req:' + before.short_id)} against {code('req:' + after.short_id)}",
        "",
        f"**{shape.verdict}** {code(shape.summary, 1000)}",
        "",
        f"- before: {request_line(before)}",
        f"- after: {request_line(after)}",
        "",
    ]
    spans = [span for span in shape.spans if span.change != "same" and not span.noise]
    if spans:
        lines += ["## Spans", ""]
        told = list(_spans(spans))
        lines += (line for each in told[:MOST_SPANS] for line in each)
        if len(told) > MOST_SPANS:
            lines.append(f"- and {words.times(len(told) - MOST_SPANS, 'more span')}")
        lines.append("")
    rows = [row for row in shape.rows if row.change != "same"]
    if rows:
        lines += ["## Rows", "", *(line for row in rows for line in _row(row)), ""]
    repeated = sum(field.repeats for span in shape.spans for field in span.fields if not span.noise)
    muted = [f"{words.times(shape.muted, 'difference')} in ids and timings"] if shape.muted else []
    muted += [f"{repeated:,} that {'repeats' if repeated == 1 else 'repeat'} another"] if repeated else []
    if muted:
        lines.append(f"Not shown: {' and '.join(muted)}.")
    return text(lines)


def _spans(spans: list[SpanDiff]) -> Iterator[list[str]]:
    """Those of one name that came or went together, as in a loop, count as one."""
    for change, group in groupby(spans, key=lambda span: span.change):
        if change == "changed":
            yield from (told for span in group if len(told := _changed(span)) > 1)
            continue
        by_name: dict[str, list[SpanDiff]] = {}
        for span in group:
            by_name.setdefault(_name(span), []).append(span)
        for name, each in by_name.items():
            count = f" x{len(each):,}" if len(each) > 1 else ""
            error = next((shape.error for span in each if (shape := span.after or span.before) and shape.error), None)
            yield [f"- {change}: {code(name)}{count}", *([f"  - `error`: {code(error, VALUE_LIMIT)}"] if error else [])]


def _name(span: SpanDiff) -> str:
    shape = span.after or span.before
    return shape.name if shape is not None else ""


def _changed(span: SpanDiff) -> list[str]:
    fields = [field for field in span.fields if not field.noise and not field.repeats]
    paths = {field.path for field in fields}
    # The status only repeats the error, and the attribute the recorded answer.
    echoes = {"status"} if "error" in paths else set()
    echoes |= {STATUS_CODE} if paths & {"output", "output.status"} else set()
    return [
        f"- changed: {code(_name(span))}",
        *(f"  - {_field(field)}" for field in fields if field.path not in echoes and field.path != OUTCOME),
    ]


def _field(field: FieldShape) -> str:
    before, after = (code(shown(value, VALUE_LIMIT), VALUE_LIMIT) for value in (field.before, field.after))
    told = {"added": f"{after} (new)", "removed": f"{before} (gone)"}.get(field.change, f"{before} → {after}")
    return f"{code(field.path)}: {told}"


def _row(row: RowDiff) -> list[str]:
    sides = (("before", row.before), ("after", row.after))
    return [f"- {side}: {code(line_of_shape(shape), 300)}" for side, shape in sides if shape is not None]
