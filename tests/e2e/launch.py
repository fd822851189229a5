"""How an application is started under OpenTelemetry, asked, and ended in good order."""

import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from importlib.metadata import entry_points
from pathlib import Path

from msgspec import Struct

from tests.e2e.processes import Process, eventually, free_ports

APPS = Path(__file__).parent / "apps"
BIN = Path(sys.executable).parent
INSTRUMENT = "opentelemetry-instrument"


class Hit(Struct, frozen=True):
    """One HTTP request and the status that the application answers it with."""

    method: str
    path: str
    status: int
    body: object = None
    headers: Mapping[str, str] = {}


class Service(Struct, frozen=True):
    """One process. In `argv` and `env`, `{port}` is its own port, `{scratch}` a folder of the run, and
    `{NAME.port}` the port of another service of the application; `{free.port}` is one that nobody listens on."""

    name: str
    folder: str
    argv: tuple[str, ...]
    instrumented: tuple[str, ...] = ()
    """The instrumentations that its environment would have."""
    env: Mapping[str, str] = {}
    protocol: str = "http/protobuf"
    compression: str | None = None
    runs_in: str | None = None
    """Where below the scratch folder it runs, in a copy that is gone afterwards, as in a container."""
    stop: int = signal.SIGINT
    prepare: tuple[tuple[str, ...], ...] = ()
    """Commands to run before it starts, without telemetry."""
    ready: str | None = None
    """Printed when it is ready, for one that listens on no port."""


class Application(Struct, frozen=True):
    """Some services and what happens to them."""

    name: str
    services: tuple[Service, ...]
    hits: tuple[Hit, ...] = ()
    """Asked of the last service."""
    jobs: tuple[tuple[Service, int], ...] = ()
    """Processes that run to their end, each with its exit code."""
    done: tuple[str, str] | None = None
    """A service and what it prints when the work is done, where no answer says so."""


class Endpoint(Struct, frozen=True):
    """Where telemetry goes."""

    http_port: int
    grpc_port: int


class Surroundings(Struct, frozen=True):
    """What an application runs under."""

    argv: Callable[[tuple[str, ...]], tuple[str, ...]]
    """Its command line, out of the one under OpenTelemetry."""
    environment: Callable[[Service], Mapping[str, str]]


