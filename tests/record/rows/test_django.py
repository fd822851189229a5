"""The Django ORM, in a process of its own: `django_shop/` says why."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.postgresql import RUNNING, PostgreSQL

ROOT = Path(__file__).parents[3]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["cases", "oracle"])
def test_django(name: str, postgresql: PostgreSQL) -> None:
    file = Path(__file__).parent / "django_shop" / f"{name}.py"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file)],
        cwd=ROOT,
        env={**os.environ, RUNNING: str(postgresql.folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
