"""OpenTelemetry's extension points: asked for, they record; not asked for, nothing changes."""

import sys
from pathlib import Path

import pytest

from tests.record.programs import PATIENT, as_flux_run_does, program, run, run_program
from tests.record.receiver import Receiver

ENTRY_POINTS = """\
[opentelemetry_distro]
flux = flux_ls.record.distro:FluxDistro

[opentelemetry_instrumentor]
flux-functions = flux_ls.record.instrumentors:FunctionsInstrumentor
flux-rows = flux_ls.record.instrumentors:RowsInstrumentor
flux-servers = flux_ls.record.instrumentors:ServersInstrumentor
flux-outbound = flux_ls.record.instrumentors:OutboundInstrumentor
"""
INSTRUMENT = str(Path(sys.executable).with_name("opentelemetry-instrument"))
WORK = """
    import os
    from opentelemetry import trace
    from flux_ls.record.starting import is_on
    with trace.get_tracer("app").start_as_current_span("work"):
        pass
    print(is_on(), os.environ.get("OTEL_TRACES_EXPORTER"))
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder of packages in which Flux is installed first of all, with its entry points."""
    info = tmp_path / "site" / "aa_flux-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: aa-flux\nVersion: 1\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    return info.parent


def test_being_installed_changes_nothing(tmp_path: Path, installed: Path) -> None:
    file = str(program(tmp_path, WORK))
    env = {"PYTHONPATH": str(installed), "OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"}
    ended = run([INSTRUMENT, sys.executable, file], tmp_path, env | {"OTEL_LOGS_EXPORTER": "none"})
    assert (ended.code, ended.out, ended.err) == (0, "False none\n", "")


def test_the_distro_that_was_there_before_still_configures(tmp_path: Path, installed: Path) -> None:
    text = """
    import os
    from opentelemetry.instrumentation.auto_instrumentation._load import _load_distro
    _load_distro().configure()
    print(os.environ["OTEL_TRACES_EXPORTER"], os.environ["OTEL_EXPORTER_OTLP_PROTOCOL"])
"""
    ended = run_program(tmp_path, text, env={"PYTHONPATH": str(installed)})
    assert (ended.out, ended.err) == ("otlp grpc\n", "")


def test_asked_for_as_a_distro_it_records(tmp_path: Path, installed: Path) -> None:
    file = str(program(tmp_path, WORK))
    with Receiver() as receiver:
        path = f"{installed}:{PATIENT}"
        env = {"PYTHONPATH": path, "OTEL_PYTHON_DISTRO": "flux", "FLUX_OTLP_ENDPOINT": receiver.endpoint}
        ended = run([INSTRUMENT, sys.executable, file], tmp_path, env)
        assert (ended.code, ended.out, ended.err) == (0, "True None\n", "")
        receiver.wait_for("work")
        assert len(receiver.named("work")) == 1


def test_opentelemetry_instrument_under_flux_run(tmp_path: Path, installed: Path) -> None:
    file = str(program(tmp_path, WORK))
    with Receiver() as receiver:
        env = as_flux_run_does(receiver.endpoint)
        env["PYTHONPATH"] += f":{installed}"
        ended = run([INSTRUMENT, sys.executable, file], tmp_path, env)
        assert (ended.code, ended.out, ended.err) == (0, "True None\n", "")
        receiver.wait_for("work")
        assert len(receiver.named("work")) == 1


LIBRARIES = """
    import sys
    print([name for name in ("flask", "django", "sqlalchemy", "celery", "httpx") if name in sys.modules])
    from flask import Flask
    print(Flask.__name__)
"""


@pytest.mark.parametrize(("disabled", "expected"), [("", "_InstrumentedFlask"), ("flask", "Flask"), ("*", "Flask")])
def test_a_library_is_instrumented_when_the_application_imports_it(
    tmp_path: Path, disabled: str, expected: str
) -> None:
    with Receiver() as receiver:
        env = as_flux_run_does(receiver.endpoint) | {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": disabled}
        ended = run_program(tmp_path, LIBRARIES, env=env)
    assert (ended.out, ended.err) == (f"[]\n{expected}\n", "")


def test_an_instrumentation_that_imports_another_library_of_its_own(tmp_path: Path) -> None:
    text = """
    import logging
    logging.basicConfig(level=logging.DEBUG)
    import httpx2
    import httpx
    from opentelemetry.instrumentation import httpx as instrumentation
    print(instrumentation.HTTPXClientInstrumentor().is_instrumented_by_opentelemetry)
    print(instrumentation.HTTPX2ClientInstrumentor().is_instrumented_by_opentelemetry)
    """
    with Receiver() as receiver:
        ended = run_program(tmp_path, text, env=as_flux_run_does(receiver.endpoint))
    assert (ended.out, ended.err) == ("True\nTrue\n", "")


def test_an_instrumentor_does_nothing_until_the_recorder_is_on(tmp_path: Path) -> None:
    text = """
    import sys
    from flux_ls.record import instrumentors, start
    from flux_ls.record.starting import stop
    instrumentors.RowsInstrumentor().instrument()
    print(sorted(instrumentors._installed))
    start(endpoint="http://127.0.0.1:1", instrument=False)
    print(sorted(instrumentors._installed))
    instrumentors.RowsInstrumentor().uninstrument()
    print(sorted(instrumentors._installed))
    stop()
    print(sorted(instrumentors._installed))
"""
    ended = run_program(tmp_path, text, env={"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "flux-outbound"})
    assert ended.err == ""
    assert ended.out.splitlines() == [
        "[]",
        "['flux-functions', 'flux-rows', 'flux-servers']",
        "['flux-functions', 'flux-servers']",
        "[]",
    ]
