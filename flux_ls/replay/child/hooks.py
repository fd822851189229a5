"""Python's part of the guard: an audit hook, which sees every thread and cannot be taken away.

It stops what goes through the interpreter: connections, names that are looked up, mail, processes, files that are
written. Libraries that call the system from C are not seen here.
"""

import contextlib
import ipaddress
import os
import socket
import sys
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flux_ls.replay.child.addresses import is_loopback
from flux_ls.replay.child.beside import Guarded
from flux_ls.replay.child.blocked import is_ourselves, ourselves, refusal, refuse
from flux_ls.replay.child.imports import when_imported

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_DEVICES = frozenset({os.devnull, "/dev/tty", "/dev/stdout", "/dev/stderr", "/dev/full", "nul", "NUL"})
_ASKS_THE_SYSTEM = tuple(str(Path(os.__file__).parent / name) for name in ("ctypes/util.py", "platform.py", "uuid.py"))
"""Modules of the standard library that start programs to find out about the machine."""


@dataclass(frozen=True)
class Limits:
    """What is let through."""

    allow: frozenset[tuple[str, int]]
    """Hosts and ports."""
    sockets: frozenset[str]
    """Paths of sockets."""
    scratch: str
    writes: bool
    """Files may be written everywhere."""


_limits = Limits(frozenset(), frozenset(), "", writes=False)
_more_sockets: set[str] = set()
_more_addresses: set[tuple[str, int]] = set()
_beside: Guarded | None = None


def install(limits: Limits, beside: Guarded | None) -> None:
    """From now on, for good. `beside`: who decides for the kernel."""
    global _limits, _beside
    _limits, _beside = limits, beside
    sys.addaudithook(_seen)
    _close_the_rest()


def write_only_in(scratch: str) -> None:
    """Another folder: in a fork, where what was let through before is not any more."""
    global _limits
    _limits = replace(_limits, scratch=scratch)
    _more_sockets.clear()
    _more_addresses.clear()


def let_through(host: str, port: int) -> None:
    """A database's throw-away copy is there."""
    if host.startswith("/"):
        _more_sockets.add(os.path.realpath(host))
    else:
        _more_addresses.update((name, port) for name in _names(host))
    if _beside is not None:
        _beside.let_through(host, port)


def is_allowed(host: str, port: int) -> bool:
    return any((name, port) in _limits.allow or (name, port) in _more_addresses for name in _names(host))


def _names(host: str) -> tuple[str, ...]:
    return ("localhost", "127.0.0.1", "::1") if is_loopback(host) else (host,)


def _seen(event: str, args: tuple[Any, ...]) -> None:
    check = _CHECKS.get(event)
    if check is not None and not is_ourselves():
        check(*args)


def _connect(sock: Any, address: Any, *_: Any) -> None:
    _reach("connection to", sock, address)


def _send(sock: Any, address: Any = None, *_: Any) -> None:
    if address is not None:
        _reach("datagram to", sock, address)


def _reach(what: str, sock: Any, address: Any) -> None:
    family = getattr(sock, "family", None)
    if isinstance(address, tuple) and len(address) >= 2 and isinstance(address[1], int):
        host = address[0].decode() if isinstance(address[0], bytes) else str(address[0])
        if is_allowed(host, address[1]) or _is_our_own(host, address[1]):
            return
        refuse(f"{what} {host}:{address[1]}")
    if family == getattr(socket, "AF_UNIX", object()):
        path = os.path.realpath(os.fsdecode(address)) if address else ""
        let = (_limits.scratch, *_limits.sockets, *_more_sockets)
        if any(path == one or path.startswith(one + "/") for one in let):
            return
        refuse(f"{what} the socket {os.fsdecode(address)}")
    refuse(f"{what} {address!r}")


def _is_our_own(host: str, port: int) -> bool:
    """Whether a socket of this process listens there: event loops of Windows, and servers inside the application."""
    if not is_loopback(host):
        return False
    for reference in tuple(_bound):
        sock = reference()
        if sock is not None and sock.fileno() >= 0:
            with contextlib.suppress(OSError):
                if sock.getsockname()[1] == port:
                    return True
    return False


_bound: "list[weakref.ref[socket.socket]]" = []


def _bind(sock: Any, address: Any) -> None:
    if not isinstance(address, tuple) or len(address) < 2:
        return
    host = str(address[0])
    if not is_loopback(host):
        refuse(f"listening on {host or '0.0.0.0'}:{address[1]}")
    with contextlib.suppress(TypeError):
        _bound.append(weakref.ref(sock))


def _look_up(host: Any, *_: Any) -> None:
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    if not name or is_loopback(str(name)):
        return
    try:
        ipaddress.ip_address(str(name).partition("%")[0])
    except ValueError:
        refuse(f"look-up of the name {name}")


def _look_back(address: Any, *_: Any) -> None:
    host = address[0] if isinstance(address, tuple) and address else address
    if not is_loopback(str(host)):
        refuse(f"look-up of the address {host}")


def _mail(what: str) -> Callable[..., None]:
    def check(_: Any, host: Any = "", port: Any = 0, *__: Any) -> None:
        if not (isinstance(port, int) and is_allowed(str(host), port)):
            refuse(f"{what} {host}:{port}")

    return check


def _start(what: str) -> Callable[..., None]:
    def check(program: Any = None, args: Any = None, *_: Any) -> None:
        if _asks_the_system():
            return
        words = args if isinstance(args, list | tuple) and args else [program if program is not None else args]
        refuse(f"{what} {' '.join(_word(word) for word in words[:4])}".rstrip())

    return check


