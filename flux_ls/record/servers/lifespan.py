"""ASGI's lifespan: what an application dies of before it serves its first request, or after its last one.

What goes well there is no request. The server logs what fails, and ends with an exit code of its own: without this,
nothing would tell of the line.
"""

import signal
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from typing import Any, Final

from flux_ls.record.export import flush_at_exit
from flux_ls.record.failures import one_line, sighted
from flux_ls.record.guard import Guard
from flux_ls.record.made import MadeSpan, now_ns
from flux_ls.record.opened import open_recording
from flux_ls.record.servers.command import this_command
from flux_ls.record.servers.raised import exception_event, without_our_frame
from flux_ls.record.wire import LOCALS

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

_FAILED: Final = {"lifespan.startup.failed": "start-up", "lifespan.shutdown.failed": "shutdown"}
_WATCHED: Final[ContextVar[bool]] = ContextVar("flux_lifespan", default=False)
"""Whether this is inside of an application whose lifespan is watched: it dies of the same."""


async def seen(call: Any, app: Any, scope: Any, receive: Any, send: Send) -> None:
    """Takes the place of calling the application with a lifespan's scope."""
    began_ns = now_ns()
    what: str | None = None

    async def sent(message: Message) -> None:
        nonlocal what
        kind = message.get("type", "")
        what = _FAILED.get(kind, what)
        if kind == "lifespan.shutdown.complete":
            _send_what_is_left()
        await send(message)

    inside = _WATCHED.get()
    watched = _WATCHED.set(True)
    try:
        await call(app, scope, receive, send if inside else sent)
    except BaseException as error:
        without_our_frame(error)
        # One that has not said that it failed may only mean that it knows no lifespan.
        if what is not None and isinstance(error, Exception):
            _tell(error, what, began_ns)
            if what == "shutdown":
                _send_what_is_left()
        raise
    finally:
        _WATCHED.reset(watched)


def _send_what_is_left() -> None:
    # Uvicorn ends by the signal that it was told to end by, and then no exit handler runs. Whoever catches none, as a
    # test's client, goes on or has an exit.
    with Guard("sending what is left"):
        if callable(signal.getsignal(signal.SIGTERM)):
            flush_at_exit()


def _tell(error: Exception, what: str, began_ns: int) -> None:
    """As a request of its own, which failed."""
    with Guard("recording a lifespan"):
        command = this_command()
        name = f"lifespan {what}" if command is None else f"lifespan {what} of {command.text}"
        attributes = {} if command is None else command.attributes()
        opened = open_recording(name, attributes=attributes, start_ns=began_ns)
        recording = opened.recording
        recording.hold()
        found = sighted(recording, error, recording.root_id).locals
        opened.close(one_line(error))
        if found is not None:
            recording.annotate(recording.root_id, {LOCALS: found})
        if isinstance(recording.root, MadeSpan):
            recording.root.events.append(exception_event(error))
        recording.release()
