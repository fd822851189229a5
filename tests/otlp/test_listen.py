"""The receiver listens on the loopback addresses, both on one port, and steals no port."""

import contextlib
import socket
from collections.abc import Iterator

import pytest

from flux_ls.otlp.listen import PortInUse, answers, listen, port_of
from tests.e2e.processes import free_port


@contextlib.contextmanager
def listening(port: int) -> Iterator[list[socket.socket]]:
    sockets = listen(port)
    try:
        yield sockets
    finally:
        for one in sockets:
            one.close()


def has_ipv6() -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return True
    return False


def test_both_loopback_addresses_on_one_port() -> None:
    with listening(0) as sockets:
        expected = {"127.0.0.1", "::1"} if has_ipv6() else {"127.0.0.1"}
        assert {one.getsockname()[0] for one in sockets} == expected
        assert {one.getsockname()[1] for one in sockets} == {port_of(sockets)}
        assert all(answers(port_of(sockets), address) for address in expected)


def test_a_port_is_free_again_at_once() -> None:
    port = free_port()
    with listening(port) as sockets:
        client = socket.create_connection(("127.0.0.1", port))
        served, _ = sockets[0].accept()
        served.close()
        client.close()
    with listening(port) as sockets:
        assert port_of(sockets) == port


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1", "::"])
def test_a_port_that_somebody_has(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    if family == socket.AF_INET6 and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    port = free_port()
    with socket.create_server((address, port), family=family):
        with pytest.raises(PortInUse) as caught:
            listen(port)
        assert caught.value.port == port
    assert not answers(port)


def test_a_port_that_is_bound_and_not_listened_on() -> None:
    with socket.socket() as foreign:
        foreign.bind(("127.0.0.1", 0))
        with pytest.raises(PortInUse):
            listen(foreign.getsockname()[1])
