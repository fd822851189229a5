"""A program under `flux run` is one request: from its first line to its exit."""

import json
import sqlite3
import sys
from pathlib import Path

import pytest

from tests.record.programs import Ended, as_flux_run_does, program, run
from tests.record.receiver import Got, Receiver, plain

FAILS = """
    import sys

    def total(order):
        return order["total"]

    def main():
        total({"items": [1, 2]})

    main()
"""


def run_recorded(folder: Path, text: str, *words: str, receiver: Receiver, module: bool = False) -> Ended:
    """Runs it, and without the recorder: it prints and exits the same."""
    file = program(folder, text, "nightly.py")
    argv = [sys.executable, *(["-m", "nightly"] if module else [file.name]), *words]
    bare = run(argv, folder)
    ended = run(argv, folder, as_flux_run_does(receiver.endpoint))
    assert ended == bare
    return ended


def the_run(receiver: Receiver) -> Got:
    """The one request there is."""
    roots = [got for got in receiver.spans if "parentSpanId" not in got.span]
    assert len(roots) == 1, [got.name for got in receiver.spans]
    return roots[0]


def events(got: Got) -> list[dict[str, object]]:
    return [plain(event["attributes"]) for event in got.span.get("events", [])]


def test_a_program_that_ends_well(tmp_path: Path) -> None:
    with Receiver() as receiver:
        run_recorded(tmp_path, "print('done')", "--day", "2026-11-22", "--password", "hunter2", receiver=receiver)
        run = the_run(receiver)
    assert run.name == f"{Path(sys.executable).name} nightly.py --day 2026-11-22 --password [redacted]"
    assert "status" not in run.span
    assert run.attributes["code.file.path"].endswith("nightly.py")
    assert "hunter2" not in str(receiver.exports)


@pytest.mark.parametrize("words", [("--password", "hunter2"), ("--password=hunter2",)])
def test_what_is_secret_in_the_command_is_so_in_all_of_the_run(tmp_path: Path, words: tuple[str, ...]) -> None:
    text = """
        import sys

        given = sys.argv[-1].rpartition("=")[2]
        raise ValueError(f"login with {given} failed")
    """
    with Receiver() as receiver:
        run_recorded(tmp_path, text, *words, receiver=receiver)
        (exception,) = events(the_run(receiver))
    assert exception["exception.message"] == "login with [redacted] failed"
    assert "hunter2" not in str(receiver.exports)


@pytest.mark.parametrize("module", [False, True], ids=["file", "module"])
def test_a_program_that_dies(tmp_path: Path, module: bool) -> None:
    with Receiver() as receiver:
        ended = run_recorded(tmp_path, FAILS, receiver=receiver, module=module)
        run = the_run(receiver)
    assert ended.code == 1
    assert run.span["status"]["code"] == 2
    (exception,) = events(run)
    assert exception["exception.type"] == "KeyError"
    assert "in total" in str(exception["exception.stacktrace"])
    assert '"order":{"items":[1,2]}' in run.attributes["flux.locals"]


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("import sys; sys.exit(3)", 3, "exit code 3"),
        ("import sys; sys.exit('no rates today')", 1, "exit: no rates today"),
        ("import sys; sys.exit(0)", 0, None),
        ("import sys; sys.exit()", 0, None),
        ("import sys\ntry:\n    sys.exit(3)\nexcept SystemExit:\n    pass\nprint('goes on')", 0, None),
        ("raise SystemExit(3)", 3, "exit code 3"),
        ("raise SystemExit('no rates today')", 1, "exit: no rates today"),
        ("raise SystemExit(False)", 0, None),
        ("raise SystemExit(True)", 1, "exit code 1"),
        ("raise SystemExit", 0, None),
        ("exit(4)", 4, "exit code 4"),
        ("try:\n    raise SystemExit(3)\nexcept SystemExit as left:\n    print(left.code)", 0, None),
        ("try:\n    raise SystemExit(3)\nfinally:\n    raise SystemExit(0)", 0, None),
        ("left = SystemExit(3)\nleft.code = 5\nraise left", 5, "exit code 5"),
        ("class Stop(SystemExit): pass\nraise Stop(6)", 6, "exit code 6"),
        ("import sys; sys.exit(2)", 2, "exit code 2"),
        # Called in a wrong way: that is no failure of the program.
        ("import argparse; argparse.ArgumentParser().parse_args(['--wrong'])", 2, None),
        ("import argparse; argparse.ArgumentParser().parse_args(['--help'])", 0, None),
        ("import click\n@click.command()\ndef f(): pass\nf(['--wrong'])", 2, None),
        ("import click\n@click.command()\ndef f(): raise click.ClickException('no')\nf([])", 1, "exit code 1"),
        ("raise KeyboardInterrupt", None, None),
        ("def broken(:\n    pass", 1, "SyntaxError"),
        ("import threading\nt = threading.Thread(target=lambda: 1 / 0)\nt.start(); t.join()", 0, None),
    ],
)
def test_how_programs_end(tmp_path: Path, text: str, code: int | None, message: str | None) -> None:
    file = tmp_path / "nightly.py"
    file.write_text(text)
    with Receiver() as receiver:
        without = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "threading"}  # puts a frame of its own into tracebacks
        bare = run([sys.executable, file.name], tmp_path)
        ended = run([sys.executable, file.name], tmp_path, as_flux_run_does(receiver.endpoint) | without)
        found = the_run(receiver)
    assert ended == bare
    assert code is None or ended.code == code
    assert (message or "") in found.span.get("status", {}).get("message", "")
    assert ("status" in found.span) == (message is not None)
    told = found.attributes.get("process.exit.code", 0)
    assert int(told) == ended.code or ((code is None or "Exit" not in text) and not int(told))


