"""An application that fails before its first request or after its last one, under what `flux run` does."""

import signal
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.e2e.processes import Process, free_port
from tests.record.programs import Ended, as_flux_run_does, clean_environment, program, run
from tests.record.receiver import Got, Receiver, plain

SHOP = """
    import contextlib

    @contextlib.asynccontextmanager
    async def lifespan(app):
        settings = {"PASSWORD": "hunter2-Sup3r"}
        print(settings["URL"])
        yield
"""
MADE = {
    "starlette": "from starlette.applications import Starlette\napp = Starlette(lifespan=lifespan)\n",
    "fastapi": "from fastapi import FastAPI\napp = FastAPI(lifespan=lifespan)\n",
}
DRIVEN = """
    import asyncio, contextlib, sys
    from starlette.applications import Starlette
    from starlette.middleware import Middleware

    class HttpOnly:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            assert scope["type"] == "http"

    @contextlib.asynccontextmanager
    async def lifespan(app):
        yield
        if sys.argv[1] == "shutdown":
            open("/nowhere/log")

    app = Starlette(lifespan=lifespan, middleware=[Middleware(HttpOnly)] if sys.argv[1] == "http only" else [])
    said = []

    async def serve():
        inbox = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

        async def receive():
            return inbox.pop(0)

        async def send(message):
            said.append(message["type"])

        try:
            await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)
        except Exception as error:
            said.append(type(error).__name__)

    asyncio.run(serve())
    print(*said)
"""


def run_recorded(folder: Path, *words: str, receiver: Receiver) -> Ended:
    """Runs it, and without the recorder: it prints and exits the same, but for the number of the process."""
    argv = [sys.executable, *words]
    bare = run(argv, folder)
    ended = run(argv, folder, as_flux_run_does(receiver.endpoint))
    assert ended == bare
    return ended


ANSWERS = """
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def answer(request):
        return PlainTextResponse("here")

    app = Starlette(routes=[Route("/{name}", answer)])
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_came_last_is_sent_by_a_server_that_is_told_to_end(tmp_path: Path, number: int) -> None:
    program(tmp_path, ANSWERS, "shop.py")
    port = free_port()
    argv = [sys.executable, "-m", "uvicorn", "shop:app", "--port", str(port), "--log-level", "warning"]
    with Receiver() as receiver:
        env = clean_environment() | as_flux_run_does(receiver.endpoint)
        with Process(argv, cwd=tmp_path, env=env, log=tmp_path / "log") as process:
            process.listen(port)
            for path in ("first", "last"):
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=40) as answer:
                    assert answer.read() == b"here"
            process.stop(number)
        assert len(receiver.named("GET /{name}")) == 2


def told(receiver: Receiver) -> list[Got]:
    return [got for got in receiver.spans if got.name.startswith("lifespan ")]


@pytest.mark.parametrize("framework", MADE)
def test_a_start_up_that_fails_is_a_request_that_failed(tmp_path: Path, framework: str) -> None:
    program(tmp_path, SHOP, "shop.py").open("a").write(MADE[framework])
    with Receiver() as receiver:
        words = ("-m", "uvicorn", "shop:app", "--port", "0", "--log-level", "warning")
        ended = run_recorded(tmp_path, *words, receiver=receiver)
        (got,) = told(receiver)
    assert ended.code == 3
    assert got.name.startswith("lifespan start-up of ")
    assert got.name.endswith("-m uvicorn shop:app --port 0 --log-level warning")
    assert "parentSpanId" not in got.span
    assert got.span["status"]["code"] == 2
    (event,) = got.span["events"]
    exception = plain(event["attributes"])
    assert (exception["exception.type"], exception["exception.message"]) == ("KeyError", "'URL'")
    assert 'print(settings["URL"])' in str(exception["exception.stacktrace"])
    assert "flux_ls" not in str(exception["exception.stacktrace"])
    assert '"settings":{"PASSWORD":"[redacted]"}' in got.attributes["flux.locals"]
    assert "hunter2" not in str(receiver.exports)


@pytest.mark.parametrize(
    ("what", "said", "name"),
    [
        ("nothing", "lifespan.startup.complete lifespan.shutdown.complete", None),
        (
            "shutdown",
            "lifespan.startup.complete lifespan.shutdown.failed FileNotFoundError",
            "lifespan shutdown of python app.py shutdown",
        ),
        # Servers take it that such an application knows no lifespan.
        ("http only", "AssertionError", None),
    ],
)
def test_what_fails_and_what_does_not(tmp_path: Path, what: str, said: str, name: str | None) -> None:
    program(tmp_path, DRIVEN, "app.py")
    with Receiver() as receiver:
        ended = run_recorded(tmp_path, "app.py", what, receiver=receiver)
        names = [got.name.replace(Path(sys.executable).name, "python") for got in told(receiver)]
    assert ended.out.strip() == said
    assert names == ([] if name is None else [name])
