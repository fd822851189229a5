"""The background collector: one for all who need it, found, started, and stopped."""

import contextlib
import http.client
import http.server
import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from msgspec.structs import replace

from flux_ls import __version__
from flux_ls.collector.daemon import (
    CollectorFailed,
    PortTaken,
    decode_settings,
    encode_settings,
    ensure_collector,
    find_collector,
    is_locked,
    ping,
    stop_collector,
)
from flux_ls.collector.found import Collector, info_file, lock_file, log_file, write_info
from flux_ls.collector.ports import holder
from flux_ls.config import Settings
from flux_ls.store.reader import Reader
from tests.e2e.processes import free_port
from tests.otlp.payloads import trace_message
from tests.otlp.receiving import receiving
from tests.quickest import quickest

from .processes import ROOT, Serving, alive, ended, until

pytestmark = pytest.mark.slow


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    store = tmp_path / "data folder" / "flux.db"
    with ended(store):
        yield Settings(store=store, otlp_http_port=0, otlp_grpc_port=0, idle_exit=60)


def export(port: int) -> int:
    connection = http.client.HTTPConnection("localhost", port, timeout=20)
    connection.request(
        "POST", "/v1/traces", trace_message().SerializeToString(), {"content-type": "application/x-protobuf"}
    )
    status = connection.getresponse().status
    connection.close()
    return status


def test_settings_reach_the_process_whole() -> None:
    settings = Settings(
        store=Path("/a, b/flux.db").absolute(),
        otlp_http_port=1,
        path_map=("/srv/app=/home, there",),
        in_app_include=("src, too",),
        retention_days=0.5,
        collector=False,
    )
    assert decode_settings(encode_settings(settings)) == settings


def test_it_starts_in_the_background_and_outlives_who_started_it(settings: Settings) -> None:
    code = (
        "import sys; from flux_ls.collector.daemon import ensure_collector, decode_settings;"
        "print(ensure_collector(decode_settings(sys.argv[1])).pid)"
    )
    # Did it keep hold of the output, this would wait for as long as it stays, which is longer.
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, encode_settings(settings)],
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    collector = find_collector(settings)
    assert collector is not None
    assert collector.pid == int(done.stdout)
    assert collector.version == __version__
    assert export(collector.http_port) == 200
    with Reader(settings.store) as reader:
        assert len(list(reader.requests())) == 1
    if sys.platform != "win32":
        assert os.getsid(collector.pid) != os.getsid(0)
        assert stat.S_IMODE(log_file(settings.store).stat().st_mode) == 0o600
    assert "receives for" in log_file(settings.store).read_text()
    assert stop_collector(settings)
    until(lambda: not alive(collector.pid))


def test_the_one_that_runs_is_taken(settings: Settings) -> None:
    assert find_collector(settings) is None
    first = ensure_collector(settings)
    assert ensure_collector(settings) == find_collector(settings) == first
    assert ping(first)
    assert stop_collector(settings)
    assert not ping(first)
    assert find_collector(settings) is None
    assert not stop_collector(settings)
    assert not is_locked(settings.store)


