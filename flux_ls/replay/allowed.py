"""Services that a replay may reach by name: on this machine only, as no replay has anything to say to another one."""

import ipaddress
from collections.abc import Iterable

from msgspec import Struct


class NotAllowable(ValueError):
    """Nothing that a replay may reach; says what is."""


class Allowed(Struct, frozen=True):
    by_network: tuple[tuple[str, int], ...]
    sockets: tuple[str, ...]


def allowed(names: Iterable[str]) -> Allowed:
    """Raises NotAllowable."""
    by_network: list[tuple[str, int]] = []
    sockets: list[str] = []
    for name in names:
        if name.startswith("/"):
            sockets.append(name)
            continue
        host, _, port = name.strip().rpartition(":")
        host = host.strip("[]")
        if not port.isdigit() or not 0 < int(port) < 65536 or not _is_loopback(host):
            raise NotAllowable(f"{name} cannot be allowed: give localhost:PORT, or the path of a socket")
        by_network.append((host, int(port)))
    return Allowed(tuple(by_network), tuple(sockets))


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
