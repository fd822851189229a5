"""Several requests share one import, and nothing else: each finds what a process of its own would have found."""

import json
import os
import sqlite3
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from flux_ls.replay.told import Ran
from tests.replay.canaries import canary, checksums
from tests.replay.projects import Project, call

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("replay"),
    pytest.mark.skipif(sys.platform != "linux", reason="only on Linux a fork is as good as a process"),
]

HEAD = """
import json, os, uuid
from flask import Flask, request

app = Flask(__name__)
IMPORTED = str(uuid.uuid4())
seen = []

"""


def told(ran: Ran) -> dict[str, object]:
    assert ran.trouble is None, ran.trouble
    assert ran.status == 200, ran.error
    answer: dict[str, object] = json.loads(ran.body)
    return answer


def handler(text: str) -> str:
    lines = "\n".join(f"    {line}" for line in text.strip().splitlines())
    return f'@app.route("/x", methods=["GET", "POST"])\ndef handle():\n{lines}\n'


def imports(answers: list[Ran]) -> int:
    return len({told(each)["imported"] for each in answers})


def test_the_import_is_shared_and_what_a_request_does_is_not(project: Project) -> None:
    project.write(
        "web.py",
        HEAD
        + handler("""
import random, tempfile
seen.append(1)
folder = tempfile.gettempdir()
there = sorted(os.listdir(folder))
open(os.path.join(folder, "mine"), "w").close()
os.environ["MARK"] = os.environ.get("MARK", "") + "x"
return {"imported": IMPORTED, "seen": len(seen), "there": there, "mark": os.environ["MARK"], "uuid": str(uuid.uuid4()),
        "random": random.random(), "folder": folder}
"""),
    )
    answers = project.together(*(project.add("GET", "/x") for _ in range(3)))
    assert [each.own_process for each in answers] == [None] * 3
    assert imports(answers) == 1
    for each in answers:
        answer = told(each)
        assert (answer["seen"], answer["there"], answer["mark"]) == (1, [], "x")
    for name in ("uuid", "random", "folder"):
        assert len({told(each)[name] for each in answers}) == 3, name


POOLED = """
from sqlalchemy import create_engine, text

engine = create_engine(os.environ["DATABASE"])
with engine.begin() as connection:
    connection.execute(text("CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY, name TEXT)"))
    connection.execute(text("INSERT INTO users (name) VALUES ('made by the import')"))

"""
COUNTS = handler("""
with engine.begin() as connection:
    connection.execute(text("INSERT INTO users (name) VALUES ('made by a request')"))
    names = [name for name, in connection.execute(text("SELECT name FROM users"))]
return {"imported": IMPORTED, "names": names}
""")


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_each_has_the_database_as_the_import_left_it(project: Project, tmp_path: Path, journal: str) -> None:
    """Although the import's connection waits in a pool."""
    database = tmp_path / "data" / "users.db"
    database.parent.mkdir()
    with sqlite3.connect(database) as connection:
        connection.execute(f"PRAGMA journal_mode={journal}")
        connection.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)")
        connection.execute("INSERT INTO users (name) VALUES ('ada')")
    connection.close()
    before = checksums(database.parent)
    project.write("web.py", HEAD + POOLED + COUNTS)
    environ = {**os.environ, "DATABASE": f"sqlite:///{database}"}
    answers = project.together(*(project.add("POST", "/x") for _ in range(3)), environ=environ)
    assert imports(answers) == 1
    expected = ["ada", "made by the import", "made by a request"]
    assert [told(each)["names"] for each in answers] == [expected] * 3
    assert checksums(database.parent) == before


def test_a_database_in_memory_is_part_of_the_import(project: Project) -> None:
    pool = "from sqlalchemy.pool import StaticPool\n"
    engine = POOLED.replace('os.environ["DATABASE"]', '"sqlite://", poolclass=StaticPool')
    project.write("web.py", HEAD + pool + engine + COUNTS)
    answers = project.together(*(project.add("POST", "/x") for _ in range(2)))
    assert imports(answers) == 1
    assert [told(each)["names"] for each in answers] == [["made by the import", "made by a request"]] * 2


