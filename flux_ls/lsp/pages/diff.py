"""The page about two requests compared."""

from flux_ls.answers.diff import Diff, FieldShape, RowDiff, SpanDiff
from flux_ls.answers.values import shown
from flux_ls.lsp import words
from flux_ls.lsp.markdown import code
from flux_ls.lsp.pages.parts import request_line, text
from flux_ls.lsp.rows import line_of_shape

MOST_SPANS = 200
VALUE_LIMIT = 200


def diff(shape: Diff) -> str:
    before, after = shape.before, shape.after
    lines = [
        f"# {code('req:' + before.short_id)} against {code('req:' + after.short_id)}",
        "",
        f"**{shape.verdict}** {code(shape.summary, 500)}",
        "",
        f"- before: {request_line(before)}",
        f"- after: {request_line(after)}",
        "",
    ]
    spans = [span for span in shape.spans if span.change != "same" and not span.noise]
    if spans:
        lines += ["## Spans", ""]
        for span in spans[:MOST_SPANS]:
            lines += _span(span)
        if len(spans) > MOST_SPANS:
            lines.append(f"- and {words.times(len(spans) - MOST_SPANS, 'more span')}")
        lines.append("")
    rows = [row for row in shape.rows if row.change != "same"]
    if rows:
        lines += ["## Rows", "", *(line for row in rows for line in _row(row)), ""]
    if shape.muted:
        lines.append(f"{words.times(shape.muted, 'difference')} in ids, times and the like are not shown.")
    return text(lines)


def _span(span: SpanDiff) -> list[str]:
    shape = span.after or span.before
    assert shape is not None
    lines = [f"- {span.change}: {code(shape.name)}"]
    if span.change == "changed":
        lines += [f"  - {_field(field)}" for field in span.fields if not field.noise]
    return lines


def _field(field: FieldShape) -> str:
    before, after = (code(shown(value, VALUE_LIMIT), VALUE_LIMIT) for value in (field.before, field.after))
    told = {"added": f"{after} (new)", "removed": f"{before} (gone)"}.get(field.change, f"{before} → {after}")
    return f"{code(field.path)}: {told}"


def _row(row: RowDiff) -> list[str]:
    sides = (("before", row.before), ("after", row.after))
    return [f"- {side}: {code(line_of_shape(shape), 300)}" for side, shape in sides if shape is not None]
