"""A program as one request: from its first line to its exit; of one that serves requests, only its start-up."""

import atexit
import functools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Final

from opentelemetry import context as otel_context
from opentelemetry.context import Context

from flux_ls.record import functions
from flux_ls.record.export import flush
from flux_ls.record.failures import one_line, sighted
from flux_ls.record.guard import Guard, guarded
from flux_ls.record.made import MadeEvent, MadeSpan
from flux_ls.record.opened import OpenRecording, open_recording
from flux_ls.record.patches import Patches
from flux_ls.record.recording import CURRENT, OPEN, Recording
from flux_ls.record.redaction.remembered import gathering
from flux_ls.record.servers import leaving
from flux_ls.record.servers.command import Command, this_command
from flux_ls.record.servers.leaving import Left, judged
from flux_ls.record.servers.raised import exception_event, without_our_frame
from flux_ls.record.settings import RECORD
from flux_ls.record.values import Captured
from flux_ls.record.wire import LOCALS

_FLUSH_S: Final = 1.0


class _Run:
    """The run of this process's program."""

    def __init__(self, command: Command) -> None:
        self.command = command
        self.attributes = command.attributes()
        self.pid = os.getpid()
        self.opened: OpenRecording | None = None
        """None where only a crash would be told."""
        self.first: OpenRecording | None = None
        """The same, whatever has become of it."""
        self.serves = command.serves
        self.left: Left | None = None
        """How it has left, if that was by SystemExit."""
        self.locals: Captured | None = None
        self.event: MadeEvent | None = None

    @guarded
    def leaves(self, error: SystemExit) -> None:
        """It ends by that; what there is to know of it is gone in a moment."""
        if self.pid != os.getpid():
            return
        self.left = judged(error)
        if self.left.verdict is not None:
            self.saw(error)

    def saw(self, error: BaseException) -> None:
        opened = self.told()
        self.locals = sighted(opened.recording, error, opened.recording.root_id).locals
        self.event = exception_event(error)

    def told(self) -> OpenRecording:
        """The request that tells of its end."""
        if self.opened is None:
            self.opened = self.begun()
        return self.opened

    def begun(self) -> OpenRecording:
        """A recording that knows what is secret in the command."""
        opened = open_recording(self.command.text, attributes=self.attributes)
        with gathering(opened.recording.secrets):
            this_command()
        return opened


_run: _Run | None = None


def install(patches: Patches) -> None:
    """To be called while Python starts, of a program that `flux run` has started."""
    global _run
    if _run is not None or os.environ.get(RECORD) != "1" or hasattr(sys.modules.get("__main__"), "__file__"):
        return
    command = this_command()
    if command is None or (command.path is not None and not os.path.exists(command.path)):  # noqa: PTH110
        return
    _run = _Run(command)
    if not command.serves or command.starts_here:
        _run.opened = _run.first = _run.begun()
    if command.path is not None:
        functions.watch_main()
    leaving.watch(_run.leaves)
    patches.replace(sys, "exit", _seen_exit)
    patches.when_imported(
        "socketserver", lambda module: patches.replace(module.BaseServer, "serve_forever", _seen_serve_forever)
    )
    patches.when_imported("uvicorn.server", _patch_async(patches, "Server", "serve"))
    patches.when_imported("asyncio.base_events", _patch_async(patches, "BaseEventLoop", "create_server"))
    patches.when_imported(
        "werkzeug._reloader", lambda module: patches.replace(module, "run_with_reloader", _seen_run_with_reloader)
    )
    atexit.register(_at_exit)


def uninstall() -> None:
    global _run
    atexit.unregister(_at_exit)
    leaving.unwatch()
    run, _run = _run, None
    if run is not None and run.opened is not None:
        OPEN.pop(run.opened.recording.root_id, None)


def is_run(recording: Recording) -> bool:
    return _run is not None and _run.first is not None and recording is _run.first.recording


def is_around() -> bool:
    """Whether what runs here was begun by the program itself, and not to serve a request."""
    return _run is not None and _run.first is not None and _run.first.is_around()


def served() -> None:
    """The program has served a request: it is there for that, and what was up to now was its start-up."""
    if _run is not None and not _run.serves:
        _run.serves = True
        _end_start_up(_run)


def _end_start_up(run: _Run) -> None:
    """Tells the start-up as one request, if anything of it was recorded."""
    opened, run.opened = run.opened, None
    if opened is None:
        return
    if opened.recording.spans:
        # This may be another context than the one that it was opened in, which then keeps it, as something past.
        opened.close(name=f"start-up of {run.command.text}", here=False)
    opened.leave_everywhere()


@contextmanager
def outside() -> Iterator[None]:
    """What happens here is no part of the program's run."""
    if _run is not None and _run.serves:
        _end_start_up(_run)
    token = otel_context.attach(Context())
    current = CURRENT.set(None)
    try:
        yield
    finally:
        CURRENT.reset(current)
        otel_context.detach(token)


def _seen_serve_forever(serve_forever: Any) -> Any:
    @functools.wraps(serve_forever)
    def seen(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            with outside():
                return serve_forever(self, *args, **kwargs)
        except BaseException as error:
            without_our_frame(error)
            raise

    return seen


def _patch_async(patches: Patches, owner: str, method: str) -> Callable[[ModuleType], None]:
    """What a server begins in an event loop: its requests get the context that it begins in."""

    def serving(serve: Any) -> Any:
        @functools.wraps(serve)
        async def seen(self: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                with outside():
                    return await serve(self, *args, **kwargs)
            except BaseException as error:
                without_our_frame(error)
                raise

        return seen

    return lambda module: patches.replace(getattr(module, owner), method, serving)


def _seen_run_with_reloader(run_with_reloader: Any) -> Any:
    @functools.wraps(run_with_reloader)
    def seen(*args: Any, **kwargs: Any) -> Any:
        served()  # either it is the process that serves, or it looks after that
        try:
            return run_with_reloader(*args, **kwargs)
        except BaseException as error:
            without_our_frame(error)
            raise

    return seen


def _seen_exit(leave: Any) -> Any:
    """Up to Python 3.11 what `sys.exit` raises is no exception yet, only its arguments, until somebody catches it."""

    @functools.wraps(leave)
    def seen(*status: Any) -> None:
        try:
            leave(*status)
        except BaseException as error:
            without_our_frame(error)
            raise

    return seen


@guarded
def _at_exit() -> None:
    run = _run
    if run is None or run.pid != os.getpid():
        return
    error = _crash()
    if run.serves and error is None:
        return
    with Guard("recording a run"):
        _tell(run, error)
    flush(_FLUSH_S)


def _tell(run: _Run, error: BaseException | None) -> None:
    failed = None if run.left is None else run.left.verdict
    recording = run.told().recording
    if error is not None:
        run.saw(error)
        failed = one_line(error)
    if run.left is not None:
        run.attributes["process.exit.code"] = run.left.code
    OPEN[recording.root_id] = recording
    recording.hold()
    run.told().close(failed)
    root = recording.root
    if run.locals is not None:
        recording.annotate(recording.root_id, {LOCALS: run.locals})
    if run.event is not None and isinstance(root, MadeSpan):
        root.events.append(run.event)
    recording.release()


def _crash() -> BaseException | None:
    """The exception that has ended the program."""
    error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
    if not isinstance(error, Exception):  # an interrupt is no failure
        return None
    trace = error.__traceback__
    if trace is None:
        return error if isinstance(error, SyntaxError) else None
    # Others than the program's end print exceptions, too.
    return error if trace.tb_frame.f_code.co_name in ("<module>", "_run_module_as_main") else None