LEAVES = """
    import atexit
    import sys

    def check(order):
        if not order["paid"]:
            LEAVE

    def main():
        try:
            check({"paid": False})
        finally:
            print("not paid")
        return 0

    kept = []
    for number in range(3):
        try:
            {}[number]
        except KeyError as error:
            kept.append(error)

    if __name__ == "__main__":
        atexit.register(print, "at the end")
        sys.exit(main())
"""


@pytest.mark.parametrize("leave", ["sys.exit(3)", "raise SystemExit(3)", "exit(3)"])
@pytest.mark.parametrize("module", [False, True], ids=["file", "module"])
def test_the_line_that_left(tmp_path: Path, leave: str, module: bool) -> None:
    with Receiver() as receiver:
        ended = run_recorded(tmp_path, LEAVES.replace("LEAVE", leave), receiver=receiver, module=module)
        run = the_run(receiver)
    assert (ended.code, ended.out) == (3, "not paid\nat the end\n")
    assert run.attributes["process.exit.code"] in (3, "3")
    (exception,) = events(run)
    assert exception["exception.type"] == "SystemExit"
    assert exception["exception.message"] == "3"
    stack = str(exception["exception.stacktrace"])
    assert "in <module>" in stack
    assert "in main" in stack
    assert f"in check\n    {leave}" in stack
    assert '"order":{"paid":false}' in run.attributes["flux.locals"]


def test_a_file_that_is_not_there_is_no_run(tmp_path: Path) -> None:
    argv = [sys.executable, "nightly.py"]
    with Receiver() as receiver:
        ended = run(argv, tmp_path, as_flux_run_does(receiver.endpoint))
        spans = receiver.spans
    assert ended == run(argv, tmp_path)
    assert spans == []


def test_what_it_does_belongs_to_it(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "shop.db") as database:
        database.execute("create table rate (name text)")
    text = """
        import sqlite3
        import flux_ls.record

        @flux_ls.record.span
        def load(day):
            with sqlite3.connect("shop.db") as database:
                database.cursor().execute("insert into rate values ('eur')")
            return 1

        load("monday")
    """
    with Receiver() as receiver:
        run_recorded(tmp_path, text, receiver=receiver)
        root = the_run(receiver)
        (load,) = receiver.named("load")
        (insert,) = receiver.named("insert")
    assert load.span["parentSpanId"] == root.span["spanId"]
    assert insert.span["parentSpanId"] == load.span["spanId"]


SERVES = """
    import sys
    from wsgiref.simple_server import make_server
    from urllib.request import urlopen
    import threading
    import flask

    app = flask.Flask("shop")

    @app.get("/plain")
    def plain():
        return "hello"

    if __name__ == "__main__":
        server = make_server("127.0.0.1", 0, app)
        def ask():
            urlopen(f"http://127.0.0.1:{server.server_port}/plain").read()
            server.shutdown()
        threading.Thread(target=ask).start()
        sys.stderr = open("/dev/null", "w")
        server.serve_forever(0.01)
        if "--crash" in sys.argv:
            sys.stderr = sys.__stderr__
            raise RuntimeError("the server has crashed")
"""


