"""Landlock, the kernel's part of the guard where namespaces are none: files (Linux 5.13), and TCP (6.7).

Nothing outside the scratch folder can be written, and no port but those that are allowed can be connected to, from C as
well. What may be read stays as it is, and so do datagrams and sockets in the file system.
"""

import contextlib
import ctypes
import os
import struct
import sys
from collections.abc import Iterable

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1
_PATH_BENEATH, _NET_PORT = 1, 2
_CONNECT_TCP = 1 << 1
_SINCE_NET = 4
_NO_NEW_PRIVILEGES = 38

_WRITE_FILE = 1 << 1
_REMOVE_AND_MAKE = sum(1 << bit for bit in range(4, 13))
"""Folders and files of every kind: removed, made."""
_REFER, _TRUNCATE = 1 << 13, 1 << 14
_SINCE = ((2, _REFER), (3, _TRUNCATE))
"""By the version of the interface that has it."""
_DEVICES = (os.devnull, "/dev/tty", "/dev/full")
_SHARED_MEMORY = "/dev/shm"
"""Locks between processes are there."""


def close_files(scratch: str) -> bool:
    """Whether the kernel keeps this process, from now on, from writing anywhere else. Comes before any thread."""
    libc, version = _kernel()
    if version < 1:
        return False
    rights = _WRITE_FILE | _REMOVE_AND_MAKE | sum(right for since, right in _SINCE if version >= since)
    handled = struct.pack("=Q", rights)
    ruleset = libc.syscall(_CREATE_RULESET, handled, len(handled), 0)
    if ruleset < 0:
        return False
    try:
        for folder in (scratch, _SHARED_MEMORY):
            _allow(libc, ruleset, folder, rights)
        for device in _DEVICES:
            _allow(libc, ruleset, device, rights & (_WRITE_FILE | _TRUNCATE))
        return _restrict(libc, ruleset)
    finally:
        os.close(ruleset)


def close_network(ports: Iterable[int]) -> bool:
    """Whether the kernel keeps this process, from now on, from connecting to any other port by TCP."""
    libc, version = _kernel()
    if version < _SINCE_NET:
        return False
    handled = struct.pack("=QQ", 0, _CONNECT_TCP)
    ruleset = libc.syscall(_CREATE_RULESET, handled, len(handled), 0)
    if ruleset < 0:
        return False
    try:
        for port in ports:
            libc.syscall(_ADD_RULE, ruleset, _NET_PORT, struct.pack("=QQ", _CONNECT_TCP, port), 0)
        return _restrict(libc, ruleset)
    finally:
        os.close(ruleset)


def _kernel() -> tuple[ctypes.CDLL, int]:
    """The C library, and the version of the interface; 0 where there is none."""
    libc = ctypes.CDLL(None, use_errno=True)
    return libc, libc.syscall(_CREATE_RULESET, None, 0, _VERSION) if sys.platform == "linux" else 0


def _restrict(libc: ctypes.CDLL, ruleset: int) -> bool:
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    return bool(libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0)


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    with contextlib.suppress(OSError):
        beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, beneath), 0)
        finally:
            os.close(beneath)
