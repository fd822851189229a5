"""What the tests of explaining share."""

from collections.abc import Iterator

import pytest

from tests.explain.model import Model, running


@pytest.fixture
def model() -> Iterator[Model]:
    with running() as model:
        yield model
