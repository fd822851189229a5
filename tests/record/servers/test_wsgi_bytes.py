"""Real WSGI servers answer, and log, with the recorder what they do without it: byte for byte."""

import gc
import io
import logging
import re
import threading
import wsgiref.simple_server
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr
from typing import Any

import pytest
import werkzeug.serving
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.sdk.trace import TracerProvider

from flux_ls.record import servers
from tests.record.sent import recorder
from tests.record.servers.apps.flask_shop import shop
from tests.record.servers.talk import everything


class _Quiet(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def werkzeug_server(app: Any, threaded: bool = True) -> Iterator[int]:
    server = werkzeug.serving.make_server("127.0.0.1", 0, app, threaded=threaded)
    with _served(server):
        yield server.server_port


@contextmanager
def wsgiref_server(app: Any) -> Iterator[int]:
    server = wsgiref.simple_server.make_server("127.0.0.1", 0, app, handler_class=_Quiet)
    with _served(server):
        yield server.server_port


@contextmanager
def _served(server: Any) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(40)


SERVERS: dict[str, Callable[[Any], Any]] = {"werkzeug": werkzeug_server, "wsgiref": wsgiref_server}


@contextmanager
def instrumented(provider: TracerProvider | None = None) -> Iterator[None]:
    instrumentor = FlaskInstrumentor()
    instrumentor.instrument(tracer_provider=provider or TracerProvider())
    try:
        yield
    finally:
        instrumentor.uninstrument()


def heard(serve: Callable[[Any], Any], recorded: bool, traced: bool, **config: object) -> tuple[dict[str, bytes], str]:
    """The answers to everything, and what was logged meanwhile."""
    gc.collect()  # what was left of another test would be complained of here
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    logging.getLogger().addHandler(handler)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    try:
        with (
            redirect_stderr(log),
            recorder(servers) if recorded else nullcontext() as sent,
            instrumented(sent and sent.provider) if traced else nullcontext(),
            serve(shop(**config)) as port,
        ):
            answers, logged = everything(port, log.getvalue)
    finally:
        logging.getLogger().removeHandler(handler)
    return answers, re.sub(r"0x[0-9a-f]+|127.0.0.1:\d+|'127.0.0.1', \d+", "", logged)


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("config", [{}, {"DEBUG": True}, {"TESTING": True}], ids=str)
@pytest.mark.parametrize(
    "traced", [pytest.param(False, id="alone"), pytest.param(True, id="instrumented", marks=pytest.mark.slow)]
)
def test_as_without(server: str, traced: bool, config: dict[str, object]) -> None:
    without, log_without = heard(SERVERS[server], False, traced, **config)
    answers, log = heard(SERVERS[server], True, traced, **config)
    for name, expected in without.items():
        assert answers[name] == expected, name
    assert "KeyError: 'total'" in log
    assert log == log_without
