"""Collectors in processes of their own, for the tests, and the end of them."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from flux_ls.collector.daemon import encode_settings
from flux_ls.collector.found import Collector, read_info
from flux_ls.config import Settings
from tests.lsp import nursery

ROOT = Path(__file__).parents[2]
SERVING = "tests.collector.serving"
IMPORTED = ("flux_ls.collector.ingest", "flux_ls.store.writer", "flux_ls.otlp.http")


def until(condition: Callable[[], Any], timeout_s: float = 40) -> Any:
    """What the condition says once it is true."""
    deadline = time.monotonic() + timeout_s
    while not (said := condition()):
        assert time.monotonic() < deadline, "took too long"
        time.sleep(0.01)
    return said


def alive(pid: int) -> bool:
    """Whether it runs. One that has ended does not, though whoever adopts an orphan may take a second to see that."""
    with contextlib.suppress(ProcessLookupError):
        if sys.platform == "linux":
            process = os.pidfd_open(pid)
            try:
                return not select.select([process], [], [], 0)[0]
            finally:
                os.close(process)
        os.kill(pid, 0)
        return True
    return False


@contextlib.contextmanager
def ended(store: Path) -> Iterator[None]:
    """Leaves no collector of the store behind."""
    try:
        yield
    finally:
        if (collector := read_info(store)) is not None and collector.pid != os.getpid():
            with contextlib.suppress(ProcessLookupError):
                os.kill(collector.pid, signal.SIGKILL)


class Clock:
    """By which a collector is idle: on a busy machine, what a test does next may take longer than it says here."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self._file.touch()

    def leaving_after(self, seconds: float) -> tuple[str, str]:
        """Options for `Serving`."""
        return f"idle={seconds}", f"clock={self._file}"

    def go_on(self, seconds: int) -> None:
        with self._file.open("ab") as file:
            file.write(b"." * seconds)


class Serving:
    """`serve.run` in a child; see serving.py for what its sink does."""

    def __init__(self, settings: Settings, *options: str, quick: bool = False) -> None:
        """A `quick` one is forked from a process that has imported it, and knows of signals SIGKILL alone."""
        self.settings = settings
        command = [sys.executable, "-m", SERVING] if not quick else nursery.command(SERVING, (SERVING, *IMPORTED))
        self.process = subprocess.Popen(
            [*command, encode_settings(settings), *options],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def ready(self) -> Collector:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1].decode()
        return msgspec.json.decode(line, type=Collector, dec_hook=lambda target, value: target(value))

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self, timeout_s: float = 40) -> tuple[int, str]:
        """Its exit code, and what it wrote after it was ready."""
        out, err = self.process.communicate(timeout=timeout_s)
        return self.process.returncode, (out + err).decode()

    def __enter__(self) -> "Serving":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
