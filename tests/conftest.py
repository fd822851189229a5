"""What many tests start from."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.recorded import Recorded

# On a busy machine making the input takes long, and an example longer: neither is a fault.
settings.register_profile("flux", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("flux")


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    """A project with a store; nothing is recorded yet."""
    return Recorded(tmp_path)
