"""`flux tail`: the page, the filters as flags, and following a real collector."""

import json
import os
import pty
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from flux_ls.collector.daemon import find_collector, stop_collector
from tests.e2e.processes import free_port
from tests.recorded import Recorded
from tests.telemetry import http, new_trace_id, span, traces

from .conftest import Flux
from .live import Live, eventually, post

pytestmark = pytest.mark.slow


def test_the_page(flux: Flux, recorded: Recorded) -> None:
    shown = [
        http("POST", "/signup", 201, ms=88),
        http("GET", "/users", 200, ms=12),
        http("POST", "/checkout", 200, ms=192),
        recorded.failing_signup(),
        http("GET", "/products", 404, ms=9),
        span("nightly", ms=20_000),
    ]
    ids = [recorded.add(root, at_ns=10**18 + at)[:8] for at, root in enumerate(shown)]
    ran = flux("tail", "--no-follow")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        f"    POST /signup     201  88ms   req:{ids[0]}",
        f"    GET  /users      200  12ms   req:{ids[1]}",
        f"    POST /checkout   200  192ms  req:{ids[2]}",
        f"    POST /signup     500  44ms   req:{ids[3]}",
        "     └─ TimeoutError: Stripe API timeout",
        f"    GET  /products   404  9ms    req:{ids[4]}",
        f"    run  nightly     ok   20.0s  req:{ids[5]}",
    ]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), ["/fast", "/slow", "/signup", "/missing"]),
        (("--errors-only",), ["/signup", "/missing"]),
        (("--slow", "500"), ["/slow"]),
        (("--fn", "charge"), ["/signup"]),
        (("--service", "bakery"), ["/slow"]),
        (("--filter", "url.path=/s*"), ["/slow", "/signup"]),
        (("--filter", "url.path=/s*", "--filter", "service.name=shop"), ["/signup"]),
        (("--since", "30m"), ["/signup", "/missing"]),
        (("--since", "2h", "--errors-only"), ["/signup", "/missing"]),
    ],
)
def test_flags_choose(flux: Flux, recorded: Recorded, words: tuple[str, ...], expected: list[str]) -> None:
    now = time.time_ns()
    for minutes, root in (
        (90, http("GET", "/fast")),
        (60, http("GET", "/slow", ms=700, service="bakery")),
        (20, recorded.failing_signup()),
        (10, http("GET", "/missing", 404)),
    ):
        recorded.add(root, at_ns=now - minutes * 60 * 10**9)
    ran = flux("tail", "--no-follow", "--json", *words)
    assert [each["path"] for each in ran.json] == expected


def test_without_since_the_last_ones_that_are_wanted(flux: Flux, recorded: Recorded) -> None:
    for at in range(30):
        recorded.add(http("GET", f"/{at}", 200 + at % 2 * 204), at_ns=10**18 + at)
    paths = [each["path"] for each in flux("tail", "--no-follow", "--json").json]
    assert paths == [f"/{at}" for at in range(10, 30)]
    paths = [each["path"] for each in flux("tail", "--no-follow", "--json", "--errors-only").json]
    assert paths == [f"/{at}" for at in range(1, 30, 2)]


def test_requests_in_json_are_the_documented_shape(flux: Flux, recorded: Recorded) -> None:
    id = recorded.add(recorded.failing_signup(), resource={"deployment.environment.name": "dev"})
    (request,) = flux("tail", "--no-follow", "--json").json
    started = request.pop("started_at")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", started)
    assert request == {
        "id": id,
        "short_id": id[:8],
        "duration_ms": 44,
        "service": "shop",
        "environment": "dev",
        "revision": None,
        "kind": "http",
        "name": "POST /signup",
        "method": "POST",
        "path": "/signup",
        "route": "/signup",
        "function": None,
        "status": 500,
        "failed": True,
        "error": "TimeoutError: Stripe API timeout",
        "complete": True,
        "spans": 3,
        "aliases": [],
    }


