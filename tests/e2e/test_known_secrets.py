"""Careless services under `flux run`: what is a secret under its name is kept nowhere, whatever is done with it."""

import base64
import http.client
import json
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.e2e.collector import Collector
from tests.e2e.launch import BIN, clean_environment, recorded
from tests.e2e.processes import Process, eventually, free_ports
from tests.record.test_masking import remains

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

CARELESS = '''
"""What code does with a secret without a thought, each way under a name that tells nothing."""

import base64
import json
import logging
import os
import sqlite3
import threading
import urllib.request
from urllib.parse import quote

from opentelemetry import trace

ECHO = os.environ["ECHO"]
engine = None


def handed_on(given):
    return f"checked {given}"


def message(given):
    raise ValueError(f"login with {given} failed")


def chained(given):
    try:
        json.loads("{" + given)
    except ValueError as error:
        raise RuntimeError(repr({"tried": given, "bytes": given.encode()})) from error


def log(given):
    logging.getLogger("shop").error("login with %s failed", given)
    raise ValueError("failed")


def statement(given):
    from sqlalchemy import create_engine, text

    global engine
    engine = engine or create_engine("sqlite://")
    literal = given.replace("'", "''").replace(":", r"\\:")
    with engine.connect() as connection:
        connection.execute(text(f"SELECT '{literal}' AS mark, nothing FROM users"))


def called(given):
    request = urllib.request.Request(
        f"{ECHO}/{quote(given, safe='')}?x={quote(given)}",
        data=json.dumps({"given": given, "inner": json.dumps([given])}).encode(),
        headers={"x-given": quote(given), "content-type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        answered = answer.read()
    raise LookupError(answered.decode())


def attribute(given):
    span = trace.get_current_span()
    span.set_attribute("given", given)
    span.set_attribute("several", ["a", given])
    span.add_event("tried", {"with": json.dumps({"given": given})})
    raise KeyError(given)


def sent(given):
    token = base64.b64encode(f"ada:{given}".encode()).decode()
    raise ConnectionError(f"sent {token}")


def thread(given):
    def works():
        with trace.get_tracer("shop").start_as_current_span(f"thread {given}"):
            handed_on(given)

    thread = threading.Thread(target=works)
    thread.start()
    thread.join()
    raise ValueError("failed")


def long(given):
    raise ValueError("x" * 4090 + given)


def local(given):
    copy = [given, {given: 1}]
    raise ValueError("failed")

'''
WAYS = ("message", "chained", "log", "statement", "called", "attribute", "sent", "thread", "long", "local")

FLASK = """
from flask import Flask, request

from careless import ways

app = Flask(__name__)


@app.post("/<int:number>")
def login(number):
    told = request.get_json(silent=True) or {}
    given = (
        told.get("password")
        or request.form.get("password")
        or request.args.get("api_key")
        or (request.authorization and request.authorization.password)
        or request.cookies.get("sessionid")
    )
    ways.handed_on(given)
    ways.WAYS[number](given)
"""

FASTAPI = """
from fastapi import BackgroundTasks, FastAPI, Request
from fastapi.responses import JSONResponse
from urllib.parse import parse_qs, unquote

import base64

from careless import ways

app = FastAPI()


@app.post("/{number}")
async def login(number: int, request: Request, tasks: BackgroundTasks):
    raw = await request.body()
    kind = request.headers.get("content-type", "")
    told = await request.json() if "json" in kind else {}
    form = parse_qs(raw.decode()) if "form" in kind else {}
    authorization = request.headers.get("authorization", "")
    given = (
        told.get("password")
        or "".join(form.get("password", []))
        or request.query_params.get("api_key")
        or (authorization and base64.b64decode(authorization.split()[1]).decode().partition(":")[2])
        or unquote(request.cookies.get("sessionid", ""))
    )
    tasks.add_task(ways.handed_on, given)
    if number == 0:
        return JSONResponse({"checked": given, "text": f"welcome {given}"}, background=tasks)
    ways.WAYS[number](given)
"""

ECHO = """
import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Echo(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("set-cookie", "seen=" + self.path.partition("?")[0][1:])
        self.end_headers()
        self.wfile.write(body)


HTTPServer(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()
"""

SECRETS = ["hunter2-öß\"'x&+", "correct horse battery staple", "hunter2000"]


