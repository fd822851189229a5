"""Celery: a task's arguments and result on the span of its run, and its arguments on the span that publishes it."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar, Token
from types import ModuleType
from typing import Any, Final

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, get_current_span

from flux_ls.record.awaited import AWAITING, Awaiting, reset
from flux_ls.record.failures import one_line, sighted
from flux_ls.record.guard import guarded
from flux_ls.record.made import MadeSpan, new_span_id, now_ns
from flux_ls.record.opened import OpenRecording, open_recording
from flux_ls.record.patches import Patches
from flux_ls.record.recording import CURRENT, Recording, current, enter, leave, position
from flux_ls.record.servers import script
from flux_ls.record.servers.handlers import innermost, record_handler
from flux_ls.record.servers.raised import exception_event
from flux_ls.record.values import Captured, snapshot, snapshot_items
from flux_ls.record.wire import INPUT, LOCALS, OUTPUT

SCOPE: Final = "flux_ls.record.servers"
_INSTRUMENTATION: Final = "opentelemetry.instrumentation.celery"
_MOST_RUNNING: Final = 10_000

_signals: ModuleType | None = None
_running: dict[str, "_Execution"] = {}
_PUBLISHING: Final[ContextVar["_Publication | None"]] = ContextVar("flux_publishing", default=None)


def install(patches: Patches) -> None:
    def patch(module: ModuleType) -> None:
        global _signals
        _signals = module
        for name, receiver in _RECEIVERS.items():
            getattr(module, name).connect(receiver, weak=False)

    patches.when_imported("celery.signals", patch)


def uninstall() -> None:
    global _signals
    module, _signals = _signals, None
    if module is not None:
        for name, receiver in _RECEIVERS.items():
            getattr(module, name).disconnect(receiver)
    _running.clear()


class _Execution(Awaiting):
    """One run of a task."""

    def __init__(self, task: Any, task_id: str, given: Captured) -> None:
        self._task = task
        self._task_id = task_id
        self._input = given
        self._recording: Recording | None = None
        self._span_id = 0
        self._start_ns = now_ns()
        self._opened: OpenRecording | None = None
        self._nested = 0
        self._error: Exception | None = None
        self._holding = False
        self._call: Token[tuple[int, Any] | None] | None = None
        self._awaiting: Token[Awaiting | None] | None = None
        self._outside: tuple[Any, Token[Recording | None]] | None = None

    def begin(self) -> None:
        recording = current()
        if recording is not None and script.is_run(recording) and not self._task.request.is_eager:
            self._outside = otel_context.attach(Context()), CURRENT.set(None)
            recording = None
        if not self._task.request.is_eager:
            script.served()
        around = get_current_span()
        if recording is not None and getattr(around, "kind", None) is SpanKind.CONSUMER:
            self._bind(recording, around.get_span_context().span_id)
        elif _is_instrumented():
            self._awaiting = AWAITING.set(self)
        elif recording is None:
            self._opened = open_recording(self._name(), kind="consumer", attributes=self._attributes())
            self._bind(self._opened.recording, self._opened.recording.root_id)
        else:
            self._nested = position()
            self._bind(recording, new_span_id())
            self._call = enter(self._span_id)

    def started(self, span: Any) -> None:
        if self._recording is None and span.kind is SpanKind.CONSUMER:
            recording = current()
            if recording is not None:
                self._bind(recording, span.context.span_id)

    def _bind(self, recording: Recording, span_id: int) -> None:
        self._recording = recording
        self._span_id = span_id
        self._holding = recording.root_id == span_id
        if self._holding:
            recording.hold()
        recording.annotate(span_id, {INPUT: self._input, **record_handler(self._task.run)})

    def failed(self, error: BaseException) -> None:
        recording = self._recording
        if recording is None or not isinstance(error, Exception) or isinstance(error, self._task.throws or ()):
            return
        self._error = error
        recording.mark_failed()
        seen = sighted(recording, error, self._span_id)
        if seen.locals is not None:
            recording.annotate(self._span_id, {LOCALS: seen.locals})

    def end(self, result: object, succeeded: bool) -> None:
        reset(AWAITING, self._awaiting)
        if self._call is not None:
            leave(self._call)
        recording = self._recording
        if recording is not None:
            if succeeded:
                recording.annotate(self._span_id, {OUTPUT: Captured(snapshot(result))})
            self._end_made(recording)
            if self._holding:
                recording.release()
        if self._outside is not None:
            reset(CURRENT, self._outside[1])
            otel_context.detach(self._outside[0])

    def _end_made(self, recording: Recording) -> None:
        error = self._error
        events = [] if error is None else [exception_event(error)]
        told = None if error is None else one_line(error)
        if self._opened is not None:
            self._opened.close(told)
            if isinstance(recording.root, MadeSpan):
                recording.root.events.extend(events)
        elif self._nested:
            recording.add(
                MadeSpan(
                    self._name(),
                    self._span_id,
                    self._nested,
                    self._start_ns,
                    now_ns(),
                    scope=SCOPE,
                    kind="consumer",
                    attributes=self._attributes(),
                    events=events,
                    error=told,
                )
            )

    def _name(self) -> str:
        return f"run/{self._task.name}"

    def _attributes(self) -> dict[str, object]:
        return {
            "messaging.system": "celery",
            "messaging.message.id": self._task_id,
            "celery.action": "run",
            "celery.task_name": self._task.name,
        }


class _Publication(Awaiting):
    """One task on its way to the broker."""

    def __init__(self, name: str, given: Captured) -> None:
        self._name = name
        self._input = given
        self._recording = current()
        self._parent_id = position()
        self._start_ns = now_ns()
        around = get_current_span()
        self._bound = getattr(around, "kind", None) is SpanKind.PRODUCER
        self._span_id = around.get_span_context().span_id if self._bound else 0
        self._awaiting: Token[Awaiting | None] | None = None
        if not self._bound and _is_instrumented():
            self._awaiting = AWAITING.set(self)

    def started(self, span: Any) -> None:
        if not self._bound and span.kind is SpanKind.PRODUCER:
            self._bound = True
            self._recording = current()
            self._span_id = span.context.span_id
            if self._recording is not None:
                # At once: its end may come before ours.
                self._recording.annotate(self._span_id, {INPUT: self._input})

    def end(self, sent: bool) -> None:
        reset(AWAITING, self._awaiting)
        recording = self._recording
        if recording is None or not sent:
            return
        if self._bound:
            recording.annotate(self._span_id, {INPUT: self._input})
        elif self._awaiting is None:
            recording.add(
                MadeSpan(
                    f"apply_async/{self._name}",
                    new_span_id(),
                    self._parent_id,
                    self._start_ns,
                    now_ns(),
                    scope=SCOPE,
                    kind="producer",
                    attributes={
                        INPUT: self._input,
                        "messaging.system": "celery",
                        "celery.action": "apply_async",
                        "celery.task_name": self._name,
                    },
                )
            )


def _is_instrumented() -> bool:
    instrumentor = getattr(sys.modules.get(_INSTRUMENTATION), "CeleryInstrumentor", None)
    return instrumentor is not None and bool(instrumentor().is_instrumented_by_opentelemetry)


def _named(task: Any, args: Sequence[object], kwargs: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """The arguments by name, as far as the task is known here."""
    names: tuple[str, ...] = ()
    if task is not None:
        code = getattr(innermost(task.run), "__code__", None)
        if code is not None:
            names = code.co_varnames[hasattr(task.run, "__self__") : code.co_argcount]
    for number, value in enumerate(args):
        yield (names[number] if number < len(names) else f"args[{number}]"), value
    yield from kwargs.items()


@guarded
def _prerun(task_id: str = "", task: Any = None, args: Any = (), kwargs: Any = None, **_: Any) -> None:
    execution = _Execution(task, task_id, snapshot_items(_named(task, args, kwargs or {})))
    execution.begin()
    if len(_running) >= _MOST_RUNNING:
        _running.clear()
    _running[task_id] = execution


@guarded
def _failure(task_id: str = "", exception: Any = None, **_: Any) -> None:
    execution = _running.get(task_id)
    if execution is not None and exception is not None:
        execution.failed(exception)


@guarded
def _postrun(task_id: str = "", retval: Any = None, state: Any = None, **_: Any) -> None:
    execution = _running.pop(task_id, None)
    if execution is not None:
        execution.end(retval, state == "SUCCESS")


@guarded
def _before_publish(sender: Any = None, body: Any = None, **_: Any) -> None:
    forgotten = _PUBLISHING.get()
    if forgotten is not None:  # it never got through
        forgotten.end(sent=False)
    if isinstance(body, Mapping):
        args, kwargs = body.get("args") or (), body.get("kwargs") or {}
    else:
        args, kwargs = body[0] or (), body[1] or {}
    module = sys.modules["celery"]
    task = module.current_app.tasks.get(sender)
    _PUBLISHING.set(_Publication(str(sender), snapshot_items(_named(task, args, kwargs))))


@guarded
def _after_publish(**_: Any) -> None:
    publication = _PUBLISHING.get()
    if publication is not None:
        _PUBLISHING.set(None)
        publication.end(sent=True)


_RECEIVERS: Final = {
    "task_prerun": _prerun,
    "task_failure": _failure,
    "task_postrun": _postrun,
    "before_task_publish": _before_publish,
    "after_task_publish": _after_publish,
}
