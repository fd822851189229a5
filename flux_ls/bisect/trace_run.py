"""Hears which functions and lines of a folder a Python program runs, from before its first one: its `sitecustomize`.

Any Python may come by here, so it is the standard library alone, in words that old ones know, too. It stands before a
sitecustomize of the user's, which it runs as if it were not there itself. At the end each process writes what it saw to
a file of its own.
"""
# ruff: noqa: PTH100, PTH112, PTH118, PTH120, PTH123, ARG001

import atexit
import dis
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from types import CodeType, FrameType, TracebackType
from typing import Any

_root = os.path.join(os.environ.get("FLUX_BISECT_ROOT", ""), "")
_out = os.environ.get("FLUX_BISECT_TRACE", "")
_calls = {}  # type: dict[CodeType, int]
_raised = {}  # type: dict[CodeType, int]
_inside = {}  # type: dict[CodeType, bool]
_lines = {}  # type: dict[CodeType, set[int]]
_heard = {}  # type: dict[CodeType, int]
_fatal = []  # type: list[CodeType]
_MOST_LINES = 2000
"""Of one function, so many lines are heard of, the same ones again and again among them."""


def _leave_path() -> None:
    # For imports only: PYTHONPATH stays, so that the program's children are seen, too.
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]


def _run_the_users() -> None:
    own = sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize  # type: ignore[import-not-found]  # noqa: F401
    except ImportError:
        # Whoever imports this looks for it afterwards.
        if own is not None:
            sys.modules["sitecustomize"] = own


def _within(code: CodeType) -> bool:
    name = code.co_filename
    return not name.startswith("<") and os.path.abspath(name).startswith(_root)


def _called(frame: FrameType, event: str, arg: object) -> Any:
    code = frame.f_code
    inside = _inside.get(code)
    if inside is None:
        inside = _inside[code] = _within(code)
    if not inside:
        return None
    _calls[code] = count = _calls.get(code, 0) + 1
    if count == 1:
        _lines[code] = set()
        _heard[code] = 0
    # What runs often runs the same lines again: to hear of each would take too long.
    frame.f_trace_lines = _heard[code] < _MOST_LINES
    return _inner


def _inner(frame: FrameType, event: str, arg: Any) -> Any:
    if event == "line":
        code = frame.f_code
        _lines[code].add(frame.f_lineno)
        _heard[code] = heard = _heard[code] + 1
        if heard >= _MOST_LINES:
            frame.f_trace_lines = False
    elif event == "exception" and arg[0] not in (StopIteration, StopAsyncIteration, GeneratorExit):
        code = frame.f_code
        _raised[code] = _raised.get(code, 0) + 1
    return _inner


def _stack(error: "BaseException | None") -> "Iterator[CodeType]":
    """The code of the whole chain of an exception, the way it went."""
    seen = []  # type: list[BaseException]
    while error is not None and error not in seen:
        seen.append(error)
        at = error.__traceback__
        while at is not None:
            yield at.tb_frame.f_code
            at = at.tb_next
        error = error.__cause__ or error.__context__


def _died(before: "Callable[..., object]") -> "Callable[..., None]":
    def hook(kind: "type[BaseException]", error: BaseException, where: "TracebackType | None") -> None:
        _fatal.extend(code for code in _stack(error) if _within(code))
        before(kind, error, where)

    return hook


def _told(counts: "dict[CodeType, int]") -> "list[list[object]]":
    return [
        [os.path.abspath(code.co_filename)[len(_root) :], code.co_firstlineno, code.co_name, count]
        for code, count in list(counts.items())
    ]


def _told_codes() -> "list[list[Any]]":
    """For each piece of code whether it is a function's, its lines that ran, and the others."""
    told = []  # type: list[list[Any]]
    for code, ran in list(_lines.items()):
        all_lines = {line for _, line in dis.findlinestarts(code) if line is not None}
        path = os.path.abspath(code.co_filename)[len(_root) :]
        # What is optimized has local variables: module and class bodies have none.
        told.append([path, [bool(code.co_flags & 1), sorted(ran), sorted(all_lines - ran)]])
    return told


def _write() -> None:
    sys.settrace(None)
    modules = {}
    files = []
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not isinstance(file, str):
            continue
        file = os.path.abspath(file)
        if file.startswith(_root):
            files.append(file[len(_root) :])
        elif "." not in name:
            modules[name] = file
    told = {
        "calls": _told(_calls),
        "raised": _told(_raised),
        "fatal": _told(dict.fromkeys(_fatal, 1)),
        "imported": files,
        "elsewhere": modules,
        "codes": _told_codes(),
    }
    with open(os.path.join(_out, str(os.getpid()) + ".json"), "w") as written:
        json.dump(told, written)


_leave_path()
_run_the_users()
if _out and os.path.isdir(_out):
    sys.excepthook = _died(sys.excepthook)
    atexit.register(_write)
    threading.settrace(_called)
    sys.settrace(_called)
