"""A collector for the benchmarks: `flux serve` in a process of its own, on a free port, with a store of its own."""

import subprocess
import sys
import time
from pathlib import Path

import msgspec


def started(store: Path) -> tuple["subprocess.Popen[str]", int]:
    """The process and its OTLP/HTTP port, when it is ready."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "flux_ls.cli", "serve", "--store", str(store)),
            *("--otlp-http-port", "0", "--otlp-grpc-port", "0"),
        ],
        stdout=subprocess.DEVNULL,
        text=True,
    )
    info = store.with_name(store.name + ".collector.json")
    deadline = time.monotonic() + 20
    while not info.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("the collector did not start")
        time.sleep(0.01)
    return process, msgspec.json.decode(info.read_bytes())["http_port"]
