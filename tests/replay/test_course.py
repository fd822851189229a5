"""The course of a run: what ends it early, what answers its calls, what is pinned, and how it is cancelled."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from flux_ls.replay.process import sweep
from flux_ls.replay.shapes import Cancelled, Progress
from tests.e2e.processes import eventually
from tests.replay.canaries import canary
from tests.replay.projects import Project, call
from tests.telemetry import Raises

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("replay")]

HEAD = "import os, sys, time\nfrom flask import Flask, request\n\napp = Flask(__name__)\n\n\n"


def handler(text: str, route: str = "/x") -> str:
    lines = "\n".join(f"    {line}" for line in text.strip().splitlines())
    return f'@app.route("{route}", methods=["GET", "POST"])\ndef handle():\n{lines}\n'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("time.sleep(99)", "the request did not end within 8 s, at web.py:9"),
        ("while True: pass", "the request did not end within 8 s, at web.py:9"),
        ("import re; re.match(r'(a+)+$', 'a' * 60 + 'b')", "the request did not end within 8 s"),
        ("os._exit(3)", "the application ended its process (exit code 3)"),
        ("os.abort()", "the application ended its process (signal 6)"),
    ],
)
def test_a_run_that_does_not_end_by_itself(project: Project, text: str, reason: str) -> None:
    project.write("web.py", HEAD + handler(text))
    answer = project.one(project.add("GET", "/x"), timeout_s=8)
    assert (answer.outcome, answer.reason) == ("error", reason)


@pytest.mark.parametrize(("text", "ends_well"), [("return {}", True), ("os._exit(0)", False)])
def test_nobody_waits_for_words_of_a_process_that_has_ended(
    project: Project, text: str, ends_well: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Longer than a test may take.
    monkeypatch.setattr("flux_ls.replay.process._GRACE_S", 600)
    project.write("web.py", HEAD + handler(text))
    assert (project.ran(project.add("GET", "/x")).trouble is None) is ends_well


def test_one_that_starts_slowly_has_its_time_all_the_same(project: Project, tmp_path: Path) -> None:
    slow = tmp_path / "python"
    slow.write_text(f'#!/bin/sh\nsleep 8\nexec {sys.executable} "$@"\n')
    slow.chmod(0o755)
    project.write("web.py", HEAD + handler("return 'x'"))
    answer = project.one(project.add("GET", "/x"), python=str(slow), timeout_s=6)
    assert (answer.outcome, answer.now) == ("passing", 200)


def test_sys_exit_is_a_failure_like_another(project: Project) -> None:
    project.write("web.py", HEAD + handler("sys.exit(3)"))
    answer = project.one(project.add("GET", "/x"))
    assert (answer.outcome, answer.now) == ("failing", 500)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            "import shop_that_is_not_there\n",
            "web:app cannot be imported: ModuleNotFoundError: No module named 'shop_that_is_not_there' at web.py:1",
        ),
        ("x = (\n", "web:app cannot be imported: SyntaxError: '(' was never closed (web.py, line 1) at web.py:1"),
        (
            "\n\ndef f():\n    return {}['PROVIDER_URL']\n\nf()\n",
            "web:app cannot be imported: KeyError: 'PROVIDER_URL' at web.py:4",
        ),
        ("x = 1\n", "web:app: there is no app in web"),
        ("app = 3\n", "web:app is no application: a int cannot be called"),
        ("import time\ntime.sleep(99)\n", "the application's import did not end within 8 s, at web.py:2"),
        (
            "import smtplib\nsmtplib.SMTP('mail.example', 25)\n",
            "web:app cannot be imported: SideEffectBlocked: mail by mail.example:25 was refused at web.py:2",
        ),
    ],
)
def test_an_application_that_cannot_be_imported(project: Project, source: str, reason: str) -> None:
    project.write("web.py", source)
    answer = project.one(project.add("GET", "/x"), app="web:app", timeout_s=8)
    assert (answer.outcome, answer.reason) == ("error", reason)
    assert answer.now is None


def test_there_is_no_application(project: Project) -> None:
    answer = project.one(project.add("GET", "/x"))
    assert answer.outcome == "error"
    assert answer.reason == "no application was found (Flask, FastAPI, Starlette, Django)"
    assert (answer.mend or "").startswith('name it, as in app = "pkg.mod:app" under [tool.flux]')


@pytest.mark.parametrize("python", ["/nowhere/python", "true"])
def test_an_interpreter_that_is_none(project: Project, python: str) -> None:
    project.write("web.py", HEAD + handler("return 'x'"))
    answer = project.one(project.add("GET", "/x"), python=python)
    assert answer.outcome == "error"
    assert answer.reason


def test_where_no_temporary_file_can_be_written_it_says_what_to_do(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("web.py", HEAD + handler("return 'x'"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    answer = project.one(project.add("GET", "/x"))
    assert answer.outcome == "error"
    assert answer.reason == f"nothing can be written in {tmp_path / 'gone'} (No such file or directory)"
    assert answer.mend == "make room there, or let TMPDIR name another folder"


CALLS = """
import requests, httpx, asyncio, aiohttp, urllib.request, json

