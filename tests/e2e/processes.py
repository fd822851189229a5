"""Processes that the tests start: free ports, waiting with a deadline, and an end for the whole group."""

import errno
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from random import SystemRandom
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


def free_port() -> int:
    """A port of the loopback addresses that nothing has, and that this process is given once."""
    for port in _untried():
        if _is_free(port):
            return port
    raise AssertionError("all ports that tests may have were given away")


def free_ports(count: int) -> list[int]:
    """Some of them, all different."""
    return [free_port() for _ in range(count)]


_PORTS = range(10_240, 32_768)
"""Below those that Linux gives to connections: one of these could have the port before whoever is to listen there, and
a connection to a port that nobody listens on could be given the port itself, and so be with itself."""


def share_of_ports(environ: Mapping[str, str]) -> range:
    """The ports of one of the workers among which the tests are divided: no other's."""
    worker = int(environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return _PORTS[worker :: int(environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))]


@cache
def _untried() -> Iterator[int]:
    share = share_of_ports(os.environ)
    # Another run of the tests begins elsewhere. Hypothesis sets the usual source of chance to the same everywhere.
    start = SystemRandom().randrange(len(share))
    return iter([*share[start:], *share[:start]])


def _is_free(port: int) -> bool:
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family) as probe:
                probe.bind((address, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False  # what else goes wrong means that there is no IPv6 here
    return True


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

    def stop(self, number: int = signal.SIGINT, *, within: float = 40) -> None:
        """Asks it to end, so that it sends what it still holds, and waits until it has."""
        if self.popen.poll() is None:
            self.popen.send_signal(number)
            self.finish(within=within)

    def kill(self) -> None:
        """Ends the whole group."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait(40)
