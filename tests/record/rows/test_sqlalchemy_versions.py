"""The same tests against the other versions of SQLAlchemy, each in a folder of its own that `make test` fills."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.postgresql import RUNNING, PostgreSQL

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("version", ["1.4", "2.1"])
def test_version(version: str, postgresql: PostgreSQL) -> None:
    folder = ROOT / ".cache" / f"sqlalchemy-{version}" / "site-packages"
    if not (folder / "sqlalchemy").exists():
        missing = f"no SQLAlchemy {version} in {folder}: `make .cache/sqlalchemy-{version}`"
        assert not os.environ.get("CI"), missing
        pytest.skip(missing)
    files = [file for file in sorted(HERE.glob("test_sqlalchemy*.py")) if file != Path(__file__)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *map(str, files)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(folder), "SHOULD_BE": version, RUNNING: str(postgresql.folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
