"""The issue groups: what fails, how often, since when, and whether it still does."""

from collections import defaultdict
from collections.abc import Sequence

from flux_ls.answers.frames import frame_shape
from flux_ls.answers.shapes import Errors, FrameShape, Group, timestamp
from flux_ls.answers.state import Standing, keep, standing
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
    asked = [group for group in latest_first if since_ns is None or _last_seen(group) >= since_ns]
    standings = [standing(workspace, _latest(group)) for group in asked]
    keep(
        reader.path,
        ((_latest(group), found.proof) for group, found in zip(asked, standings, strict=True) if found.proof),
    )
    return Errors(tuple(_group(workspace, group, found) for group, found in zip(asked, standings, strict=True)))


def group_standing(reader: Reader, workspace: Workspace, issues: Sequence[Issue]) -> Standing:
    """How it stands with the group that these issues are: as with the latest of them."""
    latest = _latest(issues)
    found = standing(workspace, latest)
    if found.proof is not None:
        keep(reader.path, [(latest, found.proof)])
    return found


def _group(workspace: Workspace, issues: list[Issue], found: Standing) -> Group:
    latest = _latest(issues)
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
        state=found.state,
        route=None if latest.route is None else latest.route.name,
        other_locations=_others(workspace, latest, issues),
        resolved_by=found.shape,
        handled=failure.handled,
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


def _latest(issues: Sequence[Issue]) -> Issue:
    return max(issues, key=lambda issue: issue.last_seen_ns)


def _last_seen(issues: Sequence[Issue]) -> int:
    return _latest(issues).last_seen_ns
