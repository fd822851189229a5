"""Lenses that stay while somebody types: what has lost its function in an open text keeps the place that it had.

Half a `def` is no function, and nothing is known of its line until it is whole again. A lens that went and came back
with every such word would make the text below it jump.
"""

import time
from collections.abc import Callable, Container, Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from flux_ls.lsp.snapshot import Finding

HELD_FOR_S = 5.0


class Held:
    """Findings by issue, as they were shown last, each for a few seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._held: dict[int, tuple[Finding, float]] = {}

    def hold(self, finding: Finding) -> None:
        self._held[finding.issue.id] = (finding, self._clock() + HELD_FOR_S)

    def drop(self, issue_id: int) -> None:
        self._held.pop(issue_id, None)

    def still(self, opened: Container[str], lines: Callable[[Path], Sequence[str]]) -> Iterator[Finding]:
        """Those whose time is not over, in texts that are still open, where their functions begin as far as one can
        tell.
        """
        for issue_id, (finding, until) in list(self._held.items()):
            path = finding.place.located.path
            if path is None or path not in opened or self._clock() > until:
                del self._held[issue_id]
            elif (kept := held_at(finding, lines(Path(path)))) is not None:
                yield kept


def held_at(finding: Finding, lines: Sequence[str]) -> Finding | None:
    """The finding at the line where its function begins: the nearest one that reads as that did, else as far above the
    line that failed as it was. None where neither is left: the function was taken out.
    """
    line, text = finding.head
    fault = finding.place.located.line
    found = _nearest(lines, text, line)
    if found is None and (moved := _nearest(lines, finding.place.text, fault)) is not None:
        found = max(1, moved - (fault - line))
    if found is None:
        return None
    located = replace(finding.place.located, line=found, column=None, end_column=None, function_line=found)
    text = lines[found - 1]
    return replace(finding, place=replace(finding.place, located=located, text=text), function_text=text)


def _nearest(lines: Sequence[str], text: str, line: int) -> int | None:
    if not text.strip():
        return None
    alike = (number for number, each in enumerate(lines, start=1) if each == text)
    return min(alike, key=lambda number: abs(number - line), default=None)
