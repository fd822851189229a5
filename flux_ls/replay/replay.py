"""The entry: recorded requests run again, a process each, and what became of them."""

from threading import Event

from flux_ls.model import Request
from flux_ls.replay.shapes import Conditions, Recording, Replay, Replayed, Report, Requests, Skipped
from flux_ls.source.workspace import Workspace
from flux_ls.store.reader import Reader


def replay(
    reader: Reader,
    workspace: Workspace,
    requests: Requests,
    conditions: Conditions,
    *,
    cancel: Event | None = None,
    report: Report = lambda _: None,
) -> Replay:
    """Runs each request again; the answers come in the order of the requests.

    `report` is called as each is done, from one thread at a time. Raises Cancelled soon after `cancel` is set, when no
    process of it is left.
    """
    raise NotImplementedError


def recording_of(reader: Reader, request: Request, conditions: Conditions) -> Recording | Skipped:
    """What a run needs of a recorded request: read once, it needs no store any more."""
    raise NotImplementedError


def replay_one(
    recording: Recording, workspace: Workspace, conditions: Conditions, cancel: Event | None = None
) -> Replayed:
    """Runs one request in `conditions.root`. May be called from several threads. Raises Cancelled."""
    raise NotImplementedError
