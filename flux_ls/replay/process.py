"""A process of the project's own interpreter: started, asked, listened to, and ended with all that it started."""

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
from typing import Any

from msgspec.structs import asdict

from flux_ls.processes import alive
from flux_ls.record.settings import as_environment
from flux_ls.replay.shapes import Cancelled, Conditions
from flux_ls.replay.told import Ran, Told, Trouble, trouble_of

START = Path(__file__).parent / "child" / "start.py"
_BEAT_S = 0.05
_GRACE_S = 5.0
"""After its time a process may say where it is, as soon as the machine has time for it."""
_TAIL = 4000
_FOLDER = "flux-replay-"
_STEERING = frozenset({"FLUX_RECORD", "FLUX_OTLP_ENDPOINT", "FLUX_SERVICE", "OTEL_SDK_DISABLED", "OTEL_PYTHON_DISTRO"})
_PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy", "ftp_proxy", "no_proxy"})
_OF_ALL = ("guard", "recorder", "app")
_CLOCKS = ("recorder", "forked")
"""Words of a process whose clock has just begun: that of the import, and after that the request's own."""


class Process:
    """Runs one request, or several one after another: then each in a fork of it."""

    def __init__(self, conditions: Conditions, folder: Path, service: str = "") -> None:
        """Raises OSError where nothing can be written in the folder."""
        self.folder, self.service = folder, service
        self.runs = 0
        self._conditions = conditions
        self.of_all: dict[str, dict[str, Any]] = {}
        """What it has told that holds for each run."""
        self._log = folder / "output"
        self._problem: str | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: queue.Queue[bytes | None] = queue.Queue()
        self._ended, self._in_time = False, True
        with self._log.open("ab") as log:
            try:
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

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        with contextlib.suppress(OSError, ValueError):
            for line in self._process.stdout:
                self._lines.put(line)
        self._lines.put(None)

    def ask(self, job: Mapping[str, Any], told: Told, cancel: Event | None) -> None:
        """Hears what it tells of the job. Raises Cancelled."""
        self.runs += 1
        self._say(job)
        self._in_time = self._listen(told, cancel)
        if not told.has("over"):
            self.end(told)
        self.of_all = {kind: line for kind, line in told.lines.items() if kind in _OF_ALL}

    def ran(self, told: Told) -> Ran:
        if self._problem is not None:
            return told.ran(
                Trouble(self._problem, "name the project's interpreter: `python` under [tool.flux], or --python")
            )
        code = self._process.returncode if self._process is not None else None
        timeout_s = self._conditions.timeout_s
        words = self._last_words()
        trouble = trouble_of(told, self._conditions.python, timeout_s, in_time=self._in_time, code=code, words=words)
        return told.ran(trouble)

    @property
    def is_there(self) -> bool:
        """Whether it can be asked again."""
        return self._process is not None and not self._ended

    def _say(self, job: Mapping[str, Any]) -> None:
        if self._process is None:
            return
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            # It stays open: the process ends when this one does.
            self._process.stdin.write(json.dumps(job).encode() + b"\n")
            self._process.stdin.flush()

    def _listen(self, told: Told, cancel: Event | None) -> bool:
        """Until it has told all of a run; whether that came in time."""
        if self._process is None:
            return True
        patience_s = self._conditions.timeout_s + _GRACE_S
        deadline = time.monotonic() + patience_s
        clocks = [told.has(kind) for kind in _CLOCKS]
        while True:
            if cancel is not None and cancel.is_set():
                raise Cancelled
            try:
                line = self._lines.get(timeout=_BEAT_S)
            except queue.Empty:
                if time.monotonic() > deadline:
                    return False
                continue
            if line is None:
                # Who hears the rest is told, too, that there is none.
                self._lines.put(None)
                return True
            told.hear(line)
            if (now := [told.has(kind) for kind in _CLOCKS]) != clocks:
                clocks, deadline = now, time.monotonic() + patience_s
            if told.has("hung"):
                return False
            if told.has("over"):
                return True

    def end(self, told: Told) -> None:
        """Ends the process and its group, and hears what was still under way."""
        process = self._process
        if process is None or self._ended:
            return
        self._ended = True
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if sys.platform == "win32":
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        with contextlib.suppress(queue.Empty):
            while (line := self._lines.get(timeout=_GRACE_S)) is not None:
                told.hear(line)
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()

    def _last_words(self) -> str:
        with contextlib.suppress(OSError):
            lines = self._log.read_bytes()[-_TAIL:].decode("utf-8", "replace").strip().splitlines()
            if lines:
                return f": {lines[-1]}"
        return ""


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
        if pid.isdecimal() and not alive(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def drop(conditions: Conditions, folder: Path, told: Told) -> None:
    """Drops databases that a process left behind, with the driver that made them."""
    if told.made:
        process = Process(conditions, folder)
        process.ask({"drop": list(told.made.values())}, Told(), None)