def by_requests(body):
    answer = requests.post("https://pay.example/charges", json=body, timeout=5)
    return [answer.status_code, answer.json(), answer.headers["x-kind"]]

def by_httpx(body):
    answer = httpx.post("https://pay.example/charges", json=body)
    return [answer.status_code, answer.json(), answer.headers["x-kind"]]

def by_httpx_async(body):
    async def run():
        async with httpx.AsyncClient() as client:
            answer = await client.post("https://pay.example/charges", json=body)
            return [answer.status_code, answer.json(), answer.headers["x-kind"]]
    return asyncio.run(run())

def by_aiohttp(body):
    async def run():
        async with aiohttp.ClientSession() as session:
            async with session.post("https://pay.example/charges", json=body) as answer:
                return [answer.status, await answer.json(), answer.headers["x-kind"]]
    return asyncio.run(run())

def by_urllib(body):
    kind = {"Content-Type": "application/json"}
    asked = urllib.request.Request("https://pay.example/charges", json.dumps(body).encode(), kind)
    with urllib.request.urlopen(asked) as answer:
        return [answer.status, json.load(answer), answer.headers["x-kind"]]

WAYS = {name.removeprefix("by_"): way for name, way in list(globals().items()) if name.startswith("by_")}

@app.post("/pay/<way>")
def pay(way):
    asked = request.get_json()
    told = []
    for body in asked:
        try:
            told.append(WAYS[way](body))
        except Exception as error:
            told.append(type(error).__name__)
    return {"told": told}
