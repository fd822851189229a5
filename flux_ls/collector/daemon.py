"""Finding, starting and stopping the background collector: for whoever needs one to run."""

import contextlib
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from flux_ls.collector.found import (
    Collector,
    find,
    health,
    lock_file,
    log_file,
    start_lock_file,
)
from flux_ls.collector.ports import PortTaken
from flux_ls.config import Settings, as_dict

if TYPE_CHECKING:
    import subprocess

_LOG_TAIL = 4000
_BEAT_S = 0.05


class CollectorFailed(Exception):
    """The collector did not start, or does not answer."""


class Report(Struct, frozen=True):
    """The one line with which a collector tells who started it how that went."""

    collector: Collector | None = None
    error: str = ""
    port: int = 0
    """With `by` and `setting`, the port that somebody else has."""
    by: str = ""
    setting: str = ""


def find_collector(settings: Settings) -> Collector | None:
    """The collector of the settings' store, if it runs and answers; it may be of another version or on other ports."""
    return find(settings.store)


def ping(collector: Collector) -> bool:
    """Whether it still runs; being asked keeps it from exiting for want of work."""
    answer = health(collector.http_port)
    return answer is not None and answer.pid == collector.pid


def watch_program(collector: Collector, pid: int) -> bool:
    """Keeps the collector from exiting for want of work while the program runs, which may have no work for hours.

    Whether it has heard of it: one that was about to leave may be gone by now.
    """
    answer = health(collector.http_port, program=pid)
    return answer is not None and answer.pid == collector.pid


def ensure_collector(settings: Settings, wait_s: float = 10.0) -> Collector:
    """The collector of the settings' store, started in the background if there is none.

    However many ask at once, one is started and all get it. One that runs already is taken as it is, whatever its
    version and ports. Raises `PortTaken`, `CollectorFailed`.
    """
    if (running := find(settings.store)) is not None:
        return running
    from filelock import FileLock, Timeout

    deadline = time.monotonic() + wait_s
    private_folder(settings.store.parent)
    starting = FileLock(start_lock_file(settings.store), mode=0o600)
    try:
        held = starting.acquire(timeout=wait_s, poll_interval=_BEAT_S)
    except Timeout:
        if (running := find(settings.store)) is not None:
            return running
        raise CollectorFailed(f"the collector did not start within {wait_s:g} s{_log_tail(settings.store)}") from None
    except OSError as error:
        raise unwritable(settings.store.parent, error) from None
    with held:
        if (running := find(settings.store)) is not None:
            return running
        return _start(settings, max(deadline - time.monotonic(), 1.0))


def stop_collector(settings: Settings, wait_s: float = 10.0) -> bool:
    """Stops the collector of the store; whether one ran. Raises `CollectorFailed` when it does not stop."""
    running = find(settings.store)
    if running is None:
        return False
    with contextlib.suppress(ProcessLookupError):  # it has left by itself since
        os.kill(running.pid, signal.SIGTERM)
    deadline = time.monotonic() + wait_s
    while is_locked(settings.store):
        if time.monotonic() > deadline:
            raise CollectorFailed(f"the collector (process {running.pid}) did not stop within {wait_s:g} s")
        time.sleep(_BEAT_S)
    return True


def is_locked(store: Path) -> bool:
    """Whether a collector process holds the store, healthy or not."""
    from filelock import FileLock, Timeout

    if not lock_file(store).exists():
        return False
    try:
        with FileLock(lock_file(store), mode=0o600).acquire(timeout=0):
            return False
    except Timeout:
        return True


def private_folder(folder: Path) -> None:
    """Makes the folder, for its owner only, unless it is there. Raises `CollectorFailed`."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from None


def unwritable(folder: Path, error: OSError) -> CollectorFailed:
    reason = error.strerror or type(error).__name__
    return CollectorFailed(
        f"nothing can be kept in {folder} ({reason}): check its permissions, or name another store with --store or "
        "FLUX_STORE"
    )


def encode_settings(settings: Settings) -> str:
    return msgspec.json.encode(as_dict(settings)).decode()


def decode_settings(text: str) -> Settings:
    return msgspec.json.decode(text, type=Settings, dec_hook=_path)


def _path(target: type, value: Any) -> Any:
    return target(value)


def _start(settings: Settings, wait_s: float) -> Collector:
    import subprocess

    try:
        log = os.open(log_file(settings.store), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        raise unwritable(settings.store.parent, error) from None
    detached: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        detached = {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "flux_ls.collector", encode_settings(settings)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=settings.store.anchor,
            # An application that is instrumented from outside must not have its collector instrumented too.
            env={**os.environ, "OTEL_SDK_DISABLED": "true"},
            **detached,
        )
    finally:
        os.close(log)
    line = _first_line(process, wait_s)
    if sys.platform != "win32":
        process.wait()  # it has left a child that belongs to nobody
    if line is None:
        raise CollectorFailed(f"the collector did not start within {wait_s:g} s{_log_tail(settings.store)}")
    try:
        report = msgspec.json.decode(line, type=Report, dec_hook=_path)
    except ValueError:
        raise CollectorFailed(f"the collector ended while it started{_log_tail(settings.store)}") from None
    if report.setting:
        raise PortTaken(report.port, report.by, report.setting)
    if report.collector is None:
        raise CollectorFailed(report.error)
    return report.collector


def _first_line(process: "subprocess.Popen[bytes]", wait_s: float) -> bytes | None:
    """What the process says first; None when it says nothing in time."""
    lines: list[bytes] = []
    out = process.stdout
    assert out is not None
    # A thread, as there is no waiting for a pipe with a limit on Windows.
    reader = threading.Thread(target=lambda: lines.append(out.readline()), daemon=True)
    reader.start()
    reader.join(wait_s)
    if not lines:
        return None
    out.close()
    return lines[0]


def _log_tail(store: Path) -> str:
    try:
        text = log_file(store).read_bytes()[-_LOG_TAIL:].decode("utf-8", "replace").strip()
    except OSError:
        text = ""
    return f"; its log ends with:\n{text}" if text else f"; nothing is in its log ({log_file(store)})"


__all__ = [
    "Collector",
    "CollectorFailed",
    "PortTaken",
    "ensure_collector",
    "find_collector",
    "ping",
    "stop_collector",
]
