"""What is suggested for the failures of real applications: what fits, and nothing else."""

import re
from pathlib import Path

import pytest

from tests.e2e.applications import APPLICATIONS
from tests.e2e.cases import FAULTS, FINE, Fault, Fine
from tests.e2e.collector import Collector
from tests.e2e.runs import Runs
from tests.e2e.test_apps import tailed, why

pytestmark = pytest.mark.timeout(240)

SAME_EMAIL = "Look for a row with the same members.email before the write, or handle IntegrityError"
NOBODY = "Start what should listen on 127.0.0.1:PORT, or correct the address"
EXPECTED = {
    "flask-chained": ["Say what the result is when len(sales) is 0"],
    "flask-thread": ["Use lines.get(order_id), which is None without the key"],
    "sqlalchemy-signup": [SAME_EMAIL],
    "sqlalchemy-and-driver-signup": [SAME_EMAIL],
    "fastapi-stock": ["Say what the result is when per_day is 0"],
    "django-orm": ["Look for a row with the same catalog_book.slug before the write, or handle IntegrityError"],
    "django-template_call": ["Say what the result is when self.pages is 0"],
    "outbound-requests": [NOBODY],
    "outbound-httpx": [NOBODY],
    "two-services-pricing": ["Check self.prices[sku] before int(), or handle the ValueError"],
    "job-job": ["Check cell before int(), or handle the ValueError"],
}
"""Titles by case; what is not here gets nothing: its line raises an error of its own, or tells too little."""


@pytest.mark.parametrize("case", FAULTS, ids=str)
def test_what_fits(case: Fault, runs: Runs, projects: Path, collector: Collector) -> None:
    runs.finished(APPLICATIONS[case.application])
    answer = why(collector, tailed(collector, case), projects / case.folder)
    suggested = answer["suggestions"]
    titles = [re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", each["title"]) for each in suggested]
    assert titles == EXPECTED.get(str(case), [])
    for each in suggested:
        assert f"{case.where.path}:{case.where.line}" in each["evidence"] or case.message in each["evidence"]


@pytest.mark.parametrize("case", FINE, ids=str)
def test_nothing_for_what_went_well(case: Fine, runs: Runs, projects: Path, collector: Collector) -> None:
    runs.finished(APPLICATIONS[case.application])
    assert why(collector, tailed(collector, case), projects / case.folder)["suggestions"] == []


def test_every_case_of_the_table_is_one() -> None:
    assert EXPECTED.keys() <= {str(case) for case in FAULTS}
