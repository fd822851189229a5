"""Commands that go on until they are ended, in processes of their own, read line by line with a deadline."""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

DEADLINE_S = 40.0


class Live:
    """A running `flux`; killed at the end of the block."""

    def __init__(self, *words: str, cwd: Path, environ: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flux_ls.cli", *words],
            cwd=cwd,
            env={**os.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self.out, self.err = self._reading(self.process.stdout), self._reading(self.process.stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()

    def line(self) -> str:
        """The next line it prints that is not empty."""
        return _next(self.out)

    def complaint(self) -> str:
        """The next line on standard error."""
        return _next(self.err)

    def interrupt(self) -> int:
        """Ctrl-C; its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(DEADLINE_S)

    def rest(self) -> list[str]:
        """What it has printed and nobody has read, when it has ended."""
        self.process.wait(DEADLINE_S)
        lines: list[str] = []
        while (line := self.out.get(timeout=DEADLINE_S)) is not None:
            lines.append(line)
        return lines

    def _reading(self, stream: IO[str] | None) -> "queue.Queue[str | None]":
        assert stream is not None
        lines: queue.Queue[str | None] = queue.Queue()

        def read() -> None:
            with stream:
                for line in stream:
                    lines.put(line.rstrip("\n"))
            lines.put(None)

        threading.Thread(target=read, daemon=True).start()
        return lines


def _next(lines: "queue.Queue[str | None]") -> str:
    while True:
        line = lines.get(timeout=DEADLINE_S)
        assert line is not None, "it ended"
        if line:
            return line


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)


def post(port: int, message: ExportTraceServiceRequest) -> int:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/traces",
        message.SerializeToString(),
        {"content-type": "application/x-protobuf"},
    )
    with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
        return int(answer.status)
