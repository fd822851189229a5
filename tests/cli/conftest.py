"""`flux` as a user calls it, in the recorded project; in this process, so that it is quick."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from flux_ls.cli import main
from tests.recorded import Recorded


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> list[Any]:
        """One value for each line."""
        return [json.loads(line) for line in self.out.splitlines()]


Flux = Callable[..., Ran]


@pytest.fixture
def flux(recorded: Recorded, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Flux:
    """Runs a command with the project's store; `stdin` is what it reads."""
    for name in ("NO_COLOR", "FORCE_COLOR", "OTEL_EXPORTER_OTLP_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FLUX_STORE", str(recorded.store))
    monkeypatch.chdir(recorded.root)

    def run(*words: str, stdin: str = "") -> Ran:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        capsys.readouterr()
        code = main.run(words)
        printed = capsys.readouterr()
        return Ran(code, printed.out, printed.err)

    return run
