"""What a search found out so far, in a file: to go on after a stop, and for `git bisect replay`.

The file is a log of git's. What git does not ask for stands in comments of ours, which git passes over.
"""

import base64
import contextlib
import hashlib
import json
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from flux_ls.bisect.executed import Executed
from flux_ls.bisect.search import Verdict

Source = Literal["recorded", "run"]
"""Whether telemetry or a run says so."""
_OURS = "# flux: "
_END = "# flux end: "
_ENDED = "# flux ended"
_DAY_S = 24 * 60 * 60


class Evidence(Struct, frozen=True):
    """A verdict, and where it comes from."""

    revision: str
    verdict: Verdict
    source: Source
    reason: str | None = None
    duration_ms: float = 0.0


class End(Struct, frozen=True):
    """A run of one of the ends that was as it is said to be. Git's lines for these stand at the top of the log."""

    evidence: Evidence
    early: str | None
    """What it died of before the code under test ran."""
    executed: Executed | None


class Before(Struct, frozen=True):
    """What was found out before a search was stopped."""

    ends: tuple[End, ...] = ()
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
        ends: dict[str, End] = {}
        found: dict[str, Evidence] = {}
        for line in lines:
            # A line may be half a line, or of another version.
            with contextlib.suppress(ValueError, zlib.error):
                if line.startswith(_OURS):
                    evidence = msgspec.json.decode(line.removeprefix(_OURS), type=Evidence)
                    # What is recorded is asked of the store each time; and why it was stopped may have been mended.
                    if evidence.source == "run" and evidence.verdict != "skip":
                        found[evidence.revision] = evidence
                elif line.startswith(_END):
                    packed = zlib.decompress(base64.b64decode(line.removeprefix(_END)))
                    end = msgspec.msgpack.decode(packed, type=End)
                    ends[end.evidence.revision] = end
        return Before(tuple(ends.values()), tuple(found.values()))

    def begin(
        self, bad: str, goods: Sequence[str], ends: Sequence[End], known: Sequence[Evidence], *, first_parent: bool
    ) -> None:
        """Writes it anew, with what is known already: all of it or, should this process die, nothing."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        start = " --first-parent" if first_parent else ""
        head = [f"git bisect start{start}", f"git bisect bad {bad}", *(f"git bisect good {good}" for good in goods)]
        told = [*map(_told_end, ends), *(_told(each) for each in known if each.revision not in (bad, *goods))]
        half = self.path.with_suffix(".half")
        with open(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123
            file.writelines(f"{line}\n" for line in (*head, *told))
        half.replace(self.path)

    def add(self, evidence: Evidence) -> None:
        """Survives the death of this process when this returns."""
        self._write(_told(evidence))

    def add_end(self, end: End) -> None:
        self._write(_told_end(end))

    def end(self, first_bad: str | None = None, subject: str = "") -> None:
        if first_bad is not None:
            shown = "".join(char if char.isprintable() else " " for char in subject)
            self._write(f"# first bad commit: [{first_bad}] {shown}")
        self._write(_ENDED)

    def _write(self, lines: str) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{lines}\n")


def _told(evidence: Evidence) -> str:
    ours = json.dumps(msgspec.to_builtins(evidence))
    verdict, revision = evidence.verdict, evidence.revision
    return f"{_OURS}{ours}\n# {verdict}: [{revision}]\ngit bisect {verdict} {revision}"


def _told_end(end: End) -> str:
    return _END + base64.b64encode(zlib.compress(msgspec.msgpack.encode(end))).decode("ascii")
