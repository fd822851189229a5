"""The ports that tests give to the servers they start."""

import os
import socket
from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.processes import free_port, free_ports, share_of_ports

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def of_workers(count: int) -> list[range]:
    workers = [{"PYTEST_XDIST_WORKER": f"gw{n}", "PYTEST_XDIST_WORKER_COUNT": str(count)} for n in range(count)]
    return [share_of_ports(worker) for worker in workers]


@pytest.mark.parametrize("count", [1, 2, 3, 16])
def test_no_port_is_of_two_workers(count: int) -> None:
    given = Counter(port for share in of_workers(count) for port in share)
    assert set(given.values()) == {1}
    assert list(share_of_ports({})) == sorted(given)


def test_the_kernel_gives_none_of_them_to_a_connection() -> None:
    if not RANGE.exists():
        pytest.skip("needs Linux")
    if (first := int(RANGE.read_text().split()[0])) < 32_768:
        pytest.skip(f"this machine gives connections the ports from {first} on")
    assert max(share_of_ports({})) < first


def test_none_is_given_twice() -> None:
    given = [*free_ports(300), free_port()]
    assert len(set(given)) == 301
    assert set(given) <= set(share_of_ports(os.environ))


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_one_that_somebody_has_is_passed_over(
    family: socket.AddressFamily, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.e2e import processes

    free, taken = free_ports(2)
    try:
        server = socket.create_server((address, taken), family=family)
    except OSError:
        pytest.skip(f"there is no {address} here")
    monkeypatch.setattr(processes, "_untried", lambda: iter([taken, free]))
    with server:
        assert free_port() == free
