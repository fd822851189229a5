"""WSGI: what a server and an application say to each other, seen on the way and passed on as it is."""

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from flux_ls.record.guard import Guard, tell
from flux_ls.record.http_message import Collected, fields, message
from flux_ls.record.patches import Patches
from flux_ls.record.redaction import redact_text
from flux_ls.record.servers.exchange import SERVING, Exchange
from flux_ls.record.servers.raised import without_our_frame
from flux_ls.record.values import Tree

Environ = dict[str, Any]

_FLASK_ACTIVATION: Final = "opentelemetry-flask.activation_key"
"""Where that instrumentation keeps what ends its span."""


class WsgiExchange(Exchange):
    """A request as WSGI tells it."""

    __slots__ = ("_environ", "_headers", "_method", "_pairs", "_path", "_query", "_scheme")

    def __init__(self, environ: Environ) -> None:
        super().__init__()
        self._environ: Environ = environ
        self._method = environ.get("REQUEST_METHOD", "GET")
        self._path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}" or "/"
        self._scheme = environ.get("wsgi.url_scheme", "http")
        self._headers: list[tuple[str, str]] = []
        # As the request came: applications change the environment.
        self._pairs = [(name, value) for name, value in environ.items() if name[:5] == "HTTP_"]
        length = environ.get("CONTENT_LENGTH")
        if length:
            self._pairs.append(("CONTENT_LENGTH", length))
        if kind := environ.get("CONTENT_TYPE"):
            self._pairs.append(("CONTENT_TYPE", kind))
        self._query: str = environ.get("QUERY_STRING", "")
        if (length and length != "0") or "HTTP_TRANSFER_ENCODING" in environ:
            environ["wsgi.input"] = SeenInput(environ["wsgi.input"], self.received)

    def method(self) -> str:
        return str(self._method)

    def path(self) -> str:
        try:
            return self._path.encode("latin-1").decode("utf-8", "replace")
        except UnicodeEncodeError:
            return self._path

    def scheme(self) -> str:
        return str(self._scheme)

    def input(self) -> Tree:
        tree: dict[str, Tree] = {"method": self.method(), "path": redact_text(self.path())}
        if self._query:
            tree["query"] = fields(self._query)
        pairs = [(_header(name), value) for name, value in self._pairs]
        return message(tree, pairs, self.received)

    def output(self) -> Tree:
        return message({"status": self.status}, self._headers, self.sent)

    def end_for_instrumentation(self, error: BaseException) -> None:
        activation = self._environ.pop(_FLASK_ACTIVATION, None)
        if activation is not None:
            activation.__exit__(type(error), error, error.__traceback__)

    def let_go(self) -> None:
        super().let_go()
        self._environ = {}

    def start_response(
        self, start_response: Callable[..., Any], status: str, headers: list[tuple[str, str]], *more: Any
    ) -> Any:
        """Takes the place of the server's `start_response`."""
        try:
            write = start_response(status, headers, *more)
        except BaseException as error:
            without_our_frame(error)
            raise
        try:
            self.status = int(status[:3])
            self._headers = list(headers)
        except Exception as error:
            tell("reading the head of an answer", error)
        return seen_write(write, self.sent)

    def answer(self, response: Iterable[bytes]) -> Iterable[bytes]:
        """What the application has returned, as the server shall see it."""
        if type(response) in (list, tuple):
            for piece in response:
                self.sent.add(piece)
            self.settle()
            return response
        if self.recording is None:
            return response
        wrapper = self._environ.get("wsgi.file_wrapper")
        if isinstance(wrapper, type) and isinstance(response, wrapper):
            # The server may hand the file itself to the kernel, and recognises it by its type.
            self.settle()
            return response
        return (SeenSizedBody if hasattr(response, "__len__") else SeenBody)(response, self)


