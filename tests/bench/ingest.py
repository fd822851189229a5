"""Ingest against the floor: spans a second, durable before the answer, one connection, alternating runs."""

import http.client
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench import workload

_REQUESTS_A_BODY = 100
_BODIES = 60
_ROUNDS = 11


def main() -> None:
    bodies = [
        workload.export(_REQUESTS_A_BODY, start_ns=time.time_ns(), seed=number).SerializeToString()
        for number in range(_BODIES)
    ]
    spans = _BODIES * _REQUESTS_A_BODY * workload.SPANS_PER_REQUEST
    ratios, floors, ours = [], [], []
    for number in range(_ROUNDS):
        # Each is the first of a pair as often as the other: what one leaves for the disk to write, the next waits for.
        if number % 2:
            flux, floor = spans / _timed(_flux, bodies), spans / _timed(_floor, bodies)
        else:
            floor, flux = spans / _timed(_floor, bodies), spans / _timed(_flux, bodies)
        floors.append(floor)
        ours.append(flux)
        ratios.append(flux / floor)
    print(
        f"ingest: {statistics.median(ratios):.2f} of the floor (min {min(ratios):.2f}, max {max(ratios):.2f}), bar 0.60"
    )
    print(f"  floor {statistics.median(floors):,.0f} spans/s, flux {statistics.median(ours):,.0f} spans/s")


def _timed(start: Callable[[Path], tuple[subprocess.Popen[str], int]], bodies: list[bytes]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        process, port = start(Path(folder))
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port)
            post(connection, bodies[0][:0])
            begin = time.perf_counter()
            for body in bodies:
                post(connection, body)
            return time.perf_counter() - begin
        finally:
            process.terminate()
            process.wait(10)


def post(connection: http.client.HTTPConnection, body: bytes) -> None:
    connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
    response = connection.getresponse()
    response.read()
    assert response.status == 200, response.status


def _floor(folder: Path) -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.floor", str(folder / "floor.db")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def _flux(folder: Path) -> tuple[subprocess.Popen[str], int]:
    from tests.bench.collector import started

    return started(folder / "flux.db")


if __name__ == "__main__":
    main()
