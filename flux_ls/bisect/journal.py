"""What a search found out so far, in a file: to go on after a stop, and for `git bisect replay`.

The file is a log of git's. What git does not ask for stands in comments of ours, which git passes over.
"""

import base64
import contextlib
import hashlib
import json
import os
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from flux_ls.bisect.search import Verdict
from flux_ls.bisect.weights import Ran

Source = Literal["recorded", "run"]
"""Whether telemetry or a run says so."""
_OURS = "# flux: "
_ENDS = "# flux ends: "
_ENDED = "# flux ended"
_DAY_S = 24 * 60 * 60


class Evidence(Struct, frozen=True):
    """A verdict, and where it comes from."""

    revision: str
    verdict: Verdict
    source: Source
    reason: str | None = None
    duration_ms: float = 0.0


class Ends(Struct, frozen=True):
    """What the runs of the ends told. Git's lines for these are those that the log begins with."""

    verdicts: tuple[Evidence, ...]
    symptom: str | None
    """What the bad one died of before the code under test ran."""
    ran: Ran | None
    notes: tuple[str, ...]


class Before(Struct, frozen=True):
    """What was found out before a search was stopped."""

    ends: Ends | None = None
    verdicts: tuple[Evidence, ...] = ()


def prune(folder: Path, days: float, now_s: float) -> int:
    """Removes the logs that nobody wrote to for so many days, and tells how many; none where there is no limit."""
    removed = 0
    for path in folder.glob("*.log") if days else ():
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < now_s - days * _DAY_S:
                path.unlink()
                removed += 1
    return removed


class Journal:
    """The log of one question, written line by line."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, folder: Path, question: Sequence[str]) -> "Journal":
        """The log in which this question's answers stand."""
        key = hashlib.blake2b("\0".join(question).encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
        return cls(folder / f"{key}.log")

    def unfinished(self) -> Before:
        """Whether runs were good or bad before a search was stopped; nothing of one that came to its end."""
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError):
            return Before()
        if _ENDED in lines:
            return Before()
        ends: Ends | None = None
        found: dict[str, Evidence] = {}
        for line in lines:
            # A line may be half a line, or of another version.
            with contextlib.suppress(ValueError, zlib.error):
                if line.startswith(_OURS):
                    evidence = msgspec.json.decode(line.removeprefix(_OURS), type=Evidence)
                    # What is recorded is asked of the store each time; and why it was stopped may have been mended.
                    if evidence.source == "run" and evidence.verdict != "skip":
                        found[evidence.revision] = evidence
                elif line.startswith(_ENDS):
                    packed = zlib.decompress(base64.b64decode(line.removeprefix(_ENDS)))
                    ends = msgspec.msgpack.decode(packed, type=Ends)
        return Before(ends, tuple(found.values()))

    def begin(self, bad: str, goods: Sequence[str], *, first_parent: bool) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123
            start = " --first-parent" if first_parent else ""
            file.write(f"git bisect start{start}\ngit bisect bad {bad}\n")
            file.writelines(f"git bisect good {good}\n" for good in goods)

    def add(self, evidence: Evidence, subject: str = "") -> None:
        """Survives the death of this process when this returns."""
        told = json.dumps(msgspec.to_builtins(evidence))
        shown = "".join(char if char.isprintable() else " " for char in subject)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{_OURS}{told}\n# {evidence.verdict}: [{evidence.revision}] {shown}\n")
            file.write(f"git bisect {evidence.verdict} {evidence.revision}\n")

    def add_ends(self, ends: Ends) -> None:
        packed = base64.b64encode(zlib.compress(msgspec.msgpack.encode(ends))).decode("ascii")
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{_ENDS}{packed}\n")

    def end(self, first_bad: str | None, described: Mapping[str, str]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            if first_bad is not None:
                file.write(f"# first bad commit: [{first_bad}] {described.get(first_bad, '')}\n")
            file.write(f"{_ENDED}\n")
