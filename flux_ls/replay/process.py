"""One run in a process of the project's own interpreter: started, listened to, and ended with all that it started."""

import base64
import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import asdict

from flux_ls.record.settings import as_environment
from flux_ls.replay.allowed import Allowed, allowed
from flux_ls.replay.shapes import Blocked, Cancelled, Conditions, Guard, Recording

START = Path(__file__).parent / "child" / "start.py"
_BEAT_S = 0.05
_GRACE_S = 1.5
"""After its time a process may say where it is."""
_TAIL = 4000
_FOLDER = "flux-replay-"
_STEERING = frozenset({"FLUX_RECORD", "FLUX_OTLP_ENDPOINT", "FLUX_SERVICE", "OTEL_SDK_DISABLED", "OTEL_PYTHON_DISTRO"})
_PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy", "ftp_proxy", "no_proxy"})


Network = Literal["namespace", "ports", "open"]
"""How the kernel is to keep the network away: all of it, all ports but the allowed ones, or not at all."""


class Trouble(Struct, frozen=True):
    """Why the application could not be run, or did not come to an end."""

    reason: str
    mend: str | None = None


class Ran(Struct, frozen=True):
    """What a run told."""

    guard: Guard | None
    trouble: Trouble | None = None
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    body_total: int = 0
    duration_ms: float = 0.0
    error: Mapping[str, str] | None = None
    """The exception that it died of: `type`, `message`, `stacktrace`."""
    traces: tuple[bytes, ...] = ()
    """What the recorder exported, as OTLP."""
    blocked: tuple[Blocked, ...] = ()
    notes: tuple[str, ...] = ()


def run(recording: Recording, conditions: Conditions, seen: list[str], cancel: Event | None = None) -> Ran:
    """Runs a request again. Raises Cancelled."""
    let = allowed(conditions.allow)
    network: Network = "open"
    reason = "it is switched off"
    if conditions.namespace:
        network = "ports" if let.by_network else "namespace"
        reason = f"{', '.join(f'{host}:{port}' for host, port in let.by_network)} is allowed"
    ran, out_of_reach = _run(recording, conditions, seen, cancel, let, network, reason)
    if out_of_reach is not None:
        reason = f"{out_of_reach} is reached through the network"
        ran, _ = _run(recording, conditions, seen, cancel, let, "open", reason)
    return ran


def _run(
    recording: Recording,
    conditions: Conditions,
    seen: list[str],
    cancel: Event | None,
    let: Allowed,
    network: Network,
    reason: str,
) -> tuple[Ran, str | None]:
    """What came of it; and the service that the kernel's guard put out of reach, if that ended it."""
    with scratch() as folder:
        job = _job(recording, conditions, seen, let, network, folder) | {"no_namespace": reason}
        hearing = _Hearing(conditions, folder, job, recording.request.service)
        try:
            hearing.listen(conditions.timeout_s, cancel)
        finally:
            hearing.end()
        if hearing.made:
            _drop(conditions, folder, list(hearing.made.values()))
        return hearing.ran(), hearing.out_of_reach


def _job(
    recording: Recording, conditions: Conditions, seen: list[str], let: Allowed, network: Network, folder: Path
) -> dict[str, Any]:
    started_ns = recording.request.started_ns
    return {
        "root": str(conditions.root.resolve()),
        "app": conditions.app,
        "seen": seen,
        "scratch": str(folder),
        "network": network,
        "allow": let.by_network,
        "allow_sockets": let.sockets,
        "allow_writes": conditions.allow_writes,
        "timeout_s": conditions.timeout_s,
        "pin": {"started_ns": started_ns, "seed": int(recording.request.id, 16)} if conditions.pin else None,
        "sent": {**asdict(recording.sent), "body": base64.b64encode(recording.sent.body).decode("ascii")},
        "calls": [{**asdict(call), "body": base64.b64encode(call.body).decode("ascii")} for call in recording.calls],
    }


