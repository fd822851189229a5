"""Receivers for the tests that only need some."""

from collections.abc import Iterator

import pytest

from .receiving import Receivers, Recording, receiving


@pytest.fixture(scope="module")
def shared_receivers() -> Iterator[Receivers]:
    with receiving() as receivers:
        yield receivers


@pytest.fixture
def receivers(shared_receivers: Receivers) -> Receivers:
    """The module's receivers, with a sink that has seen nothing."""
    shared_receivers.sink.__dict__.clear()
    shared_receivers.sink.__dict__.update(Recording().__dict__)
    shared_receivers.activity = 0
    return shared_receivers
