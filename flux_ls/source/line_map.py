"""Which line of one text is which line of another: git's differences, carried on by the editor's changes."""

from bisect import bisect_right
from collections.abc import Sequence

from msgspec import Struct

from flux_ls.git.differences import Hunk


class LineMap(Struct, frozen=True):
    """From the lines of a text before to those of the text after; lines are 1-based."""

    hunks: tuple[Hunk, ...] = ()
    """Where the two differ, in the order of the text; between them they are the same."""

    def at(self, line: int) -> int | None:
        """Where an unchanged line is; None for one that was changed or removed."""
        index = line - 1
        hunk = self._last_from(index)
        if hunk is None:
            return line
        if index < hunk.before + hunk.before_lines:
            return None
        return line + (hunk.after + hunk.after_lines) - (hunk.before + hunk.before_lines)

    def untouched(self, lines: range) -> range | None:
        """Where some lines are that nothing was changed in, put between or taken out of; None where something was."""
        first, last = self.at(lines[0]), self.at(lines[-1])
        if first is None or last is None or last - first != lines[-1] - lines[0]:
            return None
        between = bisect_right(self.hunks, lines[0] - 1, key=_first) < bisect_right(
            self.hunks, lines[-1] - 1, key=_first
        )
        return None if between else range(first, last + 1)

    def instead_of(self, line: int) -> range:
        """The lines that stand for a changed line and its changed neighbours; empty where they were only removed."""
        hunk = self._last_from(line - 1)
        if hunk is None or line > hunk.before + hunk.before_lines:
            return range(0)
        return range(hunk.after + 1, hunk.after + hunk.after_lines + 1)

    def edited(self, first: int, last: int, lines: int, before: Sequence[str], after: Sequence[str]) -> "LineMap":
        """The map to the text after an edit, which put `lines` lines for those from `first` up to `last`, 0-based.

        `before` is the text that the map begins with, `after` the one after the edit: what an edit has brought back
        to what it was is no difference.
        """
        earlier: list[Hunk] = []
        later: list[Hunk] = []
        touched: list[Hunk] = []
        grown = lines - (last - first)
        for hunk in self.hunks:
            if hunk.after + hunk.after_lines < first:
                earlier.append(hunk)
            elif hunk.after > last:
                later.append(Hunk(hunk.before, hunk.before_lines, hunk.after + grown, hunk.after_lines))
            else:
                touched.append(hunk)
        begin, end = first, last
        shift = _shift(earlier[-1]) if earlier else 0
        before_begin, before_end = first - shift, last - shift
        if touched:
            head, tail = touched[0], touched[-1]
            begin, end = min(first, head.after), max(last, tail.after + tail.after_lines)
            before_begin = head.before - (head.after - begin)
            before_end = tail.before + tail.before_lines + (end - tail.after - tail.after_lines)
        merged = _trimmed(Hunk(before_begin, before_end - before_begin, begin, end + grown - begin), before, after)
        middle = (merged,) if merged.before_lines or merged.after_lines else ()
        return LineMap((*earlier, *middle, *later))

    def _last_from(self, index: int) -> Hunk | None:
        """The last hunk that begins at or before an index of the text before."""
        position = bisect_right(self.hunks, index, key=_first)
        return self.hunks[position - 1] if position else None


def _first(hunk: Hunk) -> int:
    return hunk.before


def _shift(hunk: Hunk) -> int:
    return (hunk.after + hunk.after_lines) - (hunk.before + hunk.before_lines)


def _trimmed(hunk: Hunk, before: Sequence[str], after: Sequence[str]) -> Hunk:
    """Without the lines at both ends that are the same."""
    old, new = hunk.before, hunk.after
    old_end, new_end = old + hunk.before_lines, new + hunk.after_lines
    while old < old_end and new < new_end and before[old] == after[new]:
        old, new = old + 1, new + 1
    while old < old_end and new < new_end and before[old_end - 1] == after[new_end - 1]:
        old_end, new_end = old_end - 1, new_end - 1
    return Hunk(old, old_end - old, new, new_end - new)
