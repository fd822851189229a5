"""Run by tests: a collector in the foreground, `python -m tests.collector.serving SETTINGS [OPTION...]`.

Options: `slow=FILE` makes every export wait until FILE exists; `idle=SECONDS` of a clock that goes on as `clock=FILE`
grows, a second with each byte; `prune=SECONDS` from one pruning to the next; `store` writes a real store, where a line
per export goes to FLUX_STORE otherwise, with `.exports` behind it.
"""

import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from flux_ls.collector import serve
from flux_ls.collector.daemon import decode_settings
from flux_ls.collector.found import Collector
from flux_ls.config import Settings
from flux_ls.otlp.sink import Outcome


class Lines:
    """A sink that writes a line per export."""

    def __init__(self, settings: Settings, gate: Path | None) -> None:
        self._file = settings.store.with_suffix(".exports")
        self._gate = gate

    def traces(self, message: Any, body: bytes = b"") -> Outcome:
        with self._file.open("a") as lines:
            lines.write("begun\n")
        while self._gate is not None and not self._gate.exists():
            time.sleep(0.01)
        with self._file.open("a") as lines:
            lines.write("done\n")
        return Outcome()

    logs = traces

    def close(self) -> None:
        with self._file.open("a") as lines:
            lines.write("closed\n")


def main() -> None:
    settings = decode_settings(sys.argv[1])
    options = dict(option.partition("=")[::2] for option in sys.argv[2:])
    gate = Path(options["slow"]) if "slow" in options else None
    if "prune" in options:
        serve.FIRST_PRUNE_S = serve.PRUNE_BEAT_S = float(options["prune"])

    def ready(collector: Collector) -> None:
        print(msgspec.json.encode(collector, enc_hook=str).decode(), flush=True)

    def clock() -> float:
        return Path(options["clock"]).stat().st_size

    serve.run(
        settings,
        foreground=True,
        idle_exit=float(options["idle"]) if "idle" in options else None,
        clock=clock if "clock" in options else time.monotonic,
        on_ready=ready,
        open_sink=serve.open_ingest if "store" in options else lambda settings: Lines(settings, gate),
    )


if __name__ == "__main__":
    main()
