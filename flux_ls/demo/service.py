"""The shop at work: started under the OpenTelemetry SDK, sent a few requests, stopped."""

import http.client
import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from flux_ls.demo.project import free_port

_START_TIMEOUT_S = 30.0
_NEEDED = ("flask", "opentelemetry.instrumentation.flask", "opentelemetry.distro", "opentelemetry.exporter.otlp")


class Call(NamedTuple):
    method: str
    path: str
    body: dict[str, object] | None = None


CALLS = (
    Call("GET", "/health"),
    Call("GET", "/products"),
    Call("POST", "/checkout", {"product": "mug", "quantity": 1, "currency": "EUR"}),
    Call("POST", "/checkout", {"product": "poster", "quantity": 12, "currency": "USD"}),
    Call("GET", "/favicon.ico"),
    Call("POST", "/checkout", {"product": "sticker", "quantity": 3, "currency": "CHF"}),
    Call("GET", "/products"),
)


class ServiceFailed(Exception):
    """The shop could not be run."""


def missing_packages() -> list[str]:
    """What the shop needs and this environment does not have."""
    missing = []
    for name in _NEEDED:
        try:
            found = importlib.util.find_spec(name) is not None
        except ModuleNotFoundError:
            found = False
        if not found:
            missing.append(name)
    return missing


def send_all(port: int) -> list[int]:
    """Sends CALLS one after the other; the answers' status codes."""
    return [_send(port, call) for call in CALLS]


@contextmanager
def running(folder: Path, *, otlp_port: int, revision: str) -> Iterator[int]:
    """The shop under the official SDK, on the port that is given, until the block ends. Raises ServiceFailed."""
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("OTEL_")},
        "OTEL_SERVICE_NAME": "shop",
        "OTEL_RESOURCE_ATTRIBUTES": f"vcs.ref.head.revision={revision},deployment.environment.name=playground",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{otlp_port}",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "PYTHONPATH": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    log = folder / ".flux" / "shop.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", "from opentelemetry.instrumentation.auto_instrumentation import run; run()"),
                *(sys.executable, "-m", "flask", "--app", "shop.app", "run", "--port", str(port)),
            ],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_until_up(process, port, log)
            yield port
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_up(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-10:])
    raise ServiceFailed(f"the shop did not start; its log {log} ends with:\n{tail}")


def _send(port: int, call: Call) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        body = None if call.body is None else json.dumps(call.body)
        connection.request(call.method, call.path, body, {"Content-Type": "application/json"} if body else {})
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()
