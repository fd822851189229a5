"""What says whether a revision is good: a command's exit status as git reads it, or the recorded request run again."""

import contextlib
import os
import select
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct
from msgspec.structs import replace

from flux_ls.bisect.beside import NOTHING, Beside, lay_out
from flux_ls.bisect.importing import unimportable
from flux_ls.bisect.search import Verdict
from flux_ls.bisect.traces import Traced, read_traces
from flux_ls.bisect.worktrees import MARK
from flux_ls.record.redaction import redact_text

if TYPE_CHECKING:
    from flux_ls.replay.shapes import Conditions, Recording
    from flux_ls.source.workspace import Workspace

GOOD, SKIP, TIMED_OUT, LAST_BAD = 0, 125, 124, 127
"""The exit statuses that `git bisect run` knows, and that of `timeout`."""
_TAIL = 64 * 1024
_BEAT_S = 0.05
_GRACE_S = 1.0


class Said(Struct, frozen=True):
    """What one run says of a revision."""

    verdict: Verdict
    reason: str | None = None
    """What there is to say: why it is skipped, what a bad one died of."""
    duration_ms: float = 0.0
    early: str | None = None
    """It died before the code under test ran, of this."""
    traced: Traced | None = None
    told: str = ""
    """What a traced run printed, or died of."""


class Aborted(Exception):
    """The run said that the search is to end."""


class Cancelled(Exception):
    """Nobody wants to know any more."""


class Oracle(Protocol):
    def ask(self, folder: Path, stop: threading.Event, *, scratch: Path, trace: bool = False) -> Said:
        """Runs in `folder`, which is a checkout of the revision. Raises Aborted and Cancelled."""


class CommandOracle:
    """A command line of the user's, run by the shell in the checkout's root."""

    def __init__(
        self, command: str, timeout_s: float, checkout: Path, environ: Mapping[str, str], installed: Sequence[str] = ()
    ) -> None:
        """`installed` are the folders that an interpreter imports from the checkout without being told to."""
        self.command = command
        self._installed = installed
        self._timeout_s = timeout_s
        self._checkout = checkout
        self._environ = environ

    def ask(self, folder: Path, stop: threading.Event, *, scratch: Path, trace: bool = False) -> Said:
        with tempfile.TemporaryDirectory(dir=scratch, prefix="run-", ignore_cleanup_errors=True) as own:
            out = Path(own)
            environ = environment(self._environ, self._checkout, folder, scratch, self._installed)
            if trace:
                environ |= tracing(environ, folder, out)
            began = time.monotonic()
            code, in_time = _run(self.command, folder, environ, out / "output", self._timeout_s, stop)
            took = round((time.monotonic() - began) * 1000, 3)
            output = _tail(out / "output")
            said = judged(code, in_time, self._timeout_s, output, folder)
            if not trace:
                return replace(said, duration_ms=took)
            return replace(said, duration_ms=took, traced=read_traces(out, folder), told=output)


class ReplayOracle:
    """The recorded request: bad is the same failure, good is none; another failure tells nothing of this one."""

    def __init__(
        self,
        recording: "Recording",
        conditions: "Conditions",
        workspace: "Workspace",
        inside: str = ".",
        installed: Sequence[str] = (),
        beside: Beside = NOTHING,
    ) -> None:
        """`inside` is the folder of the checkout whose application runs; the conditions' root is the checkout."""
        self._recording = recording
        self._installed = installed
        self._beside = beside
        self._inside = inside
        self.conditions = conditions
        self._workspace = workspace

    def ask(self, folder: Path, stop: threading.Event, *, scratch: Path, trace: bool = False) -> Said:
        # A command's search needs none of it.
        from flux_ls.replay.replay import replay_one
        from flux_ls.replay.shapes import Cancelled as ReplayCancelled

        project = folder / self._inside
        if not project.is_dir():
            return Said("skip", f"it has no folder {self._inside}")
        lay_out(self._beside, self.conditions.root, folder)
        with tempfile.TemporaryDirectory(dir=scratch, prefix="run-", ignore_cleanup_errors=True) as own:
            given = self.conditions.environ if self.conditions.environ is not None else os.environ
            environ = environment(given, self.conditions.root, folder, scratch, self._installed)
            if trace:
                environ |= tracing(environ, folder, Path(own))
            conditions = replace(self.conditions, root=project, environ=environ)
            try:
                ran = replay_one(self._recording, self._workspace, conditions, stop)
            except ReplayCancelled:
                raise Cancelled from None
            traced = read_traces(Path(own), folder) if trace else None
        reason = ran.error or ran.reason
        if ran.outcome in ("skipped", "error", "blocked"):
            mend = f" ({ran.mend})" if ran.mend else ""
            return Said("skip", f"it could not be replayed: {reason}{mend}", ran.duration_ms, traced=traced)
        failing = ran.outcome == "failing"
        if failing and not ran.same_failure:
            return Said("skip", f"it fails in another way: {reason}", ran.duration_ms, traced=traced)
        return Said("bad" if failing else "good", reason, ran.duration_ms, traced=traced, told=reason or "")


