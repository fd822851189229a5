"""No side effect leaves a replay: canaries of this machine see nobody, whatever a handler calls.

What each guard stops is the table below. Python's hooks see what goes through the interpreter; a client that calls the
system from C is stopped by the kernel: by the namespace where it goes by the network, and by the filter that asks about
each connection wherever it goes.
"""

import json
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.replay.canaries import Canary, canary, checksums
from tests.replay.projects import Project

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("replay")]

APP = """
import asyncio, json, os, socket, subprocess, sys, threading
from pathlib import Path
from flask import Flask

app = Flask(__name__)
HTTP, MAIL, UDP = (int(os.environ[name]) for name in ("HTTP_PORT", "MAIL_PORT", "UDP_PORT"))
UNIX, TOUCHED = os.environ["UNIX_PATH"], os.environ["TOUCHED"]
URL = f"http://127.0.0.1:{HTTP}/"

def with_requests():
    import requests
    requests.get(URL, timeout=2)

def with_requests_session():
    import requests
    with requests.Session() as session:
        session.post(URL, json={"a": 1}, timeout=2)

def with_httpx():
    import httpx
    httpx.get(URL, timeout=2)

def with_httpx_async():
    import httpx
    async def get():
        async with httpx.AsyncClient() as client:
            await client.get(URL, timeout=2)
    asyncio.run(get())

def with_aiohttp():
    import aiohttp
    async def get():
        async with aiohttp.ClientSession() as session:
            async with session.get(URL) as answer:
                await answer.read()
    asyncio.run(get())

def with_urllib():
    import urllib.request
    urllib.request.urlopen(URL, timeout=2).read()

def with_urllib3():
    import urllib3
    urllib3.PoolManager().request("GET", URL, timeout=2, retries=False)

def with_http_client():
    import http.client
    connection = http.client.HTTPConnection("127.0.0.1", HTTP, timeout=2)
    connection.request("GET", "/")
    connection.getresponse().read()

def with_smtplib():
    import smtplib
    with smtplib.SMTP("127.0.0.1", MAIL, timeout=2) as smtp:
        smtp.sendmail("a@example.org", ["b@example.org"], "Subject: hello")

def with_socket():
    with socket.create_connection(("127.0.0.1", HTTP), timeout=2) as connection:
        connection.sendall(b"hello")

def with_connect_ex():
    with socket.socket() as one:
        one.settimeout(2)
        if one.connect_ex(("127.0.0.1", HTTP)):
            raise OSError("refused")

def with_c_socket():
    import _socket
    one = _socket.socket()
    one.settimeout(2)
    one.connect(("127.0.0.1", HTTP))

def with_datagram():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.sendto(b"hello", ("127.0.0.1", UDP))

def with_connected_datagram():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.connect(("127.0.0.1", UDP))
        one.send(b"hello")

def with_unix_socket():
    with socket.socket(socket.AF_UNIX) as one:
        one.connect(UNIX)

def with_asyncio():
    async def open_one():
        await asyncio.wait_for(asyncio.open_connection("127.0.0.1", HTTP), 2)
    asyncio.run(open_one())

def with_thread():
    import requests
    seen = []
    def get():
        try:
            requests.get(URL, timeout=2)
        except BaseException as error:
            seen.append(error)
    thread = threading.Thread(target=get)
    thread.start()
    thread.join()
    if seen:
        raise seen[0]

def with_dns():
    socket.getaddrinfo("flux-canary.example", 80)

def with_subprocess():
    subprocess.run(["touch", TOUCHED], check=True)

def with_os_system():
    if os.system(f"touch {TOUCHED}"):
        raise OSError("failed")

def with_popen():
    os.popen(f"touch {TOUCHED}").close()

def with_posix_spawn():
    os.waitpid(os.posix_spawn("/usr/bin/touch", ["touch", TOUCHED], os.environ), 0)

def with_fork():
    pid = os.fork()
    if not pid:
        Path(TOUCHED).touch()
        os._exit(0)
    os.waitpid(pid, 0)

def with_multiprocessing():
    import multiprocessing
    process = multiprocessing.get_context("spawn").Process(target=os.getpid)
    process.start()
    process.join()

def with_asyncio_subprocess():
    async def start():
        process = await asyncio.create_subprocess_exec("touch", TOUCHED)
        await process.wait()
    asyncio.run(start())

def with_kill():
    os.kill(os.getppid(), 15)

def with_open():
    open(TOUCHED, "w").close()

def with_os_open():
    os.close(os.open(TOUCHED, os.O_CREAT | os.O_WRONLY))

def with_remove():
    os.remove(os.environ["PRECIOUS"])

def with_rename():
    os.rename(os.environ["PRECIOUS"], os.environ["PRECIOUS"] + ".away")

def with_replace():
    here = Path(os.environ["TMPDIR"]) / "new"
    here.write_text("new")
    os.replace(here, os.environ["PRECIOUS"])

def with_rmtree():
    import shutil
    shutil.rmtree(Path(os.environ["PRECIOUS"]).parent)

def with_copy():
    import shutil
    shutil.copy(os.environ["PRECIOUS"], TOUCHED)

def with_mkdir():
    os.mkdir(TOUCHED)

def with_symlink_out():
    here = Path(os.environ["TMPDIR"]) / "link"
    here.symlink_to(TOUCHED)
    here.write_text("through a link")

def with_truncate():
    os.truncate(os.environ["PRECIOUS"], 0)

def with_chmod():
    os.chmod(os.environ["PRECIOUS"], 0o777)

def with_link():
    os.link(os.environ["PRECIOUS"], TOUCHED)

def with_ctypes():
    import ctypes, struct
    libc = ctypes.CDLL(None, use_errno=True)
    one = libc.socket(2, 1, 0)
    address = struct.pack("=H", 2) + struct.pack("!H", HTTP) + socket.inet_aton("127.0.0.1") + bytes(8)
    failed = libc.connect(one, address, len(address))
    libc.close(one)
    if failed:
        raise OSError(ctypes.get_errno(), "connect")

def with_ctypes_unix():
    import ctypes, struct
    libc = ctypes.CDLL(None, use_errno=True)
    one = libc.socket(1, 1, 0)
    address = struct.pack("=H", 1) + UNIX.encode() + bytes(1)
    failed = libc.connect(one, address, len(address))
    libc.close(one)
    if failed:
        raise OSError(ctypes.get_errno(), "connect")

def libc_call(name, family, kind, *address):
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    one = libc.socket(family, kind, 0)
    failed = getattr(libc, name)(one, *address)
    libc.close(one)
    if failed < 0:
        raise OSError(ctypes.get_errno(), name)

def udp_address():
    import struct
    return struct.pack("=H", 2) + struct.pack("!H", UDP) + socket.inet_aton("127.0.0.1") + bytes(8)

def with_ctypes_datagram():
    libc_call("sendto", 2, 2, b"hello", 5, 0, udp_address(), 16)

def message_to(address):
    import ctypes
    class Piece(ctypes.Structure):
        _fields_ = [("base", ctypes.c_char_p), ("length", ctypes.c_size_t)]
    class Message(ctypes.Structure):
        _fields_ = [
            ("name", ctypes.c_char_p), ("name_length", ctypes.c_uint), ("pieces", ctypes.POINTER(Piece)),
            ("count", ctypes.c_size_t), ("control", ctypes.c_void_p), ("control_length", ctypes.c_size_t),
            ("flags", ctypes.c_int), ("sent", ctypes.c_uint),
        ]
    return Message(address, len(address), ctypes.pointer(Piece(b"hello", 5)), 1, None, 0, 0, 0)

def with_ctypes_message():
    import ctypes
    libc_call("sendmsg", 2, 2, ctypes.byref(message_to(udp_address())), 0)

def with_ctypes_messages():
    import ctypes
    libc_call("sendmmsg", 2, 2, ctypes.byref(message_to(udp_address())), 1, 0)

def with_ctypes_in_a_thread():
    seen = []
    def call():
        try:
            with_ctypes()
        except OSError as error:
            seen.append(error)
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    if seen:
        raise seen[0]

def libpq(told):
    import select
    from psycopg import pq
    assert pq.__impl__ == "binary"
    one = pq.PGconn.connect_start(told)
    while one.status != pq.ConnStatus.BAD:
        state = one.connect_poll()
        if state == pq.PollingStatus.READING:
            return
        if state == pq.PollingStatus.FAILED:
            break
        select.select([], [one.socket], [], 2)
    raise OSError(one.get_error_message())

def with_libpq():
    libpq(b"host=127.0.0.1 port=%d" % HTTP)

def with_libpq_unix():
    libpq(b"host=%s port=5432" % os.path.dirname(UNIX).encode())

def with_ctypes_file():
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    one = libc.open(TOUCHED.encode(), os.O_CREAT | os.O_WRONLY, 0o600)
    if one < 0:
        raise OSError(ctypes.get_errno(), "open")
    libc.close(one)

def with_ctypes_unlink():
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unlink(os.environ["PRECIOUS"].encode()):
        raise OSError(ctypes.get_errno(), "unlink")

def with_a_driver_in_c():
    import MySQLdb
    MySQLdb.connect("127.0.0.1")

@app.post("/all")
def everything():
    told = {}
    for name, action in list(globals().items()):
        if name.startswith("with_") and name not in os.environ["LEAVE_OUT"].split(","):
            try:
                action()
                told[name] = "done"
            except BaseException as error:
                seen, kinds = error, []
                while seen is not None and len(kinds) < 9:
                    kinds.append(type(seen).__name__)
                    seen = seen.__cause__ or seen.__context__
                told[name] = " < ".join(kinds)
    here = Path(os.environ["TMPDIR"]) / "mine"
    here.mkdir()
    (here / "note").write_text("a scratch file")
    os.rename(here / "note", here / "other")
    told["scratch"] = (here / "other").read_text()
    left, right = socket.socketpair()
    left.sendall(b"to itself")
    told["pair"] = right.recv(99).decode()
    server = socket.create_server(("127.0.0.1", 0))
    with socket.create_connection(server.getsockname(), timeout=2):
        told["own server"] = "reached"
    return told
"""
BY_NETWORK = (
    *("with_ctypes", "with_ctypes_in_a_thread", "with_ctypes_datagram", "with_ctypes_message", "with_ctypes_messages"),
    "with_libpq",
)
"""From C, through the network: stopped by the namespace, and by the kernel's filter."""
BY_PATH = ("with_ctypes_unix", "with_libpq_unix")
"""From C, to a socket in the file system: stopped by the filter alone."""
FILES_BY_C = ("with_ctypes_file", "with_ctypes_unlink")
"""Stopped by the kernel where it knows Landlock."""


