"""What many tests start from."""

import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.recorded import Recorded

# On a busy machine making the input takes long, and an example longer: neither is a fault.
settings.register_profile("flux", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("flux")


# A shell that runs the tests in the background makes them ignore SIGINT, and so would every service they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    """A project with a store; nothing is recorded yet."""
    return Recorded(tmp_path)
