"""The collector process: ready when both ports accept, and gone in good order."""

import http.client
import json
import shutil
import signal
import socket
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from filelock import FileLock
from msgspec.structs import replace

from flux_ls import __version__
from flux_ls.collector import serve
from flux_ls.collector.daemon import CollectorFailed, is_locked
from flux_ls.collector.found import find, health, info_file, lock_file, read_info
from flux_ls.collector.ports import PortTaken
from flux_ls.collector.serve import AlreadyRunning
from flux_ls.config import Settings
from tests.e2e.processes import free_port
from tests.otlp.payloads import trace_message
from tests.otlp.receiving import Recording

from .processes import Clock, Serving, until

pytestmark = pytest.mark.slow


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(store=tmp_path / "data" / "flux.db", otlp_http_port=0, otlp_grpc_port=0)


def export(port: int, *, json_body: bool = False) -> int:
    connection = http.client.HTTPConnection("localhost", port, timeout=40)
    body = b"{}" if json_body else trace_message().SerializeToString()
    kind = "json" if json_body else "x-protobuf"
    connection.request("POST", "/v1/traces", body, {"content-type": f"application/{kind}"})
    status = connection.getresponse().status
    connection.close()
    return status


def exports(settings: Settings) -> list[str]:
    file = settings.store.with_suffix(".exports")
    return file.read_text().split() if file.exists() else []


def test_ready_means_both_ports(settings: Settings) -> None:
    settings = replace(settings, otlp_grpc_port=free_port())
    with Serving(settings) as serving:
        collector = serving.ready()
        assert collector.grpc_port == settings.otlp_grpc_port
        assert read_info(settings.store) == find(settings.store) == collector
        assert (collector.pid, collector.version) == (serving.process.pid, __version__)
        assert export(collector.http_port) == 200
        with grpc.insecure_channel(f"localhost:{collector.grpc_port}") as channel:
            method = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
            assert channel.unary_unary(method)(b"", timeout=40) == b""
        assert exports(settings) == ["begun", "done"] * 2
        serving.signal(signal.SIGTERM)
        assert serving.end() == (0, "")


def test_its_files_are_private(settings: Settings) -> None:
    with Serving(settings) as serving:
        serving.ready()
        for path, mode in [(settings.store.parent, 0o700), (info_file(settings.store), 0o600)]:
            assert stat.S_IMODE(path.stat().st_mode) == mode
        assert stat.S_IMODE(lock_file(settings.store).stat().st_mode) == 0o600


def test_health(settings: Settings) -> None:
    with Serving(settings) as serving:
        collector = serving.ready()
        connection = http.client.HTTPConnection("localhost", collector.http_port)
        connection.request("GET", "/flux/health")
        body = json.loads(connection.getresponse().read())
        assert body == {"flux": __version__, "store": str(settings.store), "pid": collector.pid}
        connection.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_lets_it_finish_what_it_is_writing(settings: Settings, tmp_path: Path, number: int) -> None:
    gate = tmp_path / "gate"
    answers: list[int] = []
    with Serving(settings, f"slow={gate}") as serving:
        port = serving.ready().http_port
        client = threading.Thread(target=lambda: answers.append(export(port)))
        client.start()
        until(lambda: exports(settings) == ["begun"])
        serving.signal(number)
        until(lambda: not info_file(settings.store).exists())
        until(lambda: refuses(port))
        assert serving.process.poll() is None
        assert is_locked(settings.store)
        gate.touch()
        client.join(40)
        assert answers == [200]
        assert serving.end() == (0, "")
    assert exports(settings) == ["begun", "done", "closed"]
    assert not is_locked(settings.store)


def refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_second_signal_forces(settings: Settings, tmp_path: Path) -> None:
    with Serving(settings, f"slow={tmp_path / 'never'}") as serving:
        port = serving.ready().http_port
        client = socket.create_connection(("127.0.0.1", port))
        head = (
            "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"
        )
        client.sendall(head.encode() + b"{}")
        until(lambda: exports(settings) == ["begun"])
        serving.signal(signal.SIGINT)
        until(lambda: not info_file(settings.store).exists())
        serving.signal(signal.SIGINT)
        assert serving.end() == (130, "")
        client.close()
    assert not is_locked(settings.store)


def test_it_is_found_again_when_its_folder_was_removed(settings: Settings, tmp_path: Path) -> None:
    with Serving(settings) as serving:
        collector = serving.ready()
        # In one step: it might come back while one file after the other is removed.
        settings.store.parent.rename(tmp_path / "removed")
        shutil.rmtree(tmp_path / "removed")
        until(lambda: find(settings.store) == collector)


def is_there(port: int) -> int:
    answer = health(port, 20)
    return 200 if answer is not None else 0


@pytest.mark.parametrize("ask", [export, is_there])
def test_it_leaves_when_nothing_happens_and_stays_while_asked(
    settings: Settings, tmp_path: Path, ask: Callable[[int], int]
) -> None:
    clock = Clock(tmp_path)
    with Serving(settings, *clock.leaving_after(1.5)) as serving:
        port = serving.ready().http_port
        for _ in range(4):
            assert ask(port) == 200
            clock.go_on(1)
        assert ask(port) == 200
        clock.go_on(2)
        assert serving.end() == (0, "")
    assert not info_file(settings.store).exists()


