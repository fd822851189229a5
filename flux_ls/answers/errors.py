"""The issue groups: what fails, how often, since when, and whether it still does."""

from collections import defaultdict

from flux_ls.answers.frames import frame_shape
from flux_ls.answers.shapes import Errors, FrameShape, Group, timestamp
from flux_ls.answers.state import group_state
from flux_ls.model import Issue
from flux_ls.source.workspace import Workspace
from flux_ls.store.reader import Reader


def errors(reader: Reader, workspace: Workspace, since_ns: int | None = None) -> Errors:
    """Groups last seen at or after `since_ns`, the latest first; one group is what shares a fingerprint."""
    _, issues = reader.issues()
    groups: dict[tuple[str, bool], list[Issue]] = defaultdict(list)
    for issue in issues:
        # Retention may have taken every request of an issue.
        if issue.count:
            groups[issue.failure.fingerprint, issue.failure.handled].append(issue)
    latest_first = sorted(groups.values(), key=_last_seen, reverse=True)
    return Errors(
        tuple(_group(workspace, group) for group in latest_first if since_ns is None or _last_seen(group) >= since_ns)
    )


def _group(workspace: Workspace, issues: list[Issue]) -> Group:
    latest = max(issues, key=lambda issue: issue.last_seen_ns)
    first = min(issues, key=lambda issue: issue.first_seen_ns)
    failure = latest.failure
    return Group(
        fingerprint=failure.fingerprint,
        type=failure.type,
        message=failure.message,
        location=None if failure.location is None else frame_shape(workspace, failure.location, latest.last_seen_ns),
        location_reason=failure.location_reason,
        count=sum(issue.count for issue in issues),
        first_seen=timestamp(first.first_seen_ns),
        last_seen=timestamp(latest.last_seen_ns),
        first_revision=first.first_revision,
        sample_request_id=latest.sample_request_id,
        state=group_state(workspace, latest),
        route=None if latest.route is None else latest.route.name,
        other_locations=_others(workspace, latest, issues),
    )


def _others(workspace: Workspace, latest: Issue, issues: list[Issue]) -> tuple[FrameShape, ...]:
    """Other lines of today's code that failures of the group point at: services of one workspace may look alike."""
    if latest.failure.location is None:
        return ()
    shown = frame_shape(workspace, latest.failure.location, latest.last_seen_ns)
    places = {(shown.path, shown.line)}
    others = []
    for issue in sorted(issues, key=lambda issue: -issue.last_seen_ns):
        if issue.failure.location is None:
            continue
        frame = frame_shape(workspace, issue.failure.location, issue.last_seen_ns)
        if frame.anchor in ("exact", "moved") and (frame.path, frame.line) not in places:
            places.add((frame.path, frame.line))
            others.append(frame)
    return tuple(others)


def _last_seen(issues: list[Issue]) -> int:
    return max(issue.last_seen_ns for issue in issues)