"""
CHARGES = "https://pay.example/charges"


def charged(body: object, answer: object, status: int = 200, **more: object):  # type: ignore[no-untyped-def]
    made = call("POST", CHARGES, body=body, answer=answer, status=status, **more)  # type: ignore[arg-type]
    told = json.loads(made.attributes["flux.output"])
    told["headers"]["x-kind"] = "recorded"
    return type(made)(**{**made.__dict__, "attributes": {**made.attributes, "flux.output": json.dumps(told)}})


@pytest.mark.parametrize("way", ["requests", "httpx", "httpx_async", "aiohttp", "urllib"])
def test_calls_are_answered_as_they_were_by_body_and_in_order(project: Project, way: str) -> None:
    project.write("web.py", HEAD + CALLS)
    asked = [{"a": 2}, {"a": 1}, {"a": 1}, {"a": 1}, {"a": 9}]
    id = project.add(
        "POST",
        f"/pay/{way}",
        body=asked,
        calls=[
            charged({"a": 1}, {"n": "first of one"}, start_ms=1),
            charged({"a": 1}, {"n": "second of one"}, status=201, start_ms=3),
            charged({"a": 2}, {"n": "two"}, start_ms=5),
        ],
    )
    ran = project.ran(id)
    assert ran.status == 200, ran.error
    assert json.loads(ran.body)["told"] == [
        [200, {"n": "two"}, "recorded"],
        [200, {"n": "first of one"}, "recorded"],
        [201, {"n": "second of one"}, "recorded"],
        "SideEffectBlocked",
        "SideEffectBlocked",
    ]
    assert [each.call for each in ran.blocked] == [f"POST {CHARGES}"], "each line once"
    assert all(each.function for each in ran.blocked)


@pytest.mark.parametrize(
    ("way", "kind", "now"),
    [
        ("requests", "requests.exceptions.ReadTimeout", "ReadTimeout"),
        ("requests", "requests.exceptions.ConnectionError", "ConnectionError"),
        ("httpx", "httpx.ReadTimeout", "ReadTimeout"),
        ("httpx_async", "httpx.ConnectError", "ConnectError"),
        ("aiohttp", "aiohttp.client_exceptions.ServerTimeoutError", "ServerTimeoutError"),
    ],
)
def test_a_call_that_failed_fails_again(project: Project, way: str, kind: str, now: str) -> None:
    project.write("web.py", HEAD + CALLS)
    calls = [call("POST", CHARGES, body={"a": 1}, status=None, raises=Raises(kind, "no answer"))]
    ran = project.ran(project.add("POST", f"/pay/{way}", body=[{"a": 1}], calls=calls))
    assert json.loads(ran.body)["told"] == [now]


def test_what_runs_in_one_process_is_gone_in_the_next(project: Project) -> None:
    project.write("web.py", HEAD + "seen = []\n\n" + handler("seen.append(1)\nreturn {'seen': len(seen)}"))
    ids = [project.add("GET", "/x", answer={"seen": 1}) for _ in range(2)]
    assert [each.reason for each in project.replay(*ids).requests] == [None, None]


PINNED = """
import datetime, random, uuid
from datetime import datetime as taken_by_name
from uuid import uuid4

@app.get("/now")
def now():
    return {
        "clock": time.time(), "ns": time.time_ns(), "year": time.gmtime().tm_year,
        "now": datetime.datetime.now(datetime.timezone.utc).isoformat(), "naive": taken_by_name.utcnow().isoformat(),
        "today": datetime.date.today().isoformat(), "is": isinstance(datetime.datetime.now(), taken_by_name),
        "made": taken_by_name(2020, 1, 2).isoformat(), "type": type(taken_by_name.now()).__module__,
        "parsed": isinstance(taken_by_name.fromisoformat("2020-01-02"), datetime.date),
        "uuid": str(uuid4()), "random": random.random(), "bits": random.getrandbits(60),
    }
