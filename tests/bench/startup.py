"""From process start to `initialize` answered, against a bare pygls server, in turn."""

import statistics
import sys
import tempfile
import time
from pathlib import Path

from flux_ls.demo.client import LanguageClient

_ROUNDS = 20
_BARE = [sys.executable, "-m", "tests.bench.bare_server"]
_FLUX = [sys.executable, "-m", "flux_ls.lsp"]


def main() -> None:
    bare, ours = [], []
    for round_ in range(_ROUNDS + 1):
        for command, times in ((_BARE, bare), (_FLUX, ours)):
            seconds = _initialized(command)
            if round_:  # the first one warms the file cache
                times.append(seconds)
    ratio = statistics.median(one / other for one, other in zip(ours, bare, strict=True))
    print(f"start-up: {ratio:.2f} of a bare pygls server, bar 1.15")
    print(f"  bare {statistics.median(bare) * 1000:.0f} ms, flux-ls {statistics.median(ours) * 1000:.0f} ms")


def _initialized(command: list[str]) -> float:
    root = Path(__file__).parents[2]
    with tempfile.TemporaryDirectory() as folder:
        options = {"store": str(Path(folder) / "flux.db"), "collector": False}
        begin = time.perf_counter()
        client = LanguageClient(command, root)
        client.initialize(options)
        seconds = time.perf_counter() - begin
        client.kill()
        return seconds


if __name__ == "__main__":
    main()
