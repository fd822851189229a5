"""OTLP over HTTP: an ASGI application and the uvicorn server that runs it on loopback sockets."""

import asyncio
import contextlib
import email.utils
import logging
import re
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from typing import Any

import msgspec
import uvicorn

from flux_ls.otlp.access import refusal
from flux_ls.otlp.connection import UPGRADE, Connection
from flux_ls.otlp.payload import MAX_BODY, Encoding, Format, TooLarge, Undecodable, encoding_of, format_of
from flux_ls.otlp.signals import EMPTY, SIGNALS, Signal, export
from flux_ls.otlp.sink import SinkBusy
from flux_ls.otlp.status import Code, retry_after_header, status_json, status_protobuf
from flux_ls.otlp.worker import Worker

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = dict[str, list[str]]

HEALTH = "/flux/health"
PAUSE_S = 30.0
"""A client that sends nothing of its body for this long is given up."""
KEEP_ALIVE_S = 120.0
"""Far above the beat of exporters (5 s by default): one that reuses a connection must not find it just closed."""

_PROGRAM = re.compile(rb"program=([1-9][0-9]{0,8})")
_BY_PATH = {signal.path: signal for signal in SIGNALS}
_CONTENT_TYPES: dict[Format, str] = {"protobuf": "application/x-protobuf", "json": "application/json"}

log = logging.getLogger(__name__)


