"""What the tests of the agents' interface share."""

from pathlib import Path

import pytest

from tests.lsp.shop import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A project that has run nothing yet."""
    return Shop.make(tmp_path)
