"""Every application behaves under `flux run` as without it: the same answers and the same output, byte for byte."""

import re
import shutil
from pathlib import Path

import pytest

from tests.e2e.applications import APPLICATIONS
from tests.e2e.collector import Collector
from tests.e2e.launch import PLAIN, Application, Running, Surroundings, recorded, run
from tests.e2e.runs import missing, unavailable

pytestmark = pytest.mark.timeout(240)

VARYING = (
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d([.,]\d+)?(Z|[+-]\d\d:\d\d)?"), "TIME"),
    (re.compile(r"\d\d/\w{3}/\d{4}[: ]\d\d:\d\d:\d\d"), "TIME"),
    (re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"), "TIME"),
    (re.compile(r"\w+ \d\d, \d{4} - \d\d:\d\d:\d\d"), "TIME"),
    (re.compile(r"0x[0-9a-f]{6,}"), "ADDRESS"),
    (re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}"), "UUID"),
    (re.compile(r"succeeded in [\d.e-]+s"), "succeeded in SECONDS"),
)
"""What differs between two runs of the same program."""
INSTRUMENTATION = re.compile(
    r'^(?P<lead>[ |]*  )File "[^"]*/site-packages/'
    r"(opentelemetry|wrapt|fastapi/applications.py|fastapi/telemetry|starlette/middleware/errors.py)"
    r'[^"]*", line \d+, in .*\n((?P=lead)  .*\n)*',
    re.MULTILINE,
)
"""Entries of stack traces that OpenTelemetry's own instrumentations leave there, with Flux or without. FastAPI has such
an instrumentation in it, and takes another way through itself where OpenTelemetry is set up."""


def steady(text: str, running: Running, scratch: Path) -> str:
    for name, port in running.ports.items():
        text = re.sub(rf"\b{port}\b", f"{{{name}.port}}", text)
    for process in running.processes.values():
        text = re.sub(rf"\b{process.popen.pid}\b", "PID", text)
    text = text.replace(str(scratch), "SCRATCH")
    for pattern, word in VARYING:
        text = pattern.sub(word, text)
    return INSTRUMENTATION.sub("", text)


def behaviour(
    application: Application, projects: Path, under: Surroundings, scratch: Path
) -> tuple[list[str], list[str]]:
    """The answers on the wire, and what the processes printed; their lines may come in another order.

    What `flux run` says of missing packages, before the program starts, is left out.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    running = run(application, projects, under, scratch)
    answers = [steady(answer.decode("latin-1"), running, scratch) for answer in running.answers]
    logs = [steady(log.read_text(errors="replace"), running, scratch) for log in sorted(scratch.glob("*.log"))]
    return answers, [line for log in logs for line in sorted(log.splitlines()) if not line.startswith("flux: ")]


RECORDED = [name for name in APPLICATIONS if name not in ("express", "sqlalchemy-and-driver")]


@pytest.mark.slow
@pytest.mark.parametrize("name", RECORDED)
def test_runs_the_same(name: str, projects: Path, collector: Collector, tmp_path: Path) -> None:
    application = APPLICATIONS[name]
    if (reason := missing(application)) is not None:
        unavailable(reason)
    # Both in the same folder, so that paths in their output are alike.
    scratch = tmp_path / "run"
    plain = behaviour(application, projects, PLAIN, scratch)
    under_flux = behaviour(application, projects, recorded(collector.environment), scratch)
    assert under_flux == plain