def test_the_time_that_it_took_to_start_is_no_idleness(settings: Settings) -> None:
    took_s = 0.0
    ready: list[float] = []

    def open_slowly(_: Settings) -> Recording:
        nonlocal took_s
        took_s = 100.0
        return Recording()

    serve.run(
        settings,
        foreground=True,
        idle_exit=0.5,
        on_ready=lambda _: ready.append(time.monotonic()),
        open_sink=open_slowly,
        clock=lambda: time.monotonic() + took_s,
    )
    assert time.monotonic() - ready[0] > 0.45


def test_work_is_no_idleness(settings: Settings, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    answers: list[int] = []
    clock = Clock(tmp_path)
    with Serving(settings, *clock.leaving_after(0.2), f"slow={gate}") as serving:
        port = serving.ready().http_port
        client = threading.Thread(target=lambda: answers.append(export(port)))
        client.start()
        until(lambda: exports(settings) == ["begun"])
        clock.go_on(10)
        with pytest.raises(TimeoutError):
            wait(serving, 1.0)
        gate.touch()
        client.join(40)
        assert answers == [200]
        assert serving.end()[0] == 0


def wait(serving: Serving, timeout_s: float) -> None:
    import subprocess

    try:
        serving.process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        raise TimeoutError from None


def test_in_the_foreground_it_stays(settings: Settings) -> None:
    with Serving(replace(settings, idle_exit=0.1)) as serving:
        serving.ready()
        with pytest.raises(TimeoutError):
            wait(serving, 1.0)


def test_one_collector_for_a_store(settings: Settings) -> None:
    with Serving(settings) as serving:
        collector = serving.ready()
        with pytest.raises(AlreadyRunning, match=f"process {collector.pid}") as caught:
            serve.run(settings, foreground=True)
        assert caught.value.collector == collector


def test_a_lock_that_nobody_answers_for(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "LOCK_WAIT_S", 0.2)
    settings.store.parent.mkdir()
    with FileLock(lock_file(settings.store)), pytest.raises(CollectorFailed, match="does not answer"):
        serve.run(settings, foreground=True)


def test_what_the_store_says_is_passed_on_and_the_lock_let_go(settings: Settings) -> None:
    class StoreTooNew(Exception):
        pass

    def refuse(_: Settings) -> None:
        raise StoreTooNew("upgrade flux-ls")

    for _ in range(2):
        with pytest.raises(StoreTooNew, match="upgrade"):
            serve.run(settings, foreground=True, open_sink=refuse)
    assert not info_file(settings.store).exists()
    assert not is_locked(settings.store)


def test_a_taken_port_is_named_with_its_setting_and_leaves_nothing(settings: Settings, tmp_path: Path) -> None:
    with Serving(settings) as serving:
        first = serving.ready()
        other = replace(settings, store=tmp_path / "other.db", otlp_http_port=first.http_port)
        with Serving(other) as second:
            code, said = second.end()
        assert code == 1
        for words in (
            f"port {first.http_port} is taken by the Flux collector of another store",
            str(settings.store),
            f"process {first.pid}",
            "otlp_http_port",
            "FLUX_OTLP_HTTP_PORT",
            "flux.otlpHttpPort",
        ):
            assert words in said
        assert not info_file(other.store).exists()
        assert not is_locked(other.store)


@pytest.mark.parametrize("setting", ["otlp_http_port", "otlp_grpc_port"])
def test_a_port_of_a_program_that_says_nothing(settings: Settings, setting: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as foreign:
        port = foreign.getsockname()[1]
        with pytest.raises(PortTaken, match="another program") as caught:
            serve.run(replace(settings, **{setting: port}), foreground=True, open_sink=lambda _: object())
    assert (caught.value.port, caught.value.setting) == (port, setting)


def test_a_port_on_all_addresses(settings: Settings) -> None:
    with socket.create_server(("0.0.0.0", 0)) as foreign:
        taken = replace(settings, otlp_http_port=foreign.getsockname()[1])
        with pytest.raises(PortTaken):
            serve.run(taken, foreground=True, open_sink=lambda _: object())


def test_it_prunes(settings: Settings) -> None:
    from flux_ls.store.reader import Reader

    with Serving(settings, "store", "prune=0.2") as serving:
        port = serving.ready().http_port
        assert export(port) == 200  # of 2018
        with Reader(settings.store) as reader:
            until(lambda: not list(reader.requests()))
        assert export(port) == 200
        serving.signal(signal.SIGTERM)
        assert serving.end() == (0, "")


def test_it_listens_on_loopback_only(settings: Settings) -> None:
    with Serving(settings) as serving:
        port = serving.ready().http_port
        addresses = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
        for address in addresses - {"127.0.0.1"}:
            if not address.startswith("127."):
                with pytest.raises(OSError, match=r"refused|unreachable|timed out"):
                    socket.create_connection((address, port), 1)