def _word(word: Any) -> str:
    return os.fsdecode(word) if isinstance(word, str | bytes | os.PathLike) else str(word)


def _asks_the_system() -> bool:
    frame = sys._getframe(1)
    for _ in range(12):
        if frame.f_code.co_filename in _ASKS_THE_SYSTEM:
            return True
        if frame.f_back is None:
            return False
        frame = frame.f_back
    return False


def _kill(pid: int, signal: int = 0, *_: Any) -> None:
    if pid != os.getpid() and signal != 0:
        refuse(f"signal {signal} to process {pid}")


def _fork(*_: Any) -> None:
    refuse("a fork of the process")


def _open(path: Any, mode: Any, flags: Any) -> None:
    if isinstance(mode, str):
        if not any(letter in mode for letter in "wax+"):
            return
    elif not (isinstance(flags, int) and flags & _WRITING):
        return
    if not isinstance(path, int):
        _write("writing", path)


def _write(what: str, path: Any, dir_fd: Any = -1) -> None:
    if _limits.writes or isinstance(path, int):
        return
    name = os.fsdecode(path)
    if name in _DEVICES:
        return
    if isinstance(dir_fd, int) and dir_fd >= 0 and not os.path.isabs(name):
        name = os.path.join(os.path.realpath(f"/proc/self/fd/{dir_fd}"), name)
    # The last part as it is named: a link is removed, and not what it leads to.
    folder, last = os.path.split(os.path.abspath(name))
    real = os.path.join(os.path.realpath(folder), last)
    if what == "writing":
        real = os.path.realpath(real)
    if real != _limits.scratch and not real.startswith(_limits.scratch + os.sep):
        refuse(f"{what} {name}", write=True)


def _one(what: str, at: int = 1) -> Callable[..., None]:
    """Of an event whose first argument is a path, and the one at `at` the folder that it starts from."""

    def check(*args: Any) -> None:
        _write(what, args[0], args[at] if len(args) > at else -1)

    return check


def _two(what: str) -> Callable[..., None]:
    def check(source: Any, target: Any, source_fd: Any = -1, target_fd: Any = -1) -> None:
        if what != "linking":
            _write(what, source, source_fd)
        _write(what, target, target_fd)

    return check


def _link(_: Any, target: Any, dir_fd: Any = -1, *more: Any) -> None:
    _write("linking", target, more[0] if more else dir_fd)


_CHECKS: dict[str, Callable[..., None]] = {
    "socket.connect": _connect,
    "socket.sendto": _send,
    "socket.sendmsg": _send,
    "socket.bind": _bind,
    "socket.getaddrinfo": _look_up,
    "socket.gethostbyname": _look_up,
    "socket.gethostbyaddr": _look_up,
    "socket.getnameinfo": _look_back,
    "smtplib.connect": _mail("mail by"),
    "ftplib.connect": _mail("connection by FTP to"),
    "imaplib.open": _mail("connection by IMAP to"),
    "poplib.connect": _mail("connection by POP to"),
    "nntplib.connect": _mail("connection by NNTP to"),
    "telnetlib.Telnet.open": _mail("connection by Telnet to"),
    "subprocess.Popen": _start("starting"),
    "os.system": _start("starting"),
    "os.exec": _start("becoming"),
    "os.posix_spawn": _start("starting"),
    "os.spawn": lambda _mode, path, args, *_: _start("starting")(path, args),
    "os.startfile": _start("opening"),
    "pty.spawn": lambda argv, *_: _start("starting")(None, argv),
    "os.fork": _fork,
    "os.forkpty": _fork,
    "os.kill": _kill,
    "os.killpg": _kill,
    "open": _open,
    "os.remove": _one("removing"),
    "os.rmdir": _one("removing"),
    "os.mkdir": _one("making", 2),
    "os.rename": _two("renaming"),
    "os.link": _link,
    "os.symlink": _link,
    "os.truncate": _one("cutting", 9),
    "os.chmod": _one("changing", 2),
    "os.chown": _one("changing", 3),
    "os.utime": _one("changing", 3),
    "os.setxattr": _one("changing", 9),
    "os.removexattr": _one("changing", 9),
}


def _close_the_rest() -> None:
    """Ways to start a process that tell no audit hook."""
    import _posixsubprocess
    import logging

    fork_exec = _posixsubprocess.fork_exec

    def refused(args: Any, *more: Any) -> int:
        if is_ourselves() or _asks_the_system():
            return fork_exec(args, *more)
        raise refusal(f"starting {' '.join(_word(word) for word in list(args)[:4])}")

    _posixsubprocess.fork_exec = refused

    # A service's log is no effect that anybody would miss, and without it many would not start.
    opens = logging.FileHandler._open

    def elsewhere(handler: Any) -> Any:
        if not _limits.writes:
            name = os.path.basename(handler.baseFilename)
            handler.baseFilename = os.path.join(_limits.scratch, "logs", name)
            with ourselves():
                os.makedirs(os.path.dirname(handler.baseFilename), exist_ok=True)
        return opens(handler)

    logging.FileHandler._open = elsewhere  # type: ignore[method-assign, assignment]
    when_imported("logging.handlers", _leave_the_system_s_log)


def _leave_the_system_s_log(handlers: Any) -> None:
    handlers.SysLogHandler.createSocket = lambda _: None
    handlers.SysLogHandler.emit = lambda *_: None