class _Hearing:
    """What a process says, as it says it."""

    def __init__(self, conditions: Conditions, folder: Path, job: Mapping[str, Any], service: str = "") -> None:
        self._told: dict[str, dict[str, Any]] = {}
        self._traces: list[bytes] = []
        self.made: dict[str, dict[str, Any]] = {}
        self.out_of_reach: str | None = None
        self._log = folder / "output"
        self._timed_out = False
        self._timeout_s = conditions.timeout_s
        self._python = conditions.python
        self._problem: str | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: queue.Queue[bytes | None] = queue.Queue()
        try:
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    [conditions.python, str(START)],
                    cwd=conditions.root,
                    env=_environment(conditions, folder, service),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    start_new_session=True,
                )
        except OSError as error:
            self._problem = f"{conditions.python} cannot be run: {error.strerror or error}"
            return
        threading.Thread(target=self._read, daemon=True).start()
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            # It stays open: the process ends when this one does.
            self._process.stdin.write(json.dumps(job).encode() + b"\n")
            self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        with contextlib.suppress(OSError, ValueError):
            for line in self._process.stdout:
                self._lines.put(line)
        self._lines.put(None)

    def listen(self, timeout_s: float, cancel: Event | None) -> None:
        if self._process is None:
            return
        deadline = time.monotonic() + timeout_s + _GRACE_S
        while True:
            if cancel is not None and cancel.is_set():
                raise Cancelled
            try:
                line = self._lines.get(timeout=_BEAT_S)
            except queue.Empty:
                if time.monotonic() > deadline:
                    self._timed_out = True
                    return
                continue
            if line is None:
                return
            self._hear(line)
            if "hung" in self._told:
                self._timed_out = True
                return

    def _hear(self, line: bytes) -> None:
        try:
            told = json.loads(line)
        except ValueError:
            return
        kind = told.get("kind")
        if kind == "trace":
            self._traces.append(base64.b64decode(told["body"]))
        elif kind == "made":
            self.made[told["database"]["name"]] = told["database"]
        elif kind == "dropped":
            self.made.pop(told["name"], None)
        elif kind == "out_of_reach":
            self.out_of_reach = told["service"]
        elif isinstance(kind, str):
            self._told.setdefault(kind, told)

    def end(self) -> None:
        """Ends the process and its group, and hears what was still under way."""
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if sys.platform == "win32":
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        with contextlib.suppress(queue.Empty):
            while (line := self._lines.get(timeout=_GRACE_S)) is not None:
                self._hear(line)
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()

    def ran(self) -> Ran:
        told = self._told
        guard = told.get("guard", {}).get("guard")
        notes = _notes(told)
        trouble = self._trouble()
        done = told.get("done")
        if done is None or trouble is not None:
            blocked = _blocked(told.get("error", {}).get("blocked", ()))
            return Ran(guard, trouble, blocked=blocked, notes=notes)
        return Ran(
            guard=guard,
            status=done["status"],
            headers=tuple((name, value) for name, value in done["headers"]),
            body=base64.b64decode(done["body"]),
            body_total=done["body_total"],
            duration_ms=round(done["duration_ms"], 3),
            error=done["error"],
            traces=tuple(self._traces),
            blocked=_blocked(done["blocked"]),
            notes=(*notes, *done["notes"]),
        )

    def _trouble(self) -> Trouble | None:
        if self._problem is not None:
            return Trouble(self._problem, "name the project's interpreter: `python` under [tool.flux], or --python")
        if (old := self._told.get("old")) is not None:
            return Trouble(f"{self._python} is Python {old['version']}", "a replay needs Python 3.11 or later")
        if (error := self._told.get("error")) is not None:
            return _error(error)
        if "done" in self._told:
            return None
        if self._timed_out:
            return Trouble(_hung(self._told, self._timeout_s), "raise --timeout, if it only is slow")
        code = self._process.returncode if self._process is not None else None
        began = "app" in self._told
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        if began:
            return Trouble(f"the application ended its process ({how})")
        return Trouble(f"the process ended before the application was there ({how}){self._last_words()}")

    def _last_words(self) -> str:
        with contextlib.suppress(OSError):
            lines = self._log.read_bytes()[-_TAIL:].decode("utf-8", "replace").strip().splitlines()
            if lines:
                return f": {lines[-1]}"
        return ""


