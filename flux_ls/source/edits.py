"""Changes of a text as its lines: what typing passes on, so that nobody has to read the whole file again."""

from collections.abc import Iterable, Sequence

from msgspec import Struct


class Edit(Struct, frozen=True):
    """Some lines in place of others; lines as `split_lines` counts them, without their ends."""

    first: int
    """0-based, of the first line that was replaced."""
    last: int
    """Exclusive, counted before the edit."""
    lines: tuple[str, ...]


class Span(Struct, frozen=True):
    """What several edits touched together: everything before `first`, and from `last` on, is as it was."""

    first: int
    last: int
    """Exclusive, counted before all edits."""
    count: int
    """How many lines stand there now."""


def edited(lines: Sequence[str], edits: Iterable[Edit]) -> list[str]:
    """The lines after the edits, one after the other."""
    after = list(lines)
    for edit in edits:
        after[edit.first : edit.last] = edit.lines
    return after


def span(edits: Iterable[Edit]) -> Span | None:
    """The lines that the edits replaced, as one; None for no edits."""
    whole: Span | None = None
    for edit in edits:
        count = len(edit.lines)
        if whole is None:
            whole = Span(edit.first, edit.last, count)
            continue
        first, end = min(whole.first, edit.first), whole.first + whole.count
        # What this edit replaced beyond the earlier ones was there before them.
        beyond = max(edit.last - end, 0)
        whole = Span(
            first,
            whole.last + beyond,
            max(edit.last, end) - first - (edit.last - edit.first) + count,
        )
    return whole