class Birds(NamedTuple):
    http: Canary
    mail: Canary
    datagrams: Canary
    unix: Canary


@pytest.fixture
def birds(tmp_path: Path) -> Iterator[Birds]:
    with ExitStack() as stack:
        path = str(tmp_path / ".s.PGSQL.5432")
        yield Birds(
            stack.enter_context(canary()),
            stack.enter_context(canary()),
            stack.enter_context(canary(socket.SOCK_DGRAM)),
            stack.enter_context(canary(path=path)),
        )


def has_landlock() -> bool:
    import ctypes

    return sys.platform == "linux" and ctypes.CDLL(None).syscall(444, None, 0, 1) > 0


def environment(birds: Birds, folder: Path) -> dict[str, str]:
    import os

    precious = folder / "precious" / "file"
    precious.parent.mkdir()
    precious.write_text("do not touch")
    return os.environ | {
        "LEAVE_OUT": "" if has_landlock() else ",".join(FILES_BY_C),
        "HTTP_PORT": str(birds.http.port),
        "MAIL_PORT": str(birds.mail.port),
        "UDP_PORT": str(birds.datagrams.port),
        "UNIX_PATH": str(folder / ".s.PGSQL.5432"),
        "TOUCHED": str(folder / "touched"),
        "PRECIOUS": str(precious),
    }


