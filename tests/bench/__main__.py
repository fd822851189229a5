"""`make bench`: every benchmark, one after the other."""

import importlib
import sys

BENCHES = ("ingest", "startup", "arrival", "recorder", "questions", "remap", "diff", "bisect_step")


def main(names: list[str]) -> None:
    for name in names or BENCHES:
        importlib.import_module(f"tests.bench.{name}").main()
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