def judged(code: int, in_time: bool, timeout_s: float, output: str, folder: Path) -> Said:
    """Raises Aborted for what git aborts on."""
    if not in_time:
        return Said("skip", f"it took longer than {timeout_s:g} s (--timeout)")
    if code == GOOD:
        return Said("good")
    if code == SKIP:
        return Said("skip", f"exit status {SKIP}")
    if code == TIMED_OUT:
        return Said("skip", f"exit status {TIMED_OUT}, which is what `timeout` ends with")
    if not GOOD < code <= LAST_BAD:
        how = f"was ended by signal {-code}" if code < 0 else f"ended with status {code}"
        last = _last_line(output)
        raise Aborted(f"the command {how}, which says neither good (0), bad (1 to 127) nor skip (125){last}")
    early = unimportable(output, folder)
    if early is not None:
        return Said("skip", early, early=early)
    return Said("bad", f"exit status {code}{_last_line(output)}")


def environment(
    given: Mapping[str, str], checkout: Path, folder: Path, scratch: Path, installed: Sequence[str] = ()
) -> dict[str, str]:
    """The user's environment, with the revision's modules before all others and nothing that points git elsewhere."""
    environ = {name: value for name, value in given.items() if not name.startswith("GIT_")}
    before = [entry for entry in environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    moved = [
        str(folder / Path(entry).relative_to(checkout)) if Path(entry).is_relative_to(checkout) else entry
        for entry in before
    ]
    path = [*(str(entry) for entry in (*roots(folder), *(folder / each for each in installed))), *moved]
    return environ | {
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(path)),
        # A checkout may be quicker than the clock of a file: what was compiled of the last revision could run.
        "PYTHONDONTWRITEBYTECODE": "1",
        "PWD": str(folder),
        MARK: str(scratch),
    }


def roots(folder: Path) -> list[Path]:
    """Where a project keeps its modules: the layouts move in the course of a history."""
    return [root for root in (folder / "src", folder / "lib", folder) if root == folder or _has_modules(root)]


def tracing(environ: Mapping[str, str], folder: Path, out: Path) -> dict[str, str]:
    """What makes every Python that starts tell which functions ran."""
    bootstrap = out / "bootstrap"
    bootstrap.mkdir()
    tracer = Path(__file__).with_name("trace_run.py")
    (bootstrap / "sitecustomize.py").write_bytes(tracer.read_bytes())
    return {
        "PYTHONPATH": os.pathsep.join((str(bootstrap), environ["PYTHONPATH"])),
        "FLUX_BISECT_ROOT": str(folder),
        "FLUX_BISECT_TRACE": str(out),
    }


def only_in_checkout(command: str, checkout: Path, tracked: Sequence[str]) -> str | None:
    """A word of the command that names a file of the checkout which no revision has, as `git bisect run` would find."""
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    known = set(tracked)
    for word in words:
        path = Path(word)
        if path.is_absolute() or word.startswith("-") or not (checkout / path).is_file():
            continue
        inside = os.path.normpath(word)
        if not inside.startswith("..") and inside.replace(os.sep, "/") not in known:
            return word
    return None


def _has_modules(folder: Path) -> bool:
    with contextlib.suppress(OSError):
        return any(each.suffix == ".py" or (each / "__init__.py").is_file() for each in folder.iterdir())
    return False


def _run(
    command: str, folder: Path, environ: Mapping[str, str], output: Path, timeout_s: float, stop: threading.Event
) -> tuple[int, bool]:
    """The exit status, and whether it came in time. Ends all that it started. Raises Cancelled."""
    with output.open("wb") as told:
        process = subprocess.Popen(
            command,
            shell=True,
            cwd=folder,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=told,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + timeout_s if timeout_s else None
    try:
        while True:
            if stop.is_set():
                raise Cancelled
            left = _BEAT_S if deadline is None else min(_BEAT_S, deadline - time.monotonic())
            if left <= 0:
                return 0, False
            if (code := _ended(process, left)) is not None:
                return code, True
    finally:
        _end(process)


def _ended(process: "subprocess.Popen[bytes]", seconds: float) -> int | None:
    """The exit status if it comes within that time, without a nap too long where the system can tell at once."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            handle = os.pidfd_open(process.pid)
            try:
                select.select([handle], [], [], seconds)
            finally:
                os.close(handle)
            return process.poll()
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(seconds)
    return None


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Ends the command's whole session: what it left in the background would run in the next revision."""
    for number in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        with contextlib.suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, number)
            else:
                process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)
        if process.returncode is not None and number == signal.SIGTERM and not _alive(process.pid):
            return


def _alive(group: int) -> bool:
    if not hasattr(os, "killpg"):
        return False
    try:
        os.killpg(group, 0)
    except OSError:
        return False
    return True


def _tail(output: Path) -> str:
    with output.open("rb") as file:
        file.seek(max(0, output.stat().st_size - _TAIL))
        return file.read().decode("utf-8", "replace")


def _last_line(output: str) -> str:
    lines = output.strip().splitlines()
    # It goes into the log, and to whoever asked.
    return f": {redact_text(lines[-1].strip())[:200]}" if lines else ""
