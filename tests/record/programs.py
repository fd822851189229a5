"""Python programs that record, in processes of their own."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

PATIENT = Path(__file__).parent / "patient"
"""On the path of a program that records: what it has recorded arrives, however busy the machine is."""
STEERING = ("OTEL_", "FLUX_", "PYTHON", "PYTEST_ADDOPTS", "XDG_", "COV_")


class Ended(Struct, frozen=True):
    code: int
    out: str
    err: str


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(STEERING)}


def as_flux_run_does(endpoint: str) -> dict[str, str]:
    """The environment that `flux run` gives a program."""
    import flux_ls.record

    return {
        "PYTHONPATH": f"{Path(flux_ls.record.__file__).parent / 'bootstrap'}:{PATIENT}",
        "FLUX_RECORD": "1",
        "FLUX_OTLP_ENDPOINT": endpoint,
        "OTEL_PYTHON_DISTRO": "flux",
    }


def program(folder: Path, text: str, name: str = "program.py") -> Path:
    """A program's file."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(textwrap.dedent(text))
    return file


def run_program(folder: Path, text: str, *words: str, env: Mapping[str, str] = {}, patient: bool = True) -> Ended:
    """Runs it to its end."""
    if patient:
        env = {"PYTHONPATH": str(PATIENT)} | dict(env)
    return run([sys.executable, str(program(folder, text)), *words], folder, env)


def run(argv: list[str], folder: Path, env: Mapping[str, str] = {}, timeout_s: float = 80) -> Ended:
    done = subprocess.run(
        argv,
        cwd=folder,
        env=clean_environment() | dict(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)