class SeenInput:
    """`wsgi.input`, which is read when and as far as the application reads it."""

    def __init__(self, stream: Any, received: Collected) -> None:
        self._stream = stream
        self._received = received
        self._position = 0
        self._seen_to = 0

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return self._stream.__class__

    def read(self, *size: Any) -> Any:
        try:
            data = self._stream.read(*size)
        except BaseException as error:
            without_our_frame(error)
            raise
        return self._seen(data)

    def readline(self, *size: Any) -> Any:
        try:
            line = self._stream.readline(*size)
        except BaseException as error:
            without_our_frame(error)
            raise
        return self._seen(line)

    def readlines(self, *hint: Any) -> Any:
        try:
            lines = self._stream.readlines(*hint)
        except BaseException as error:
            without_our_frame(error)
            raise
        for line in lines:
            self._seen(line)
        return lines

    def __iter__(self) -> Iterator[Any]:
        return map(self._seen, self._stream)

    def __next__(self) -> Any:
        try:
            line = next(self._stream)
        except BaseException as error:
            without_our_frame(error)
            raise
        return self._seen(line)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._stream, name)
        if name in ("read1", "readall", "peek"):
            return found if name == "peek" else lambda *size: self._seen(found(*size))
        if name in ("readinto", "readinto1"):
            return functools.partial(self._readinto, found)
        if name == "seek":
            return functools.partial(self._seek, found)
        return found

    def _readinto(self, readinto: Callable[[Any], int | None], buffer: Any) -> int | None:
        try:
            length = readinto(buffer)
        except BaseException as error:
            without_our_frame(error)
            raise
        if length:
            with Guard("reading a request's body"):
                self._seen(bytes(memoryview(buffer).cast("B")[:length]))
        return length

    def _seek(self, seek: Callable[..., Any], *where: Any) -> Any:
        try:
            position = seek(*where)
        except BaseException as error:
            without_our_frame(error)
            raise
        if isinstance(position, int):
            self._position = position
        return position

    def _seen(self, data: Any) -> Any:
        try:
            start, known = self._position, self._seen_to
            self._position = end = start + len(data)
            if end > known:
                self._received.add(data[known - start :] if start < known else data)
                self._seen_to = end
        except Exception as error:
            tell("reading a request's body", error)
        return data


class SeenBody:
    """The body of an answer, made when and as far as the server asks for it."""

    def __init__(self, response: Iterable[bytes], exchange: WsgiExchange) -> None:
        self._response = response
        self._exchange = exchange
        self._iterator: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            iterator = self._iterator
            if iterator is None:
                iterator = self._iterator = iter(self._response)
            piece = next(iterator)
        except StopIteration:
            self._exchange.settle()
            raise
        except BaseException as error:
            without_our_frame(error)
            self._exchange.broke_off(error)
            raise
        self._exchange.sent.add(piece)
        return piece

    def close(self) -> None:
        close = getattr(self._response, "close", None)
        try:
            if close is not None:
                close()
        except BaseException as error:
            without_our_frame(error)
            raise
        finally:
            self._exchange.settle()

    def __del__(self) -> None:
        # Test clients forget to close.
        self._exchange.settle()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._response, name)


class SeenSizedBody(SeenBody):
    """One that says how many pieces it has: servers take the length of the body from that."""

    def __len__(self) -> int:
        return len(self._response)  # type: ignore[arg-type]


def seen_write(write: Any, sent: Collected) -> Any:
    """The `write` that WSGI has for old applications."""
    if not callable(write):
        return write

    def seen(data: bytes) -> Any:
        try:
            result = write(data)
        except BaseException as error:
            without_our_frame(error)
            raise
        sent.add(data)
        return result

    return seen


def seen_application(call: Any, patches: Patches, expected: Callable[[Any, Environ], bool]) -> Any:
    """The `__call__` of a WSGI application's class. `expected` tells whether instrumentation makes a span for it."""

    @functools.wraps(call)
    def seen(self: Any, environ: Environ, start_response: Callable[..., Any]) -> Any:
        exchange = _arrival(self, environ) if patches.active else None
        if exchange is None:
            try:
                return call(self, environ, start_response)
            except BaseException as error:
                without_our_frame(error)
                raise
        try:
            response = call(self, environ, functools.partial(exchange.start_response, start_response))
        except BaseException as error:
            without_our_frame(error)
            exchange.escaped(error)
            raise
        exchange.returned()
        return exchange.answer(response)

    def _arrival(app: Any, environ: Environ) -> WsgiExchange | None:
        serving = SERVING.get()
        if serving is not None and not serving.done:
            return None  # inside another application, which sees the same request
        try:
            exchange = WsgiExchange(environ)
            exchange.begin(expected(app, environ))
        except Exception as error:
            tell("the arrival of a request", error)
            return None
        return exchange

    return seen


@functools.lru_cache(1000)
def _header(name: str) -> str:
    return name.removeprefix("HTTP_").replace("_", "-").lower()
