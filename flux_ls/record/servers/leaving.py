"""How a program leaves by SystemExit, whoever has raised it: `sys.exit`, `raise SystemExit(...)`, `exit()`.

Python tells nobody of a SystemExit that nothing has caught: no hook is called, and when the functions of `atexit` run
it is gone. But it asks it for its `code`, as the last thing before that, when no function runs any more. Who reads
`code` in a program stands in a function.
"""

import gc
import sys
from collections.abc import Callable
from types import MemberDescriptorType, TracebackType
from typing import Any, Final, NamedTuple

from flux_ls.record.guard import Guard, guarded
from flux_ls.record.in_app import is_in_app

_USAGE: Final = 2
_CPYTHON: Final = sys.implementation.name == "cpython"
_NAME: Final = "code"


class Left(NamedTuple):
    """What a program has left with."""

    code: int
    """As the process has it."""
    verdict: str | None
    """What it failed of, in one line; None where it did not."""


def judged(error: SystemExit) -> Left:
    code: object = error.code
    if code is None:
        return Left(0, None)
    if not isinstance(code, int):
        try:
            text = str(code)
        except Exception:
            text = type(code).__name__
        return Left(1, f"exit: {text}")
    if code == 0 or (code == _USAGE and not _is_raised_in_app(error)):
        # argparse, click and the like say so that they were called in a wrong way: nothing in the program failed.
        return Left(int(code), None)
    return Left(int(code), f"exit code {int(code)}")


def _is_raised_in_app(error: SystemExit) -> bool:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and is_in_app(trace.tb_frame.f_code.co_filename)


def _whole_traceback(known: TracebackType | None) -> TracebackType | None:
    """Up to Python 3.11 an exception has its traceback as far as the last place that caught it, and the interpreter
    holds the whole: the one that begins with the program, ends where its frame has ended and that no exception has."""
    objects = gc.get_objects()
    entries = [each for each in objects if type(each) is TracebackType]
    others = {id(each.tb_next) for each in entries}
    others.update(id(each.__traceback__) for each in objects if isinstance(each, BaseException))
    for each in entries:
        frame = each.tb_frame
        begins = frame.f_code.co_name in ("<module>", "_run_module_as_main") and frame.f_lasti == each.tb_lasti
        if begins and id(each) not in others and (known is None or _goes_through(each, known)):
            return each
    return known


def _goes_through(trace: TracebackType, wanted: TracebackType) -> bool:
    each: TracebackType | None = trace
    while each is not None and each is not wanted:
        each = each.tb_next
    return each is not None


class _Code:
    """`SystemExit.code`, which tells when the interpreter itself reads it."""

    def __init__(self, member: MemberDescriptorType, leaves: Callable[[SystemExit], None]) -> None:
        self.member = member
        self.leaves = leaves
        self.__doc__ = member.__doc__

    def __get__(self, error: SystemExit | None, kind: type | None = None) -> Any:
        if error is None:
            return self.member
        try:
            sys._getframe(1)
        except ValueError:
            with Guard("recording how a program has left"):
                if sys.version_info < (3, 12):
                    error.__traceback__ = _whole_traceback(error.__traceback__)
                self.leaves(error)
        return self.member.__get__(error, kind)

    def __set__(self, error: SystemExit, code: object) -> None:
        self.member.__set__(error, code)

    def __delete__(self, error: SystemExit) -> None:
        self.member.__delete__(error)


@guarded
def watch(leaves: Callable[[SystemExit], None]) -> None:
    """Calls it with the SystemExit that ends the program, before anything else of its end."""
    member = vars(SystemExit).get(_NAME)
    if _CPYTHON and isinstance(member, MemberDescriptorType):
        _put(_Code(member, leaves))


@guarded
def unwatch() -> None:
    code = vars(SystemExit).get(_NAME)
    if isinstance(code, _Code):
        _put(code.member)


def _put(code: object) -> None:
    """A built-in type takes no attributes, but it reads them where it has them."""
    import ctypes

    (names,) = [each for each in gc.get_referents(vars(SystemExit)) if type(each) is dict and _NAME in each]
    names[_NAME] = code
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(SystemExit))