# Following.


@dataclass
class Place:
    """Where a live tail finds its store and its port."""

    recorded: Recorded
    port: int

    @property
    def environ(self) -> dict[str, str]:
        return {
            "FLUX_STORE": str(self.recorded.store),
            "FLUX_OTLP_HTTP_PORT": str(self.port),
            "FLUX_OTLP_GRPC_PORT": "0",
        }

    def tail(self, *words: str) -> Live:
        return Live("tail", *words, cwd=self.recorded.root, environ=self.environ)


@pytest.fixture
def place(recorded: Recorded) -> Iterator[Place]:
    found = Place(recorded, free_port())
    yield found
    stop_collector(recorded.loaded().settings)


def test_tail_starts_the_collector_and_follows_it(place: Place) -> None:
    fault = place.recorded.timeout()
    late = http("POST", "/pay", ms=10, children=[span("charge", ms=50, raises=fault)])
    id, at = new_trace_id(), time.time_ns()
    with place.tail() as tail:
        assert tail.line() == "  Streaming live requests…"
        assert tail.complaint() == "flux: nothing has arrived yet: run your service with"
        # On lines of their own, so that a narrow terminal does not break what is to be copied.
        assert tail.complaint().split() == ["flux:", f"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:{place.port}"]
        assert tail.complaint().split() == ["flux:", "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf"]
        assert "flux doctor" in tail.complaint()
        assert post(place.port, traces(http("GET", "/a"), place.recorded.failing_signup())) == 200
        assert tail.line().startswith("    GET  /a          200  10ms   req:")
        assert tail.line().startswith("    POST /signup     500  44ms   req:")
        assert tail.line() == "     └─ TimeoutError: Stripe API timeout"
        post(place.port, traces(late, trace_id=id, at_ns=at, only=["POST /pay"]))
        assert tail.line() == f"    POST /pay        200  10ms   req:{id[:8]}"
        post(place.port, traces(late, trace_id=id, at_ns=at, only=["charge"]))
        assert tail.line() == f"  ↻ POST /pay        200  10ms   req:{id[:8]}"
        assert tail.line() == "     └─ TimeoutError: Stripe API timeout"
        post(place.port, traces(http("GET", "/gone", children=[span("query")]), only=["query"]))
        assert tail.line().endswith("(incomplete)")
        assert tail.interrupt() == 130
        assert tail.rest() == []
    assert find_collector(place.recorded.loaded().settings) is not None, "it stays for who comes next"


def test_since_begins_with_the_past_and_goes_on(place: Place) -> None:
    place.recorded.add(http("GET", "/old"), at_ns=time.time_ns() - 7200 * 10**9)
    place.recorded.add(http("GET", "/recent"), at_ns=time.time_ns() - 60 * 10**9)
    with place.tail("--since", "1h", "--json") as tail:
        assert json.loads(tail.line())["path"] == "/recent"
        post(place.port, traces(http("GET", "/new")))
        assert json.loads(tail.line())["path"] == "/new"


def test_without_a_collector_it_only_looks(place: Place) -> None:
    place.recorded.add(http("GET", "/before"))
    with place.tail("--no-collector", "--json", "--since", "1h") as tail:
        assert json.loads(tail.line())["path"] == "/before"
        place.recorded.add(http("GET", "/a"))
        assert json.loads(tail.line())["path"] == "/a"
    assert find_collector(place.recorded.loaded().settings) is None


def test_a_port_of_somebody_else_is_5_and_named_with_its_setting(place: Place) -> None:
    with socket.create_server(("127.0.0.1", place.port)), place.tail() as tail:
        complaint = tail.complaint()
        assert complaint.startswith(f"flux: port {place.port} is taken by another program")
        assert "--otlp-http-port" in complaint
        assert tail.process.wait(40) == 5


