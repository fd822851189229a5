"""What is asked of a bisect, how it tells its progress, and its answer, which is that of `--json`."""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from flux_ls.answers.words import counted
from flux_ls.bisect.journal import Source
from flux_ls.bisect.search import Verdict

Purpose = Literal["end", "search", "deciding", "repeat"]
"""Why it was run: to see that an end is what it is said to be; to narrow it down; because all but a run spoke for a
parent of the suspect; to see whether a verdict lasts."""


class EvidenceShape(Struct, frozen=True):
    revision: str
    verdict: Verdict
    source: Source
    reason: str | None
    duration_ms: float
    purpose: Purpose | None = None
    """null for what was not run."""


class FirstBad(Struct, frozen=True):
    revision: str
    author: str
    date: str
    subject: str
    email: str = ""


class HunkShape(Struct, frozen=True):
    """A part of the first bad commit's diff. `function` is null for what stands outside of any."""

    path: str
    function: str | None
    diff: str
    line: int
    """Where it begins in the commit."""
    failing: bool
    """The function is on the failing stack, or ran otherwise than in the good run."""


class Bisect(Struct, frozen=True):
    """`first_bad` is null when there is none, or none that could be told from others: `reason` says why."""

    request_id: str | None
    good: tuple[str, ...]
    bad: str
    first_bad: FirstBad | None
    runs: int
    candidates: int
    """How many commits it could have been."""
    evidence: tuple[EvidenceShape, ...]
    hunks: tuple[HunkShape, ...]
    reason: str | None = None
    among: tuple[FirstBad, ...] = ()
    """What it may be, where skipped commits hide it."""
    unsteady: tuple[str, ...] = ()
    """Revisions that said now this, now that."""
    notes: tuple[str, ...] = ()
    log: str | None = None
    """A file that `git bisect replay` takes."""


class Progress(Struct, frozen=True):
    """How far it is; told when a run begins and when it has ended."""

    left: int
    """How many commits it may still be."""
    about: int
    """About how many runs that takes."""
    runs: int
    trying: tuple[str, ...]
    latest: EvidenceShape | None = None
    doing: str = ""
    """What it does when it tries nothing."""


def in_words(progress: Progress) -> str:
    """`12 commits left, about 4 runs · trying 1a2b3c4d5e6f`"""
    parts = [f"{progress.doing} …"] if progress.doing else []
    if progress.about:
        parts.append(f"{counted(progress.left, 'commit')} left, about {counted(progress.about, 'run')}")
    if progress.trying:
        parts.append(f"trying {', '.join(commit[:12] for commit in progress.trying)}")
    return " · ".join(parts)


Report = Callable[[Progress], None]


class NotPossible(Exception):
    """It cannot be asked so; the message names what to do."""


class NothingToFind(Exception):
    """There is no first bad commit between these; the message says why."""
