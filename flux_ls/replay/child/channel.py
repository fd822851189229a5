"""The way to the process that asked: one line of JSON each, on a descriptor that the application does not know."""

import json
import os
import select
import threading
from typing import Any

_lock = threading.Lock()
_out = _in = -1
_heard = b""


def open_channel() -> None:
    """Takes standard output for itself, and gives the application standard error in its place."""
    global _out, _in
    _in, _out = os.dup(0), os.dup(1)
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


def way_in() -> int:
    """What ends when the process that asked does."""
    return _in


def next_job() -> dict[str, Any] | None:
    """What is asked for next; None when the process that asked is gone."""
    global _heard
    while b"\n" not in _heard:
        piece = os.read(_in, 65536)
        if not piece:
            return None
        _heard += piece
    line, _, _heard = _heard.partition(b"\n")
    job: dict[str, Any] = json.loads(line)
    return job


def await_the_end(stop: int | None) -> bool:
    """Returns when the process that asked is gone; or, and then False, when something is written to `stop`."""
    if stop is not None:
        readable, _, _ = select.select([_in, stop], [], [])
        return stop not in readable
    while os.read(_in, 1024):
        pass
    return True


def tell(kind: str, **told: object) -> None:
    line = json.dumps({"kind": kind, **told}, default=str).encode("utf-8", "surrogateescape") + b"\n"
    with _lock:
        while line:
            line = line[os.write(_out, line) :]
