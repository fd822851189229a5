"""Real ASGI servers answer, and log, with the recorder what they do without it: byte for byte."""

import gc
import io
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr
from typing import Any

import pytest
import uvicorn
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.starlette import StarletteInstrumentor
from opentelemetry.sdk.trace import TracerProvider

from flux_ls.record import servers
from tests.record.sent import recorder
from tests.record.servers.apps import asgi_shop
from tests.record.servers.talk import everything

APPS: dict[str, tuple[Callable[..., Any], Any]] = {
    "starlette": (asgi_shop.starlette, StarletteInstrumentor),
    "fastapi": (asgi_shop.fast, FastAPIInstrumentor),
}


@contextmanager
def uvicorn_server(app: Any, http: str) -> Iterator[int]:
    config = uvicorn.Config(app, port=0, http=http, log_config=None, access_log=False, lifespan="on")  # type: ignore[arg-type]
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 40
    while not (server.started and server.servers):
        assert time.monotonic() < deadline, "uvicorn does not start"
        time.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(40)
        assert not thread.is_alive()


@contextmanager
def instrumented(instrumentor: Any, provider: TracerProvider | None) -> Iterator[None]:
    instrumentor = instrumentor()
    instrumentor.instrument(tracer_provider=provider or TracerProvider())
    try:
        yield
    finally:
        instrumentor.uninstrument()


def heard(framework: str, http: str, recorded: bool, traced: bool, **config: Any) -> tuple[dict[str, bytes], str]:
    """The answers to everything, and what was logged meanwhile."""
    make, instrumentor = APPS[framework]
    gc.collect()  # what was left of another test would be complained of here
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    handler.setLevel(logging.WARNING)
    logging.getLogger().addHandler(handler)
    try:
        with (
            redirect_stderr(log),
            recorder(servers) if recorded else nullcontext() as sent,
            instrumented(instrumentor, sent and sent.provider) if traced else nullcontext(),
            uvicorn_server(make(**config), http) as port,
        ):
            answers, logged = everything(port, log.getvalue, last="ValueError: in the background\n")
    finally:
        logging.getLogger().removeHandler(handler)
    return answers, re.sub(r"0x[0-9a-f]+|127.0.0.1:\d+|Task-\d+", "", logged)


@pytest.mark.parametrize("framework", APPS)
@pytest.mark.parametrize("http", ["h11", "httptools"])
@pytest.mark.parametrize("debug", [False, True], ids=["", "debug"])
@pytest.mark.parametrize(
    "traced", [pytest.param(False, id="alone"), pytest.param(True, id="instrumented", marks=pytest.mark.slow)]
)
def test_as_without(framework: str, http: str, traced: bool, debug: bool) -> None:
    without, log_without = heard(framework, http, False, traced, debug=debug)
    answers, log = heard(framework, http, True, traced, debug=debug)
    for name, expected in without.items():
        assert answers[name] == expected, name
    assert "KeyError: 'total'" in log
    assert "in the background" in log
    assert log == log_without