def test_one_that_leaves_while_it_is_stopped(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.store.parent.mkdir()
    left = subprocess.Popen([sys.executable, "-c", ""])
    left.wait()
    running = Collector(left.pid, 1, 0, settings.store, __version__, 1)
    monkeypatch.setattr("flux_ls.collector.daemon.find", lambda _: running)
    assert stop_collector(settings)


def test_many_at_once_start_one(settings: Settings) -> None:
    code = (
        "import sys; from flux_ls.collector.daemon import ensure_collector, decode_settings;"
        "sys.stdin.readline(); print(ensure_collector(decode_settings(sys.argv[1]), wait_s=30).pid)"
    )
    callers = [
        subprocess.Popen(
            [sys.executable, "-c", code, encode_settings(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    with contextlib.ExitStack() as running:
        for caller in callers:
            running.callback(caller.kill)
        for caller in callers:
            assert caller.stdin is not None
            caller.stdin.write("go\n")
            caller.stdin.flush()
        pids = {int(caller.communicate(timeout=50)[0]) for caller in callers}
    collector = find_collector(settings)
    assert collector is not None
    assert pids == {collector.pid}
    assert log_file(settings.store).read_text().count("receives for") == 1


def test_one_in_the_foreground_is_taken_too(settings: Settings) -> None:
    with Serving(settings) as serving:
        collector = serving.ready()
        assert ensure_collector(settings) == collector


def test_one_that_was_killed_is_replaced(settings: Settings) -> None:
    first = ensure_collector(settings)
    os.kill(first.pid, signal.SIGKILL)
    until(lambda: not alive(first.pid))
    assert info_file(settings.store).exists()
    assert find_collector(settings) is None
    second = ensure_collector(settings)
    assert second.pid != first.pid
    assert ping(second)


def test_one_that_leaves_is_waited_for(settings: Settings, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with Serving(settings, f"slow={gate}") as serving:
        port = serving.ready().http_port
        client = threading.Thread(target=lambda: export(port))
        client.start()
        until(lambda: settings.store.with_suffix(".exports").exists())
        serving.signal(signal.SIGTERM)
        until(lambda: not info_file(settings.store).exists())
        release = threading.Timer(0.5, gate.touch)
        release.start()
        collector = ensure_collector(settings)
        assert collector.pid != serving.process.pid
        client.join(40)
        assert serving.end()[0] == 0


def test_one_of_another_version_is_left_as_it_is(settings: Settings) -> None:
    settings.store.parent.mkdir()
    with answering({"flux": "0.0.1", "store": str(settings.store), "pid": os.getpid()}) as port:
        old = Collector(os.getpid(), port, 0, settings.store, "0.0.1", 1)
        write_info(old)
        found = ensure_collector(settings)
        info_file(settings.store).unlink()
    assert found == old


@contextlib.contextmanager
def answering(body: Any) -> Iterator[int]:
    """A web server that is no collector, whatever it answers."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    with served(Handler) as port:
        yield port


@contextlib.contextmanager
def served(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join(40)


@pytest.mark.parametrize("info", [b"", b"{}", b"[]", b'{"pid": "x"}', b"\xff"])
def test_an_info_file_that_makes_no_sense(settings: Settings, info: bytes) -> None:
    settings.store.parent.mkdir()
    info_file(settings.store).write_bytes(info)
    assert find_collector(settings) is None
    assert not stop_collector(settings)


@pytest.mark.parametrize("body", [{}, [], {"flux": "1", "store": "s", "pid": -1}, "x" * 100_000])
def test_a_port_that_somebody_else_has_by_now(settings: Settings, body: Any) -> None:
    settings.store.parent.mkdir()
    with answering(body) as port:
        write_info(Collector(os.getpid(), port, 0, settings.store, "0.0.1", 1))
        assert find_collector(settings) is None
        assert not stop_collector(settings)  # least of all by killing the process with that number


def test_it_leaves_when_nobody_needs_it(settings: Settings) -> None:
    collector = ensure_collector(replace(settings, idle_exit=1.5))
    until(lambda: not alive(collector.pid))
    assert not info_file(settings.store).exists()
    assert "nothing happened for 1.5 s" in log_file(settings.store).read_text()


def test_a_port_taken_by_a_collector_of_somebody_else(settings: Settings) -> None:
    with receiving() as other:
        with pytest.raises(PortTaken, match=r"another OpenTelemetry collector.*otlp_http_port") as caught:
            ensure_collector(replace(settings, otlp_http_port=other.http_port))
        assert caught.value.port == other.http_port
        with pytest.raises(PortTaken, match=r"another OpenTelemetry collector.*FLUX_OTLP_GRPC_PORT") as caught:
            ensure_collector(replace(settings, otlp_grpc_port=other.grpc_port))
        assert caught.value.setting == "otlp_grpc_port"
        assert other.sink.span_names() == []
    assert not is_locked(settings.store)
    assert ensure_collector(settings)


def test_a_port_taken_by_any_web_server(settings: Settings) -> None:
    with answering({"status": "ok"}) as port, pytest.raises(PortTaken, match="another program"):
        ensure_collector(replace(settings, otlp_http_port=port))


def test_a_port_taken_by_the_collector_of_another_store(settings: Settings, tmp_path: Path) -> None:
    port = free_port()
    ensure_collector(replace(settings, otlp_http_port=port))
    with pytest.raises(PortTaken, match="Flux collector of another store") as caught:
        ensure_collector(replace(settings, store=tmp_path / "other.db", otlp_http_port=port))
    assert str(settings.store) in str(caught.value)


def test_a_collector_that_was_too_busy_to_say_who_it_is(tmp_path: Path) -> None:
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            said = {"flux": __version__, "store": str(tmp_path / "flux.db"), "pid": 7}
            self.answer(503 if len(asked) == 1 else 200, "application/json", json.dumps(said).encode())

        def do_POST(self) -> None:
            asked.append(self.path)
            self.answer(200, "application/x-protobuf", b"")

        def answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with served(Handler) as port:
        assert holder(port, tmp_path / "flux.db").startswith("the Flux collector of this store (")
    assert asked == ["/flux/health", "/v1/traces", "/flux/health"]


def test_a_store_that_cannot_be_opened(settings: Settings) -> None:
    settings.store.mkdir(parents=True)
    with pytest.raises(CollectorFailed, match=r"flux\.db"):
        ensure_collector(settings)
    assert "ERROR" in log_file(settings.store).read_text()


def test_somebody_who_starts_one_and_does_not_come_to_an_end(settings: Settings) -> None:
    from flux_ls.collector.found import start_lock_file

    settings.store.parent.mkdir()

    def is_told() -> None:
        with pytest.raises(CollectorFailed, match=r"did not start within 0\.3 s"):
            ensure_collector(settings, wait_s=0.3)

    with FileLock(start_lock_file(settings.store)):
        assert quickest(is_told, within=5) < 5


def test_one_that_hangs_is_not_taken_for_running(settings: Settings) -> None:
    settings.store.parent.mkdir()
    with FileLock(lock_file(settings.store)):
        with pytest.raises(CollectorFailed, match=r"within 1 s"):
            ensure_collector(settings, wait_s=0.5)
        assert is_locked(settings.store)
    # The one that was started still waits its turn, and gets it now.
    assert until(lambda: find_collector(settings))


def test_the_log_stays_small(tmp_path: Path) -> None:
    file = tmp_path / "collector.log"
    code = (
        "import logging, sys; from pathlib import Path; from flux_ls.collector.__main__ import BoundedLog;"
        "logging.basicConfig(handlers=[BoundedLog(Path(sys.argv[1]))]);"
        "[logging.error('%06d %s', number, 'x' * 1000) for number in range(3000)]"
    )
    with file.open("ab") as log:
        subprocess.run([sys.executable, "-c", code, str(file)], stderr=log, cwd=ROOT, timeout=30, check=True)
    text = file.read_text()
    assert 100_000 < len(text) < 1_100_000
    assert " 002999" in text or ":002999" in text
    numbers = [int(line.split("root:")[1][:6]) for line in text.splitlines() if "root:" in line]
    assert numbers == list(range(numbers[0], 3000))


def test_the_collector_is_not_instrumented_with_the_application(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = Path("/proc")
    if not environ.exists():
        pytest.skip("needs /proc")
    monkeypatch.delenv("OTEL_SDK_DISABLED", raising=False)
    collector = ensure_collector(settings)
    assert b"OTEL_SDK_DISABLED=true" in (environ / str(collector.pid) / "environ").read_bytes().split(b"\0")