def test_a_new_store_in_the_place_of_the_old_one_is_followed(place: Place) -> None:
    place.recorded.add(http("GET", "/first"))
    with place.tail("--no-collector", "--json", "--since", "1h") as tail:
        assert json.loads(tail.line())["path"] == "/first"
        aside = place.recorded.store.with_name("aside.db")
        for part in place.recorded.store.parent.glob("flux.db*"):
            part.rename(part.with_name(part.name.replace("flux.db", aside.name)))
        place.recorded.add(http("GET", "/second"))
        assert "was replaced by a new one" in tail.complaint()
        assert json.loads(tail.line())["path"] == "/second"


def test_a_store_that_was_removed_under_its_collector_is_waited_for(place: Place) -> None:
    with place.tail() as tail:
        tail.line()
    for part in place.recorded.store.parent.glob("flux.db*"):
        if ".collector" not in part.name:
            part.unlink()
    with place.tail("--json") as tail:
        assert "nothing has arrived yet" in tail.complaint()
        assert post(place.port, traces(http("GET", "/a"))) == 200
        assert json.loads(tail.line())["path"] == "/a"


def test_the_collector_that_died_is_started_anew(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from flux_ls.cli import collecting
    from flux_ls.cli.options import Session

    monkeypatch.setattr(collecting, "PING_S", 0.0)
    flags = {"otlp_http_port": place.port, "otlp_grpc_port": 0}
    root = place.recorded.root
    keeper = collecting.Keeper(Session(root, root, place.recorded.loaded(**flags), as_json=False))
    keeper.start()
    settings = place.recorded.loaded().settings
    first = find_collector(settings)
    assert first is not None
    keeper.beat()
    assert find_collector(settings) == first
    stop_collector(settings)
    keeper.beat()
    second = find_collector(settings)
    assert second is not None
    assert second.pid != first.pid


def test_a_terminal_gets_colours_and_lines_that_fit(recorded: Recorded) -> None:
    recorded.add(http("GET", "/" + "segment/" * 20, ms=12_000), at_ns=10**18)
    recorded.add(recorded.failing_signup(), at_ns=2 * 10**18 // 2 + 1)
    master, slave = pty.openpty()
    environ = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-m", "flux_ls.cli", "tail", "--no-follow", "--store", str(recorded.store)],
        stdout=slave,
        env={**environ, "TERM": "xterm", "COLUMNS": "80"},
    )
    os.close(slave)
    shown = b""
    try:
        while data := os.read(master, 65536):
            shown += data
    except OSError:
        pass  # Linux ends a terminal that nobody has open any more like this.
    finally:
        os.close(master)
    assert process.wait(40) == 0
    first, second, error = shown.decode().replace("\r", "").splitlines()
    assert first.startswith("    \x1b[32mGET  /segment/segment/")
    assert "…" in first
    assert max(len(re.sub("\x1b\\[[0-9;]*m", "", line)) for line in (first, second, error)) <= 80
    assert second.startswith("    \x1b[31mPOST /signup")
    assert error == "     \x1b[31m└─ TimeoutError: Stripe API timeout\x1b[0m"


def test_a_background_collector_leaves_when_told(place: Place) -> None:
    with place.tail() as tail:
        tail.line()
        settings = place.recorded.loaded().settings
        assert stop_collector(settings)
        eventually(lambda: find_collector(settings) is None)
        assert tail.process.poll() is None, "the tail goes on"


def test_a_page_without_requests_says_why(flux: Flux, recorded: Recorded) -> None:
    id = recorded.add(http("GET", "/a"))
    ran = flux("tail", "--no-follow", "--fn", "nothing like it", "--json")
    assert (ran.code, ran.out) == (0, "")
    told = re.sub(r"\d+ s ago", "just now", ran.err)
    assert told == f"flux: no recorded request fits; the latest of all is req:{id[:8]}, just now\n"
    flux("prune", "--bytes", "1")
    assert flux("tail", "--no-follow").err.startswith("flux: nothing is recorded yet")
