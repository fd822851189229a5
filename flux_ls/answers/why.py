"""Why a request failed: root cause, location, chain, what was handled on the way, the rows it changed, what came in,
and what failing requests of its kind have in common.
"""

from collections.abc import Iterable, Sequence

from flux_ls.analysis.assess import assess
from flux_ls.analysis.contrast import contrast
from flux_ls.analysis.facts import place_of
from flux_ls.analysis.recorded import locals_of, row_changes
from flux_ls.analysis.request import entry_of
from flux_ls.answers.came_in import input_of
from flux_ls.answers.errors import group_standing
from flux_ls.answers.frames import Glance, frame_shape
from flux_ls.answers.rows import row_shape
from flux_ls.answers.shapes import (
    ContrastShape,
    FrameShape,
    GroupCount,
    HandledShape,
    LinkShape,
    RootCause,
    Why,
    request_shape,
    timestamp,
)
from flux_ls.answers.suggestions import suggestion_shape, suggestions
from flux_ls.model import Failure, Frame, FrameLocals, RowChange, Span
from flux_ls.record import wire
from flux_ls.source.workspace import Workspace
from flux_ls.store.reader import Reader


def why(reader: Reader, workspace: Workspace, id: str) -> Why:
    """Raises what `Reader.resolve` raises for an id that is unknown, ambiguous or none at all."""
    stored = reader.resolve(id)
    spans = reader.spans_of_interest(stored.id)
    assessment = assess(spans)
    request, failure = assessment.request, assessment.failure
    variables = _locals(spans, failure)
    glance = Glance(workspace)

    def located(frame: Frame | None, failure: Failure) -> FrameShape | None:
        return None if frame is None else frame_shape(glance, frame, failure.at_ns or request.ended_ns, variables)

    return Why(
        request=request_shape(stored),
        root_cause=None if failure is None else _root_cause(failure),
        location=None if failure is None else located(failure.location, failure),
        location_reason=None if failure is None else failure.location_reason,
        frames=tuple(
            frame_shape(glance, frame, failure.at_ns or request.ended_ns, variables) for frame in failure.frames
        )
        if failure
        else (),
        chain=tuple(
            LinkShape(link.type, link.message, located(link.frame, failure), link.relation) for link in failure.chain
        )
        if failure
        else (),
        row_changes=tuple(row_shape(glance, change) for change in _row_changes(reader, spans, stored.spans)),
        input=input_of(stored, entry_of(spans)),
        suggestions=()
        if failure is None
        else tuple(map(suggestion_shape, suggestions(workspace, failure, spans, request.ended_ns))),
        contrast=() if failure is None else _contrast(reader, spans, failure),
        group=None if failure is None else _group(reader, workspace, failure),
        handled=tuple(
            HandledShape(
                type=handled.type,
                message=handled.message,
                span_id=handled.span_id,
                span_name=handled.span_name,
                handled=True,
                location=located(handled.location, handled),
            )
            for handled in assessment.handled
        ),
    )


def _locals(spans: Iterable[Span], failure: Failure | None) -> list[FrameLocals]:
    """What was recorded of the frames of the request's failures, nearest to the root cause first."""
    telling = [span for span in spans if wire.LOCALS in span.attributes]
    if failure is not None:
        telling.sort(key=lambda span: span.span_id != failure.span_id)
    return [variables for span in telling for variables in locals_of(span)]


def _row_changes(reader: Reader, spans: Sequence[Span], all_spans: int) -> tuple[RowChange, ...]:
    """Of a huge request only those spans are here that its failure is about."""
    if len(spans) < all_spans and (stored := reader.row_changes(spans[0].trace_id)):
        return stored
    return row_changes(spans)


def _contrast(reader: Reader, spans: Sequence[Span], failure: Failure) -> tuple[ContrastShape, ...]:
    inputs = reader.inputs(spans[0].trace_id, failure.fingerprint)
    if inputs is None:
        return ()
    # What began after the error only follows from it.
    places = {
        place_of(span.name, span.kind)
        for span in spans
        if wire.INPUT in span.attributes and not (failure.at_ns and span.start_ns > failure.at_ns)
    }
    return tuple(
        ContrastShape(
            condition=found.condition,
            failing=found.failing,
            failing_total=found.failing_total,
            passing=found.passing,
            passing_total=found.passing_total,
            where=found.where,
        )
        for found in contrast(inputs.own, inputs.failing, inputs.passing, places)
    )


def _root_cause(failure: Failure) -> RootCause:
    return RootCause(
        type=failure.type,
        message=failure.message,
        span_id=failure.span_id,
        span_name=failure.span_name,
        handled=failure.handled,
    )


def _group(reader: Reader, workspace: Workspace, failure: Failure) -> GroupCount | None:
    issues = [issue for issue in reader.group(failure.fingerprint) if issue.count]
    if not issues:
        return None
    found = group_standing(reader, workspace, issues)
    return GroupCount(
        fingerprint=failure.fingerprint,
        count=sum(issue.count for issue in issues),
        first_seen=timestamp(min(issue.first_seen_ns for issue in issues)),
        last_seen=timestamp(max(issue.last_seen_ns for issue in issues)),
        state=found.state,
        resolved_by=found.shape,
    )
