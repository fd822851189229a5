"""`flux prune`: what it removes and what it says."""

import os
import time

from tests.recorded import Recorded
from tests.telemetry import http, span

from .conftest import Flux

DAY = 86400 * 10**9


def test_old_requests_go(flux: Flux, recorded: Recorded) -> None:
    now = time.time_ns()
    for days in (0, 3, 8):
        recorded.add(http("GET", f"/{days}", children=[span("query")]), at_ns=now - days * DAY)
    assert flux("prune", "--json").json[0]["requests"] == 1
    ran = flux("prune", "--days", "1")
    assert ran.code == 0
    assert ran.out.startswith("Removed 1 request (2 spans), ")
    assert flux("prune").out == "Nothing to remove.\n"
    assert [each["path"] for each in flux("tail", "--no-follow", "--json").json] == ["/0"]


def test_logs_of_bisects_go_with_their_age(flux: Flux, recorded: Recorded) -> None:
    recorded.add(http("GET", "/"), at_ns=time.time_ns())
    logs = recorded.store.parent / "bisect"
    logs.mkdir()
    for name, days in (("old.log", 8), ("new.log", 1)):
        (logs / name).touch()
        os.utime(logs / name, (time.time() - days * 86400,) * 2)
    assert flux("prune", "--days", "0").out == "Nothing to remove.\n"
    assert flux("prune", "--json").json[0]["bisect_logs"] == 1
    assert [each.name for each in logs.iterdir()] == ["new.log"]
    assert flux("prune", "--days", "0.5").out == "Removed 1 log of bisects.\n"


def test_0_is_no_limit(flux: Flux, recorded: Recorded) -> None:
    recorded.add(http("GET", "/"), at_ns=10**18)
    assert flux("prune", "--days", "0", "--bytes", "0").out == "Nothing to remove.\n"
    assert flux("prune", "--retention-days", "0").code == 2


def test_a_file_that_is_no_store_stays_as_it_is(flux: Flux, recorded: Recorded) -> None:
    notes = recorded.write("notes.txt", "not a database at all\n" * 100)
    ran = flux("prune", "--store", str(notes))
    assert ran.code == 5
    assert notes.read_text().startswith("not a database")
    assert [file.name for file in recorded.root.glob("notes*")] == ["notes.txt"]
