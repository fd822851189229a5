"""One HTTP call that the application makes: which span stands for it, what was asked, what was answered."""

import functools
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar, Token
from typing import Any, Final
from urllib.parse import urlsplit

from opentelemetry import context as otel_context
from opentelemetry.trace import SpanKind, get_current_span

from flux_ls.record.awaited import AWAITING, Awaiting, reset
from flux_ls.record.failures import one_line
from flux_ls.record.guard import Guard, tell
from flux_ls.record.http_message import Collected, Late, message
from flux_ls.record.made import MadeSpan, new_span_id, now_ns
from flux_ls.record.recording import Recording, current, position
from flux_ls.record.redaction import redact_url
from flux_ls.record.servers.raised import exception_event, without_our_frame
from flux_ls.record.values import Tree, snapshot
from flux_ls.record.wire import INPUT, OUTPUT

SCOPE: Final = "flux_ls.record.outbound"
_INSTRUMENTATION: Final = "opentelemetry.instrumentation."

CALLING: Final[ContextVar["Call | None"]] = ContextVar("flux_calling", default=None)
"""The call that is being made here: what lies underneath makes no call of its own."""

Headers = list[tuple[Any, Any]]


class Call(Awaiting):
    """What is recorded of one call."""

    __slots__ = (
        "_asked",
        "_awaiting",
        "_bound",
        "_calling",
        "_entered",
        "_headers",
        "_method",
        "_parent_id",
        "_recording",
        "_span_id",
        "_start_ns",
        "_url",
        "answer",
        "sent",
    )

    def __init__(self, recording: Recording, method: str, url: str) -> None:
        self._recording = recording
        self._method = method
        self._url = url
        self._headers: Headers = []
        self._asked: Tree = None
        """The body, when it is no bytes."""
        self.sent = Collected()
        self.answer: Answer | None = None
        self._parent_id = position()
        self._start_ns = now_ns()
        around = get_current_span()
        self._bound = _is_the_calls(around)
        self._span_id = around.get_span_context().span_id if self._bound else new_span_id()
        self._entered: Token[tuple[int, Any] | None] | None = None
        self._awaiting: Token[Awaiting | None] | None = None if self._bound else AWAITING.set(self)
        self._calling = CALLING.set(self)

    def started(self, span: Any) -> None:
        """The first span of an instrumentation is the call's."""
        if not self._bound and span.kind is SpanKind.CLIENT:
            self._bound = True
            self._span_id = span.context.span_id

    def asks(self, content: object) -> None:
        """The body, as far as it is there: one that is made while it is sent is named by its type."""
        if isinstance(content, str):
            content = content.encode("utf-8", "surrogateescape")
        if isinstance(content, bytes | bytearray | memoryview):
            self.sent.add(bytes(content))
        elif content is not None:
            self.asks_tree(content)

    def asks_tree(self, content: object) -> None:
        """The body, as what it is made of."""
        self._asked = snapshot(content)

    def asks_with(self, headers: Iterable[tuple[Any, Any]], url: Any = None) -> None:
        """The head, as it was really sent."""
        self._headers = list(headers)
        if url is not None:
            self._url = str(url)

    def answered(self, status: int, headers: Iterable[tuple[Any, Any]], *, decoded: bool) -> "Answer":
        """The head of an answer is there."""
        self.answer = Answer(status, list(headers), decoded)
        return self.answer

    def ended(self, error: BaseException | None = None) -> None:
        """The application has its answer, or an exception; the body may be read later."""
        with Guard("recording an outbound call"):
            reset(CALLING, self._calling)
            reset(AWAITING, self._awaiting)
            found: dict[str, object] = {INPUT: Late(self._input)}
            if self.answer is not None:
                found[OUTPUT] = Late(self.answer.tree)
            if self._bound:
                self._recording.annotate(self._span_id, found)
            else:
                self._make_span(found, error)

    def _input(self) -> Tree:
        tree = message({"method": self._method, "url": redact_url(self._url)}, self._headers, self.sent)
        if self._asked is not None:
            tree["body"] = self._asked
        return tree

    def _make_span(self, found: dict[str, object], error: BaseException | None) -> None:
        """No instrumentation has: the attributes are those that one would have set."""
        found["http.request.method"] = self._method
        found["url.full"] = redact_url(self._url)
        try:
            parts = urlsplit(self._url)
            if parts.hostname:
                found["server.address"] = parts.hostname
                if parts.port:
                    found["server.port"] = parts.port
        except ValueError:
            pass
        failed = None
        if isinstance(error, Exception):
            failed = one_line(error)
        elif self.answer is not None:
            found["http.response.status_code"] = self.answer.status
            if self.answer.status >= 400:
                failed = ""
        events = [exception_event(error)] if isinstance(error, Exception) else []
        span = MadeSpan(
            self._method,
            self._span_id,
            self._parent_id,
            self._start_ns,
            now_ns(),
            scope=SCOPE,
            kind="client",
            attributes=found,
            events=events,
            error=failed,
        )
        # Taken and not added: a call that fails does not make the request fail.
        self._recording.take(span)


