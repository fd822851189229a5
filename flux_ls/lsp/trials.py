"""What replays said of issue groups, and of which text: it holds until one of the functions on the way is another."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from flux_ls.model import Failure
from flux_ls.replay.shapes import Replayed
from flux_ls.source.workspace import Workspace


class Body(Struct, frozen=True):
    """A function as it was."""

    path: str
    function: str
    digest: str


class Trial(Struct, frozen=True):
    """One replay of a request that had failed in the group's way."""

    fingerprint: str
    request_id: str
    passing: bool
    status: int | None
    error: str | None
    """What it fails with now; None when it passes."""
    same: bool
    """It fails as it did."""
    began_ns: int
    bodies: tuple[Body, ...]
    """The functions from the handler to the fault, as they were on disk before it ran."""


def bodies_of(workspace: Workspace, failure: Failure, at_ns: int) -> tuple[Body, ...]:
    """The functions of a failure's stack, in the text of today."""
    frames = dict.fromkeys((*failure.frames, *((failure.location,) if failure.location else ())))
    found: dict[tuple[str, str], Body] = {}
    for frame in frames:
        located = workspace.locate(frame, at_ns)
        if located.path is not None:
            digest = digest_of(workspace, located.path, located.function)
            found[located.path, located.function] = Body(located.path, located.function, digest)
    return tuple(found.values())


def digest_of(workspace: Workspace, path: str, function: str) -> str:
    """Of a function's text; of the whole file where there is no such function."""
    lines = workspace.lines(Path(path))
    within = next((each for each in workspace.functions(Path(path)) if each.name == function), None)
    if within is not None:
        lines = lines[within.first_line - 1 : within.last_line]
    text = "\n".join(line.rstrip("\r\n") for line in lines)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def still_holds(trial: Trial, workspace: Workspace) -> bool:
    """Whether today's text, unsaved edits included, is in these functions what was run."""
    return all(digest_of(workspace, body.path, body.function) == body.digest for body in trial.bodies)


def trial_of(answer: Replayed, failure: Failure, bodies: tuple[Body, ...], began_ns: int) -> Trial | None:
    """What a replay says of the failure; None where it says nothing of it."""
    if answer.outcome not in ("passing", "failing") or not answer.was_failed:
        return None
    passing = answer.outcome == "passing"
    return Trial(
        fingerprint=failure.fingerprint,
        request_id=answer.request_id,
        passing=passing,
        status=answer.now,
        error=None if passing else answer.error or answer.reason,
        same=answer.same_failure,
        began_ns=began_ns,
        bodies=bodies,
    )


def by_group(trials: Iterable[Trial]) -> dict[str, Trial]:
    """One for each group: of several requests, one that still fails tells most."""
    found: dict[str, Trial] = {}
    for trial in trials:
        known = found.get(trial.fingerprint)
        if known is None or (known.passing and not trial.passing):
            found[trial.fingerprint] = trial
    return found


def fixed_by(trial: Trial) -> str:
    """`fixed: replay of req:550e8400 200`"""
    status = "" if trial.status is None else f" {trial.status}"
    return f"fixed: replay of req:{trial.request_id[:8]}{status}"
