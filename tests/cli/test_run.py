"""`flux run`: programs run as they would without it, and what they do arrives."""

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from flux_ls.collector.found import read_info
from flux_ls.model import Request, Span
from flux_ls.store.reader import Reader
from tests.cli.live import DEADLINE_S, eventually
from tests.collector.processes import ended
from tests.e2e.processes import free_port
from tests.record.programs import Ended, clean_environment, program, run

BIN = Path(sys.executable).parent
_numbers = itertools.count(1)


class FluxRun:
    """`flux run` in a folder of its own."""

    def __init__(self, folder: Path, store: Path, port: int) -> None:
        self.folder = folder / f"shop{next(_numbers)}"
        self.folder.mkdir()
        self.store = store
        self.env = {
            "FLUX_STORE": str(self.store),
            "FLUX_OTLP_HTTP_PORT": str(port),
            "FLUX_OTLP_GRPC_PORT": "0",
            "FLUX_IDLE_EXIT": "120",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def argv(self, *command: str) -> list[str]:
        return [sys.executable, "-m", "flux_ls.cli", "run", "--", *command]

    def run(self, *command: str, **env: str) -> Ended:
        return run(self.argv(*command), self.folder, self.env | env)

    def bare(self, *command: str, **env: str) -> Ended:
        return run(list(command), self.folder, self.env | env)

    @contextlib.contextmanager
    def serving(self, *command: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
        with (self.folder / "log.txt").open("wb") as log:
            process = subprocess.Popen(
                self.argv(*command),
                cwd=self.folder,
                env=clean_environment() | self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            eventually(lambda: process.poll() is not None or listens(port))
            assert process.poll() is None, self.log()
            yield process
        finally:
            process.terminate()
            try:
                process.wait(DEADLINE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def log(self) -> str:
        return (self.folder / "log.txt").read_text()

    def requests(self) -> list[Request]:
        if not self.store.exists():
            return []
        with Reader(self.store) as reader:
            return [each for each in reader.requests(limit=500) if each.service == self.folder.name]

    def spans(self, request: Request) -> list[Span]:
        with Reader(self.store) as reader:
            return list(reader.spans(request.id))

    def wait_for(self, *names: str) -> list[Request]:
        def found() -> list[Request]:
            known = self.requests()
            return [each for name in names for each in known if f"{each.method} {each.path}" == name][: len(names)]

        eventually(lambda: len(found()) >= len(names))
        return found()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=DEADLINE_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """With the port of its collector, which the first `flux run` starts."""
    file = tmp_path_factory.mktemp("store") / "flux.db"
    with ended(file):
        yield file, free_port()


@pytest.fixture
def flux_run(tmp_path: Path, store: tuple[Path, int]) -> FluxRun:
    return FluxRun(tmp_path, *store)


@pytest.fixture
def lone_run(tmp_path: Path) -> Iterator[FluxRun]:
    """With a collector of its own."""
    made = FluxRun(tmp_path, tmp_path / "store" / "flux.db", free_port())
    with ended(made.store):
        yield made


FLASK = """
    import os, sys
    from flask import Flask
    app = Flask(__name__)

    @app.get("/ok")
    def ok():
        return f"fine {os.getpid()}"

    @app.get("/boom")
    def boom():
        raise ValueError("boom")

    if __name__ == "__main__":
        app.run(port=int(sys.argv[1]))
"""


def test_a_flask_app_is_recorded_and_answers_as_ever(flux_run: FluxRun) -> None:
    program(flux_run.folder, FLASK, "app.py")
    port = free_port()
    with flux_run.serving(sys.executable, "app.py", str(port), port=port):
        assert get(port, "/ok")[0] == 200
        assert get(port, "/boom")[0] == 500
        fine, failed = flux_run.wait_for("GET /ok", "GET /boom")
    assert (fine.status, fine.failed, fine.service) == (200, False, flux_run.folder.name)
    assert (failed.status, failed.failed, failed.error) == (500, True, "ValueError: boom")


PROGRAMS = {
    "fine": 'print("out"); print("err", file=__import__("sys").stderr)',
    "raises": 'def work():\n    raise ValueError("boom")\n\nwork()',
    "exits": "import sys\nsys.exit(7)",
    "exits with a message": 'import sys\nsys.exit("no")',
    "leaves at once": "import os\nos._exit(3)",
    "is killed": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "is terminated": "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)",
    "shows its arguments": "import sys\nprint(sys.argv, sys.flags.dev_mode, __file__)",
    "shows its path": "import sys\nprint(sys.path)",
    "imports sitecustomize": "import sitecustomize",
    "asks for random numbers": "import random\nrandom.seed(1)\nprint(random.random(), random.getrandbits(64))",
    "asks for warnings": "import warnings\nwarnings.warn('careful')",
    "logs": "import logging\nlogging.basicConfig(level=10)\nlogging.info('x')\nlogging.getLogger('a').debug('y')",
}


@pytest.mark.parametrize("text", PROGRAMS.values(), ids=PROGRAMS)
def test_a_program_ends_as_it_would_without(flux_run: FluxRun, text: str) -> None:
    program(flux_run.folder, text, "work.py")
    bare = flux_run.bare(sys.executable, "work.py", "a", "--json")
    assert without_advice(flux_run.run(sys.executable, "work.py", "a", "--json")) == bare


def without_advice(ran: Ended) -> Ended:
    kept = [line for line in ran.err.splitlines(keepends=True) if not line.startswith("flux:")]
    return Ended(ran.code, ran.out, "".join(kept))


@pytest.mark.parametrize("flags", [["-W", "error"], ["-X", "dev"], ["-u"], ["-s"], ["-O"]])
def test_pythons_own_options_hold(flux_run: FluxRun, flags: list[str]) -> None:
    program(flux_run.folder, "import sys\nprint(sys.flags, sys.warnoptions)", "work.py")
    bare = flux_run.bare(sys.executable, *flags, "work.py")
    assert without_advice(flux_run.run(sys.executable, *flags, "work.py")) == bare


def test_a_module_and_a_console_script_run(flux_run: FluxRun) -> None:
    program(flux_run.folder, "def test_one():\n    assert True\n", "test_one.py")
    assert flux_run.run(sys.executable, "-m", "pytest", "-q").code == 0
    assert flux_run.run(str(BIN / "pytest"), "-q").code == 0


def test_the_users_sitecustomize_runs_too(flux_run: FluxRun) -> None:
    site = flux_run.folder / "site"
    program(site, "import sys\nsys.was_customized = True\n", "sitecustomize.py")
    program(flux_run.folder, "import sys, sitecustomize\nprint(sys.was_customized, sitecustomize.__file__)", "work.py")
    bare = flux_run.bare(sys.executable, "work.py", PYTHONPATH=str(site))
    ran = flux_run.run(sys.executable, "work.py", PYTHONPATH=str(site))
    assert without_advice(ran) == bare
    assert bare.out == f"True {site / 'sitecustomize.py'}\n"


def test_a_users_sitecustomize_that_fails(flux_run: FluxRun) -> None:
    site = flux_run.folder / "site"
    program(site, "raise RuntimeError('no')\n", "sitecustomize.py")
    program(flux_run.folder, "from flux_ls.record.starting import is_on\nprint(is_on())", "work.py")
    ran = flux_run.run(sys.executable, "work.py", PYTHONPATH=str(site))
    assert (ran.code, ran.out) == (0, "True\n")
    assert "RuntimeError: no" in ran.err


def test_children_are_recorded(flux_run: FluxRun) -> None:
    program(
        flux_run.folder,
        """
        import multiprocessing, subprocess, sys
        CODE = "from flux_ls.record.starting import is_on; print(is_on(), flush=True)"

        def work():
            exec(CODE)

        if __name__ == "__main__":
            subprocess.run([sys.executable, "-c", CODE], check=True)
            for method in ("spawn", "fork"):
                process = multiprocessing.get_context(method).Process(target=work)
                process.start()
                process.join()
        """,
        "work.py",
    )
    ran = flux_run.run(sys.executable, "work.py")
    assert (ran.code, ran.out) == (0, "True\n" * 3)


@pytest.mark.slow
def test_gunicorn_with_two_workers(flux_run: FluxRun) -> None:
    program(flux_run.folder, FLASK, "web.py")
    port = free_port()
    argv = (str(BIN / "gunicorn"), "-w", "2", "--no-control-socket", "-b", f"127.0.0.1:{port}", "web:app")
    with flux_run.serving(*argv, port=port):
        pids: set[str] = set()
        eventually(lambda: pids.add(get(port, "/ok")[1]) or len(pids) == 2)
        assert get(port, "/boom")[0] == 500
        flux_run.wait_for("GET /boom", "GET /ok")
    own = flux_run.log().replace("ValueError: boom", "").replace('raise ValueError("boom")', "")
    assert "Error" not in own


@pytest.mark.slow
def test_uvicorn_that_reloads(flux_run: FluxRun) -> None:
    text = """
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def answer(request):
        return PlainTextResponse("one")

    app = Starlette(routes=[Route("/{name}", answer)])
    """
    program(flux_run.folder, text, "web.py")
    port = free_port()
    with flux_run.serving(str(BIN / "uvicorn"), "--reload", "--port", str(port), "web:app", port=port):
        assert get(port, "/before") == (200, "one")
        # A process that is stopped to be reloaded sends no more.
        (before,) = flux_run.wait_for("GET /before")

        def answers(path: str) -> bool:
            with contextlib.suppress(OSError):
                return get(port, path) == (200, "two")
            return False

        def reloaded() -> bool:
            # Uvicorn sees a change once it has seen the file before: until then there has to be another one.
            program(flux_run.folder, text.replace('"one"', '"two"'), "web.py")
            return answers("/reloaded")

        eventually(reloaded)
        # It may be reloaded once more: the last change was seen after it had begun.
        eventually(lambda: answers("/after") and any(each.path == "/after" for each in flux_run.requests()))
        (after,) = flux_run.wait_for("GET /after")
    assert before.service == after.service


@pytest.mark.slow
def test_the_debugger_of_flask_reloads(flux_run: FluxRun) -> None:
    program(flux_run.folder, FLASK, "web.py")
    port = free_port()
    argv = (str(BIN / "flask"), "--app", "web", "run", "--debug", "--port", str(port))
    with flux_run.serving(*argv, port=port):
        assert get(port, "/ok")[0] == 200
        flux_run.wait_for("GET /ok")


@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_reach_the_program_itself(flux_run: FluxRun, number: int) -> None:
    program(
        flux_run.folder,
        """
        import os, signal, sys, time
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, frame: sys.exit(40 + number))
        print(os.getpid(), flush=True)
        time.sleep(30)
        """,
        "work.py",
    )
    process = subprocess.Popen(
        flux_run.argv(sys.executable, "work.py"),
        cwd=flux_run.folder,
        env=clean_environment() | flux_run.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        # It has taken the place of `flux run`: there is no process between the terminal and the program.
        assert int(process.stdout.readline()) == process.pid
        process.send_signal(number)
        assert process.wait(DEADLINE_S) == 40 + number
    finally:
        process.kill()
        process.communicate()


def test_what_there_is_not_is_said_as_a_shell_says_it(flux_run: FluxRun) -> None:
    ran = flux_run.run("no-such-program")
    assert (ran.code, ran.out, ran.err) == (127, "", "flux: no-such-program: there is no such command\n")
    (flux_run.folder / "data.txt").write_text("x")
    ran = flux_run.run("./data.txt")
    assert (ran.code, ran.err) == (126, "flux: ./data.txt: cannot be executed\n")


@pytest.mark.parametrize("option", ["-I", "-S", "-E"])
def test_a_python_that_cannot_record_is_refused(flux_run: FluxRun, option: str) -> None:
    ran = flux_run.run(sys.executable, option, "-c", "print(1)")
    assert (ran.code, ran.out) == (2, "")
    assert f"option {option}" in ran.err


def test_a_switched_off_sdk_is_said(flux_run: FluxRun) -> None:
    ran = flux_run.run(sys.executable, "-c", "print(1)", OTEL_SDK_DISABLED="true")
    assert (ran.code, ran.out) == (2, "")
    assert "OTEL_SDK_DISABLED" in ran.err


def bare_environment(folder: Path) -> Path:
    venv.create(folder, with_pip=False)
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def test_an_environment_that_lacks_what_it_takes(lone_run: FluxRun, tmp_path: Path) -> None:
    python = bare_environment(tmp_path / "bare")
    ran = lone_run.run(str(python), "-c", "print(1)")
    assert (ran.code, ran.out) == (2, "")
    assert f"{python} lacks msgspec, wrapt, opentelemetry-sdk, opentelemetry-instrumentation" in ran.err
    assert f"uv pip install --python {python} msgspec" in ran.err
    assert read_info(lone_run.store) is None


def test_flux_itself_need_not_be_in_the_environment(flux_run: FluxRun, tmp_path: Path) -> None:
    python = bare_environment(tmp_path / "bare")
    site = next((tmp_path / "bare").rglob("site-packages"))
    ours = Path(pytest.__file__).parents[1]
    for name in ("msgspec", "wrapt", "opentelemetry", "typing_extensions.py", "packaging"):
        (site / name).symlink_to(ours / name)
    for info in [*ours.glob("opentelemetry_*.dist-info"), *ours.glob("wrapt-*.dist-info")]:
        (site / info.name).symlink_to(info)
    program(
        flux_run.folder,
        """
        import sys
        from flux_ls.record.starting import is_on
        print(is_on())
        try:
            import click
        except ImportError:
            print("no click")
        """,
        "work.py",
    )
    ran = flux_run.run(str(python), "work.py")
    assert without_advice(ran) == Ended(0, "True\nno click\n", "")


def test_the_collector_stays_while_the_program_runs(lone_run: FluxRun) -> None:
    program(lone_run.folder, "import sys\nprint(1, flush=True)\nsys.stdin.read()", "work.py")
    process = subprocess.Popen(
        lone_run.argv(sys.executable, "work.py"),
        cwd=lone_run.folder,
        env=clean_environment() | lone_run.env | {"FLUX_IDLE_EXIT": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"1\n"
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            assert read_info(lone_run.store) is not None
            time.sleep(0.05)
    finally:
        process.communicate(b"")
    eventually(lambda: read_info(lone_run.store) is None)
