"""A process without any rights gets a network of its own, too, in which nobody is."""

import os
import subprocess
import sys

import pytest

from tests.replay.canaries import canary

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's")

PROGRAM = """
import encodings.idna, fcntl, os, socket, sys
from flux_ls.replay.child.namespace import enter_namespace
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
before = os.getuid(), os.getgid()
problem = enter_namespace()
if problem:
    print("problem", problem)
    sys.exit()
assert (os.getuid(), os.getgid()) == before, "files are still the user's own"
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=5)
    print("reached")
except ConnectionRefusedError:
    print("nobody there")
with socket.create_server(("127.0.0.1", 0)) as server:
    socket.create_connection(server.getsockname(), timeout=5).close()
    print("itself")
"""


def test_without_rights() -> None:
    with canary() as bird:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(bird.port)], capture_output=True, text=True, timeout=30, check=False
        )
        told = done.stdout.split("\n")
        if told[0].startswith("problem") and not os.environ.get("CI"):
            pytest.skip(told[0])
        assert told == ["nobody there", "itself", ""], done.stderr
        assert bird.came == 0
