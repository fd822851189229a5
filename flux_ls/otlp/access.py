"""Who may talk to the receiver: programs on this machine, but no web page."""

import ipaddress

_CONTAINER_NAMES = frozenset({"host.docker.internal", "host.containers.internal"})
"""What containers call the machine they run on. `.internal` cannot be registered, so no web site has such a name."""


def refusal(hosts: list[str], origins: list[str]) -> str | None:
    """Why a request with these Host and Origin headers is turned away; None when it may pass."""
    if origins:
        return "requests from web pages are not accepted (an Origin header was sent)"
    if len(hosts) != 1 or not is_this_machine(hosts[0]):
        return "the Host header must name this machine: localhost, 127.0.0.1 or [::1]"
    return None


def is_this_machine(host: str) -> bool:
    """Whether a Host header is a loopback name or address, with any port.

    A web page can make its own name resolve to 127.0.0.1, but then its name stands here.
    """
    name, port = _split(host.strip())
    if port is not None and not (port.isascii() and port.isdigit() and len(port) <= 5):
        return False
    name = name.lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost") or name in _CONTAINER_NAMES:
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _split(host: str) -> tuple[str, str | None]:
    if host.startswith("["):
        name, bracket, rest = host[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")) or ":" not in name:
            return "", None
        return name, rest[1:] if rest else None
    name, colon, port = host.partition(":")
    return name, port if colon else None
