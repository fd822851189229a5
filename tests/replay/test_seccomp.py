"""The kernel's question about each connection: a process without any rights has it, and it is about what is asked."""

import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from flux_ls.replay.child.addresses import Allowed, Asked, asked_of
from tests.replay.canaries import canary

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux's")

PROGRAM = """
import ctypes, encodings.idna, fcntl, ipaddress, json, os, socket, struct, sys
from flux_ls.replay.child import beside, channel, seccomp
from flux_ls.replay.child.namespace import enter_namespace
port, path, scratch, with_namespace = sys.argv[1:]
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
channel.open_channel()
guarded = beside.split()
if guarded is None:
    channel.tell("problem", because="not on this machine")
    sys.exit()
closed = with_namespace == "1" and enter_namespace() is None
problem = guarded.close(closed=closed, writes=False, scratch=scratch, services=[], sockets=[])
if problem:
    channel.tell("problem", because=problem)
    sys.exit()
libc = ctypes.CDLL(None, use_errno=True)

def connect(family, address):
    one = libc.socket(family, 1, 0)
    failed = libc.connect(one, address, len(address))
    libc.close(one)
    return os.strerror(ctypes.get_errno()) if failed else "reached"

def unix(path):
    return connect(1, struct.pack("=H", 1) + path.encode() + bytes(1))

def inet(port):
    return connect(2, struct.pack("=H", 2) + struct.pack("!H", port) + socket.inet_aton("127.0.0.1") + bytes(8))

server = socket.create_server(("127.0.0.1", 0))
told = {
    "network": inet(int(port)),
    "itself": inet(server.getsockname()[1]),
    "socket": unix(path),
    "link": unix(scratch + "/link"),
    "within": unix(scratch + "/nobody"),
    "relative": (os.chdir("/"), unix(path.lstrip("/")))[1],
    "queue": os.strerror(ctypes.get_errno()) if libc.syscall(425, 1, ctypes.create_string_buffer(120)) < 0 else "made",
}
guarded.let_through(path, 0)
told["let"] = unix(path)
guarded.only_the_first()
told["again"] = unix(path)
guarded.let_through("localhost", int(port))
told["network, let"] = inet(int(port))
channel.tell("told", told=told)
os._exit(0)
"""


@pytest.mark.parametrize("namespace", [True, False])
def test_without_rights(tmp_path: Path, namespace: bool) -> None:
    import json
    import shutil
    import tempfile

    # Where anybody may look: pytest's own folders are the user's alone.
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        folder.chmod(0o777)
        scratch = folder / "scratch"
        scratch.mkdir()
        path = folder / "bird.sock"
        (scratch / "link").symlink_to(path)
        with canary() as bird, canary(path=str(path)) as beside:
            path.chmod(0o777)
            argv = [str(bird.port), str(path), str(scratch), str(int(namespace))]
            done = subprocess.run(
                [sys.executable, "-c", PROGRAM, *argv],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
            assert done.stdout, done.stderr
            line = json.loads(done.stdout.splitlines()[0])
            if line["kind"] == "problem" and not os.environ.get("CI"):
                pytest.skip(line["because"])
            told = line["told"]
            refused = "Permission denied"
            assert told == {
                "network": "Connection refused" if namespace else refused,
                "itself": "reached",
                "socket": refused,
                "link": refused,
                "within": "No such file or directory",
                "relative": refused,
                "queue": "Function not implemented",
                "let": "reached",
                "again": refused,
                "network, let": "Connection refused" if namespace else "reached",
            }, done.stderr
            assert (bird.came, beside.came) == (0 if namespace else 1, 1)
    finally:
        shutil.rmtree(folder)


def inet(host: str, port: int) -> bytes:
    return struct.pack("=H", socket.AF_INET) + struct.pack("!H", port) + socket.inet_aton(host) + bytes(8)


def inet6(host: str, port: int) -> bytes:
    head = struct.pack("=H", socket.AF_INET6) + struct.pack("!HI", port, 0)
    return head + socket.inet_pton(socket.AF_INET6, host) + bytes(4)


def unix(name: bytes) -> bytes:
    return struct.pack("=H", socket.AF_UNIX) + name


@pytest.mark.parametrize(
    ("what", "address", "expected"),
    [
        ("connect", inet("10.1.2.3", 5432), Asked("connect", socket.AF_INET, "10.1.2.3", 5432)),
        ("connect", inet6("::1", 80), Asked("connect", socket.AF_INET6, "::1", 80)),
        ("send", inet6("::ffff:127.0.0.1", 53), Asked("send", socket.AF_INET6, "127.0.0.1", 53)),
        ("send", b"\0\0" + inet("9.9.9.9", 53)[2:], Asked("send", socket.AF_INET, "9.9.9.9", 53)),
        ("connect", struct.pack("=H", 0) + bytes(14), Asked("connect", socket.AF_UNSPEC)),
        ("connect", unix(b"/run/x\0"), Asked("connect", socket.AF_UNIX, path="/run/x")),
        ("connect", unix(b"/run/x"), Asked("connect", socket.AF_UNIX, path="/run/x")),
        ("connect", unix(b"\0hidden"), Asked("connect", socket.AF_UNIX, path=None)),
        ("bind", unix(b""), Asked("bind", socket.AF_UNIX, path=None)),
    ],
)
def test_an_address_as_the_system_is_given_it(what: str, address: bytes, expected: Asked) -> None:
    assert asked_of(what, address) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("address", [b"", b"\1", inet("1.2.3.4", 1)[:6], inet6("::1", 1)[:20]])
def test_what_is_no_address_is_refused(address: bytes) -> None:
    with pytest.raises((ValueError, struct.error)):
        asked_of("connect", address)


ALLOWED = {"closed": False, "writes": False, "scratch": "/tmp/scratch", "sockets": ["/run/redis.sock"]}


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (inet("127.0.0.1", 6379), True),
        (inet6("::1", 6379), True),
        (inet6("::ffff:127.0.0.1", 6379), True),
        (inet("127.0.0.1", 6380), False),
        (inet("192.0.2.7", 5432), True),
        (inet("192.0.2.7", 5433), False),
        (inet("0.0.0.0", 6379), False),
        (unix(b"/run/redis.sock"), True),
        (unix(b"/run/redis.sock.other"), False),
        (unix(b"/tmp/scratch/own.sock"), True),
        (unix(b"/tmp/scratch/../other.sock"), False),
        (unix(b"\0abstract"), False),
        (struct.pack("=H", 17) + bytes(18), False),
        (struct.pack("=H", 40) + bytes(14), False),
    ],
)
def test_what_may_be_reached(address: bytes, expected: bool) -> None:
    allowed = Allowed.of({**ALLOWED, "services": [("localhost", 6379), ("192.0.2.7", 5432)]})
    assert allowed.lets(os.getpid(), asked_of("connect", address)) is expected