class Refused(Exception):
    """A request that is answered with an error."""

    def __init__(self, http: int, code: Code, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.http = http
        self.code = code
        self.headers = dict(headers or {})


class Receiver:
    """The ASGI application.

    `health` is what `GET /flux/health` answers; `on_activity` is called for every export and every look at it;
    `on_program` for every program that is going to export, by its process id.
    """

    def __init__(
        self,
        worker: Worker,
        health: Callable[[], Mapping[str, object]] = dict,
        on_activity: Callable[[], None] = lambda: None,
        on_program: Callable[[int], None] = lambda _: None,
        *,
        pause_s: float = PAUSE_S,
    ) -> None:
        self._worker = worker
        self._health = health
        self._on_activity = on_activity
        self._on_program = on_program
        self._pause_s = pause_s
        self._reading: set[asyncio.Timeout] = set()
        self._stopping = False

    def stop_reading(self) -> None:
        """From now on exports whose body has not arrived are asked to come again; the others are finished."""
        self._stopping = True
        now = asyncio.get_running_loop().time()
        for timeout in self._reading:
            timeout.reschedule(now)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = _headers(scope)
        format: Format | None = None
        try:
            reason = refusal(headers.get("host", []), headers.get("origin", []))
            format = format_of(_one(headers, "content-type"))
            if reason is not None:
                raise Refused(403, Code.PERMISSION_DENIED, reason)
            if UPGRADE in scope.get("extensions", {}):
                again = {"retry-after": "1", "connection": "close"}
                raise Refused(503, Code.UNAVAILABLE, "the offered upgrade is not understood, try again", again)
            if scope["path"] == HEALTH:
                await self._answer_health(scope, send)
            else:
                signal, encoding = _checked(scope, headers, format)
                answer = await self._export(signal, encoding, format or "json", headers, receive)
                if answer is not None:
                    await _respond(send, 200, _CONTENT_TYPES[format or "json"], answer)
        except Exception as error:
            refused = _as_refused(error)
            if refused.http >= 500 and refused.http != 503:
                log.exception("an export to %s failed", scope["path"])
            elif refused.http != 503:
                log.info("%s %s: %d %s", scope["method"], _printable(scope["path"]), refused.http, refused)
            await _respond_error(send, refused, format)

    async def _answer_health(self, scope: Scope, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD"):
            raise _not_allowed("GET, HEAD")
        self._on_activity()
        if program := _PROGRAM.fullmatch(scope.get("query_string", b"")):
            self._on_program(int(program[1]))
        await _respond(send, 200, "application/json", msgspec.json.encode(dict(self._health())))

    async def _export(
        self, signal: Signal, encoding: Encoding, format: Format, headers: Headers, receive: Receive
    ) -> bytes | None:
        """The body of the answer; None when the client went away before it had sent everything."""
        self._on_activity()
        length = _one(headers, "content-length")
        if length.isascii() and length.isdigit() and int(length[:20]) > MAX_BODY:
            raise TooLarge
        held = _Held(self._worker)
        with held:
            body = await self._read(receive, held, keep=signal.export is not None)
            if body is None:
                return None
            if signal.export is None:
                return EMPTY[format]
            return await self._worker.export(lambda sink: export(signal, sink, body, encoding, format))

    async def _read(self, receive: Receive, held: "_Held", keep: bool) -> bytes | None:
        parts: list[bytes] = []
        size = 0
        with self._deadline() as read_on:
            async with read_on:
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    part: bytes = message.get("body", b"")
                    size += len(part)
                    if size > MAX_BODY:
                        raise TooLarge
                    if keep:
                        held.add(len(part))
                        parts.append(part)
                    if not message.get("more_body", False):
                        return parts[0] if len(parts) == 1 else b"".join(parts)
                    if not self._stopping:
                        read_on.reschedule(asyncio.get_running_loop().time() + self._pause_s)

    @contextlib.contextmanager
    def _deadline(self) -> Iterator[asyncio.Timeout]:
        timeout = asyncio.timeout(0 if self._stopping else self._pause_s)
        self._reading.add(timeout)
        try:
            yield timeout
        except TimeoutError:
            close = {"connection": "close"}
            if not self._stopping:
                raise Refused(408, Code.DEADLINE_EXCEEDED, "the body did not arrive in time", close) from None
            close["retry-after"] = "1"
            raise Refused(503, Code.UNAVAILABLE, "the collector is stopping, try again", close) from None
        finally:
            self._reading.discard(timeout)


class _Held:
    """The bytes that one request holds of the worker's allowance."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._size = 0

    def add(self, size: int) -> None:
        self._worker.hold(size)
        self._size += size

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._worker.release(self._size)


def _checked(scope: Scope, headers: Headers, format: Format | None) -> tuple[Signal, Encoding]:
    signal = _BY_PATH.get(scope["path"])
    if signal is None:
        raise Refused(404, Code.NOT_FOUND, f"nothing is here; OTLP goes to {', '.join(_BY_PATH)}")
    if scope["method"] != "POST":
        raise _not_allowed("POST")
    if format is None:
        wanted = "application/x-protobuf or application/json (UTF-8)"
        raise Refused(415, Code.INVALID_ARGUMENT, f"the Content-Type must be {wanted}")
    encoding = encoding_of(",".join(headers.get("content-encoding", [])))
    if encoding is None:
        raise Refused(
            415, Code.INVALID_ARGUMENT, "the Content-Encoding must be gzip or absent", {"accept-encoding": "gzip"}
        )
    return signal, encoding


def _not_allowed(allow: str) -> Refused:
    return Refused(405, Code.UNIMPLEMENTED, f"use {allow} here", {"allow": allow})


def _as_refused(error: Exception) -> Refused:
    match error:
        case Refused():
            return error
        case SinkBusy():
            retry_after = retry_after_header(error.retry_after_s).decode()
            return Refused(503, Code.UNAVAILABLE, str(error), {"retry-after": retry_after})
        case TooLarge():
            return Refused(413, Code.RESOURCE_EXHAUSTED, str(error))
        case Undecodable():
            return Refused(400, Code.INVALID_ARGUMENT, str(error))
        case _:
            return Refused(500, Code.INTERNAL, "the collector failed; its log says why")


def _headers(scope: Scope) -> Headers:
    headers: Headers = {}
    for name, value in scope["headers"]:
        headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return headers


def _one(headers: Headers, name: str) -> str:
    return headers.get(name, [""])[0]


def _printable(path: str) -> str:
    return ascii(path[:80])[1:-1]


async def _respond_error(send: Send, refused: Refused, format: Format | None) -> None:
    if format == "protobuf":
        body = status_protobuf(refused.code, str(refused))
    else:
        body = status_json(refused.code, str(refused))
    await _respond(send, refused.http, _CONTENT_TYPES[format or "json"], body, refused.headers)


async def _respond(
    send: Send, status: int, content_type: str, body: bytes, headers: Mapping[str, str] | None = None
) -> None:
    fields = {
        "date": email.utils.formatdate(usegmt=True),
        "content-type": content_type,
        "content-length": str(len(body)),
        **(headers or {}),
    }
    encoded = [(name.encode(), value.encode()) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


class HttpServer:
    """uvicorn on sockets that are bound already, without its signal handling, logging and polling."""

    def __init__(self, receiver: Receiver, sockets: list[socket.socket], *, grace_s: int = 30) -> None:
        self._receiver = receiver
        self._sockets = sockets
        config = uvicorn.Config(
            receiver,
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_keep_alive=int(KEEP_ALIVE_S),
            timeout_graceful_shutdown=grace_s,
        )
        config.load()
        self._server = uvicorn.Server(config)
        self._server.lifespan = config.lifespan_class(config)

    async def start(self) -> None:
        await self._server.startup(sockets=self._sockets)

    async def stop(self) -> None:
        """Accepts nothing more, answers what has arrived, and closes all connections."""
        self._receiver.stop_reading()
        await self._server.shutdown(sockets=self._sockets)
