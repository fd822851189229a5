"""Processes that the tests start: free ports, waiting with a deadline, and an end for the whole group."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")


class TookTooLong(AssertionError):
    """A deadline passed."""


def eventually(probe: Callable[[], T], *, within: float, what: str) -> T:
    """The first true answer of `probe`, asked again until `within` seconds have passed."""
    deadline = time.monotonic() + within
    while not (answer := probe()):
        if time.monotonic() > deadline:
            raise TookTooLong(f"waited {within:g} s for {what}")
        time.sleep(0.02)
    return answer


def free_ports(count: int) -> list[int]:
    """Ports of the loopback address that nothing listens on, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def accepts(port: int) -> bool:
    """Whether something listens on the port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


class Process:
    """A child in a process group of its own, with its output in a file.

    As a context manager it leaves nothing of the group behind.
    """

    def __init__(self, argv: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str], log: Path) -> None:
        self.argv = [str(word) for word in argv]
        self.log = log
        with log.open("ab") as output:
            self.popen = subprocess.Popen(
                self.argv,
                cwd=cwd,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def output(self) -> str:
        """What it has printed so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def listen(self, port: int, *, within: float = 40) -> None:
        """Waits until it listens on the port."""

        def listening() -> bool:
            if self.popen.poll() is not None:
                raise AssertionError(f"{self.argv} ended with {self.popen.returncode}:\n{self.output()}")
            return accepts(port)

        eventually(listening, within=within, what=f"{self.argv} to listen on {port}:\n{self.output()}")

    def finish(self, *, within: float = 40) -> int:
        """Waits for its own end: the exit code."""
        try:
            return self.popen.wait(within)
        except subprocess.TimeoutExpired:
            raise TookTooLong(f"{self.argv} still runs after {within:g} s:\n{self.output()}") from None

    def stop(self, number: int = signal.SIGINT, *, within: float = 15) -> None:
        """Asks it to end, so that it sends what it still holds, and waits until it has."""
        if self.popen.poll() is None:
            self.popen.send_signal(number)
            self.finish(within=within)

    def kill(self) -> None:
        """Ends the whole group."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait(10)
