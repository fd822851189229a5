"""The line maps of the files that are looked at, each worked out once and then carried on by the editor's changes."""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from flux_ls.git.differences import differences
from flux_ls.source.edits import Edit
from flux_ls.source.line_map import LineMap
from flux_ls.source.places import Text

_KEPT = 64
"""Pairs of texts."""


class _Pair(Struct):
    before: Text
    after: Text
    lines: LineMap


class LineMaps:
    """From texts that ran to the texts of today."""

    def __init__(self) -> None:
        self._pairs: OrderedDict[tuple[Path, int], _Pair] = OrderedDict()

    def between(self, before: Text, after: Text, path: Path) -> LineMap:
        """The map to the text that `path` has now. Asks git where it is not known yet; raises GitError."""
        key = (path, id(before))
        pair = self._pairs.get(key)
        if pair is not None and pair.after is not after and pair.after.lines == after.lines:
            # Saved, or closed and read again: the edits told more than a comparison can.
            pair.after = after
        if pair is None or pair.after is not after:
            hunks = () if before.lines == after.lines else differences(before.lines, after.lines)
            pair = self._pairs[key] = _Pair(before, after, LineMap(hunks))
            while len(self._pairs) > _KEPT:
                self._pairs.popitem(last=False)
        self._pairs.move_to_end(key)
        return pair.lines

    def edited(self, path: Path, before: Text, edits: Sequence[Edit], after: Text) -> None:
        """Carries the maps to a text on to the one that the edits made of it."""
        for (mapped, _), pair in self._pairs.items():
            if mapped == path and pair.after is before:
                pair.lines, pair.after = _carried(pair, edits), after


def _carried(pair: _Pair, edits: Sequence[Edit]) -> LineMap:
    lines = pair.lines
    today = list(pair.after.lines)
    for edit in edits:
        today[edit.first : edit.last] = edit.lines
        lines = lines.edited(edit.first, edit.last, len(edit.lines), pair.before.lines, today)
    return lines
