"""The course of a replay in its process: guard, databases, application, request, and what became of it."""

import os
import sys
import threading
import time
import traceback
from typing import Any

from flux_ls.replay.child import (
    asgi,
    beside,
    blocked,
    channel,
    failures,
    forking,
    guards,
    imports,
    loading,
    pin,
    recorder,
    wsgi,
)
from flux_ls.replay.child.answers import Recorded
from flux_ls.replay.child.databases import postgresql
from flux_ls.replay.child.exchange import Answered, Sent
from flux_ls.replay.child.rows import changes
from flux_ls.replay.child.watch import Watch

_THREADS_S = 1.0
"""How long threads that the request started may go on."""


def main() -> None:
    channel.open_channel()
    try:
        job = channel.next_job()
        if job is not None and "drop" in job:
            for made in job["drop"]:
                if postgresql.drop(made):
                    channel.tell("dropped", name=made["name"])
        elif job is not None:
            _replay(job, beside.split() if job["seccomp"] else None)
    except BaseException as error:
        _say_error("replay", error)
    finally:
        _leave()


def _replay(job: dict[str, Any], guarded: beside.Guarded | None) -> None:
    began = time.monotonic()
    if job["forks"] and (because := forking.not_here()):
        channel.tell("alone", because=because)
        job["forks"] = False
    closed = guards.close(job, guarded)
    root = os.path.realpath(job["root"])
    os.chdir(root)
    blocked.look_in(root)
    watch = Watch(job["timeout_s"], _leave, stops=job["forks"])
    imports.install()
    recorded = Recorded([] if job["forks"] else job["calls"])
    changes.learn(job["written"])
    if not job["forks"]:
        changes.begin(job)
    guards.hook(job, recorded, guarded, closed=closed)
    failures.install()
    why_not = recorder.start()
    channel.tell("recorder", on=why_not is None, because=why_not)
    if job["pin"]:
        pin.pin(job["pin"]["started_ns"], job["pin"]["seed"])
    before = forking.Before() if job["forks"] else None
    search = loading.Search(root, job["app"])
    app, interface = _application(root, search, job, watch)
    if before is not None:
        watch.stop()
        because = forking.why_not(job, before, recorded)
        if recorded.was_asked or (because is not None and changes.would_begin(job)):
            # It was without an answer, which the request may hold; or its rows are no more what they were.
            channel.tell("alone", because=because, anew=True)
            return
        if because is None:
            job = forking.serve(job, guarded, recorded, lambda other: search.is_chosen(other["seen"], other["start"]))
            Watch(job["timeout_s"], _leave, stops=False)
        else:
            channel.tell("alone", because=because)
            recorded.begin(job["calls"])
            Watch(max(0.0, job["timeout_s"] - (time.monotonic() - began)), _leave, stops=False)
    _ask(app, interface, job, recorded, is_recorded=why_not is None)


def _ask(app: Any, interface: loading.Interface, job: dict[str, Any], recorded: Recorded, *, is_recorded: bool) -> None:
    answered, sent = Answered(), Sent.of(job["sent"])
    clock = _Clock()
    if interface == "asgi":
        try:
            asgi.run(app, sent, answered, clock.start, clock.stop)
        except BaseException as error:
            if clock.started:
                raise
            _say_error("start", error)
            return
    else:
        clock.start()
        wsgi.run(app, sent, answered)
        clock.stop()
    _wait_for_threads()
    if is_recorded:
        recorder.stop()
    channel.tell(
        "done",
        **answered.told(),
        duration_ms=clock.ms,
        error=failures.told(),
        blocked=blocked.refused(),
        rows=changes.told(),
        notes=list(dict.fromkeys(recorded.notes)) + ([pin.NOT_PINNED] if job["pin"] else []),
    )


def _application(root: str, search: loading.Search, job: dict[str, Any], watch: Watch) -> tuple[Any, loading.Interface]:
    """Leaves, with the reason told, where there is none."""
    target = job["app"]
    try:
        candidate = search.choose(job["seen"], job["start"])
        target = candidate.target
        app, interface = loading.load(root, candidate)
    except BaseException as error:
        stage = "find" if isinstance(error, (loading.NotFound, loading.NoApplication)) else "import"
        mend = error.mend if isinstance(error, loading.NotFound) else None
        _say_error(stage, error, target=target, mend=mend)
        if job["forks"]:
            watch.stop()
        while job["forks"]:
            # The others of this application get the same answer, and nobody tries the import again.
            channel.tell("over", code=0)
            other = channel.next_job()
            if other is None or not search.is_chosen(other["seen"], other["start"]):
                channel.tell("other")
                break
            _say_error(stage, error, target=target, mend=mend)
        _leave()
        raise
    channel.tell("app", target=target, interface=interface)
    return app, interface


class _Clock:
    def __init__(self) -> None:
        self.started = self.ended = 0

    def start(self) -> None:
        self.started = time.perf_counter_ns()

    def stop(self) -> None:
        self.ended = time.perf_counter_ns()

    @property
    def ms(self) -> float:
        return (self.ended - self.started) / 1e6


def _say_error(stage: str, error: BaseException, **more: object) -> None:
    line: dict[str, Any] = {}
    for frame, number in traceback.walk_tb(error.__traceback__):
        if blocked.is_the_users(frame.f_code.co_filename):
            line = {"path": frame.f_code.co_filename, "line": number, "function": frame.f_code.co_qualname}
    if isinstance(error, SyntaxError) and error.filename and blocked.is_the_users(error.filename):
        line = {"path": error.filename, "line": error.lineno, "function": None}
    if line:
        line["path"] = blocked.shown(line["path"])
    if stage == "replay" and not line:
        traceback.print_exception(error)
    message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if stage == "find":
        message = str(error.args[0])
    channel.tell("error", stage=stage, message=message, at=line or None, blocked=blocked.refused(), **more)


def _wait_for_threads() -> None:
    deadline = time.monotonic() + _THREADS_S
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(max(0.0, deadline - time.monotonic()))


def _leave() -> None:
    """Ends the process as it is: what the application would do at its exit is no part of the request."""
    try:
        postgresql.drop_own()
        sys.stderr.flush()
    finally:
        os._exit(0)