GUARDS = {"all": (True, True), "namespace": (True, False), "filter": (False, True), "hooks": (False, False)}


@pytest.mark.parametrize("guard", list(GUARDS))
def test_what_each_guard_stops(project: Project, birds: Birds, tmp_path: Path, guard: str) -> None:
    namespace, seccomp = GUARDS[guard]
    if guard != "hooks" and sys.platform != "linux":
        pytest.skip("the kernel's guards are Linux's")
    project.write("web.py", APP)
    # As the driver is: a function that the hooks would not see.
    project.write("MySQLdb.py", "import ctypes\n\ndef connect(host):\n    return ctypes.CDLL(None).getpid()\n")
    id = project.add("POST", "/all")
    environ = environment(birds, tmp_path)
    before = checksums(tmp_path / "precious"), checksums(project.root)
    ran = project.ran(id, environ=environ, namespace=namespace, seccomp=seccomp, timeout_s=50)
    if namespace > ("namespace" in ran.kernel) or seccomp > ("seccomp" in ran.kernel):
        pytest.skip("; ".join(ran.notes))
    assert ran.trouble is None
    assert ran.status == 200, ran.error
    told = json.loads(ran.body)
    assert (told.pop("scratch"), told.pop("pair"), told.pop("own server")) == (
        "a scratch file",
        "to itself",
        "reached",
    )
    let_through = {name for name, end in told.items() if end == "done"}
    by_network = set() if namespace or seccomp else set(BY_NETWORK)
    # In a network of one's own a datagram goes nowhere, and is none the less sent.
    into_the_void = {"with_ctypes_datagram", "with_ctypes_message", "with_ctypes_messages"}
    reached = let_through - (into_the_void if namespace else set())
    assert reached == by_network | (set() if seccomp else set(BY_PATH))
    by_name = {name: end for name, end in told.items() if "SideEffectBlocked" in end}
    files = FILES_BY_C if has_landlock() else ()
    assert set(told) - set(by_name) == {*BY_NETWORK, *BY_PATH, *files}
    assert birds.http.came == (3 if by_network else 0), "only the clients in C"
    assert birds.datagrams.came == (3 if by_network else 0)
    assert (birds.mail.came, birds.unix.came) == (0, 0 if seccomp else len(BY_PATH))
    assert (checksums(tmp_path / "precious"), checksums(project.root)) == before
    assert not (tmp_path / "touched").exists()
    calls = [(each.call, each.line) for each in ran.blocked]
    assert len(calls) >= len(by_name)
    assert all(line for _, line in calls), "each with the line that called"


