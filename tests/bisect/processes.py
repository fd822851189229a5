"""A bisect as a process of its own, as somebody starts it in a terminal."""

import os
import subprocess
import sys
from pathlib import Path


def start(
    root: Path, store: Path, good: str, bad: str, *options: str, run: str = "sleep 0.05; exit $(cat verdict)"
) -> "subprocess.Popen[bytes]":
    words = ("bug", "bisect", "--store", str(store), "--good", good, "--bad", bad, "--run", run, *options)
    return subprocess.Popen(
        [sys.executable, "-m", "flux_ls.cli", *words],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
    )