class Answer:
    """What was answered, as far as the application has read it."""

    __slots__ = ("_decoded", "_headers", "_redirects", "read", "status")

    def __init__(self, status: int, headers: Headers, decoded: bool) -> None:
        self.status = status
        self._headers = headers
        self._decoded = decoded
        self._redirects: list[tuple[int, str, Headers]] = []
        self.read = Collected()

    def came_after(self, status: int, url: object, headers: Iterable[tuple[Any, Any]]) -> None:
        """A redirect that was followed on the way to this answer."""
        self._redirects.append((status, str(url), list(headers)))

    def tree(self) -> Tree:
        head: dict[str, Tree] = {"status": self.status}
        if self._redirects:
            head["redirects"] = [
                message({"status": status, "url": redact_url(url)}, headers, Collected())
                for status, url, headers in self._redirects
            ]
        return message(head, self._headers, self.read, decoded=self._decoded)


def begin(method: Any, url: Any) -> Call | None:
    """A call is about to be made; None when it is not recorded, or belongs to one that is."""
    try:
        recording = current()
        if recording is None or CALLING.get() is not None or otel_context.get_value(_SUPPRESSED):
            return None
        return Call(recording, _text(method).upper(), _text(url))
    except Exception as error:
        tell("the beginning of an outbound call", error)
        return None


_SUPPRESSED: Final[str] = otel_context._SUPPRESS_INSTRUMENTATION_KEY
"""Set while telemetry is exported."""


class Reading:
    """Bodies that are read later: what passes through a library's methods of reading, by the object that has them."""

    def __init__(self) -> None:
        self._answers: dict[int, Answer] = {}
        """By the object's id, while it lives."""
        self._inside: ContextVar[bool] = ContextVar("flux_reading", default=False)
        """Methods of reading call each other."""

    def watch(self, body: Any, answer: Answer, owner: Any = None) -> None:
        """`owner` lives as long as `body`, when that takes no weak references."""
        with Guard("watching a response"):
            weakref.finalize(body if owner is None else owner, self._answers.pop, id(body), None).atexit = False
            self._answers[id(body)] = answer

    def read(self, method: Any) -> Any:
        """A method that answers with the bytes it has read."""

        @functools.wraps(method)
        def seen(response: Any, *args: Any, **kwargs: Any) -> Any:
            answer = self._answers.get(id(response))
            if answer is None or self._inside.get():
                try:
                    return method(response, *args, **kwargs)
                except BaseException as error:
                    without_our_frame(error)
                    raise
            token = self._inside.set(True)
            try:
                data = method(response, *args, **kwargs)
            except BaseException as error:
                without_our_frame(error)
                raise
            finally:
                self._inside.reset(token)
            if data:
                answer.read.add(data)
            return data

        return seen

    def read_into(self, method: Any) -> Any:
        """A method that fills a buffer, and answers how far."""

        @functools.wraps(method)
        def seen(response: Any, buffer: Any) -> Any:
            answer = self._answers.get(id(response))
            try:
                length = method(response, buffer)
            except BaseException as error:
                without_our_frame(error)
                raise
            if length and answer is not None and not self._inside.get():
                answer.read.add(memoryview(buffer).cast("B")[:length].tobytes())
            return length

        return seen

    def iterate(self, method: Any) -> Any:
        """A method that answers with an iterator over pieces."""

        @functools.wraps(method)
        def seen(response: Any, *args: Any, **kwargs: Any) -> Any:
            answer = self._answers.get(id(response))
            try:
                pieces = method(response, *args, **kwargs)
            except BaseException as error:
                without_our_frame(error)
                raise
            if answer is None or self._inside.get():
                return pieces
            return _pieces(pieces, answer.read)

        return seen

    def iterate_async(self, method: Any) -> Any:
        """A method that answers with an asynchronous iterator over pieces."""

        @functools.wraps(method)
        def seen(response: Any, *args: Any, **kwargs: Any) -> Any:
            answer = self._answers.get(id(response))
            try:
                pieces = method(response, *args, **kwargs)
            except BaseException as error:
                without_our_frame(error)
                raise
            return pieces if answer is None else _async_pieces(pieces, answer.read)

        return seen


def _pieces(pieces: Any, into: Collected) -> Iterator[bytes]:
    try:
        for piece in pieces:
            into.add(piece)
            yield piece
    except BaseException as error:
        without_our_frame(error)
        raise
    finally:
        close: Callable[[], object] | None = getattr(pieces, "close", None)
        if close is not None:
            close()


async def _async_pieces(pieces: Any, into: Collected) -> Any:
    try:
        async for piece in pieces:
            into.add(piece)
            yield piece
    except BaseException as error:
        without_our_frame(error)
        raise
    finally:
        await pieces.aclose()


def _is_the_calls(span: Any) -> bool:
    """Whether an instrumentation has just begun a span for the call, outside of us."""
    scope = getattr(span, "instrumentation_scope", None)
    return (
        getattr(span, "kind", None) is SpanKind.CLIENT
        and scope is not None
        and str(scope.name).startswith(_INSTRUMENTATION)
        and span.is_recording()
    )


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
