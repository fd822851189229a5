"""A `flux serve` for the tests, and `flux` asked about its store."""

import json
import os
import signal
import subprocess
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.e2e.launch import BIN, Endpoint, clean_environment
from tests.e2e.processes import Process, eventually, free_ports
from tests.lsp import nursery

FLUX = BIN / "flux"
IMPORTED = (
    *("flux_ls.cli.main", "flux_ls.cli.serve", "flux_ls.cli.tail", "flux_ls.cli.why", "flux_ls.cli.errors"),
    *("flux_ls.collector.serve", "flux_ls.otlp.grpc", "flux_ls.answers.why", "flux_ls.answers.errors"),
)


def quick() -> list[str]:
    """The command `flux`, which starts quickly: of a process that has imported what it takes to serve and to answer."""
    return nursery.command("flux_ls.cli", IMPORTED)


class Collector:
    """A collector on free ports with a store of its own."""

    def __init__(self, folder: Path, command: Sequence[str | Path] = (FLUX,)) -> None:
        self.command = command
        http_port, grpc_port = free_ports(2)
        self.endpoint = Endpoint(http_port, grpc_port)
        self.store = folder / "flux.db"
        self.environment = clean_environment() | {
            "FLUX_STORE": str(self.store),
            "FLUX_OTLP_HTTP_PORT": str(http_port),
            "FLUX_OTLP_GRPC_PORT": str(grpc_port),
            "FLUX_IDLE_EXIT": "0",
            "XDG_DATA_HOME": str(folder / "data"),
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_CACHE_HOME": str(folder / "cache"),
        }
        self.process = Process([*command, "serve"], cwd=folder, env=self.environment, log=folder / "serve.log")

    def __enter__(self) -> Self:
        eventually(self.healthy, within=40, what=f"the collector:\n{self.process.output()}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()

    def healthy(self) -> bool:
        assert self.process.popen.poll() is None, self.process.output()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.endpoint.http_port}/flux/health", timeout=5) as answer:
                return bool(json.load(answer)["store"] == str(self.store))
        except OSError:
            return False

    def flux(self, *words: str, cwd: Path, env: Mapping[str, str] = {}) -> list[Any]:
        """What a `flux` command says with `--json`, run in a folder: one value a line."""
        done = subprocess.run(
            [*self.command, *words, "--json", "--store", str(self.store)],
            cwd=cwd,
            env=self.environment | dict(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"flux {' '.join(words)} exited {done.returncode}:\n{done.stdout}{done.stderr}"
        try:
            return [json.loads(done.stdout)]
        except json.JSONDecodeError:
            return [json.loads(line) for line in done.stdout.splitlines()]


def end_collector(store: Path) -> None:
    """Ends one that was started in the background, by whoever needed it, for a store that is about to be removed."""
    information = store.with_name(f"{store.name}.collector.json")
    if information.exists():
        os.kill(json.loads(information.read_text())["pid"], signal.SIGTERM)
