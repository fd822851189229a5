"""The spans of a request as a tree with times, with what went in and out and which rows each of them wrote."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from flux_ls.analysis.recorded import has_output, input_of, locals_of, output_of, row_changes
from flux_ls.analysis.span_error import error_of
from flux_ls.analysis.version import as_it_ran
from flux_ls.answers.frames import Glance, frame_shape
from flux_ls.answers.passages import Passages
from flux_ls.answers.rows import row_shape
from flux_ls.answers.shapes import FrameShape, SpanShape, Trace, milliseconds, request_shape
from flux_ls.model import Frame, RowChange, RowOutcome, Span
from flux_ls.record import wire
from flux_ls.source.workspace import Workspace
from flux_ls.store.reader import Reader

_OUTCOMES: Mapping[object, RowOutcome] = {
    "committed": "committed",
    "rolled_back": "rolled_back",
    "unknown": "unknown",
}
_TOLD_APART = frozenset({wire.INPUT, wire.OUTPUT, wire.LOCALS})


def trace(reader: Reader, workspace: Workspace, id: str) -> Trace:
    """Raises what `Reader.resolve` raises for an id that is unknown, ambiguous or none at all."""
    request = reader.resolve(id)
    spans = reader.spans(request.id)
    zero = first_start(spans, request.started_ns)
    changes = changes_by_span(row_changes(spans))
    known = {span.span_id for span in spans}
    glance, passages = Glance(workspace), Passages(spans)
    return Trace(
        request=request_shape(request),
        spans=tuple(
            span_shape(glance, passages, span, depth, zero, known, changes.get(span.span_id, ()))
            for span, depth in in_tree_order(spans)
        ),
    )


def span_shape(
    workspace: Workspace | Glance,
    passages: Passages,
    span: Span,
    depth: int,
    zero: int,
    known: set[str],
    changes: Sequence[RowChange],
) -> SpanShape:
    """`zero` is when the request's first span began, `known` are the ids of all its spans."""
    recorded: list[Literal["input", "output"]] = []
    if wire.INPUT in span.attributes:
        recorded.append("input")
    if has_output(span):
        recorded.append("output")
    return SpanShape(
        span_id=span.span_id,
        parent_id=span.parent_id,
        name=span.name,
        kind=span.kind,
        service=span.resource.service,
        start_ms=milliseconds(span.start_ns - zero),
        duration_ms=milliseconds(span.end_ns - span.start_ns),
        status=span.status,
        error=error_of(span),
        input=input_of(span),
        output=output_of(span),
        frame=_frame(workspace, passages, span),
        row_changes=tuple(row_shape(workspace, change) for change in changes),
        attributes={name: value for name, value in span.attributes.items() if name not in _TOLD_APART},
        depth=depth,
        parent_missing=span.parent_id is not None and span.parent_id not in known,
        recorded=tuple(recorded),
        outcome=_OUTCOMES.get(span.attributes.get(wire.OUTCOME)),
    )


def first_start(spans: Iterable[Span], otherwise: int) -> int:
    return min((span.start_ns for span in spans), default=otherwise)


def changes_by_span(changes: Iterable[RowChange]) -> dict[str, list[RowChange]]:
    """By the span that wrote them, in the order they were made."""
    found: dict[str, list[RowChange]] = defaultdict(list)
    for change in changes:
        found[change.span_id].append(change)
    return found


def in_tree_order(spans: tuple[Span, ...]) -> list[tuple[Span, int]]:
    """Each span with its depth, parents before children. Orphans and what hangs in a circle stand at depth 0."""
    children: dict[str, list[Span]] = defaultdict(list)
    known = {span.span_id for span in spans}
    tops = []
    for span in sorted(spans, key=lambda span: (span.start_ns, span.end_ns)):
        if span.parent_id in known and span.parent_id != span.span_id:
            children[span.parent_id or ""].append(span)
        else:
            tops.append(span)
    ordered: list[tuple[Span, int]] = []
    placed: set[str] = set()

    def place(top: Span) -> None:
        stack = [(top, 0)]
        while stack:
            span, depth = stack.pop()
            if span.span_id not in placed:
                placed.add(span.span_id)
                ordered.append((span, depth))
                stack.extend((child, depth + 1) for child in reversed(children[span.span_id]))

    for top in tops:
        place(top)
    for span in spans:
        place(span)
    return ordered


def _frame(workspace: Workspace | Glance, passages: Passages, span: Span) -> FrameShape | None:
    """Where the span's exception was raised in the user's code or passed through its function, else the code that the
    span says it is about."""
    if span.exceptions:
        frames = [frame for frame in span.exceptions[-1].raised.frames if frame.in_app]
        if frames:
            return frame_shape(workspace, as_it_ran(frames[-1], span), span.end_ns, locals_of(span))
        if (passed := passages.of(span)) is not None:
            return frame_shape(workspace, as_it_ran(passed, span), span.end_ns, locals_of(span))
    path, line = span.attributes.get("code.file.path"), span.attributes.get("code.line.number")
    function = span.attributes.get("code.function.name")
    if not isinstance(path, str) or not isinstance(line, int) or line < 1:
        return None
    frame = Frame(path=path, line=line, function=function if isinstance(function, str) else "", in_app=True)
    return frame_shape(workspace, as_it_ran(frame, span), span.end_ns)
