"""The kernel's part of the guard (Linux): a network namespace of its own, in which there is no network."""

import contextlib
import ctypes
import os
import socket
import struct
import sys
from pathlib import Path

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 0x1
_entered = False


def enter_namespace() -> str | None:
    """Puts this process where no address can be reached; why that is not possible, if so.

    It has to come before any thread: a user namespace is for processes of one. Sockets that have a path in the file
    system are no part of a network namespace.
    """
    if sys.platform != "linux":
        return f"{sys.platform} has no network namespaces"
    global _entered
    uid, gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if uid == 0 and libc.unshare(_CLONE_NEWNET) == 0:
        _entered = True
        _raise_loopback()
        return None
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        return f"the kernel refuses network namespaces ({os.strerror(ctypes.get_errno())})"
    try:
        # The same user as before: what files may be read stays as it is.
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1", encoding="ascii")
    except OSError:
        # Without the maps the user is "nobody" to itself, with the rights that the user had.
        pass
    _entered = True
    _raise_loopback()
    return None


def renew_namespace() -> None:
    """Another one, in a fork of a process that has one: two do not meet each other there."""
    if _entered and ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET) == 0:
        _raise_loopback()


def _raise_loopback() -> None:
    """The namespace's own: an application may talk to itself, and nobody else is there."""
    import fcntl

    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14s", b"lo", _IFF_UP, b""))
