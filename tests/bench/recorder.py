"""What the recorder costs a request, against plain OpenTelemetry, against nothing and against its peers."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from flux_ls.record.wire import INPUT, OUTCOME, OUTPUT, REDACTED, ROW_AFTER, ROW_BEFORE, ROW_CHANGE, TRANSACTION
from tests.bench.recorded.sink import Sink, sink

ROUNDS = 21
TURNS = 6
REQUESTS = {"/signup": 20, "/hot": 5}
"""In one turn. A round is so many turns of each service, one after the other: what else the machine does meanwhile
falls to all of them alike. What is to be exported is waited for at the end of a round, and counts."""
PEER_NAMES = ("logfire", "kolo", "appmap")
BARS = {"/signup": 1.15, "/hot": 2.0}
PEERS = Path(".cache/peers").absolute()
"""One folder for each peer, made by `pip install --target`; those that are missing are left out."""


class Service:
    """The service under one recorder, in a process of its own."""

    def __init__(self, how: str, drain: Sink, folder: Path, asking: IO[str], answers: IO[str]) -> None:
        self.how = how
        self.drain = drain
        self.folder = folder
        self._asking = asking
        self._answers = answers

    def ask(self, what: str) -> float:
        """CPU milliseconds since it was asked before."""
        self._asking.write(f"{what}\n")
        self._asking.flush()
        return float(self._answers.readline()) * 1000

    def left(self) -> int:
        """Bytes that were exported, or are in files."""
        left = self.drain.taken
        for each in self.folder.rglob("*"):
            with suppress(FileNotFoundError):  # a lock that is gone already
                left += each.stat().st_size if each.is_file() else 0
        return left


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
            yield Service(how, drain, Path(folder), process.stdin, process.stdout)
            process.stdin.close()
            process.wait(30)


def main() -> None:
    peers = [name for name in PEER_NAMES if (PEERS / name).exists()]
    names = ["bare", "opentelemetry", "flux", *peers]
    with ExitStack() as stack:
        services = [stack.enter_context(service(name)) for name in names]
        check_that_everything_is_recorded(services[names.index("flux")])
        for path, count in REQUESTS.items():
            _compare(services, path, count)
    left_out = sorted({*PEER_NAMES} - {*peers})
    if left_out:
        print(f"  left out, not installed: {', '.join(left_out)} (pip install --target .cache/peers/NAME NAME)")


def check_that_everything_is_recorded(flux: Service) -> None:
    """A recorder that leaves something out would be quick."""
    flux.drain.bodies = []
    for what in ("/signup 1", "/hot 1", "flush"):
        flux.ask(what)
    bodies, flux.drain.bodies = flux.drain.bodies, None
    spans = [
        span
        for body in bodies
        for part in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in part.scope_spans
        for span in scope.spans
    ]
    told = {span.name: _attributes(span) for span in spans}
    request = json.loads(told["POST /signup"][INPUT])
    assert request["body"]["profile"]["interests"] == ["engines", "poetry"], request
    assert request["body"]["password"] == request["headers"]["authorization"] == REDACTED, request
    answer = json.loads(told["POST /signup"][OUTPUT])
    assert (answer["status"], answer["body"]["thanks"]) == (201, "First"), answer
    for function in ("signup", "referrer", "create_user", "normalised", "subscribe"):
        assert {INPUT, OUTPUT} <= told[function].keys(), function
    assert json.loads(told["create_user"][INPUT])["profile"]["name"] == "Ada Lovelace"
    assert json.loads(told["create_user"][OUTPUT])["email"] == "ada@example.org"
    (transaction,) = [span for span in spans if span.name == TRANSACTION]
    assert told[TRANSACTION][OUTCOME] == "committed"
    inserted, updated = [_attributes(event) for event in transaction.events if event.name == ROW_CHANGE]
    assert json.loads(inserted[ROW_AFTER])["email"] == "ada@example.org"
    assert (json.loads(updated[ROW_BEFORE]), json.loads(updated[ROW_AFTER])) == ({"plan": "free"}, {"plan": "pro"})
    assert sum(span.name == "weight" for span in spans) == 20
    assert any("weight" in text for text in told["GET /hot"].values())
    assert not any(b"correct horse" in body for body in bodies)


def _attributes(owner: Any) -> dict[str, str]:
    return {each.key: each.value.string_value for each in owner.attributes}


def _compare(services: list[Service], path: str, count: int) -> None:
    cpu: dict[str, list[float]] = {each.how: [] for each in services}
    size: dict[str, list[float]] = {each.how: [] for each in services}
    _round(services, path, count, 0)
    for number in range(ROUNDS):
        before = [each.left() for each in services]
        taken_ms = _round(services, path, count, number)
        for each, left in zip(services, before, strict=True):
            cpu[each.how].append(taken_ms[each.how])
            size[each.how].append((each.left() - left) / (TURNS * count))
    print(f"recorder, {path}: CPU of a request, {ROUNDS} rounds of {TURNS} x {count}")
    for name, rounds in cpu.items():
        ratios = [mine / plain for mine, plain in zip(rounds, cpu["opentelemetry"], strict=True)]
        low, median, high = statistics.quantiles(ratios, n=4)
        print(
            f"  {name:14} {statistics.median(rounds):7.3f} ms  {median:7.2f} x OpenTelemetry ({low:.2f}-{high:.2f})"
            f"  {statistics.mean(size[name]) / 1024:6.1f} KiB"
        )
    ratio = statistics.median(mine / plain for mine, plain in zip(cpu["flux"], cpu["opentelemetry"], strict=True))
    print(f"  bar: {BARS[path]:.2f}, {'held' if ratio <= BARS[path] else 'NOT held'} ({ratio:.2f})")


def _round(services: list[Service], path: str, count: int, number: int) -> dict[str, float]:
    """CPU milliseconds of a request of each service."""
    taken_ms = dict.fromkeys((each.how for each in services), 0.0)
    for turn in range(TURNS):
        # Whoever goes first pays for a cold cache: not always the same one.
        first = (number + turn) % len(services)
        for each in services[first:] + services[:first]:
            taken_ms[each.how] += each.ask(f"{path} {count}")
    for each in services:
        taken_ms[each.how] += each.ask("flush")
    return {name: taken / (TURNS * count) for name, taken in taken_ms.items()}


if __name__ == "__main__":
    main()
