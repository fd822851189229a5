"""The local variables of the frames that an exception came through."""

import sys
import time
from collections.abc import Iterator
from types import BuiltinFunctionType, FrameType, FunctionType, ModuleType, TracebackType
from typing import Final

from flux_ls.record import settings, wire
from flux_ls.record.in_app import is_in_app
from flux_ls.record.values import Captured, Tree, snapshot_items

MOST_FRAMES: Final = 10
"""Frames of one failure whose variables are recorded: the innermost."""
_MOST_VARIABLES: Final = 40
_VALUE_BYTES: Final = 1024
_PATIENCE_NS: Final = 5_000_000
_LONGEST_CHAIN: Final = 5
_LONGEST_STACK: Final = 20_000
_LONGEST_WAY_UP: Final = 200

_CODE: Final = (ModuleType, FunctionType, BuiltinFunctionType, type)


def entries(traceback: TracebackType | None, until: int = 0) -> list[TracebackType] | None:
    """The in-app entries from the outermost inwards, up to the one with the id `until`; None if that is not there."""
    found: list[TracebackType] = []
    seen = 0
    while traceback is not None and seen < _LONGEST_STACK:
        if id(traceback) == until:
            return found
        if is_in_app(traceback.tb_frame.f_code.co_filename) and (seen > 0 or not _is_running(traceback.tb_frame)):
            found.append(traceback)
        traceback = traceback.tb_next
        seen += 1
    return None if until else found


def _is_running(frame: FrameType) -> bool:
    """Whether it is the frame that catches the exception.

    Before Python 3.13 what we read there would hold on to the exception, and with it to everything in its stack.
    """
    running: FrameType | None = sys._getframe(1)
    for _ in range(_LONGEST_WAY_UP):
        if running is None:
            return False
        if running is frame:
            return True
        running = running.f_back
    return False


def chained(error: BaseException) -> Iterator[BaseException]:
    """The exceptions that led to this one or that it holds, itself first; not all of a very long chain."""
    waiting = [error]
    seen: list[BaseException] = []
    while waiting and len(seen) < _LONGEST_CHAIN:
        each = waiting.pop(0)
        if any(each is known for known in seen):
            continue
        seen.append(each)
        yield each
        if each.__cause__ is not None:
            waiting.append(each.__cause__)
        elif each.__context__ is not None and not each.__suppress_context__:
            waiting.append(each.__context__)
        if isinstance(each, BaseExceptionGroup):
            waiting.extend(each.exceptions[:_LONGEST_CHAIN])


def variables(stack: list[TracebackType]) -> list[Tree]:
    """Path, line, function and variables of each entry, the innermost first in case that time runs out."""
    deadline = time.monotonic_ns() + _PATIENCE_NS
    trees: list[Tree] = []
    done: dict[int, Tree] = {}
    for entry in reversed(stack):
        frame = entry.tb_frame
        known = done.get(id(frame))
        if known is None:
            known = done[id(frame)] = _variables(frame)
        code = frame.f_code
        trees.append({"path": code.co_filename, "line": entry.tb_lineno, "function": code.co_qualname, "locals": known})
        if time.monotonic_ns() > deadline:
            break
    trees.reverse()
    return trees


def _variables(frame: FrameType) -> Tree:
    of_module = frame.f_code.co_name == "<module>"
    pairs = [(name, value) for name, value in list(frame.f_locals.items()) if _tells(name, value)]
    more = len(pairs) - _MOST_VARIABLES
    if more > 0:
        # A function's arguments come first; of a module what was set last is nearer to the failure.
        pairs = pairs[more:] if of_module else pairs[:_MOST_VARIABLES]
    captured: Captured = snapshot_items(pairs, min(_VALUE_BYTES, settings.in_force().record_value_bytes))
    tree = captured.tree
    if more > 0 and isinstance(tree, dict):
        tree[wire.MORE] = tree.get(wire.MORE, 0) + more
    return tree


def _tells(name: str, value: object) -> bool:
    if name.startswith((".", "__")):
        return False
    kind = type(value)
    if kind is ModuleType:
        return False
    # A name that only stands for code which has that name: an import, a def, a class.
    return not (issubclass(kind, _CODE) and getattr(value, "__name__", None) == name)
