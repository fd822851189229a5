"""`flux doctor` as it reads."""

from tests.recorded import Recorded
from tests.telemetry import http

from .conftest import Flux


def test_the_first_broken_link_and_its_mend(flux: Flux, recorded: Recorded) -> None:
    id = recorded.add(http("GET", "/", 500))
    ran = flux("doctor", id)
    assert ran.code == 1
    assert "  ✓ store " in ran.out
    assert "  ✗ location " in ran.out
    assert "  · revision " in ran.out
    assert "  First broken link: location\n" in ran.out
    assert "  Mend: let the instrumentation record exceptions" in ran.out


def test_every_link_holds(flux: Flux, recorded: Recorded) -> None:
    ran = flux("doctor", recorded.add(recorded.failing_signup()))
    assert ran.code == 0
    assert "Every link holds." in ran.out


def test_json_and_several_ids(flux: Flux, recorded: Recorded) -> None:
    good, bad = recorded.add(recorded.failing_signup()), recorded.add(http("GET", "/", 500))
    ran = flux("doctor", good, bad, "--json")
    assert ran.code == 1
    assert [all(check["ok"] for check in answer["checks"]) for answer in ran.json] == [True, False]
    assert flux("doctor", "ffffffff").code == 3
    (whole,) = flux("doctor", "--otlp-http-port", "1", "--otlp-grpc-port", "0", "--json").json
    assert [check["name"] for check in whole["checks"]][:2] == ["settings", "collector"]
