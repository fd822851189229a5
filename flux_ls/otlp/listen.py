"""Sockets that listen on loopback, and on nothing else."""

import contextlib
import errno
import socket
import sys

_TRIES = 8


class PortInUse(OSError):
    """Another program listens on the port."""

    def __init__(self, port: int) -> None:
        super().__init__(errno.EADDRINUSE, f"port {port} is in use")
        self.port = port


def listen(port: int) -> list[socket.socket]:
    """Sockets bound to 127.0.0.1 and, where there is IPv6, to ::1, both on `port`; 0 takes a free one.

    `localhost` means ::1 first to some clients, and those do not always try the second address.
    """
    for _ in range(_TRIES):
        first = _bound(socket.AF_INET, "127.0.0.1", port)
        try:
            second = _bound(socket.AF_INET6, "::1", first.getsockname()[1])
        except PortInUse:
            first.close()
            if port:
                raise
        except OSError:
            return [first]  # no IPv6 here
        else:
            return [first, second]
    raise PortInUse(port)


def port_of(sockets: list[socket.socket]) -> int:
    return int(sockets[0].getsockname()[1])


def answers(port: int, address: str = "127.0.0.1", timeout_s: float = 0.5) -> bool:
    """Whether a program accepts connections there."""
    with contextlib.suppress(OSError), socket.create_connection((address, port), timeout_s):
        return True
    return False


def _bound(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    if port and answers(port, address):
        # BSD systems bind 127.0.0.1 in spite of a program that listens on all addresses, and take its clients away.
        raise PortInUse(port)
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((address, port))
        # Until it listens, a second program could bind the same port on Linux.
        bound.listen(128)
    except OSError as error:
        bound.close()
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            raise PortInUse(port) from None
        raise
    return bound
