"""Whether an issue still fails, was handled, was mended and by which run, or is not to be shown.

That code was edited is told by the time of its file, which the next edit takes away: whoever sees an issue mended has
`keep` write down the proof, and from then on that counts, whatever becomes of the file.
"""

import contextlib
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from flux_ls.answers.shapes import ProofShape, timestamp
from flux_ls.model import GroupState, Issue, Proof, Route
from flux_ls.source.workspace import Workspace
from flux_ls.store.errors import StoreError

TICK_NS = 10_000_000
"""The times of files may be behind by so much: what ran just before an edit must not look as if it ran after."""


class Standing(Struct, frozen=True):
    """How it stands with an issue."""

    state: GroupState
    proof: Proof | None = None
    """Of one that is `resolved`."""

    @property
    def shape(self) -> ProofShape | None:
        proof = self.proof
        return None if proof is None else ProofShape(proof.request_id, proof.status, timestamp(proof.at_ns))


def standing(workspace: Workspace, issue: Issue) -> Standing:
    """`resolved` takes a good run of the same route, later than the failure and on newer code."""
    if issue.dismissed:
        return Standing("dismissed")
    if issue.failure.handled:
        return Standing("handled")
    proof = issue.proof or _proof(workspace, issue)
    return Standing("failing") if proof is None else Standing("resolved", proof)


def keep(store: Path, mended: Iterable[tuple[Issue, Proof]]) -> None:
    """Writes down the proofs that the store does not have yet. One that cannot be written is looked for again."""
    new = [(issue, proof) for issue, proof in mended if issue.proof is None]
    if not new:
        return
    # Few questions find anything to write.
    from flux_ls.store.writer import Writer

    with contextlib.suppress(StoreError), contextlib.closing(Writer(store)) as writer:
        writer.resolve(new)


def _proof(workspace: Workspace, issue: Issue) -> Proof | None:
    route = issue.route
    if route is None or route.last_good_id is None or route.last_good_ns is None:
        return None
    if route.last_good_ns <= issue.last_seen_ns or not _on_newer_code(workspace, issue, route, route.last_good_ns):
        return None
    return Proof(route.last_good_id, route.last_good_status, route.last_good_ns)


def _on_newer_code(workspace: Workspace, issue: Issue, route: Route, good_ns: int) -> bool:
    then, now = issue.last_revision, route.last_good_revision
    if then and now and then != now:
        return True
    for frame in issue.failure.frames:
        located = workspace.locate(frame, issue.last_seen_ns)
        if located.path is None or (then and now and not workspace.holds(frame.path)):
            # The same revision elsewhere, in a container say, has not seen what was edited here.
            continue
        try:
            edited_ns = Path(located.path).stat().st_mtime_ns
        except OSError:
            continue
        if issue.last_seen_ns < edited_ns < good_ns - TICK_NS:
            return True
    return False
