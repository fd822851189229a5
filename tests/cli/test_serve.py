"""`flux serve`: in the foreground, in the background, and stopped."""

import json
from collections.abc import Iterator

import pytest

from flux_ls import __version__
from flux_ls.collector.daemon import find_collector, stop_collector
from tests.recorded import Recorded
from tests.telemetry import http, traces

from .conftest import Flux
from .live import Live, post

pytestmark = pytest.mark.slow


@pytest.fixture
def environ(recorded: Recorded) -> Iterator[dict[str, str]]:
    yield {"FLUX_STORE": str(recorded.store), "FLUX_OTLP_GRPC_PORT": "0"}
    stop_collector(recorded.loaded().settings)


def test_in_the_foreground_it_says_where_and_receives(recorded: Recorded, environ: dict[str, str]) -> None:
    with Live("serve", "--otlp-http-port", "0", "--json", cwd=recorded.root, environ=environ) as serve:
        told = json.loads(serve.line())
        assert told["store"] == str(recorded.store)
        assert told["version"] == __version__
        assert told["grpc_port"] == 0
        assert post(told["http_port"], traces(http("GET", "/a"))) == 200
        with recorded.reader() as reader:
            assert [request.path for request in reader.requests()] == ["/a"]
        with Live("serve", "--otlp-http-port", "0", cwd=recorded.root, environ=environ) as second:
            assert second.complaint().startswith("flux: a collector runs already for ")
            assert second.process.wait(40) == 1
        assert serve.interrupt() == 0
    assert find_collector(recorded.loaded().settings) is None


def test_a_person_is_told_in_words(recorded: Recorded, environ: dict[str, str]) -> None:
    with Live("serve", "--otlp-http-port", "0", cwd=recorded.root, environ=environ) as serve:
        assert serve.line().startswith("Receiving OTLP on http://127.0.0.1:")
        assert serve.line().startswith(f"  store {recorded.store}, process {serve.process.pid}")


def test_background_and_stop(flux: Flux, recorded: Recorded, environ: dict[str, str]) -> None:
    words = ("serve", "--background", "--otlp-http-port", "0", "--otlp-grpc-port", "0", "--json")
    first = flux(*words)
    assert first.code == 0
    assert flux(*words).json == first.json
    ran = flux("serve", "--stop")
    assert (ran.code, ran.out) == (0, f"Stopped the collector (process {first.json[0]['pid']}).\n")
    assert flux("serve", "--stop").out == f"No collector runs for {recorded.store}.\n"
    assert flux("serve", "--stop", "--json").json == [{"stopped": False}]


@pytest.mark.parametrize("words", [("serve",), ("serve", "--background"), ("tail",)])
def test_a_place_where_nothing_can_be_kept_is_told(flux: Flux, recorded: Recorded, words: tuple[str, ...]) -> None:
    ran = flux(*words, "--store", str(recorded.payments / "sub" / "flux.db"))
    assert ran.code == 5
    assert ran.err.startswith(f"flux: nothing can be kept in {recorded.payments / 'sub'} (Not a directory): ")
    assert "--store or FLUX_STORE" in ran.err


def test_idle_exit_holds_in_the_foreground_when_it_is_asked_for(recorded: Recorded, environ: dict[str, str]) -> None:
    words = ("serve", "--otlp-http-port", "0", "--idle-exit", "0.2")
    with Live(*words, cwd=recorded.root, environ=environ) as serve:
        serve.line()
        assert serve.process.wait(40) == 0
