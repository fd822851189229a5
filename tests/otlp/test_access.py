"""Programs of this machine may talk to the receiver, web pages may not."""

import pytest

from flux_ls.otlp.access import is_this_machine, refusal


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:4318",
        "LocalHost:4318",
        "localhost.:4318",
        "collector.localhost:4318",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.8.9.1:4318",
        "[::1]",
        "[::1]:4318",
        "[0:0:0:0:0:0:0:1]:4318",
        "host.docker.internal:4318",
        "host.containers.internal:4318",
    ],
)
def test_this_machine(host: str) -> None:
    assert is_this_machine(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:4318",
        "localhost.evil.example",
        "notlocalhost",
        "127.0.0.1.evil.example",
        "127.0.0.1:4318.evil.example",
        "localhost:4318@evil.example",
        "evil.example@localhost",
        "0.0.0.0:4318",
        "192.168.1.5:4318",
        "[::]:4318",
        "[fe80::1]:4318",
        "[::1",
        "[::1]x",
        "[localhost]:4318",
        "::1",
        "127.1",
        "2130706433",
        "localhost:port",
        "localhost:",
        "localhost:123456",
        "host.docker.internal.evil.example",
        "localhost, evil.example",
    ],
)
def test_not_this_machine(host: str) -> None:
    assert not is_this_machine(host)


@pytest.mark.parametrize(
    ("hosts", "origins", "refused"),
    [
        (["localhost:4318"], [], False),
        ([], [], True),
        (["localhost", "evil.example"], [], True),
        (["localhost", "localhost"], [], True),
        (["evil.example"], [], True),
        (["localhost:4318"], ["https://evil.example"], True),
        (["localhost:4318"], ["http://localhost:4318"], True),
        (["localhost:4318"], ["null"], True),
        (["localhost:4318"], [""], True),
    ],
)
def test_refusal(hosts: list[str], origins: list[str], refused: bool) -> None:
    assert (refusal(hosts, origins) is not None) == refused
