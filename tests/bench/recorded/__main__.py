"""`python -m tests.bench.recorded HOW URL`: the service under one recorder, driven by lines on standard input.

Each line `PATH COUNT` asks for so many requests, and `flush` for what is still to be exported. It is answered with the
CPU seconds since the answer before, of all threads: what they do while nobody asks counts as well.
"""

import importlib
import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

FUNCTIONS = "tests.bench.recorded.shop:*"
BODY = json.dumps(
    {
        "email": " Ada@Example.org ",
        "plan": "pro",
        "referrer": 1,
        "password": "correct horse battery staple",
        "profile": {"name": "Ada Lovelace", "interests": ["engines", "poetry"], "born": 1815, "newsletter": False},
    }
)


class Recorder(NamedTuple):
    flush: Callable[[], object] = lambda: None
    around: Callable[[], AbstractContextManager[Any]] = nullcontext
    """What each request runs in."""


def bare(url: str) -> Recorder:
    return Recorder()


def opentelemetry(url: str) -> Recorder:
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{url}/v1/traces")))
    trace.set_tracer_provider(provider)
    _instrument()
    return Recorder(provider.force_flush)


def _instrument() -> None:
    from opentelemetry.instrumentation.flask import FlaskInstrumentor
    from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor

    FlaskInstrumentor().instrument()
    SQLAlchemyInstrumentor().instrument()


def flux(url: str) -> Recorder:
    from flux_ls import record
    from flux_ls.record.export import flush

    record.start(endpoint=url, functions=[FUNCTIONS], instrument=False)
    _instrument()
    return Recorder(lambda: flush(30))


def logfire(url: str) -> Recorder:
    import logfire as peer
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    processor = BatchSpanProcessor(OTLPSpanExporter(f"{url}/v1/traces"))
    peer.configure(send_to_logfire=False, console=False, metrics=False, additional_span_processors=[processor])
    peer.install_auto_tracing([FUNCTIONS.partition(":")[0]], min_duration=0)
    _instrument()
    return Recorder(peer.force_flush)


def kolo(url: str) -> Recorder:
    import kolo as peer

    return Recorder(around=lambda: peer.enable({"use_rust": True}))


def appmap(url: str) -> Recorder:
    # Its environment and its appmap.yml are set before Python starts.
    peer = importlib.import_module("appmap")
    numbers = itertools.count()

    @contextmanager
    def recorded() -> Iterator[None]:
        recording = peer.Recording()
        with recording:
            yield
        Path(f"{next(numbers)}.appmap.json").write_text(peer.generation.dump(recording))

    return Recorder(around=recorded)


HOW = {each.__name__: each for each in (bare, opentelemetry, flux, logfire, kolo, appmap)}


def main(how: str, url: str) -> None:
    recorder = HOW[how](url)
    shop = importlib.import_module("tests.bench.recorded.shop")
    shop.prepare()
    client = shop.app.test_client()

    def ask(path: str) -> None:
        with recorder.around():
            _ask(path)

    def _ask(path: str) -> None:
        if path == "/signup":
            answer = client.post(
                path, data=BODY, content_type="application/json", headers={"Authorization": "Bearer x"}
            )
            assert answer.status_code == 201, answer.text
        else:
            assert client.get(path).status_code == 200

    for path in ("/signup", "/hot"):
        ask(path)
    recorder.flush()
    before = time.process_time()
    print("ready", flush=True)
    for line in sys.stdin:
        if line.strip() == "flush":
            recorder.flush()
        else:
            path, count = line.split()
            for _ in range(int(count)):
                ask(path)
        now = time.process_time()
        print(now - before, flush=True)
        before = now


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
