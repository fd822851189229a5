"""Requests of real applications compared: what is asked twice goes the same way, and what was mended is fixed."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.applications import APPLICATIONS
from tests.e2e.collector import Collector
from tests.e2e.launch import APPS, Application, Hit, exporting, ports_for, recorded, start
from tests.e2e.processes import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

FAILING = Hit("GET", "/reports/2026-02", 500)
ASKED = (
    Hit("POST", "/checkout", 500, {"customer": "ada", "items": [{"cents": 60_000, "quantity": 2}]}),
    FAILING,
    Hit("GET", "/reports/2026-01", 200),
    Hit("POST", "/reserve/lamp", 200),
    Hit("GET", "/customers/bob", 200),
    Hit("GET", "/nowhere", 404),
)
BROKEN, MENDED = "sum(sales) / len(sales)", "sum(sales) / max(len(sales), 1)"
SHOP = APPLICATIONS["flask"]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Collector]:
    (tmp_path / "flux").mkdir()
    with Collector(tmp_path / "flux") as running:
        yield running


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    return Path(shutil.copytree(APPS, tmp_path / "apps"))


class Shop:
    """The application, and what it was asked in order."""

    def __init__(self, collector: Collector, sources: Path, scratch: Path, *, under_flux: bool) -> None:
        self.collector = collector
        self.sources = sources
        self.scratch = scratch
        self.under = recorded(collector.environment) if under_flux else exporting(collector.endpoint)
        self.application = Application("flask", SHOP.services)
        self.ports = ports_for(self.application)

    def serve(self, *hits: Hit) -> None:
        scratch = self.scratch / f"run {sum(1 for _ in self.scratch.glob('run *'))}"
        scratch.mkdir()
        with ExitStack() as stack:
            running = start(self.application, self.sources, self.under, scratch, stack, self.ports)
            for hit in hits:
                running.hit(hit)
            for service in SHOP.services:
                running.processes[service.name].stop(service.stop)

    def asked(self, hit: Hit, times: int) -> list[str]:
        """The ids of the requests, in order, when as many as expected have arrived."""

        def arrived() -> list[str]:
            told = self.collector.flux("tail", "--no-follow", "--since", "1h", cwd=self.sources)
            ids = [
                one["id"]
                for one in sorted(told, key=lambda one: one["started_at"])
                if (one["method"], one["path"], one["complete"]) == (hit.method, hit.path, True)
            ]
            return ids if len(ids) == times else []

        return eventually(arrived, within=20, what=f"{times} times {hit.path}")

    def diff(self, before: str, after: str) -> dict[str, Any]:
        (answer,) = self.collector.flux("trace", "diff", before, after, cwd=self.sources)
        return dict(answer)


@pytest.mark.parametrize("under_flux", [False, True], ids=["OpenTelemetry", "flux run"])
def test_the_same_question_is_answered_the_same_way(
    own: Collector, sources: Path, tmp_path: Path, *, under_flux: bool
) -> None:
    shop = Shop(own, sources, tmp_path, under_flux=under_flux)
    shop.serve(*ASKED, *ASKED)
    shop.serve(*ASKED, *ASKED)
    for hit in ASKED:
        ids = shop.asked(hit, 4)
        # The first one of a process loads modules, which may take long on a busy machine.
        for before, after in ((ids[1], ids[3]), (ids[3], ids[1])):
            answer = shop.diff(before, after)
            counting = [
                (span["change"], field["path"], field["before"], field["after"])
                for span in answer["spans"]
                for field in span["fields"]
                if not field["noise"]
            ]
            assert (answer["verdict"], counting) == ("IDENTICAL", []), (hit, answer["summary"])


@pytest.mark.parametrize("under_flux", [False, True], ids=["OpenTelemetry", "flux run"])
def test_a_mended_line_is_a_fix(own: Collector, sources: Path, tmp_path: Path, *, under_flux: bool) -> None:
    shop = Shop(own, sources, tmp_path, under_flux=under_flux)
    shop.serve(FAILING, FAILING)
    reports = sources / "flask_checkout" / "storefront" / "reports.py"
    text = reports.read_text(encoding="utf-8")
    assert BROKEN in text
    reports.write_text(text.replace(BROKEN, MENDED), encoding="utf-8")
    shop.serve(*(Hit(FAILING.method, FAILING.path, 200) for _ in range(2)))
    ids = shop.asked(FAILING, 4)
    fixed = shop.diff(ids[1], ids[3])
    assert fixed["verdict"] == "FIXED"
    assert fixed["summary"].startswith("Fix verified: ")
    assert "ZeroDivisionError: division by zero" in fixed["summary"]
    assert [span["change"] for span in fixed["spans"]].count("changed") >= 1
    not_fixed = shop.diff(ids[0], ids[1])
    assert "Not fixed: the same error" in not_fixed["summary"]
