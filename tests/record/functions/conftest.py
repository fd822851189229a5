"""A recorder in this process, and a request to record."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from flux_ls.record import recording
from tests.record.sent import Sent, recorder

Request = Callable[[], AbstractContextManager[recording.Recording]]


@pytest.fixture
def sent() -> Iterator[Sent]:
    with recorder() as sent:
        yield sent


@pytest.fixture
def request_(sent: Sent) -> Request:
    """`with request_():` runs what is in it as one request."""
    tracer = sent.provider.get_tracer("tests")

    @contextmanager
    def run() -> Iterator[recording.Recording]:
        with tracer.start_as_current_span("request"):
            found = recording.current()
            assert found is not None
            yield found

    return run
