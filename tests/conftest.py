"""What many tests start from."""

import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.recorded import Recorded

# On a busy machine making the input takes long, and an example longer: neither is a fault.
settings.register_profile("flux", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("flux")


SLOW = (
    "tests/record/outbound/",
    "tests/record/rows/",
    "tests/record/servers/",
    "tests/record/test_distro.py",
    "tests/record/test_providers.py",
    "tests/record/test_sending.py",
    "tests/record/functions/test_generators.py",
    "tests/record/functions/test_modules.py",
    "tests/record/redaction/test_texts.py",
    "tests/analysis/diff/test_align.py",
    "tests/analysis/diff/test_size.py",
    "tests/analysis/suggestions/test_any_place.py",
    "tests/analysis/suggestions/test_connections.py",
    "tests/cli/test_explain.py",
    "tests/cli/test_run.py",
    "tests/explain/test_providers.py",
    "tests/source/test_functions.py",
)
"""Tests that start programs, servers and databases, or try a great many examples: quick each, and not together."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.startswith(SLOW):
            item.add_marker(pytest.mark.slow)


# A shell that runs the tests in the background makes them ignore SIGINT, and so would every service they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    """A project with a store; nothing is recorded yet."""
    return Recorded(tmp_path)
