"""Whether an issue group still fails, was handled, was mended, or is not to be shown."""

from pathlib import Path

from flux_ls.model import GroupState, Issue
from flux_ls.source.workspace import Workspace


def group_state(workspace: Workspace, issue: Issue) -> GroupState:
    """`resolved` takes a good run of the same route, later than the failure and on newer code."""
    if issue.dismissed:
        return "dismissed"
    if issue.failure.handled:
        return "handled"
    return "resolved" if _mended(workspace, issue) else "failing"


def _mended(workspace: Workspace, issue: Issue) -> bool:
    route = issue.route
    if route is None or route.last_good_ns is None or route.last_good_ns <= issue.last_seen_ns:
        return False
    then, now = issue.last_revision, route.last_good_revision
    if then and now and then != now:
        return True
    for frame in issue.failure.frames:
        located = workspace.locate(frame, issue.last_seen_ns)
        if located.path is None or (then and now and located.path != frame.path):
            # The same revision elsewhere, in a container say, has not seen what was edited here.
            continue
        try:
            edited_ns = Path(located.path).stat().st_mtime_ns
        except OSError:
            continue
        if issue.last_seen_ns < edited_ns < route.last_good_ns:
            return True
    return False
