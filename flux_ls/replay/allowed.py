"""Services that a replay may reach by name: on this machine only, as no replay has anything to say to another one."""

from collections.abc import Iterable

from msgspec import Struct

from flux_ls.config.values import service


class Allowed(Struct, frozen=True):
    by_network: tuple[tuple[str, int], ...]
    sockets: tuple[str, ...]


def allowed(names: Iterable[str]) -> Allowed:
    """Raises `Rejected`."""
    found = [service(name) for name in names]
    return Allowed(
        tuple(each for each in found if isinstance(each, tuple)), tuple(each for each in found if isinstance(each, str))
    )