"""


def test_clock_and_chance_can_be_pinned(project: Project) -> None:
    project.write("web.py", HEAD + PINNED)
    id = project.add("GET", "/now", at_ns=1_580_000_000_000_000_000)
    first, second = (json.loads(project.ran(id, pin=True).body) for _ in range(2))
    assert 1_580_000_000 < first["clock"] < 1_580_000_060
    assert first["ns"] // 10**9 - int(first["clock"]) in (0, 1)
    assert first["year"] == 2020
    assert first["now"].startswith("2020-01-26T00:5")
    assert first["naive"].startswith("2020-01-26T00:5")
    assert first["today"] in ("2020-01-25", "2020-01-26")
    assert (first["is"], first["made"], first["parsed"]) == (True, "2020-01-02T00:00:00", True)
    for name in ("uuid", "random", "bits"):
        assert first[name] == second[name], name
    free = json.loads(project.ran(id).body)
    assert free["clock"] > 1_600_000_000
    assert free["uuid"] != first["uuid"]
    assert any(note.startswith("not pinned: secrets") for note in project.ran(id, pin=True).notes)


def test_redacted_authorization_is_a_reason_to_skip_and_can_be_given(project: Project) -> None:
    project.write(
        "web.py",
        HEAD + handler('return ("in", 200) if request.headers.get("authorization") == "Bearer x" else ("out", 401)'),
    )
    id = project.add("GET", "/x", 500, headers={"authorization": "[redacted]"})
    answer = project.one(id)
    assert (answer.outcome, answer.reason) == ("skipped", "answered 401: the recorded authorization was redacted")
    assert answer.mend == "give it: --fill authorization=VALUE"
    given = project.one(id, fill={"Authorization": "Bearer x"})
    assert (given.outcome, given.now) == ("passing", 200)


def test_what_is_given_for_a_secret_is_not_shown_in_a_message(project: Project) -> None:
    project.write("web.py", HEAD + handler('raise ValueError("no " + request.headers["authorization"][7:])'))
    id = project.add("GET", "/x", 500, headers={"authorization": "[redacted]"})
    with_it = project.one(id, fill={"Authorization": "Bearer hunter2000"})
    assert with_it.reason == "ValueError: no [redacted]"
    assert "hunter2000" not in repr(with_it)


def test_cancelling_ends_the_processes(project: Project, tmp_path: Path) -> None:
    project.write("web.py", HEAD + "print('up', os.getpid(), flush=True)\n" + handler("time.sleep(99)"))
    ids = [project.add("GET", "/x") for _ in range(3)]
    cancel = threading.Event()
    threading.Timer(3, cancel.set).start()
    with project._recorded.reader() as reader:
        from flux_ls.replay.replay import replay

        began = time.monotonic()
        with pytest.raises(Cancelled):
            replay(
                reader,
                project._recorded.workspace(),
                [reader.request(id) for id in ids],
                project.conditions(),
                cancel=cancel,
            )
    assert time.monotonic() - began < 50, "it waited for a run"
    assert not list(Path(os.environ.get("TMPDIR", "/tmp")).glob(f"flux-replay-{os.getpid()}-*"))


def _processes(folder: Path) -> list[int]:
    """Those that run in a project."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve() == folder.resolve() and b"start.py" in (process / "cmdline").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue
    return found


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="looks at /proc")
@pytest.mark.parametrize(
    ("how", "does"),
    [
        (signal.SIGINT, "time.sleep(99)"),
        (signal.SIGTERM, "time.sleep(99)"),
        (signal.SIGKILL, "time.sleep(99)"),
        # No thread of the process gets to run.
        (signal.SIGKILL, "import re; re.match(r'(a+)+$', 'a' * 60 + 'b')"),
    ],
)
@pytest.mark.parametrize("requests", [1, 2])
@pytest.mark.timeout(240)
def test_nothing_is_left_when_the_command_is_ended(
    project: Project, how: signal.Signals, does: str, requests: int
) -> None:
    project.write("web.py", HEAD + handler(does))
    ids = [project.add("GET", "/x") for _ in range(requests)]
    temporary = project.root.parent / "tmp"
    temporary.mkdir()
    environ = {**os.environ, "TMPDIR": str(temporary), "FLUX_PYTHON": sys.executable}
    store = str(project.request_store)
    argv = [str(Path(sys.executable).parent / "flux"), "incident", "replay", *ids, "--store", store]
    command = subprocess.Popen(argv, cwd=project.root, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        eventually(lambda: _processes(project.root), within=60, what="the run to begin")
        command.send_signal(how)
        code = command.wait(60)
        assert code == (130 if how is signal.SIGINT else -how)
        eventually(lambda: not _processes(project.root), within=60, what="its process to end")
    finally:
        command.kill()
        command.communicate()
    if how is not signal.SIGINT:
        assert list(temporary.glob("flux-replay-*")), "nobody could remove it"
        again = project.add("POST", "/x")
        environ["FLUX_APP"] = "nowhere:app"
        argv[3 : 3 + requests] = [again]
        subprocess.run(argv, cwd=project.root, env=environ, capture_output=True, timeout=60, check=False)
    assert not list(temporary.glob("flux-replay-*"))


def test_another_folder_of_the_project_fails_the_same_way(project: Project, tmp_path: Path) -> None:
    """As a work tree of another commit: the file that failed is at its root, whose name is part of its path."""
    text = HEAD + handler("return {'x': 1 / 0}")
    file = project.write("web.py", text)
    line = text.splitlines().index("    return {'x': 1 / 0}") + 1
    fault = Raises("ZeroDivisionError", "division by zero", ((str(file), line, "handle", ""),))
    id = project.add("GET", "/x", 500, raises=fault)
    elsewhere = Path(shutil.copytree(project.root, tmp_path / "worktree-1"))
    answer = project.one(id, root=elsewhere)
    assert (answer.outcome, answer.same_failure) == ("failing", True), answer.reason
    (elsewhere / "web.py").write_text(text.replace("1 / 0", "[][1]"))
    other = project.one(id, root=elsewhere)
    assert (other.outcome, other.same_failure) == ("failing", False)
    assert other.reason == "another failure: IndexError: list index out of range"


def test_progress_is_told_as_it_happens(project: Project) -> None:
    project.write("web.py", HEAD + handler("return 'x'"))
    told: list[Progress] = []
    ids = [project.add("GET", "/x") for _ in range(3)]
    with project._recorded.reader() as reader:
        from flux_ls.replay.replay import replay

        requests = [reader.request(id) for id in ids]
        answer = replay(reader, project._recorded.workspace(), requests, project.conditions(), report=told.append)
    assert [(each.done, each.total) for each in told] == [(1, 3), (2, 3), (3, 3)]
    assert [each.request_id for each in answer.requests] == [request.id for request in requests]


def test_nothing_is_sent_where_the_recorder_would(project: Project) -> None:
    """Neither to Flux's collector, nor to one of the application's own."""
    project.write("web.py", HEAD + handler("return {'x': 1 / 0}"))
    with canary() as collector:
        address = f"http://127.0.0.1:{collector.port}"
        environ = {
            **os.environ,
            "FLUX_RECORD": "1",
            "FLUX_OTLP_ENDPOINT": address,
            "OTEL_EXPORTER_OTLP_ENDPOINT": address,
            "OTEL_TRACES_EXPORTER": "otlp",
            "HTTP_PROXY": address,
        }
        answer = project.one(project.add("GET", "/x", 500), environ=environ, namespace=False)
        assert answer.outcome == "failing"
        assert collector.came == 0


@pytest.mark.parametrize(
    ("name", "stays"),
    [("{gone}-a", False), ("{mine}-a", True), ("9" * 40 + "-a", False), ("\N{SUPERSCRIPT TWO}-a", True), ("a", True)],
)
def test_folders_of_processes_that_were_killed_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, stays: bool
) -> None:
    """Anybody may make a folder of any name where temporary files are."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    folder = tmp_path / f"flux-replay-{name.format(gone=gone.pid, mine=os.getpid())}"
    (folder / "run-1").mkdir(parents=True)
    sweep()
    assert folder.exists() is stays


def test_nobody_waits_twice_for_an_import_that_hangs(project: Project) -> None:
    """The other application of the same service is not concerned."""
    for name, source in (("slow", "import time\ntime.sleep(99)\n"), ("quick", "")):
        project.write(f"{name}/__init__.py", "")
        project.write(f"{name}/web.py", source + HEAD + handler("return 'x'"))
    where = [
        Raises("KeyError", "'x'", ((f"{project.root}/{name}/web.py", 9, "handle", ""),)) for name in ("slow", "quick")
    ]
    slow, quick = ([project.add("GET", "/x", 500, raises=raises) for _ in range(3)] for raises in where)
    began = time.monotonic()
    answers = project.replay(*slow, *quick, timeout_s=8, jobs=1).requests
    assert time.monotonic() - began < 3 * 8, "one import is waited for"
    reason = "the application's import did not end within 8 s, at slow/web.py:2"
    assert [(each.outcome, each.reason) for each in answers] == [
        ("error", reason),
        ("skipped", reason),
        ("skipped", reason),
        *[("passing", None)] * 3,
    ]
    assert {each.mend for each in answers[:3]} == {"raise --timeout, if it only is slow"}
