"""One HTTP request and its answer: which span stands for it, what went in, what came out, and when it is over."""

from contextvars import ContextVar, Token
from typing import Any, Final

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, get_current_span

from flux_ls.record import functions
from flux_ls.record.awaited import AWAITING, FAILED, Awaiting, reset
from flux_ls.record.failures import message_of, one_line, sighted, type_name
from flux_ls.record.guard import Guard
from flux_ls.record.http_message import Collected, Late
from flux_ls.record.made import MadeSpan, new_span_id, now_ns
from flux_ls.record.opened import OpenRecording, open_recording
from flux_ls.record.recording import CURRENT, Recording, current, enter, leave, leave_context, position
from flux_ls.record.redaction import redact_text
from flux_ls.record.servers import script
from flux_ls.record.servers.handlers import record_handler
from flux_ls.record.servers.raised import exception_event
from flux_ls.record.values import Tree
from flux_ls.record.wire import INPUT, LOCALS, OUTPUT

SCOPE: Final = "flux_ls.record.servers"
_FRAMEWORKS: Final = ("opentelemetry.instrumentation.", "fastapi")

SERVING: Final[ContextVar["Exchange | None"]] = ContextVar("flux_serving", default=None)
"""The request that is being answered here."""


class Exchange(Awaiting):
    """What is recorded of one request. The subclass knows the interface that the server speaks."""

    __slots__ = (
        "_attributes",
        "_awaiting",
        "_before",
        "_broken",
        "_call",
        "_current",
        "_detached",
        "_died_ns",
        "_error",
        "_failed",
        "_failing",
        "_holding",
        "_nested",
        "_opened",
        "_opened_context",
        "_serving",
        "_span",
        "_untold",
        "done",
        "handled",
        "received",
        "recording",
        "sent",
        "span_id",
        "started_ns",
        "status",
    )

    def __init__(self) -> None:
        self.recording: Recording | None = None
        self.span_id = 0
        self.received = Collected()
        self.sent = Collected()
        self.status = 0
        self.done = False
        self.handled = False
        """Whether it is known which function of the application answers."""
        self.started_ns = 0
        self._opened: OpenRecording | None = None
        self._opened_context: Any = None
        self._attributes: dict[str, object] = {}
        self._span: Any = None
        self._failed: list[Any] = []
        """The spans with an exception that have ended here meanwhile."""
        self._failing: Token[list[Any] | None] | None = None
        self._untold = False
        """No span that we know of tells of the error."""
        self._broken = False
        self._holding = False
        self._nested = 0
        """The parent of the span that we make inside another request's recording."""
        self._error: BaseException | None = None
        self._died_ns = 0
        self._before: Any = None
        self._serving: Token[Exchange | None] | None = None
        self._awaiting: Token[Awaiting | None] | None = None
        self._call: Token[tuple[int, Any] | None] | None = None
        self._current: Token[Recording | None] | None = None
        self._detached: Any = None

    # What the subclass knows.

    def method(self) -> str:
        raise NotImplementedError

    def path(self) -> str:
        raise NotImplementedError

    def scheme(self) -> str:
        raise NotImplementedError

    def input(self) -> Tree:
        raise NotImplementedError

    def output(self) -> Tree:
        raise NotImplementedError

    # From the arrival of the request to the last byte of its answer.

    def begin(self, expected: bool) -> None:
        """The request arrives. `expected`: an instrumentation is there that makes a span for it."""
        self._serving = SERVING.set(self)
        self._failing = FAILED.set(self._failed)
        self._before = otel_context.get_current()
        functions.adopt_main()
        script.served()
        recording: Recording | None = None
        if script.is_around():
            # The program's own run is no part of the requests that it serves.
            self._current = CURRENT.set(None)
            self._detached = otel_context.attach(Context())
        else:
            recording = current()
        if recording is not None:
            around = get_current_span()
            if getattr(around, "kind", None) is SpanKind.SERVER:
                self._bind(recording, around.get_span_context().span_id)
                return
        if expected:
            self._awaiting = AWAITING.set(self)
            return
        self.started_ns = now_ns()
        attributes = self._attributes
        attributes["http.request.method"] = self.method()
        attributes["url.path"] = redact_text(self.path())
        attributes["url.scheme"] = self.scheme()
        if recording is None:
            self._opened = open_recording(self._name(), kind="server", attributes=attributes)
            # The context is left when the application returns: the span may end before, and in another context.
            self._opened_context, self._opened._token = self._opened._token, None
            self._bind(self._opened.recording, self._opened.recording.root_id)
        else:
            self._nested = position()
            self._bind(recording, new_span_id())
            self._call = enter(self.span_id)

    def started(self, span: Any) -> None:
        """An instrumentation has started a span: the request's, if it is a framework's."""
        if self.recording is not None or self.done:
            return
        kind = span.kind
        if kind is SpanKind.SERVER or (
            kind is SpanKind.INTERNAL and span.instrumentation_scope.name.startswith(_FRAMEWORKS)
        ):
            recording = current()
            if recording is not None:
                self._span = span
                self._bind(recording, span.context.span_id)

    def _bind(self, recording: Recording, span_id: int) -> None:
        self.recording = recording
        self.span_id = span_id
        self._holding = recording.root_id == span_id
        if self._holding:
            recording.hold()
        recording.annotate(span_id, {INPUT: Late(self.input)})

    def handled_by(self, handler: Any, route: str | None = None) -> None:
        """The function of the application that answers the request, right before it is called."""
        recording = self.recording
        if recording is None:
            return
        self.handled = True
        code = record_handler(handler)
        if self.started_ns:
            self._attributes.update(code)
            if route:
                self._attributes["http.route"] = route
        elif code:
            recording.annotate(self.span_id, code)

    def died(self, error: BaseException) -> None:
        """An exception left the application, or nobody in it handled it."""
        recording = self.recording
        if recording is None or not isinstance(error, Exception):
            return
        with Guard("recording an exception"):
            if self._error is not error:
                self._error = error
                self._died_ns = now_ns()
                self._untold = False
            recording.mark_failed()
            self._look_at(recording, error)
            if 0 < self.status < 500:
                # The answer says that all is well, so it may be that no span of the request tells otherwise.
                self._untold = True

    def escaped(self, error: BaseException) -> None:
        """An exception left the application: nothing of it is going on."""
        self.died(error)
        self.returned()
        span = self._span
        if span is not None and span.is_recording():
            # The instrumentation was kept from ending its span, as by a teardown that failed before its own: all that
            # comes next in this thread would become a part of this request.
            with Guard("ending a request"):
                self.end_for_instrumentation(error)
            otel_context.attach(self._before)
        self.settle()

    def end_for_instrumentation(self, error: BaseException) -> None:
        """Does what the instrumentation would have done."""

    def broke_off(self, error: BaseException) -> None:
        """An exception ended the body of an answer that had begun."""
        recording = self.recording
        if recording is None or not isinstance(error, Exception):
            return
        with Guard("recording an exception"):
            self._error = error
            # The request's own span has ended, and well: a span that ends after it tells what followed.
            self._untold = self._broken = True
            recording.mark_failed()
            self._look_at(recording, error)

    def _look_at(self, recording: Recording, error: Exception) -> None:
        seen = sighted(recording, error, self.span_id)
        if seen.locals is not None:
            recording.annotate(self.span_id, {LOCALS: seen.locals})
        self._untold = self._untold or seen.first

    def returned(self) -> None:
        """The application has returned; the body of its answer may still be on its way."""
        with Guard("leaving a request"):
            reset(AWAITING, self._awaiting)
            if self._call is not None:
                leave(self._call)
            reset(SERVING, self._serving)
            reset(FAILED, self._failing)
            if self._opened is not None:
                leave_context(self._opened.recording)
                otel_context.detach(self._opened_context)
            if self._detached is not None:
                otel_context.detach(self._detached)
            reset(CURRENT, self._current)

    def finish(self) -> None:
        """The answer is complete, or will never be."""
        if self.done:
            return
        self.done = True
        recording = self.recording
        if recording is None:
            return
        with Guard("recording an answer"):
            if self.status:
                recording.annotate(self.span_id, {OUTPUT: Late(self.output)})
            if self.started_ns:
                self._end()
        if self._holding:
            recording.release()

    def settle(self) -> None:
        """Everything has happened that will: an exception that no span tells yet is told now."""
        self.finish()
        error, recording = self._error, self.recording
        if self._untold and error is not None and recording is not None:
            self._untold = False
            self._tell(recording, error)
        self.let_go()

    def let_go(self) -> None:
        """The request is over. This is kept until it was sent, and must not keep what is the application's."""
        # Nor the recording, by which it is kept: a circle lives until Python's garbage collector comes by.
        self.recording = None
        self._error = self._span = self._opened = self._opened_context = self._before = self._detached = None
        self._serving = self._awaiting = self._call = self._current = self._failing = None
        self._failed = []

    def _tell(self, recording: Recording, error: BaseException) -> None:
        with Guard("recording an exception"):
            events = getattr(self._span, "events", ())
            if not self._broken and any(event.name == "exception" for event in events):
                return
            # What the answer tells of belongs before it; what followed an answer that went well, after it.
            told_by_answer = self.status >= 500 and not self._broken
            if not told_by_answer and not self._broken and self._is_told(recording, error):
                return
            at = self._died_ns if told_by_answer else now_ns()
            recording.add(
                MadeSpan(
                    "response body" if self._broken else "exception" if told_by_answer else "after the response",
                    new_span_id(),
                    self.span_id,
                    at,
                    at,
                    scope=SCOPE,
                    events=[exception_event(error)],
                    error=one_line(error),
                )
            )

    def _is_told(self, recording: Recording, error: BaseException) -> bool:
        """Whether an instrumentation's span for what runs after the answer tells of the exception."""
        root = recording.root
        answered_ns = root.end_ns if isinstance(root, MadeSpan) else getattr(root, "end_time", None) or 0
        wanted = (type_name(error), message_of(error))
        return any(
            (told.get("exception.type"), redact_text(str(told.get("exception.message")))) == wanted
            for span in self._failed
            if (span.end_time or 0) > answered_ns
            for told in (event.attributes or {} for event in span.events if event.name == "exception")
        )

    def _end(self) -> None:
        """Ends the span that we made."""
        attributes = self._attributes
        if self.status:
            attributes["http.response.status_code"] = self.status
        route = attributes.get("http.route")
        name = f"{self.method()} {route}" if route else self._name()
        error = None if self._error is None else one_line(self._error)
        if error is None and self.status >= 500:
            error = ""
        events = []
        if self._error is not None:
            events.append(exception_event(self._error))
            self._untold = False
        if self._opened is not None:
            self._opened.close(error, name=name)
            root = self._opened.recording.root
            if isinstance(root, MadeSpan):
                root.events.extend(events)
        elif self.recording is not None:
            self.recording.add(
                MadeSpan(
                    name,
                    self.span_id,
                    self._nested,
                    self.started_ns,
                    now_ns(),
                    scope=SCOPE,
                    kind="server",
                    attributes=attributes,
                    events=events,
                    error=error,
                )
            )

    def _name(self) -> str:
        return f"{self.method()} {redact_text(self.path())}"
