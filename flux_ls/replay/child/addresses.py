"""Addresses as the system is given them, and which of them a replay may reach: what the process beside it goes by."""

import ipaddress
import os
import socket
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

What = Literal["connect", "bind", "send"]
_NETLINK, _ALG = 16, 38
"""Addresses of the kernel's own: network interfaces, ciphers."""
_NAME_SERVERS = Path("/etc/resolv.conf")
_DNS = 53
_RESOLVERS = ("/run/systemd/resolve/io.systemd.Resolve", "/run/nscd/socket", "/var/run/nscd/socket")


@dataclass(frozen=True)
class Asked:
    what: What
    family: int
    host: str = ""
    port: int = 0
    path: str | None = None
    """Of a socket in the file system; None for one without a path."""


def asked_of(what: What, address: bytes) -> Asked:
    """Raises ValueError and struct.error for what is no address."""
    family = struct.unpack_from("=H", address)[0]
    if family == socket.AF_UNSPEC and what == "send":
        family = socket.AF_INET
    if family == socket.AF_INET:
        return Asked(what, family, socket.inet_ntop(family, address[4:8]), struct.unpack_from("!H", address, 2)[0])
    if family == socket.AF_INET6:
        host = ipaddress.IPv6Address(address[8:24])
        return Asked(what, family, str(host.ipv4_mapped or host), struct.unpack_from("!H", address, 2)[0])
    if family == socket.AF_UNIX:
        name = address[2:]
        return Asked(what, family, path=os.fsdecode(name.split(b"\0", 1)[0]) if name[:1] not in (b"", b"\0") else None)
    return Asked(what, family)


@dataclass
class Allowed:
    """What may be reached."""

    closed: bool = False
    """There is no network to be reached: the kernel's namespace sees to that."""
    writes: bool = False
    scratch: str = ""
    services: set[tuple[str, int]] = field(default_factory=set)
    sockets: set[str] = field(default_factory=set)

    @staticmethod
    def of(told: dict[str, Any]) -> "Allowed":
        made = Allowed(told["closed"], told["writes"], told["scratch"])
        for host, port in told["services"]:
            made.add(host, port)
        made.sockets.update(map(os.path.realpath, told["sockets"]))
        return made

    def copy(self) -> "Allowed":
        return Allowed(self.closed, self.writes, self.scratch, set(self.services), set(self.sockets))

    def add(self, host: str, port: int) -> None:
        """A service, by name or address, or the folder of its sockets."""
        if host.startswith("/"):
            self.sockets.add(os.path.realpath(host))
            return
        if is_loopback(host):
            self.services.update((one, port) for one in ("127.0.0.1", "::1"))
            return
        if not _is_address(host):
            # Who asks for it by its name asks the name servers first.
            self.services.update((server, _DNS) for server in _name_servers())
            self.sockets.update(map(os.path.realpath, _RESOLVERS))
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            return
        self.services.update((str(ipaddress.ip_address(str(where[4][0]).partition("%")[0])), port) for where in found)

    def lets(self, pid: int, asked: Asked) -> bool:
        """Whether the process may: what is within itself, it may."""
        if asked.family in (socket.AF_UNSPEC, _NETLINK):
            return True
        if asked.family == _ALG:
            return asked.what == "bind"
        if asked.family == socket.AF_UNIX:
            return self._lets_socket(pid, asked)
        if asked.family not in (socket.AF_INET, socket.AF_INET6):
            return False
        if self.closed or (asked.host, asked.port) in self.services:
            return True
        if not ipaddress.ip_address(asked.host).is_loopback:
            return False
        return asked.what == "bind" or _listens(pid, asked.port)

    def _lets_socket(self, pid: int, asked: Asked) -> bool:
        if asked.path is None:
            return asked.what == "bind" or self.closed
        path = os.path.realpath(os.path.join(os.readlink(f"/proc/{pid}/cwd"), asked.path))
        if path.startswith(self.scratch + os.sep) or (asked.what == "bind" and self.writes):
            return True
        return any(path == one or path.startswith(one + os.sep) for one in self.sockets)


def is_loopback(host: str) -> bool:
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _name_servers() -> list[str]:
    try:
        lines = _NAME_SERVERS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [words[1] for line in lines if (words := line.split())[:1] == ["nameserver"] and len(words) > 1]


def _listens(pid: int, port: int) -> bool:
    """Whether a socket of the process itself has the port: a server inside the application, or its other end."""
    own = set()
    for descriptor in os.scandir(f"/proc/{pid}/fd"):
        try:
            own.add(os.fsencode(os.readlink(descriptor.path)))
        except OSError:
            continue
    for name in ("tcp", "tcp6", "udp", "udp6"):
        try:
            lines = Path(f"/proc/{pid}/net/{name}").read_bytes().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            words = line.split()
            if int(words[1].rpartition(b":")[2], 16) == port and b"socket:[%s]" % words[9] in own:
                return True
    return False
