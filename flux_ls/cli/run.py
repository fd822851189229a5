"""`flux run -- CMD`: runs a program as it is, and records what it does."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import click

from flux_ls.cli import interpreter as interpreters
from flux_ls.cli.failures import WRONG_USE, complain
from flux_ls.cli.options import Session, command_options
from flux_ls.collector.daemon import Collector, ensure_collector, find_collector, watch_program
from flux_ls.config import Settings
from flux_ls.record.settings import ENDPOINT, RECORD, as_environment

NO_SUCH_COMMAND = 127
NOT_EXECUTABLE = 126
"""As a shell has it."""
_TRIES = 3
"""A collector that was found may leave before it hears of the program, for it has had nothing to do."""

EPILOG = """\b
Examples:
  flux run -- python app.py
  flux run -- uvicorn shop.main:app --reload
  flux run -- gunicorn -w 4 shop.wsgi
  flux run -- celery -A shop worker
  flux run -- pytest -x

\b
Exit codes:
  the program's own; before it runs, 2 when it cannot be recorded, 126 and
  127 as a shell has them, 5 when there is no collector
"""


@click.command(
    epilog=EPILOG,
    context_settings={"allow_interspersed_args": False},
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- CMD [ARGS]...")
@command_options("otlp_http_port")
def command(session: Session, command: tuple[str, ...]) -> int:
    """Run a Python program and record what its requests do.

    Nothing in the program has to change: it gets OpenTelemetry with the instrumentations that its own environment has,
    and Flux's recorder. Its output, its signals and its exit code stay its own.
    """
    program = shutil.which(command[0])
    if program is None:
        there = Path(command[0]).exists()
        complain(f"{command[0]}: {'cannot be executed' if there else 'there is no such command'}")
        return NOT_EXECUTABLE if there else NO_SUCH_COMMAND
    environ = dict(os.environ)
    if (said := _look_at(session, command, environ)) is not None:
        complain(said)
        return WRONG_USE
    settings = session.settings
    collector = _watching_collector(settings)
    if collector is None:
        session.warn("no collector runs, and the settings say not to start one: start `flux serve`")
    port = collector.http_port if collector is not None else settings.otlp_http_port
    recorded = recording_environment(environ, session, port)
    sys.stdout.flush()
    sys.stderr.flush()
    return _become(program, command, recorded)


def _watching_collector(settings: Settings) -> Collector | None:
    """The collector, which stays as long as this process runs and what takes its place."""
    collector = None
    for _ in range(_TRIES):
        collector = ensure_collector(settings) if settings.collector else find_collector(settings)
        if collector is None or watch_program(collector, os.getpid()):
            break
    return collector


def _look_at(session: Session, command: Sequence[str], environ: Mapping[str, str]) -> str | None:
    """Says what is missing; why nothing can be recorded, if so."""
    from flux_ls.cli import probe

    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return "OTEL_SDK_DISABLED is set, so nothing can be recorded: unset it"
    try:
        found = interpreters.interpreter_of(command, session.settings.python, environ)
        if found is None:
            return None
        answer = probe.probe(found.path, environ)
        probe.check(found.path, answer)
        unwanted = environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "").split(",")
        session.warn(*probe.advice(found.path, answer, frozenset(name.strip() for name in unwanted)))
    except (probe.Unusable, interpreters.Deaf) as error:
        if isinstance(error, interpreters.Deaf) or found is None or found.known:
            return str(error)
        # Which Python it will be is not known: that one will say what it lacks.
        return None
    return None


def recording_environment(environ: Mapping[str, str], session: Session, port: int) -> dict[str, str]:
    """The environment in which every Python records."""
    from msgspec import structs

    import flux_ls.record

    bootstrap = str(Path(flux_ls.record.__file__).parent / "bootstrap")
    before = environ.get("PYTHONPATH", "")
    path = [entry for entry in before.split(os.pathsep) if entry != bootstrap] if before else []
    return {
        **environ,
        **as_environment(structs.asdict(session.settings)),
        "PYTHONPATH": os.pathsep.join([bootstrap, *path]),
        "OTEL_PYTHON_DISTRO": environ.get("OTEL_PYTHON_DISTRO") or "flux",
        ENDPOINT: f"http://127.0.0.1:{port}",
        RECORD: "1",
    }


def _become(program: str, command: Sequence[str], environ: Mapping[str, str]) -> NoReturn:
    """The program takes the place of this process: its terminal, its signals and its exit code are its own."""
    if sys.platform == "win32":
        import subprocess

        sys.exit(subprocess.run([program, *command[1:]], env=environ, check=False).returncode)
    try:
        os.execve(program, list(command), environ)
    except OSError as error:
        complain(f"{command[0]}: {error.strerror or error}")
        sys.exit(NOT_EXECUTABLE)
