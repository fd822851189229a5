"""ASGI: what a server and an application say to each other, seen on the way and passed on as it is."""

import functools
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from flux_ls.record.guard import tell
from flux_ls.record.http_message import fields, message
from flux_ls.record.patches import Patches
from flux_ls.record.redaction import redact_text
from flux_ls.record.servers import lifespan
from flux_ls.record.servers.exchange import SERVING, Exchange
from flux_ls.record.servers.raised import without_our_frame
from flux_ls.record.values import Tree

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Pairs = list[tuple[bytes, bytes]]


class AsgiExchange(Exchange):
    """A request as ASGI tells it."""

    __slots__ = ("_find_handler", "_headers", "_method", "_pairs", "_path", "_query", "_scheme", "_scope", "_trailers")

    def __init__(self, scope: Scope, find_handler: Callable[..., None] | None) -> None:
        super().__init__()
        self._scope: Scope = scope
        self._method = scope.get("method", "GET")
        self._path = scope.get("path", "/")
        self._scheme = scope.get("scheme", "http")
        self._query: bytes = scope.get("query_string", b"")
        self._find_handler = find_handler
        # As the request came: applications change the scope.
        self._pairs: Pairs = list(scope.get("headers", ()))
        self._headers: Pairs = []
        self._trailers = False

    def method(self) -> str:
        return str(self._method)

    def path(self) -> str:
        return str(self._path)

    def scheme(self) -> str:
        return str(self._scheme)

    def input(self) -> Tree:
        tree: dict[str, Tree] = {"method": self.method(), "path": redact_text(self.path())}
        if self._query:
            tree["query"] = fields(self._query.decode("latin-1"))
        return message(tree, self._pairs, self.received)

    def output(self) -> Tree:
        return message({"status": self.status}, self._headers, self.sent)

    def let_go(self) -> None:
        super().let_go()
        self._scope = {}
        self._find_handler = None

    async def receive(self, receive: Receive) -> Message:
        """Takes the place of the server's `receive`."""
        try:
            message = await receive()
        except BaseException as error:
            without_our_frame(error)
            raise
        if (piece := message.get("body")) and message.get("type") == "http.request":
            self.received.add(piece)
        return message

    async def send(self, send: Send, message: Message) -> None:
        """Takes the place of the server's `send`."""
        last = self._seen(message)
        try:
            await send(message)
        except BaseException as error:
            without_our_frame(error)
            raise
        if last:
            self.finish()

    def _seen(self, message: Message) -> bool:
        """Looks at a message; whether the answer is complete with it."""
        try:
            kind = message["type"]
            if kind == "http.response.body":
                if piece := message.get("body"):
                    self.sent.add(piece)
                return not message.get("more_body", False) and not self._trailers
            if kind == "http.response.start":
                self.status = int(message["status"])
                self._headers = list(message.get("headers", ()))
                self._trailers = bool(message.get("trailers", False))
                if self.status >= 500 and (error := sys.exc_info()[1]) is not None:
                    self.died(error)
                if self._find_handler is not None:
                    self._find_handler(self, self._scope)
                return False
            if kind == "http.response.trailers":
                return not message.get("more_trailers", False)
            return bool(kind == "http.response.pathsend")
        except Exception as error:
            tell("reading an answer", error)
            return False


def seen_application(
    call: Any,
    patches: Patches,
    expected: Callable[[Any, Scope], bool],
    find_handler: Callable[[Exchange, Scope], None] | None = None,
) -> Any:
    """The `__call__` of an ASGI application's class. `expected` tells whether instrumentation makes a span for it;
    `find_handler` looks for the function that has answered."""

    @functools.wraps(call)
    async def seen(self: Any, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = _arrival(self, scope) if patches.active else None
        if exchange is None:
            try:
                if patches.active and scope.get("type") == "lifespan":
                    await lifespan.seen(call, self, scope, receive, send)
                    return
                await call(self, scope, receive, send)
            except BaseException as error:
                without_our_frame(error)
                raise
            return
        try:
            await call(
                self, scope, functools.partial(exchange.receive, receive), functools.partial(exchange.send, send)
            )
        except BaseException as error:
            without_our_frame(error)
            exchange.escaped(error)
            raise
        exchange.returned()
        exchange.settle()

    def _arrival(app: Any, scope: Scope) -> AsgiExchange | None:
        try:
            if scope["type"] != "http":
                return None
            serving = SERVING.get()
            if serving is not None and not serving.done:
                return None  # inside another application, which sees the same request
            exchange = AsgiExchange(scope, find_handler)
            exchange.begin(expected(app, scope))
        except Exception as error:
            tell("the arrival of a request", error)
            return None
        return exchange

    return seen
