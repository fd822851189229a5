"""What the recorder costs a request, against plain OpenTelemetry, against nothing and against its peers."""

import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from tests.bench.recorded.sink import Sink, sink

ROUNDS = 15
REQUESTS = {"/signup": 120, "/hot": 30}
PEER_NAMES = ("logfire", "kolo", "appmap")
BARS = {"/signup": 1.15, "/hot": 2.0}
PEERS = Path(".cache/peers").absolute()
"""One folder for each peer, made by `pip install --target`; those that are missing are left out."""


class Service:
    """The service under one recorder, in a process of its own."""

    def __init__(self, how: str, drain: Sink, asking: IO[str], answers: IO[str]) -> None:
        self.how = how
        self.drain = drain
        self._asking = asking
        self._answers = answers

    def round(self, path: str, count: int) -> tuple[float, float]:
        """CPU milliseconds and exported bytes of a request."""
        before = self.drain.taken
        self._asking.write(f"{path} {count}\n")
        self._asking.flush()
        cpu_s = float(self._answers.readline())
        return cpu_s * 1000, (self.drain.taken - before) / count


@contextmanager
def service(how: str) -> Iterator[Service]:
    peer = [str(PEERS / how)] if (PEERS / how).exists() else []
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "FLUX_"))}
    environment["PYTHONPATH"] = os.pathsep.join([*peer, str(Path.cwd())])
    environment |= {"APPMAP": "true", "_APPMAP": "true", "APPMAP_RECORD_REQUESTS": "true"} if how == "appmap" else {}
    with sink() as drain, TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        (Path(folder) / "appmap.yml").write_text("name: shop\npackages:\n- path: tests.bench.recorded\n")
        argv = [sys.executable, "-m", "tests.bench.recorded", how, drain.url]
        with subprocess.Popen(
            argv, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            if process.stdout.readline().strip() != "ready":
                raise RuntimeError(f"the service did not start under {how}")
            yield Service(how, drain, process.stdin, process.stdout)
            process.stdin.close()
            process.wait(30)


def main() -> None:
    peers = [name for name in PEER_NAMES if (PEERS / name).exists()]
    names = ["bare", "opentelemetry", "flux", *peers]
    with ExitStack() as stack:
        services = [stack.enter_context(service(name)) for name in names]
        for path, count in REQUESTS.items():
            _compare(services, path, count)
    left_out = sorted({*PEER_NAMES} - {*peers})
    if left_out:
        print(f"  left out, not installed: {', '.join(left_out)} (pip install --target .cache/peers/NAME NAME)")


def _compare(services: list[Service], path: str, count: int) -> None:
    cpu: dict[str, list[float]] = {each.how: [] for each in services}
    size: dict[str, float] = {}
    for each in services:
        each.round(path, count)
    for number in range(ROUNDS):
        # Whoever goes first pays for a cold cache: not always the same one.
        turned = services[number % len(services) :] + services[: number % len(services)]
        for each in turned:
            taken_ms, size[each.how] = each.round(path, count)
            cpu[each.how].append(taken_ms)
    print(f"recorder, {path}: CPU of a request, {ROUNDS} rounds of {count}")
    for name, rounds in cpu.items():
        ratios = [mine / plain for mine, plain in zip(rounds, cpu["opentelemetry"], strict=True)]
        print(
            f"  {name:14} {statistics.median(rounds):7.3f} ms  {statistics.median(ratios):5.2f} x OpenTelemetry"
            f"  {size[name] / 1024:6.1f} KiB"
        )
    ratio = statistics.median(mine / plain for mine, plain in zip(cpu["flux"], cpu["opentelemetry"], strict=True))
    print(f"  bar: {BARS[path]:.2f}, {'held' if ratio <= BARS[path] else 'NOT held'} ({ratio:.2f})")


if __name__ == "__main__":
    main()
