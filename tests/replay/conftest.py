"""The project that replays are tested on, and the PostgreSQL of some."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgresql import postgresql
from tests.replay.projects import Project

__all__ = ["postgresql", "project"]


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """Never in /dev/shm, where other tests write: that is open to what is replayed, and hides what a guard stops."""
    with tempfile.TemporaryDirectory(prefix="replayed-", ignore_cleanup_errors=True) as folder:
        yield Path(folder).resolve()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)
