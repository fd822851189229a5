"""Requests run again, each in the project that its code belongs to."""

from collections.abc import Callable, Mapping, Sequence
from threading import Event

from flux_ls.model import Request
from flux_ls.replay.projects import Project
from flux_ls.replay.replay import replay, summed_up
from flux_ls.replay.shapes import Conditions, Progress, Replay, Replayed, Report
from flux_ls.source.workspace import Workspace
from flux_ls.store.reader import Reader


def replay_by_project(
    reader: Reader,
    workspace: Workspace,
    requests: Sequence[Request],
    project_of: Mapping[str, Project],
    conditions: Callable[[Project], Conditions],
    *,
    cancel: Event | None = None,
    report: Report = lambda _: None,
) -> Replay:
    """As `replay` does, one project after another; the answers come in the order of the requests.

    `project_of` has the project of each request by its id. Raises Cancelled.
    """
    told: dict[str, Replayed] = {}

    def one_more(progress: Progress) -> None:
        told[progress.latest.request_id] = progress.latest
        report(Progress(len(told), len(requests), progress.latest))

    projects = dict.fromkeys(project_of[request.id].root for request in requests)
    for root in projects:
        here = [request for request in requests if project_of[request.id].root == root]
        replay(reader, workspace, here, conditions(project_of[here[0].id]), cancel=cancel, report=one_more)
    return summed_up([told[request.id] for request in requests])