def clean_environment() -> dict[str, str]:
    """This process' environment without what would steer the applications or Flux."""
    steering = ("OTEL_", "FLUX_", "PYTHON", "DJANGO_", "FLASK_", "FASTAPI_", "NODE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(steering)}
    return kept | {
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
    }


def telemetry(service: Service, endpoint: Endpoint) -> dict[str, str]:
    """What a user sets to send a service's telemetry to Flux."""
    port = endpoint.grpc_port if service.protocol == "grpc" else endpoint.http_port
    compression = {"OTEL_EXPORTER_OTLP_COMPRESSION": service.compression} if service.compression else {}
    others = {entry.name for entry in entry_points(group="opentelemetry_instrumentor")} - {*service.instrumented}
    return compression | {
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": ",".join(sorted(others)),
        "OTEL_SERVICE_NAME": service.name,
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": service.protocol,
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "OTEL_BLRP_SCHEDULE_DELAY": "100",
        "OTEL_NODE_RESOURCE_DETECTORS": "env,host,os,process",
    }


def exporting(endpoint: Endpoint) -> Surroundings:
    """As people run services whose telemetry goes to Flux."""
    return Surroundings(lambda argv: argv, lambda service: telemetry(service, endpoint))


def _bare(argv: tuple[str, ...]) -> tuple[str, ...]:
    return argv[1:] if argv[0] == INSTRUMENT else argv


PLAIN = Surroundings(_bare, lambda _: {})
"""Without any telemetry."""


def recorded(environment: Mapping[str, str]) -> Surroundings:
    """Under `flux run`; `environment` says where its collector is."""
    flux = {name: value for name, value in environment.items() if name.startswith(("FLUX_", "XDG_"))}
    return Surroundings(
        lambda argv: ("flux", "run", "--", *_bare(argv)), lambda service: flux | {"OTEL_SERVICE_NAME": service.name}
    )


def ask(port: int, hit: Hit) -> bytes:
    """Sends the request without any tracing header: the answer as it came over the wire."""
    body = b"" if hit.body is None else json.dumps(hit.body).encode()
    headers = {"host": f"127.0.0.1:{port}", "connection": "close", **hit.headers}
    if hit.body is not None:
        headers |= {"content-type": "application/json", "content-length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(f"{hit.method} {hit.path} HTTP/1.1\r\n{head}\r\n".encode() + body)
        received = []
        while part := connection.recv(65536):
            received.append(part)
    return b"".join(received)


class Running(Struct):
    """An application that is up."""

    application: Application
    ports: dict[str, int]
    processes: dict[str, Process]

    answers: list[bytes] = []
    """What the hits were answered, byte for byte."""

    def hit(self, hit: Hit) -> None:
        last = self.application.services[-1].name
        answer = ask(self.ports[last], hit)
        self.answers.append(answer)
        status = int(answer.split(b" ", 2)[1])
        assert status == hit.status, f"{hit} was answered {status}:\n{self.processes[last].output()}"


def ports_for(application: Application) -> dict[str, int]:
    names = [service.name for service in application.services]
    return dict(zip([*names, "free"], free_ports(len(names) + 1), strict=True))


def start(
    application: Application,
    projects: Path,
    under: Surroundings,
    scratch: Path,
    stack: ExitStack,
    ports: dict[str, int] | None = None,
) -> Running:
    """Starts the services and waits until they are ready; they end with `stack`. `projects` is a copy of `apps/`.

    On `ports`, for one that is started again; else on free ones.
    """
    ports = ports or ports_for(application)
    running = Running(application, ports, {})
    for service in application.services:
        process = stack.enter_context(launch(service, projects, under, scratch, ports))
        running.processes[service.name] = process
        if service.ready is None:
            process.listen(ports[service.name])
        else:
            eventually(
                lambda process=process, word=service.ready: word in process.output(),  # type: ignore[misc]
                within=40,
                what=f"{service.name} to be ready",
            )
    return running


def launch(service: Service, projects: Path, under: Surroundings, scratch: Path, ports: Mapping[str, int]) -> Process:
    folder = projects / service.folder
    if service.runs_in is not None:
        folder = shutil.copytree(folder, scratch / service.runs_in)
    words = {f"{{{name}.port}}": str(port) for name, port in ports.items()} | {
        "{port}": str(ports.get(service.name, 0)),
        "{scratch}": str(scratch),
    }

    def filled(text: str) -> str:
        for word, value in words.items():
            text = text.replace(word, value)
        return text

    plain = clean_environment() | {name: filled(value) for name, value in service.env.items()}
    log = scratch / f"{service.name}.log"
    for command in service.prepare:
        with Process(command, cwd=folder, env=plain, log=log) as process:
            assert process.finish() == 0, process.output()
    argv = [filled(word) for word in under.argv(service.argv)]
    return Process(argv, cwd=folder, env=plain | dict(under.environment(service)), log=log)


def run(application: Application, projects: Path, under: Surroundings, scratch: Path) -> Running:
    """Starts the application, asks it everything, and ends it in good order: all its telemetry is delivered."""
    with ExitStack() as stack:
        running = start(application, projects, under, scratch, stack)
        for hit in application.hits:
            running.hit(hit)
        for job, code in application.jobs:
            with launch(job, projects, under, scratch, running.ports) as process:
                assert process.finish() == code, process.output()
        if application.done is not None:
            name, word = application.done
            done = running.processes[name]
            eventually(lambda: word in done.output(), within=20, what=f"{name} to print {word!r}:\n{done.output()}")
        for service in reversed(application.services):
            running.processes[service.name].stop(service.stop)
    for service in application.services:
        if service.runs_in is not None:
            shutil.rmtree(scratch / service.runs_in)
    return running
