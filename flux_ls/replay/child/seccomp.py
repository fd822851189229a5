"""A filter of the kernel's (seccomp) that stops a call before it connects, and asks another process whether it may.

Linux 5.6 or later, x86-64 and AArch64; it needs no rights. A call from C is stopped as one from Python is.
"""

import ctypes
import errno
import os
import struct
import sys
from dataclasses import dataclass

_NO_NEW_PRIVILEGES, _SET_DUMPABLE = 38, 4
_SET_MODE_FILTER, _NEW_LISTENER = 1, 8
_ALLOW, _ASK, _ERRNO = 0x7FFF0000, 0x7FC00000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER, _MACHINE, _ARGUMENTS = 0, 4, 16
"""Where the parts of a call stand in what the filter sees."""
_OTHER_ABI = 0x40000000
"""Of x86-64: calls with pointers of 32 bits have numbers from here on."""
_IO_URING_SETUP = 425
"""A queue of calls that no filter sees."""
ADDRESS_OF_SENDTO = 4


@dataclass(frozen=True)
class Calls:
    """What a machine calls them by."""

    machine: int
    seccomp: int
    connect: int
    bind: int
    sendto: int
    sendmsg: int
    sendmmsg: int


_MACHINES = {
    "x86_64": Calls(0xC000003E, 317, 42, 49, 44, 46, 307),
    "aarch64": Calls(0xC00000B7, 277, 203, 200, 206, 211, 269),
}


def calls() -> Calls | None:
    """Of this machine; None where there is no such filter."""
    if sys.platform != "linux" or ctypes.sizeof(ctypes.c_void_p) != 8:
        return None
    return _MACHINES.get(os.uname().machine)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def let_itself_be_read() -> None:
    """By the process beside it: changing the user's namespace has taken that away."""
    ctypes.CDLL(None).prctl(_SET_DUMPABLE, 1, 0, 0, 0)


def install(known: Calls) -> int:
    """From now on, for this thread and all that it starts; the descriptor that tells what is asked. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    instructions = _filter(known)
    program = _Program(len(instructions) // 8, instructions)
    listener: int = libc.syscall(known.seccomp, _SET_MODE_FILTER, _NEW_LISTENER, ctypes.byref(program))
    if listener < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return listener


def _filter(known: Calls) -> bytes:
    asked = (known.connect, known.bind, known.sendmsg, known.sendmmsg)
    low = _ARGUMENTS + 8 * ADDRESS_OF_SENDTO
    # Each entry: code, operand, and by how many the next one is when it is true, or is not.
    steps: list[tuple[int, int, int, int]] = [
        (_LOAD, _MACHINE, 0, 0),
        (_EQUAL, known.machine, 1, 0),
        (_RETURN, _ERRNO | errno.ENOSYS, 0, 0),
        (_LOAD, _NUMBER, 0, 0),
        (_AT_LEAST, _OTHER_ABI, 0, 1),
        (_RETURN, _ERRNO | errno.ENOSYS, 0, 0),
        (_EQUAL, _IO_URING_SETUP, 0, 1),
        (_RETURN, _ERRNO | errno.ENOSYS, 0, 0),
    ]
    for number in asked:
        steps += [(_EQUAL, number, 0, 1), (_RETURN, _ASK, 0, 0)]
    steps += [
        (_EQUAL, known.sendto, 0, 4),
        # What goes over a connection names no address.
        (_LOAD, low, 0, 0),
        (_EQUAL, 0, 0, 3),
        (_LOAD, low + 4, 0, 0),
        (_EQUAL, 0, 0, 1),
        (_RETURN, _ALLOW, 0, 0),
        (_RETURN, _ASK, 0, 0),
    ]
    return b"".join(struct.pack("=HBBI", code, true, false, operand) for code, operand, true, false in steps)