def test_a_refusal_names_the_call_and_the_line(project: Project) -> None:
    source = project.write(
        "web.py",
        "import smtplib\nfrom flask import Flask\n\napp = Flask(__name__)\n\n\n"
        '@app.get("/mail")\ndef mail():\n    smtplib.SMTP("mail.example.org", 25)\n    return "sent"\n',
    )
    answer = project.one(project.add("GET", "/mail"))
    assert answer.outcome == "blocked"
    assert answer.reason == "mail by mail.example.org:25 was refused at web.py:9"
    [blocked] = answer.blocked
    assert (blocked.path, blocked.line, blocked.function) == (source.name, 9, "mail")


CACHE = """
import ctypes, socket, struct
from flask import Flask

app = Flask(__name__)


@app.get("/cache/<int:port>")
def cache(port):
    socket.create_connection(("127.0.0.1", port), timeout=5).close()
    return "there"


@app.get("/c/<int:port>")
def from_c(port):
    libc = ctypes.CDLL(None, use_errno=True)
    one = libc.socket(2, 1, 0)
    address = struct.pack("=H", 2) + struct.pack("!H", port) + socket.inet_aton("127.0.0.1") + bytes(8)
    if libc.connect(one, address, len(address)):
        raise OSError(ctypes.get_errno(), "connect")
    return "there"
"""


