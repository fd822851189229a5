"""Who only looks for a collector loads nothing of what a collector needs."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        (
            "flux_ls.collector.daemon",
            ["google.protobuf", "grpc", "uvicorn", "sqlite3", "asyncio", "filelock", "subprocess"],
        ),
        ("flux_ls.collector.serve", ["grpc", "sqlite3"]),
        ("flux_ls.collector.__main__", ["flux_ls.config", "msgspec", "asyncio"]),
    ],
)
def test_imports(module: str, absent: list[str]) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert module in done.stdout.split()
    assert not set(absent) & set(done.stdout.split())
