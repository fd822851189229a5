"""A request to an ASGI application, in this process, between the start and the end of its lifespan."""

import asyncio
import contextlib
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from flux_ls.replay.child import failures
from flux_ls.replay.child.exchange import Answered, Sent

_AFTERWARDS_S = 1.0
"""How long tasks that the request left behind may go on."""
_SHUTDOWN_S = 3.0


class LifespanFailed(Exception):
    """The application did not start."""


def run(app: Any, sent: Sent, answered: Answered, started: Callable[[], None], done: Callable[[], None]) -> None:
    """Raises what kept the application from starting. `started` and `done` are called around the request alone."""
    # Python's own loop: one in C makes connections that no hook of Python sees.
    kind = None if sys.platform == "win32" else asyncio.SelectorEventLoop
    with asyncio.Runner(loop_factory=kind) as runner:
        runner.run(_run(app, sent, answered, started, done))


async def _run(app: Any, sent: Sent, answered: Answered, started: Callable[[], None], done: Callable[[], None]) -> None:
    lifespan = _Lifespan(app)
    await lifespan.start()
    started()
    try:
        await _exchange(app, _scope(sent, lifespan.state), sent, answered)
    except BaseException as error:
        failures.saw(error)
        if answered.status is None:
            # What has been answered stays, as when a task in the background fails.
            answered.status = 500
    finally:
        done()
    others = asyncio.all_tasks() - {asyncio.current_task(), lifespan.task}
    if others:
        await asyncio.wait(others, timeout=_AFTERWARDS_S)
    await lifespan.stop()


async def _exchange(app: Any, scope: dict[str, Any], sent: Sent, answered: Answered) -> None:
    asked = False
    complete = asyncio.Event()

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": sent.body, "more_body": False}
        await complete.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answered.status = int(message["status"])
            answered.headers = [
                (bytes(name).decode("latin-1"), bytes(value).decode("latin-1"))
                for name, value in message.get("headers", ())
            ]
        elif message["type"] == "http.response.body":
            goes_on = answered.add(bytes(message.get("body", b"")))
            if not message.get("more_body", False) or not goes_on:
                complete.set()

    await app(scope, receive, send)


def _scope(sent: Sent, state: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": sent.method,
        "scheme": sent.scheme,
        "path": unquote(sent.path),
        "raw_path": sent.path.encode("ascii", "replace"),
        "query_string": sent.query.encode("ascii", "replace"),
        "root_path": "",
        "headers": [
            (name.lower().encode("latin-1", "replace"), value.encode("latin-1", "replace"))
            for name, value in sent.headers
        ],
        "client": ("127.0.0.1", 0),
        "server": sent.address,
        "state": dict(state),
        "extensions": {},
    }


class _Lifespan:
    """Start-up and shutdown; an application may not know of them."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._queue: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        self._started = asyncio.Event()
        self._stopped = asyncio.Event()
        self._failure: str | None = None
        self._error: BaseException | None = None
        self.state: dict[str, Any] = {}
        self.task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self._queue.put({"type": "lifespan.startup"})
        self.task = asyncio.create_task(self._live())
        await self._started.wait()
        if self._failure is not None:
            raise self._error or LifespanFailed(self._failure.strip().rpartition("\n")[2] or "its start-up failed")

    async def stop(self) -> None:
        if self.task is None or self.task.done():
            return
        await self._queue.put({"type": "lifespan.shutdown"})
        with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), _SHUTDOWN_S)
        self.task.cancel()
        await asyncio.wait([self.task], timeout=_AFTERWARDS_S)

    async def _live(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        try:
            await self._app(scope, self._queue.get, self._send)
        except BaseException as error:
            # One that raises before it has answered knows nothing of lifespans, or says afterwards that it failed.
            if self._failure is not None:
                self._error = error
        finally:
            self._started.set()
            self._stopped.set()

    async def _send(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "lifespan.startup.failed":
            # The exception itself follows, and tells the line.
            self._failure = message.get("message", "")
        elif kind == "lifespan.startup.complete":
            self._started.set()
        elif kind.startswith("lifespan.shutdown"):
            self._stopped.set()
