"""The project that replays are tested on, and the PostgreSQL of some."""

from pathlib import Path

import pytest

from tests.postgresql import postgresql
from tests.replay.projects import Project

__all__ = ["postgresql", "project"]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)
