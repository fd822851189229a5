"""Typing in a file of ten thousand lines with open findings: from a buffer to the snapshot that the editor gets."""

import random
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from lsprotocol import types

from flux_ls.lsp.convert import path_to_uri
from flux_ls.lsp.documents import Document
from flux_ls.lsp.findings import Findings, Surroundings
from flux_ls.lsp.open_files import Buffer
from flux_ls.lsp.snapshot import Snapshot
from flux_ls.lsp.watch import News
from flux_ls.model import Failure, Frame, Issue
from flux_ls.source.functions import FunctionIndex
from flux_ls.source.lines import split_lines

_LINES, _FINDINGS = 10_000, 20
_EDITS_OF_A_KIND = 50
_BAR_MS = 5.0
_TYPED = {"a character": "x", "a line more": "\n", "an open bracket": "(", "an open block of text": '"""'}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        typing = _Typing(Path(folder))
        try:
            took = {name: list(typing.timed(text)) for name, text in _TYPED.items()}
        finally:
            typing.findings.stop()
    together = [each for kind in took.values() for each in kind]
    for name, pairs in {**took, "all": together}.items():
        times = sorted(one * 1000 for one, _ in pairs)
        ratio = statistics.median(one / other for one, other in pairs)
        print(
            f"remap, {name}: p50 {statistics.median(times):.1f} ms, p95 {statistics.quantiles(times, n=20)[-1]:.1f} ms,"
            f" bar {_BAR_MS:.0f} ms; {ratio:.3f} of reading all {_LINES:,} lines again"
        )


class _Typing:
    """An open file, and the worker that follows it."""

    def __init__(self, folder: Path) -> None:
        path = folder / "shop" / "prices.py"
        path.parent.mkdir()
        text = _program()
        path.write_text(text, encoding="utf-8")
        self._random = random.Random(0)
        self._document = Document(path_to_uri(str(path)), text, 1, "utf-16")
        self._path = str(path)
        self._shown = threading.Event()
        self._snapshot = Snapshot()
        self.findings = Findings(self._show, lambda mended: None)
        self.findings.put(Surroundings((folder,)))
        self.findings.put(News(issues=tuple(_issues(text)), afresh=True))
        self.findings.put(Buffer(self._document.uri, self._path, 1, text))
        self.findings.start()
        self.findings.settled().result()
        assert sum(len(file.findings) for file in self._snapshot.files.values()) == _FINDINGS

    def timed(self, typed: str) -> Iterator[tuple[float, float]]:
        """Seconds from a buffer to its snapshot, and to read the same text from the start; each edit is undone."""
        for _ in range(_EDITS_OF_A_KIND):
            row = self._random.randrange(_LINES)
            end = len(split_lines(self._document.text)[row])
            here, there = (
                types.Position(row, end),
                types.Position(row + typed.count("\n"), 0 if "\n" in typed else end + len(typed)),
            )
            took = self._took(types.Range(here, here), typed)
            began = time.perf_counter()
            FunctionIndex.parse(self._document.text)
            yield took, time.perf_counter() - began
            self._took(types.Range(here, there), "")

    def _took(self, where: types.Range, text: str) -> float:
        edit = self._document.apply(types.TextDocumentContentChangePartial(where, text))
        assert edit is not None
        version = (self._document.version or 0) + 1
        self._document.version = version
        buffer = Buffer(self._document.uri, self._path, version, self._document.text, (edit,))
        self._shown.clear()
        began = time.perf_counter()
        self.findings.put(buffer)
        assert self._shown.wait(10)
        took = time.perf_counter() - began
        assert self._snapshot.files[self._document.uri].version == version
        return took

    def _show(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._shown.set()


def _program() -> str:
    """Classes with methods, functions with functions inside, tables, comments: what a long file holds."""
    rng = random.Random(1)
    lines = ['"""Prices, at length."""', "", "import math", ""]
    number = 0
    while len(lines) < _LINES:
        number += 1
        if number % 5:
            lines += [
                f"class Price{number}(Base):",
                f'    """Price number {number}."""',
                "",
                f"    currency = {number}",
                "",
            ]
            for method in range(rng.randrange(2, 12)):
                lines += ["    @property", f"    def part_{method}(self, amount, *, rate=lambda: {number}):"]
                lines += [f'        """The part number {method}.', "", "        Of many.", '        """']
                lines += [
                    f"        step_{step} = self.take(amount, {step})  # in steps of {step}"
                    for step in range(rng.randrange(2, 15))
                ]
                lines += [f"        return math.floor(step_0 / {number * 100 + method})", ""]
        else:
            lines += [f"def total_{number}(prices):", "    def add(one, other):", "        return one + other", ""]
            lines += [
                "    table = {",
                *(f'        "key {key}": {key},' for key in range(rng.randrange(3, 40))),
                "    }",
            ]
            lines += [f"    return table[prices[{number}]]", "", ""]
    return "\n".join(lines[:_LINES])


def _issues(text: str) -> Iterator[Issue]:
    lines = split_lines(text)
    returns = [row for row, line in enumerate(lines) if "math.floor(" in line]
    index = FunctionIndex.parse(text)
    for number in range(_FINDINGS):
        frames = []
        for row in (returns[(number * 37 + step * 11) % len(returns)] for step in range(4)):
            function = index.enclosing(row + 1)
            assert function is not None
            frames.append(Frame("/srv/app/shop/prices.py", row + 1, function.name, True, source=lines[row].strip()))
        failure = Failure(
            fingerprint=f"fingerprint {number}",
            type="ValueError",
            message="no price",
            span_id="1" * 16,
            span_name="GET /",
            handled=False,
            location=frames[-1],
            location_reason=None,
            frames=tuple(frames),
            chain=(),
            at_ns=1,
        )
        yield Issue(number + 1, failure, None, 1, time.time_ns(), time.time_ns(), None, None, "2" * 32, False)


if __name__ == "__main__":
    main()
