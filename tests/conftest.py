"""What many tests start from."""

from pathlib import Path

import pytest

from tests.recorded import Recorded


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    """A project with a store; nothing is recorded yet."""
    return Recorded(tmp_path)