def test_one_that_serves_is_no_request_around_its_requests(tmp_path: Path) -> None:
    with Receiver() as receiver:
        run_recorded(tmp_path, SERVES, receiver=receiver)
        requests = [got for got in receiver.spans if got.span["kind"] == 2]
        roots = [got.name for got in receiver.spans if "parentSpanId" not in got.span]
    assert [got.name for got in requests] == ["GET /plain"]
    assert not any("nightly" in name for name in roots)


ASKS_ITSELF = """
    import sqlite3
    import flask

    app = flask.Flask("shop")
    app.logger.disabled = True

    @app.get("/plain/<int:number>")
    def plain(number):
        return str(10 // number)

    client = app.test_client()
    for number in 1, 0, 2:
        print(client.get(f"/plain/{number}", buffered=True).status_code)
    database = sqlite3.connect(":memory:")
    for statement in "create table rate (name text)", "drop table rate":
        database.cursor().execute(statement)
"""


def test_one_that_is_its_own_client(tmp_path: Path) -> None:
    with Receiver() as receiver:
        run_recorded(tmp_path, ASKS_ITSELF, receiver=receiver)
        requests = sorted(
            (got for got in receiver.spans if got.span["kind"] == 2), key=lambda got: int(got.span["startTimeUnixNano"])
        )
        roots = [got.name for got in receiver.spans if "parentSpanId" not in got.span]
    assert [json.loads(got.attributes["flux.output"])["status"] for got in requests] == [200, 500, 200]
    # What comes after is as it is without a run around it.
    assert sorted(roots) == ["GET /plain/<int:number>"] * 3 + ["create", "drop"]


MAIN = """
    import functools

    def registered(function):
        REGISTRY.append(function)
        return functools.wraps(function)(lambda *args: function(*args))

    REGISTRY = []

    class Job:
        def __init__(self, rate):
            self.rate = rate

        def total(self, items):
            return sum(items) * self.rate

        @property
        def name(self):
            return "job"

    @registered
    def work(number):
        return Job(number).total([1, 2]) and Job(number).name

    def fails(order, password="hunter2"):
        raise KeyError(order)

    if __name__ == "__main__":
        print(work(3), work.__qualname__, REGISTRY[0].__code__.co_name)
        try:
            fails(1)
        except KeyError as error:
            print(error.__traceback__.tb_next.tb_frame.f_code.co_name, error.__traceback__.tb_next.tb_next)
"""


@pytest.mark.parametrize("patterns", ["nightly.*", "__main__", "*"])
@pytest.mark.parametrize("module", [False, True], ids=["file", "module"])
def test_the_programs_own_functions(tmp_path: Path, patterns: str, module: bool) -> None:
    file = program(tmp_path, MAIN, "nightly.py")
    argv = [sys.executable, *(["-m", "nightly"] if module else [file.name])]
    with Receiver() as receiver:
        bare = run(argv, tmp_path)
        ended = run(argv, tmp_path, as_flux_run_does(receiver.endpoint) | {"FLUX_FUNCTIONS": patterns})
        root = next(got for got in receiver.spans if "parentSpanId" not in got.span)
        calls = {got.name: got for got in receiver.spans if got.attributes.get("code.function.name")}
    assert ended == bare
    if module and patterns == "__main__":
        return  # it has a name of its own
    assert set(calls) == {"registered", "work", "Job.total", "fails"}
    assert calls["work"].span["parentSpanId"] == root.span["spanId"]
    assert calls["Job.total"].span["parentSpanId"] == calls["work"].span["spanId"]
    assert json.loads(calls["Job.total"].attributes["flux.output"]) == 9
    assert "hunter2" not in str(receiver.exports)


def test_one_that_served_and_crashed(tmp_path: Path) -> None:
    with Receiver() as receiver:
        run_recorded(tmp_path, SERVES, "--crash", receiver=receiver)
        (crash,) = [got for got in receiver.spans if "nightly.py" in got.name]
    assert crash.span["status"]["message"] == "RuntimeError: the server has crashed"


def test_a_server_that_cannot_start(tmp_path: Path) -> None:
    program(tmp_path, "import nothing_like_this", "web.py")
    argv = [sys.executable, "-m", "flask", "--app", "web", "run", "--port", "0"]
    with Receiver() as receiver:
        bare = run(argv, tmp_path)
        ended = run(argv, tmp_path, as_flux_run_does(receiver.endpoint))
    assert (ended.code, ended.err) == (bare.code, bare.err)
    assert ended.code != 0
