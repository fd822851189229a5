"""Servers as users start them, gunicorn and uvicorn, under what `flux run` does: the same bytes and the same log."""

import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.e2e.processes import Process, free_ports
from tests.record.programs import as_flux_run_does, clean_environment
from tests.record.receiver import Got, Receiver, eventually
from tests.record.servers.talk import TALKS, Talk, everything, request, talk

APPS = "tests.record.servers.apps"
ROOT = Path(__file__).parents[3]
BIN = Path(sys.executable).parent
STEADY = {"PYTHONHASHSEED": "0"}
DJANGO = {"DJANGO_SETTINGS_MODULE": f"{APPS}.django_shop"}

SERVED: Mapping[str, tuple[tuple[str, ...], Mapping[str, str]]] = {
    "flask-gunicorn": (("gunicorn", f"{APPS}.flask_shop:shop()", "-w", "1"), {}),
    "flask-gunicorn-threads": (("gunicorn", f"{APPS}.flask_shop:shop()", "-w", "1", "--threads", "4"), {}),
    "django-gunicorn": (("gunicorn", f"{APPS}.django_shop:application", "-w", "1"), DJANGO),
    "django-uvicorn": (("uvicorn", f"{APPS}.django_shop:asgi_application", "--log-level", "warning"), DJANGO),
    "starlette-uvicorn": (("uvicorn", f"{APPS}.asgi_shop:starlette", "--factory", "--log-level", "warning"), {}),
}
LEFT_OUT = ("async",)
"""Django warns of it, and names the line of whoever asks for the body."""

LAST = {"starlette-uvicorn": "ValueError: in the background\n"}
"""What is logged after the last answer."""


def served_by(name: str, port: int) -> list[str]:
    """The command that serves it there.

    Gunicorn's control socket is one for all of a user's servers, and a thread tells of it at a moment of its own.
    """
    program, *words = SERVED[name][0]
    where = ("--bind", f"127.0.0.1:{port}", "--no-control-socket") if program == "gunicorn" else ("--port", str(port))
    return [str(BIN / program), *words, *where]


def heard(
    name: str, env: Mapping[str, str], log: Path, port: int, arrived: Callable[[], bool] = lambda: True
) -> tuple[dict[str, bytes], str]:
    """The answers to everything, and what was logged meanwhile; it stops when what was recorded has arrived."""
    all_of_it = clean_environment() | STEADY | {"PYTHONPATH": str(ROOT)} | SERVED[name][1] | env
    with Process(served_by(name, port), cwd=ROOT, env=all_of_it, log=log) as process:
        process.listen(port)
        answers, logged = everything(port, log.read_text, LEFT_OUT, LAST.get(name, ""))
        eventually(arrived)
        process.stop()
    text = re.sub(r"\[[^\]]*\d\d:\d\d:\d\d[^\]]*\]|0x[0-9a-f]+|pid: \d+|\[\d+\]|\(\d+\)|Task-\d+", "", logged)
    return answers, text


@pytest.mark.slow
@pytest.mark.parametrize("name", SERVED)
def test_as_without(name: str, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    without, log_without = heard(name, {}, tmp_path / "log without", port)
    with Receiver() as receiver:
        env = as_flux_run_does(receiver.endpoint)
        env["PYTHONPATH"] = f"{env['PYTHONPATH']}:{ROOT}"
        # OpenTelemetry's own instrumentations put frames into tracebacks.
        env["OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"] = "flask,fastapi,starlette,django,threading,logging"

        def requests() -> list[Got]:
            return [got for got in receiver.spans if got.span["kind"] == 2]

        answers, log = heard(name, env, tmp_path / "log", port, lambda: len(requests()) >= len(without))
    for talked, expected in without.items():
        assert answers[talked] == expected, talked
    assert "in the middle" in log
    assert log == log_without
    assert {got.name for got in receiver.spans if "parentSpanId" not in got.span} == {got.name for got in requests()}


@pytest.mark.parametrize("name", ["django-gunicorn", "django-uvicorn"])
@pytest.mark.parametrize("disabled", ["", "django"], ids=["instrumented", "alone"])
def test_django(name: str, disabled: str, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with Receiver() as receiver:
        env = as_flux_run_does(receiver.endpoint)
        env["PYTHONPATH"] = f"{env['PYTHONPATH']}:{ROOT}"
        env["OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"] = disabled
        env = clean_environment() | SERVED[name][1] | env
        log = tmp_path / "log"
        with Process(served_by(name, port), cwd=ROOT, env=env, log=log) as process:
            process.listen(port)
            for each in TALKS:
                if each.name in ("json", "exception", "background", "stream"):
                    talk(port, each)
            talk(port, Talk("user", (request("GET", "/users/7"),)))
            talk(port, Talk("missing", (request("GET", "/users/404"),)))
            talk(port, Talk("gated", (request("GET", "/gated"),)))

            def served() -> dict[str, Got]:
                requests = [got for got in receiver.spans if got.span["kind"] == 2]
                return {json.loads(got.attributes["flux.input"])["path"]: got for got in requests}

            eventually(lambda: len(served()) == 7, lambda: (sorted(served()), log.read_text()))
            process.stop()
        found = served()

    def output(path: str) -> dict[str, object]:
        told: dict[str, object] = json.loads(found[path].attributes["flux.output"])
        return told

    def inside(path: str) -> list[Got]:
        return [got for got in receiver.spans if got.span["traceId"] == found[path].span["traceId"]]

    assert json.loads(found["/signup"].attributes["flux.input"])["body"] == {"email": "ada@example.org", "plan": "pro"}
    assert output("/signup")["body"] == {"id": 42, "email": "ada@example.org"}
    assert output("/stream")["body"] == "".join(f"piece {number}\n" for number in range(5))
    assert output("/users/7")["body"] == {"id": 7}
    assert found["/users/7"].attributes["code.function.name"].endswith("User.get")
    view = next(got for got in inside("/users/7") if got.name.endswith("User.get"))
    assert json.loads(view.attributes["flux.input"])["number"] == 7
    assert output("/users/404")["status"] == 404
    if disabled:  # the instrumentation takes a Http404 for an error
        assert "status" not in found["/users/404"].span
    gated = found["/gated"].span
    (told,) = [got.span for got in inside("/gated") if got.span["events"]]
    # A part of the request, and not something that failed after it.
    assert int(gated["startTimeUnixNano"]) <= int(told["endTimeUnixNano"]) <= int(gated["endTimeUnixNano"])
    assert "LookupError" in str(told["events"])
    for path in ("/fails", "/background"):
        assert output(path)["status"] == 500
        assert found[path].span["status"]["code"] == 2
        assert any('"order":{"items":[]}' in got.attributes.get("flux.locals", "") for got in inside(path)), path