@pytest.mark.parametrize(
    ("seccomp", "said"),
    [(True, "the kernel asked about each connection"), (False, "the kernel refused other TCP connections")],
)
def test_beside_an_allowed_service_the_kernel_refuses_the_others(
    project: Project, birds: Birds, seccomp: bool, said: str
) -> None:
    """Where it knows how to (by seccomp, or by Landlock from Linux 6.7 on): clients in C, too."""
    import ctypes

    if sys.platform != "linux" or ctypes.CDLL(None).syscall(444, None, 0, 1) < 4:
        pytest.skip("the kernel does not know Landlock for TCP")
    project.write("web.py", CACHE)
    let = project.add("GET", f"/c/{birds.http.port}")
    other = project.add("GET", f"/c/{birds.mail.port}")
    answer = project.replay(let, other, allow=(f"127.0.0.1:{birds.http.port}",), seccomp=seccomp)
    assert [each.now for each in answer.requests] == [200, 500]
    assert answer.requests[1].error == "PermissionError: [Errno 13] connect"
    assert answer.guard == "python"
    assert any(said in note for note in answer.requests[1].notes), answer.requests[1].notes
    assert (birds.http.came, birds.mail.came) == (1, 0)


SOCKETS = """
import ctypes, struct
from flask import Flask, request

app = Flask(__name__)


@app.get("/c")
def from_c():
    libc = ctypes.CDLL(None, use_errno=True)
    one = libc.socket(1, 1, 0)
    address = struct.pack("=H", 1) + request.args["path"].encode() + bytes(1)
    if libc.connect(one, address, len(address)):
        raise OSError(ctypes.get_errno(), "connect")
    return "there"
"""


def test_of_the_sockets_in_the_file_system_one_can_be_allowed(project: Project, birds: Birds, tmp_path: Path) -> None:
    project.write("web.py", SOCKETS)
    with canary(path=str(tmp_path / "other.sock")) as other:
        let, refused, lost = (
            project.add("GET", "/c", query={"path": str(tmp_path / name)})
            for name in (".s.PGSQL.5432", "other.sock", "nobody.sock")
        )
        answer = project.replay(let, refused, lost, allow=(str(tmp_path / ".s.PGSQL.5432"),))
        if "seccomp" not in answer.kernel:
            pytest.skip("; ".join(answer.requests[0].notes))
        assert [each.now for each in answer.requests] == [200, 500, 500]
        assert [each.error for each in answer.requests[1:]] == ["PermissionError: [Errno 13] connect"] * 2
        assert (birds.unix.came, other.came) == (1, 0)


def test_a_service_can_be_allowed_by_name_and_then_python_guards_alone(project: Project, birds: Birds) -> None:
    project.write("web.py", CACHE)
    let = project.add("GET", f"/cache/{birds.http.port}")
    other = project.add("GET", f"/cache/{birds.mail.port}")
    answer = project.replay(let, other, allow=(f"localhost:{birds.http.port}",))
    assert [each.outcome for each in answer.requests] == ["passing", "blocked"]
    assert answer.guard == "python"
    assert any(f"localhost:{birds.http.port} is allowed" in note for note in answer.requests[0].notes)
    assert (birds.http.came, birds.mail.came) == (1, 0)


@pytest.mark.parametrize("address", ["'/dev/log'", "('127.0.0.1', 514)"])
def test_a_log_of_the_system_s_is_not_written_and_keeps_nothing_from_starting(project: Project, address: str) -> None:
    project.write(
        "web.py",
        "import logging, logging.handlers\nfrom flask import Flask\n\napp = Flask(__name__)\n"
        f"logging.getLogger().addHandler(logging.handlers.SysLogHandler({address}))\n\n\n"
        '@app.get("/x")\ndef x():\n    logging.error("seen")\n    return "x"\n',
    )
    answer = project.one(project.add("GET", "/x"))
    assert (answer.outcome, answer.now, answer.blocked) == ("passing", 200, ())
