"""What a search found out so far, in a file: to go on after a stop, and for `git bisect replay`.

The file is a log of git's. What git does not ask for stands in comments of ours, which git passes over. One search at a
time writes it: the lock beside it goes with the process that holds it, however that ends.
"""

import base64
import contextlib
import hashlib
import json
import os
import sys
import zlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import msgspec
from filelock import FileLock, Timeout
from msgspec import Struct

from flux_ls.bisect.executed import Executed
from flux_ls.bisect.search import Verdict

Source = Literal["recorded", "run"]
"""Whether telemetry or a run says so."""
_OURS = "# flux: "
_END = "# flux end: "
_BY = "# flux process: "
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


class By(Struct, frozen=True):
    """The process that writes a log."""

    pid: int
    program: str
    since: str
    """In RFC 3339."""


class Held(Exception):
    """The same search goes on elsewhere and writes the log; the message says where, and what to do."""

    def __init__(self, by: By | None) -> None:
        """`by` is None where nothing was written yet."""
        since = by.since[:16].replace("T", " ") if by is not None else ""
        if by is None:
            who = "another process"
        elif by.pid == os.getpid():
            who = f"this process, since {since}"
        else:
            who = f"process {by.pid} ({by.program}), since {since}"
        how = "wait for its answer, or stop it and ask again, which goes on from there"
        super().__init__(f"the same search is under way in {who}: {how}")


class Unwritable(Exception):
    """There is no place for the log; the message says why, and what to do."""


class Before(Struct, frozen=True):
    """What was found out before a search was stopped."""

    ends: tuple[End, ...] = ()
    verdicts: tuple[Evidence, ...] = ()


def prune(folder: Path, days: float, now_s: float) -> int:
    """Removes the logs that nobody wrote to for so many days, and tells how many; none where there is no limit."""
    removed = 0
    for path in folder.glob("*.log") if days else ():
        with contextlib.suppress(OSError, Held, Unwritable):
            if path.stat().st_mtime < now_s - days * _DAY_S:
                with Journal(path):
                    path.unlink()
                    _lock_of(path).unlink()
                removed += 1
    return removed


class Journal:
    """The log of one question, written line by line. Entered, it is nobody else's."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = FileLock(_lock_of(path), mode=0o600)

    def __enter__(self) -> Self:
        """Raises Held and Unwritable."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock.acquire(timeout=0)
            self._write(_told_by())
        except Timeout:
            raise Held(self._by()) from None
        except OSError as error:
            raise self._unwritable(error) from error
        except Unwritable:
            self._lock.release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        # The file stays: were it removed, somebody who waits for it and somebody who makes it anew had one each.
        self._lock.release()

    @classmethod
    def of(cls, folder: Path, question: Sequence[str]) -> "Journal":
        """The log in which this question's answers stand."""
        key = hashlib.blake2b("\0".join(question).encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
        return cls(folder / f"{key}.log")

    def unfinished(self) -> Before:
        """Whether runs were good or bad before a search was stopped; nothing of one that came to its end."""
        lines = self._lines()
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
        """Writes it anew, with what is known already: all of it or, should this process die, nothing.

        This raises Unwritable, as do all that write.
        """
        start = " --first-parent" if first_parent else ""
        head = (f"git bisect start{start}", f"git bisect bad {bad}", *(f"git bisect good {good}" for good in goods))
        told = [*map(_told_end, ends), *(_told(each) for each in known if each.revision not in (bad, *goods))]
        half = self.path.with_suffix(".half")
        try:
            half.unlink(missing_ok=True)
            _append(half, _told_by(), *head, *told)
            half.replace(self.path)
        except OSError as error:
            raise self._unwritable(error) from error

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

    def _lines(self) -> list[str]:
        try:
            return self.path.read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError):
            return []

    def _by(self) -> By | None:
        for line in reversed(self._lines()):
            with contextlib.suppress(msgspec.MsgspecError):
                if line.startswith(_BY):
                    return msgspec.json.decode(line.removeprefix(_BY), type=By)
        return None

    def _write(self, line: str) -> None:
        try:
            _append(self.path, line)
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> Unwritable:
        how = f"make room for it at {self.path.parent}, or give another --store"
        return Unwritable(f"what is found out cannot be written down ({error.strerror}): {how}")


def _append(path: Path, *lines: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8") as file:  # noqa: PTH123
        file.write("".join(f"{line}\n" for line in lines))


def _lock_of(path: Path) -> Path:
    return path.with_suffix(".lock")


def _program() -> str:
    """`flux`, `flux-ls`; of `python -m`, the package and the one around it."""
    path = Path(sys.argv[0])
    return ".".join(path.parts[-3:-1]) if path.stem == "__main__" else path.name


def _told_by() -> str:
    by = By(os.getpid(), _program(), datetime.now().astimezone().isoformat(timespec="seconds"))
    return _BY + msgspec.json.encode(by).decode()


def _told(evidence: Evidence) -> str:
    ours = json.dumps(msgspec.to_builtins(evidence))
    verdict, revision = evidence.verdict, evidence.revision
    return f"{_OURS}{ours}\n# {verdict}: [{revision}]\ngit bisect {verdict} {revision}"


def _told_end(end: End) -> str:
    return _END + base64.b64encode(zlib.compress(msgspec.msgpack.encode(end))).decode("ascii")
