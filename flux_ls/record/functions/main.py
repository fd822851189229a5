"""The script of `python script.py`, which Python compiles and runs without asking a loader.

Its functions are made of code objects among the constants of its own code. Right before its first line these are
exchanged for wrappers, in place: the running code cannot be replaced by another one.
"""

import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

from flux_ls.record.guard import Guard

_CPYTHON = sys.implementation.name == "cpython"


def when_it_begins(instrumented: Callable[[CodeType], CodeType]) -> None:
    """`instrumented` answers with the script's code as it shall be: the same but for constants."""
    main = sys.modules.get("__main__")
    if main is None or not _CPYTHON or sys.getprofile() is not None:
        return
    names = vars(main)

    def profile(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_globals is names:
            sys.setprofile(None)
            with Guard("wrapping the script's functions"):
                code = frame.f_code
                _exchange(code.co_consts, instrumented(code).co_consts)

    sys.setprofile(profile)


def _exchange(there: tuple[Any, ...], wanted: tuple[Any, ...]) -> None:
    changed = [at for at, (old, new) in enumerate(zip(there, wanted, strict=True)) if old is not new]
    if not changed:
        return
    import ctypes

    slots = (ctypes.c_void_p * len(there)).from_address(id(there) + tuple.__basicsize__)
    if any(slots[at] != id(each) for at, each in enumerate(there)):
        raise RuntimeError("a tuple is laid out in another way than it was up to now")
    for at in changed:
        # The tuple holds it from now on. What was there is kept for ever; it is little.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(wanted[at]))
        slots[at] = id(wanted[at])