def _error(error: Mapping[str, Any]) -> Trouble:
    at = error.get("at")
    where = f" at {at['path']}:{at['line']}" if at else ""
    if where and error["message"].endswith(where):
        where = ""
    target = error.get("target")
    if error["stage"] == "find":
        return Trouble(error["message"], 'name it: app = "pkg.mod:app" under [tool.flux], FLUX_APP or --app')
    if error["stage"] == "import":
        name = f"{target} " if target else "the application "
        return Trouble(
            f"{name}cannot be imported: {error['message']}{where}", "run it in the environment that the service has"
        )
    if error["stage"] == "start":
        return Trouble(f"the application does not start: {error['message']}{where}")
    return Trouble(f"the replay itself failed: {error['message']}{where}")


def _hung(told: Mapping[str, Mapping[str, Any]], timeout_s: float) -> str:
    at = (told.get("hung") or {}).get("at")
    where = f", at {at['path']}:{at['line']}" if at else ""
    what = "the request" if "app" in told else "the application's import"
    return f"{what} did not end within {timeout_s:g} s{where}"


def _notes(told: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    guard, recorder = told.get("guard"), told.get("recorder")
    found = []
    if guard is not None and guard["because"]:
        reach = "what it calls in C could reach the network"
        if guard["ports"]:
            reach = "the kernel refused other TCP connections (Landlock), and no datagrams from C"
        found.append(f"without a network namespace {reach}: {guard['because']}")
    if recorder is not None and not recorder["on"]:
        found.append(f"functions and rows were not recorded: {recorder['because']}")
    if (used := told.get("rolled_back")) is not None:
        found.append(
            f"the database {used['database']} could not be copied: it was used in a transaction that was rolled back, "
            "which its sequences (the next ids) are not"
        )
    return tuple(found)


def _blocked(told: Any) -> tuple[Blocked, ...]:
    return tuple(dict.fromkeys(Blocked(**each) for each in told))


def _environment(conditions: Conditions, folder: Path, service: str) -> dict[str, str]:
    given = os.environ if conditions.environ is None else conditions.environ
    kept = {name: value for name, value in given.items() if name not in _STEERING and name.lower() not in _PROXIES}
    path = [entry for entry in kept.pop("PYTHONPATH", "").split(os.pathsep) if entry]
    path = [entry for entry in path if Path(entry).parts[-3:] != ("flux_ls", "record", "bootstrap")]
    settings = conditions.settings
    mine = str(START.parent)
    temporary = str(folder / "tmp")
    return {
        **kept,
        **({"PYTHONPATH": os.pathsep.join(path)} if path else {}),
        **as_environment({**asdict(settings), "in_app_exclude": (*settings.in_app_exclude, mine)}),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        **dict.fromkeys(("TMPDIR", "TMP", "TEMP"), temporary),
        "OTEL_SERVICE_NAME": service,
        # The revision is known, so that nobody has to ask git; and nothing is exported but to this process.
        "OTEL_RESOURCE_ATTRIBUTES": "vcs.ref.head.revision=",
        **dict.fromkeys(("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER"), "none"),
    }


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for one run, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=f"{_FOLDER}{os.getpid()}-")).resolve()
    try:
        (folder / "tmp").mkdir()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep() -> None:
    """Removes the folders of processes that were killed before they could."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*-*"):
        pid = folder.name.removeprefix(_FOLDER).partition("-")[0]
        if pid.isdigit() and not _lives(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def _lives(pid: int) -> bool:
    if sys.platform == "win32":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _drop(conditions: Conditions, folder: Path, made: list[dict[str, Any]]) -> None:
    """Drops databases that a process left behind, with the driver that made them."""
    hearing = _Hearing(conditions, folder, {"drop": made})
    try:
        hearing.listen(30.0, None)
    finally:
        hearing.end()