LEFT: dict[str, tuple[str, str]] = {
    "a thread": (
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True, name='beat').start()\n",
        "its import starts threads (beat)",
    ),
    "a thread in C": (
        "import ctypes, time\nlibc = ctypes.CDLL(None)\n"
        "CALL = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(lambda _: time.sleep(99))\n"
        "libc.pthread_create(ctypes.byref(ctypes.c_ulong()), None, CALL, None)\n"
        "while len(os.listdir('/proc/self/task')) < 2: time.sleep(0.01)\n",
        "its import starts threads",
    ),
    "a file": ("RATES = open(__file__)\n", "web.py open"),
    "a connection": ("import socket\nPAIR = socket.socketpair()\n", "its import leaves socket:["),
    "an event loop": (
        "import asyncio\nLOOP = asyncio.new_event_loop()\n",
        "its import leaves anon_inode:[eventpoll] open",
    ),
    "a database": (
        "import sqlite3\nDATABASE = sqlite3.connect('none.db')\nDATABASE.execute('CREATE TABLE a (b)')\n",
        "none.db open",
    ),
    "a scratch file": (
        "import tempfile\nPLACE = tempfile.mkdtemp()\nopen(PLACE + '/state.json', 'w').close()\n",
        "its import writes files (state.json)",
    ),
    "shared memory": ("import mmap\nSHARED = mmap.mmap(-1, 4096)\n", "its import shares memory"),
}


@pytest.mark.parametrize("what", list(LEFT))
def test_what_a_fork_would_share_is_a_reason_for_a_process_each(project: Project, what: str) -> None:
    source, reason = LEFT[what]
    project.write("web.py", HEAD + source + handler('seen.append(1)\nreturn {"imported": IMPORTED, "n": len(seen)}'))
    answers = project.together(*(project.add("GET", "/x") for _ in range(2)))
    assert imports(answers) == 2
    assert [told(each)["n"] for each in answers] == [1, 1]
    assert all(reason in (each.own_process or "") for each in answers), answers[0].own_process


def test_a_log_file_is_no_reason(project: Project) -> None:
    log = "import logging\nlogging.basicConfig(filename='service.log')\n"
    project.write("web.py", HEAD + log + handler('logging.error("x")\nreturn {"imported": IMPORTED}'))
    answers = project.together(*(project.add("GET", "/x") for _ in range(2)))
    assert imports(answers) == 1
    assert not (project.root / "service.log").exists()


@pytest.mark.parametrize("given", [{"pin": True}, {"allow_writes": True}])
def test_conditions_that_want_a_process_each(project: Project, given: dict[str, bool]) -> None:
    project.write("web.py", HEAD + handler('return {"imported": IMPORTED}'))
    answers = project.together(*(project.add("GET", "/x") for _ in range(2)), **given)
    assert imports(answers) == 2
    assert all(each.own_process for each in answers)


def test_each_is_answered_from_its_own_recording(project: Project) -> None:
    project.write(
        "web.py",
        HEAD
        + "import requests\n"
        + handler(
            'answer = requests.get("https://rates.example/EUR", timeout=5)\n'
            'return {"imported": IMPORTED, "rate": answer.json()["rate"]}'
        ),
    )
    ids = [
        project.add("GET", "/x", calls=[call("GET", "https://rates.example/EUR", answer={"rate": rate})])
        for rate in (1, 2)
    ]
    nothing = project.add("GET", "/x")
    *answered, refused = project.together(*ids, nothing)
    assert [told(each)["rate"] for each in answered] == [1, 2]
    assert imports(answered) == 1
    assert refused.status == 500
    assert [each.call for each in refused.blocked] == ["GET https://rates.example/EUR"]
    assert all(not each.blocked for each in answered)


def test_a_call_at_the_import_is_answered_from_the_request_s_recording(project: Project) -> None:
    project.write(
        "web.py",
        HEAD
        + "import requests\ntry:\n    RATE = requests.get('https://rates.example/EUR', timeout=5).json()['rate']\n"
        + "except Exception:\n    RATE = None\n"
        + handler('return {"imported": IMPORTED, "rate": RATE}'),
    )
    ids = [project.add("GET", "/x", calls=[call("GET", "https://rates.example/EUR", answer={"rate": 3})]) for _ in "ab"]
    answers = project.together(*ids)
    assert [told(each)["rate"] for each in answers] == [3, 3]
    assert all("calls another service" in (each.own_process or "") for each in answers)


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        ("os._exit(3)", "the application ended its process (exit code 3)"),
        ("os.abort()", "the application ended its process (signal 6)"),
        ("import time; time.sleep(99)", "the request did not end within 8 s, at web.py:12"),
    ],
)
def test_one_that_ends_its_process_ends_no_other(project: Project, end: str, reason: str) -> None:
    body = f'if request.method == "POST":\n    {end}\nreturn {{"imported": IMPORTED}}'
    project.write("web.py", HEAD + handler(body))
    first, ended, last = project.together(
        project.add("GET", "/x"), project.add("POST", "/x"), project.add("GET", "/x"), timeout_s=8
    )
    assert told(first)
    assert told(last)
    assert ended.trouble is not None
    assert ended.trouble.reason == reason


