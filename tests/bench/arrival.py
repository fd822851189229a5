"""Until a failure is a diagnostic at the client: from an export accepted by the collector, and from a failing response
that left an application under `flux run`. Collector, server and recorder as users run them."""

import http.client
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flux_ls.demo.client import LanguageClient
from tests.bench.collector import started
from tests.telemetry import Raises, traces
from tests.telemetry import http as http_span

_ROUNDS = 100
_STEPS = "".join(f"def step_{number}():\n    return {number} / 0\n" for number in range(_ROUNDS))
_APPLICATION = """
from flask import Flask
from werkzeug.serving import make_server

app = Flask(__name__)


@app.get("/step/<int:number>")
def step(number):
    return str(globals()[f"step_{number}"]())


server = make_server("127.0.0.1", 0, app, threaded=True)
print(server.server_port, flush=True)
server.serve_forever()
"""

Fails = Callable[[Path, int], None]
"""Has the step of that number fail, in that file."""


def main() -> None:
    _measure("accepted to diagnostic", 100, _STEPS, _exported)
    _measure("failing response to diagnostic, under `flux run`", 150, _STEPS + _APPLICATION, _recorded)


def _measure(what: str, bar_ms: int, text: str, fails: "Callable[[Path, Path, int], Iterator[Fails]]") -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        file = root / "shop.py"
        file.write_text(text)
        store = root / "flux.db"
        process, port = started(store)
        client = LanguageClient([sys.executable, "-m", "flux_ls.lsp"], root)
        try:
            client.initialize({"store": str(store), "collector": False})
            uri = client.open(file)
            with contextmanager(fails)(file, store, port) as fail:
                seconds = [_round(client, uri, file, fail, number) for number in range(_ROUNDS)]
            client.shut_down()
        finally:
            client.kill()
            process.terminate()
            process.wait(10)
    p95 = statistics.quantiles(seconds, n=20)[-1] * 1000
    print(f"{what}: p95 {p95:.0f} ms, bar {bar_ms} ms; p50 {statistics.median(seconds) * 1000:.0f} ms")


def _round(client: LanguageClient, uri: str, file: Path, fail: Fails, number: int) -> float:
    fail(file, number)
    answered = time.perf_counter()
    while all(one["range"]["start"]["line"] != 2 * number + 1 for one in client.diagnostics(uri)):
        pass
    return time.perf_counter() - answered


def _exported(_file: Path, _store: Path, port: int) -> Iterator[Fails]:
    """By an export as any OpenTelemetry SDK sends it."""

    def fail(file: Path, number: int) -> None:
        frame = (str(file), 2 * number + 2, f"step_{number}", f"return {number} / 0")
        raises = Raises("ZeroDivisionError", "division by zero", (frame,))
        span = http_span("GET", f"/step/{number}", 500, route=f"/step/{number}", raises=raises)
        connection = http.client.HTTPConnection("127.0.0.1", port)
        content_type = {"Content-Type": "application/x-protobuf"}
        connection.request("POST", "/v1/traces", traces(span).SerializeToString(), content_type)
        assert connection.getresponse().status == 200

    yield fail


def _recorded(file: Path, store: Path, _port: int) -> Iterator[Fails]:
    """By a request to a Flask application."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "FLUX_"))}
    argv = [*(sys.executable, "-m", "flux_ls.cli", "run", "--store", str(store)), "--", sys.executable, str(file)]
    with subprocess.Popen(
        argv, cwd=file.parent, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as application:
        try:
            assert application.stdout is not None
            port = int(application.stdout.readline())

            def fail(_: Path, number: int) -> None:
                connection = http.client.HTTPConnection("127.0.0.1", port)
                connection.request("GET", f"/step/{number}")
                answer = connection.getresponse()
                assert answer.status == 500
                answer.read()

            yield fail
        finally:
            application.terminate()
            application.wait(10)


if __name__ == "__main__":
    main()
