"""The course of a replay in its process: guard, databases, application, request, and what became of it."""

import os
import sys
import threading
import time
import traceback
from typing import Any

from flux_ls.replay.child import (
    asgi,
    blocked,
    channel,
    failures,
    hooks,
    imports,
    landlock,
    loading,
    namespace,
    pin,
    recorder,
    refused_clients,
    wsgi,
)
from flux_ls.replay.child.answers import Recorded
from flux_ls.replay.child.databases import postgresql
from flux_ls.replay.child.exchange import Answered, Sent
from flux_ls.replay.child.outbound import aiohttp, http_client, httpx

_THREADS_S = 1.0
"""How long threads that the request started may go on."""


def main() -> None:
    job = channel.open_channel()
    try:
        if "drop" in job:
            for made in job["drop"]:
                if postgresql.drop(made):
                    channel.tell("dropped", name=made["name"])
        else:
            _replay(job)
    except BaseException as error:
        _say_error("replay", error)
    finally:
        _leave()


def _replay(job: dict[str, Any]) -> None:
    problem = namespace.enter_namespace() if job["network"] == "namespace" else job["no_namespace"]
    ports = None
    if problem and job["network"] != "open":
        ports = landlock.close_network(port for _, port in job["allow"])
    channel.tell("guard", guard="python" if problem else "namespace", because=problem, ports=ports)
    if not job["allow_writes"]:
        landlock.close_files(os.path.realpath(job["scratch"]))
    root = os.path.realpath(job["root"])
    os.chdir(root)
    blocked.look_in(root)
    _watch_the_clock(job["timeout_s"])
    threading.Thread(target=_end_with_the_parent, daemon=True, name="flux-replay-parent").start()
    imports.install()
    recorded = Recorded(job["calls"])
    _guard(job, recorded, closed=problem is None or bool(ports))
    failures.install()
    why_not = recorder.start()
    channel.tell("recorder", on=why_not is None, because=why_not)
    if job["pin"]:
        pin.pin(job["pin"]["started_ns"], job["pin"]["seed"])
    app, interface = _application(root, job)
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
    if why_not is None:
        recorder.stop()
    channel.tell(
        "done",
        **answered.told(),
        duration_ms=clock.ms,
        error=failures.told(),
        blocked=blocked.refused(),
        notes=list(dict.fromkeys(recorded.notes)) + ([pin.NOT_PINNED] if job["pin"] else []),
    )


def _guard(job: dict[str, Any], recorded: Recorded, *, closed: bool) -> None:
    """Libraries are changed first: the hook stays for good. `closed`: the kernel keeps the network away."""
    for library in (http_client, httpx, aiohttp):
        library.install(recorded)
    refused_clients.install(databases=not job["allow"])
    scratch = os.path.realpath(job["scratch"])
    if not job["allow_writes"]:
        try:
            from flux_ls.replay.child.databases import sqlite
        except ImportError:
            pass
        else:
            sqlite.install(scratch)
    postgresql.install(closed=closed, writes=job["allow_writes"])
    hooks.install(
        hooks.Limits(
            allow=frozenset((host, port) for host, port in job["allow"]),
            sockets=frozenset(os.path.realpath(path) for path in job["allow_sockets"]),
            scratch=scratch,
            writes=job["allow_writes"],
        )
    )


def _application(root: str, job: dict[str, Any]) -> tuple[Any, loading.Interface]:
    target = job["app"]
    try:
        candidate = loading.chosen(root, job["app"], job["seen"])
        target = candidate.target
        app, interface = loading.load(root, candidate)
    except (loading.NotFound, loading.NoApplication) as error:
        channel.tell("error", stage="find", message=str(error), target=target)
        _leave()
        raise
    except BaseException as error:
        _say_error("import", error, target=target)
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
    channel.tell("error", stage=stage, message=message, at=line or None, blocked=blocked.refused(), **more)


def _watch_the_clock(timeout_s: float) -> None:
    """Says where the application is when its time is over; the process that asked ends it."""
    main_thread = threading.main_thread().ident

    def too_late() -> None:
        frame = sys._current_frames().get(main_thread or 0)
        while frame is not None and not blocked.is_the_users(frame.f_code.co_filename):
            frame = frame.f_back
        at = None
        if frame is not None:
            code = frame.f_code
            at = {"path": blocked.shown(code.co_filename), "line": frame.f_lineno, "function": code.co_qualname}
        channel.tell("hung", at=at)

    timer = threading.Timer(timeout_s, too_late)
    timer.daemon = True
    timer.name = "flux-replay-clock"
    timer.start()


def _end_with_the_parent() -> None:
    channel.await_the_end()
    _leave()


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
