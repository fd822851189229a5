"""Two sequences aligned: which elements stand for each other, in order. Near-linear where most are alike."""

from bisect import bisect_left
from collections.abc import Hashable, Iterator, Sequence

Keys = Sequence[Hashable]
Pair = tuple[int, int]
"""A position in the one sequence and the position of its counterpart in the other."""
Gap = tuple[int, int, int, int]
"""A stretch of both: from and to (exclusive) in the one, from and to in the other."""

CELLS = 10_000
"""Stretches with up to so many possible pairs are aligned exactly, larger ones between their landmarks."""


def aligned(levels: Sequence[tuple[Keys, Keys]]) -> list[Pair]:
    """Elements that agree, in order: by the first keys as far as these go, then by the next ones in between."""
    if not levels:
        return []
    pairs: list[Pair] = []
    ends = (0, len(levels[0][0]), 0, len(levels[0][1]))
    for before, after in levels:
        found = [pair for gap in gaps(pairs, ends) for pair in _common(before, after, gap)]
        pairs = sorted(pairs + found) if found else pairs
    return pairs


def common(before: Keys, after: Keys) -> list[Pair]:
    """A long common subsequence; the longest one where the sequences are short."""
    return aligned([(before, after)])


def gaps(pairs: Sequence[Pair], ends: Gap) -> Iterator[Gap]:
    """The stretches between pairs that are in order, those where one side is empty left out."""
    i, i_end, j, j_end = ends
    for to_i, to_j in (*pairs, (i_end, j_end)):
        if i < to_i and j < to_j:
            yield i, to_i, j, to_j
        i, j = to_i + 1, to_j + 1


def rising(values: Sequence[int]) -> list[int]:
    """The positions of a longest strictly rising subsequence."""
    tails: list[int] = []
    at: list[int] = []
    before = [-1] * len(values)
    for position, value in enumerate(values):
        length = bisect_left(tails, value)
        if length:
            before[position] = at[length - 1]
        if length == len(tails):
            tails.append(value)
            at.append(position)
        else:
            tails[length] = value
            at[length] = position
    found: list[int] = []
    position = at[-1] if at else -1
    while position >= 0:
        found.append(position)
        position = before[position]
    found.reverse()
    return found


def _common(before: Keys, after: Keys, gap: Gap) -> list[Pair]:
    pairs: list[Pair] = []
    waiting = [gap]
    while waiting:
        i, i_end, j, j_end = waiting.pop()
        while i < i_end and j < j_end and before[i] == after[j]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        while i < i_end and j < j_end and before[i_end - 1] == after[j_end - 1]:
            i_end, j_end = i_end - 1, j_end - 1
            pairs.append((i_end, j_end))
        if i == i_end or j == j_end:
            continue
        if (i_end - i) * (j_end - j) <= CELLS:
            pairs += _longest(before, after, (i, i_end, j, j_end))
            continue
        landmarks = _landmarks(before, after, (i, i_end, j, j_end))
        pairs += landmarks
        if landmarks:
            waiting += gaps(landmarks, (i, i_end, j, j_end))
    return pairs


def _longest(before: Keys, after: Keys, gap: Gap) -> list[Pair]:
    i, i_end, j, j_end = gap
    shared = set(before[i:i_end]) & set(after[j:j_end])
    ours = [at for at in range(i, i_end) if before[at] in shared]
    theirs = [at for at in range(j, j_end) if after[at] in shared]
    lengths = [[0] * (len(theirs) + 1)]
    for mine in reversed(ours):
        below, row = lengths[-1], [0] * (len(theirs) + 1)
        key = before[mine]
        for at in range(len(theirs) - 1, -1, -1):
            row[at] = below[at + 1] + 1 if after[theirs[at]] == key else max(below[at], row[at + 1])
        lengths.append(row)
    lengths.reverse()
    pairs: list[Pair] = []
    x = y = 0
    while x < len(ours) and y < len(theirs):
        if before[ours[x]] == after[theirs[y]]:
            pairs.append((ours[x], theirs[y]))
            x, y = x + 1, y + 1
        elif lengths[x + 1][y] >= lengths[x][y + 1]:
            x += 1
        else:
            y += 1
    return pairs


def _landmarks(before: Keys, after: Keys, gap: Gap) -> list[Pair]:
    """Pairs in order of what is there once in both, else of the first ones, the second ones, ... of each kind."""
    i, i_end, j, j_end = gap
    ours, theirs = _places(before, i, i_end), _places(after, j, j_end)
    once = [(places[0], theirs[key][0]) for key, places in ours.items() if len(places) == 1 == len(theirs.get(key, ()))]
    found = once or sorted(
        pair for key, places in ours.items() if key in theirs for pair in zip(places, theirs[key], strict=False)
    )
    return [found[at] for at in rising([b for _, b in found])]


def _places(keys: Keys, start: int, end: int) -> dict[Hashable, list[int]]:
    places: dict[Hashable, list[int]] = {}
    for at in range(start, end):
        places.setdefault(keys[at], []).append(at)
    return places