def hits(number: int, secret: str) -> Iterator[tuple[str, bytes, Mapping[str, str]]]:
    """Path, body and headers of requests that have the secret under each name that a request can have it under."""
    yield f"/{number}", json.dumps({"user": "ada", "password": secret}).encode(), {"content-type": "application/json"}
    yield (
        f"/{number}",
        f"user=ada&password={quote(secret, safe='')}".encode(),
        {"content-type": "application/x-www-form-urlencoded"},
    )
    yield f"/{number}?api_key={quote(secret, safe='')}&page=2", b"", {}
    token = base64.b64encode(f"ada:{secret}".encode()).decode()
    yield f"/{number}", b"", {"authorization": f"Basic {token}"}
    yield f"/{number}", b"", {"cookie": f"sessionid={quote(secret, safe='')}; theme=midnight"}


@pytest.fixture
def own_collector(tmp_path: Path) -> Iterator[Collector]:
    (tmp_path / "flux").mkdir()
    with Collector(tmp_path / "flux") as running:
        yield running


def project(folder: Path, web: str) -> Path:
    package = folder / "careless"
    package.mkdir(parents=True)
    (folder / "pyproject.toml").write_text('[tool.flux]\nfunctions = ["careless.*"]\n')
    for name, text in {
        "__init__.py": "",
        "ways.py": f"{CARELESS}\n\nWAYS = [{', '.join(WAYS)}]\n",
        "web.py": web,
        "echo.py": ECHO,
    }.items():
        (package / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("web", "serves"),
    [
        (FLASK, ("flask", "--app", "careless.web", "run", "--port", "{port}")),
        (FASTAPI, ("uvicorn", "careless.web:app", "--port", "{port}")),
    ],
    ids=["flask", "fastapi"],
)
def test_a_secret_of_a_request_is_kept_nowhere(
    own_collector: Collector, tmp_path: Path, web: str, serves: tuple[str, ...]
) -> None:
    folder = project(tmp_path / "project", web)
    port, echo = free_ports(2)
    argv = recorded(own_collector.environment).argv(tuple(word.format(port=port) for word in serves))
    environment = clean_environment() | {
        name: value for name, value in own_collector.environment.items() if name.startswith(("FLUX_", "XDG_"))
    }
    environment |= {"ECHO": f"http://127.0.0.1:{echo}", "PYTHONPATH": str(folder)}
    count = 0
    with (
        Process(
            [BIN / "python", "careless/echo.py", str(echo)], cwd=folder, env=environment, log=tmp_path / "e"
        ) as other,
        Process([BIN / argv[0], *argv[1:]], cwd=folder, env=environment, log=tmp_path / "app.log") as service,
    ):
        other.listen(echo)
        service.listen(port)
        for secret in SECRETS:
            for number in range(len(WAYS)):
                for path, body, headers in hits(number, secret):
                    status = ask_with(port, path, body, headers)
                    assert status in (200, 500), (path, status, service.output())
                    count += 1
        told = eventually(
            lambda: len(found := requests(own_collector, folder)) == count and found,
            within=20,
            what="every request to arrive",
        )
        service.stop()

    with sqlite3.connect(own_collector.store) as store:
        store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    kept = {file.name: file.read_bytes() for file in own_collector.store.parent.rglob("*") if file.is_file()}
    assert [
        (name, secret, found) for name, text in kept.items() for secret in SECRETS if (found := remains(secret, text))
    ] == []
    store_bytes = kept["flux.db"]
    assert store_bytes.count(b"[redacted]") > 4 * count
    assert b"login with [redacted] failed" in store_bytes or web is FASTAPI
    assert b"midnight" not in store_bytes, "cookies go as a whole"

    # Failures are told apart as ever: the same place with another secret is the same failure.
    groups = own_collector.flux("errors", cwd=folder)[0]["groups"]
    by_type: dict[str, int] = {}
    for group in groups:
        by_type[group["type"]] = by_type.get(group["type"], 0) + group["count"]
    assert all(group["count"] == len(SECRETS) * 5 for group in groups), by_type
    assert {one["id"] for one in told}


def ask_with(port: int, path: str, body: bytes, headers: Mapping[str, str]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("POST", path, body, dict(headers))
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def requests(collector: Collector, folder: Path) -> list[Any]:
    told = collector.flux("tail", "--no-follow", "--since", "1h", cwd=folder)
    return [one for one in told if one["method"] == "POST" and one["complete"]]
