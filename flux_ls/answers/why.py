"""Why a request failed: root cause, location, chain, what was handled on the way, and what came in."""

from flux_ls.analysis.assess import assess
from flux_ls.analysis.request import entry_of
from flux_ls.answers.came_in import input_of
from flux_ls.answers.frames import frame_shape
from flux_ls.answers.shapes import (
    FrameShape,
    GroupCount,
    HandledShape,
    LinkShape,
    RootCause,
    Why,
    request_shape,
    timestamp,
)
from flux_ls.model import Failure, Frame
from flux_ls.source.workspace import Workspace
from flux_ls.store.reader import Reader


def why(reader: Reader, workspace: Workspace, id: str) -> Why:
    """Raises what `Reader.resolve` raises for an id that is unknown, ambiguous or none at all."""
    stored = reader.resolve(id)
    spans = reader.spans_of_interest(stored.id)
    assessment = assess(spans)
    request, failure = assessment.request, assessment.failure

    def located(frame: Frame | None, failure: Failure) -> FrameShape | None:
        return None if frame is None else frame_shape(workspace, frame, failure.at_ns or request.ended_ns)

    return Why(
        request=request_shape(stored),
        root_cause=None if failure is None else _root_cause(failure),
        location=None if failure is None else located(failure.location, failure),
        location_reason=None if failure is None else failure.location_reason,
        frames=tuple(frame_shape(workspace, frame, failure.at_ns or request.ended_ns) for frame in failure.frames)
        if failure
        else (),
        chain=tuple(
            LinkShape(link.type, link.message, located(link.frame, failure), link.relation) for link in failure.chain
        )
        if failure
        else (),
        row_changes=(),
        input=input_of(stored, entry_of(spans)),
        suggestions=(),
        contrast=(),
        group=None if failure is None else _group(reader, failure),
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


def _root_cause(failure: Failure) -> RootCause:
    return RootCause(
        type=failure.type,
        message=failure.message,
        span_id=failure.span_id,
        span_name=failure.span_name,
        handled=failure.handled,
    )


def _group(reader: Reader, failure: Failure) -> GroupCount | None:
    issues = [issue for issue in reader.group(failure.fingerprint) if issue.count]
    if not issues:
        return None
    return GroupCount(
        fingerprint=failure.fingerprint,
        count=sum(issue.count for issue in issues),
        first_seen=timestamp(min(issue.first_seen_ns for issue in issues)),
        last_seen=timestamp(max(issue.last_seen_ns for issue in issues)),
    )
