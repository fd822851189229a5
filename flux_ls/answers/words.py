"""Words that every surface uses for the same thing."""

from collections.abc import Sequence

from flux_ls.answers.shapes import ProofShape
from flux_ls.model import LinkRelation, Proof

LINK_WORDS: dict[LinkRelation, str] = {
    "root_cause": "",
    "raised_from": "led to ",
    "cause": "caused by ",
    "context": "while handling ",
    "member": "in the same group: ",
}
"""What stands before an exception of a chain."""


def fixed(proof: Proof | ProofShape) -> str:
    """The run that showed something mended: `fixed: req:7b1d3f9a 201`."""
    status = "" if proof.status is None else f" {proof.status}"
    return f"fixed: req:{proof.request_id[:8]}{status}"


def is_proven(verdict: str, given: Sequence[str]) -> bool:
    """Whether the verdict of a difference may stand by itself: where other things were `given`, no fix is proven."""
    return verdict != "FIXED" or not given


def counted(count: int, one: str, many: str | None = None) -> str:
    """`1 run`, `1,204 runs`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