def test_side_effects_stay_off_in_forks(project: Project, tmp_path: Path) -> None:
    project.write(
        "web.py",
        HEAD
        + handler("""
import ctypes, socket, struct, subprocess
told = {"imported": IMPORTED}
def c(family, address):
    libc = ctypes.CDLL(None)
    one = libc.socket(family, 1, 0)
    if libc.connect(one, address, len(address)):
        raise OSError("refused")
port, path = int(request.args["port"]), request.args["path"]
inet = struct.pack("=H", 2) + struct.pack("!H", port) + socket.inet_aton("127.0.0.1") + bytes(8)
for name, action in {
    "python": lambda: socket.create_connection(("127.0.0.1", port), timeout=2),
    "c": lambda: c(2, inet),
    "unix": lambda: c(1, struct.pack("=H", 1) + path.encode() + bytes(1)),
    "process": lambda: subprocess.run(["true"]),
    "file": lambda: open(path + ".touched", "w"),
}.items():
    try:
        action()
        told[name] = "done"
    except Exception as error:
        told[name] = type(error).__name__
server = socket.create_server(("127.0.0.1", 45678))
socket.create_connection(server.getsockname(), timeout=2).close()
return told
"""),
    )
    with canary() as bird, canary(path=str(tmp_path / "bird.sock")) as beside:
        query = {"port": str(bird.port), "path": str(tmp_path / "bird.sock")}
        answers = project.together(*(project.add("GET", "/x", query=query) for _ in range(2)))
        if {"namespace", "seccomp"} - set(answers[0].kernel):
            pytest.skip("; ".join(answers[0].notes))
        assert imports(answers) == 1
        for each in answers:
            ends = {name: end for name, end in told(each).items() if name != "imported"}
            assert Counter(ends.values()) == Counter({"SideEffectBlocked": 3, "OSError": 2}), ends
        assert (bird.came, beside.came) == (0, 0)
    assert not list(tmp_path.glob("*.touched"))


def test_an_import_that_fails_is_tried_once(project: Project) -> None:
    """Every request has the reason, and a time of its own would be lost on each."""
    project.write("web.py", HEAD + "import time\ntime.sleep(2)\nimport shop_that_is_not_there\n")
    ids = [project.add("GET", "/x") for _ in range(15)]
    began = time.monotonic()
    answers = project.replay(*ids, jobs=1).requests
    took = time.monotonic() - began
    reason = "web:app cannot be imported: ModuleNotFoundError: No module named 'shop_that_is_not_there' at web.py:11"
    assert [(each.outcome, each.reason) for each in answers] == [("error", reason)] * 15
    assert took < 15 * 2, "that many naps alone would take longer"


def test_requests_of_two_applications(project: Project) -> None:
    """Each in a process that has imported its own."""
    for name in ("orders", "users"):
        project.write(f"services/{name}/pyproject.toml", f"[project]\nname = '{name}'\n")
        project.write(
            f"services/{name}/{name}_web.py",
            f"from flask import Flask\n\napp = Flask(__name__)\n\n\n"
            f'@app.get("/who")\ndef who():\n    return {{"who": "{name}"}}\n',
        )
    from tests.telemetry import Raises

    ids = [
        project.add(
            "GET",
            "/who",
            500,
            raises=Raises("KeyError", "'x'", ((f"{project.root}/services/{name}/{name}_web.py", 1, "who", ""),)),
            answer={"who": name},
        )
        for name in ("orders", "users", "orders")
    ]
    answers = project.replay(*ids, jobs=1).requests
    assert [each.outcome for each in answers] == ["passing"] * 3
    assert [each.reason for each in answers] == [None] * 3
