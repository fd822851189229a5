"""Sequences aligned."""

import itertools
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_ls.analysis.diff import sequences
from flux_ls.analysis.diff.sequences import aligned, common, rising


def longest(before: str, after: str) -> int:
    row = [0] * (len(after) + 1)
    for one in before:
        last, row = row, [0]
        for at, other in enumerate(after):
            row.append(last[at] + 1 if one == other else max(last[at + 1], row[at]))
    return row[-1]


def in_order(pairs: list[tuple[int, int]]) -> bool:
    return all(a < c and b < d for (a, b), (c, d) in itertools.pairwise(pairs))


@given(st.text("abcd", max_size=30), st.text("abcd", max_size=30))
def test_short_sequences_are_aligned_as_well_as_can_be(before: str, after: str) -> None:
    pairs = common(before, after)
    assert in_order(pairs)
    assert all(before[a] == after[b] for a, b in pairs)
    assert len(pairs) == longest(before, after)


@given(st.text("abc", max_size=40), st.text("abc", max_size=40))
def test_large_ones_are_aligned_between_landmarks(before: str, after: str) -> None:
    exactly, sequences.CELLS = sequences.CELLS, 0
    try:
        pairs = common(before, after)
    finally:
        sequences.CELLS = exactly
    assert in_order(pairs)
    assert all(before[a] == after[b] for a, b in pairs)
    assert bool(pairs) == bool({*before} & {*after})


def test_vaguer_keys_fill_the_gaps() -> None:
    before, after = ["a1", "b1", "c1", "d1"], ["a1", "b2", "x", "c2", "d1"]
    levels = [(before, after), ([each[0] for each in before], [each[0] for each in after])]
    assert aligned(levels) == [(0, 0), (1, 1), (2, 3), (3, 4)]


@given(st.lists(st.integers(0, 20), max_size=12))
def test_rising(values: list[int]) -> None:
    found = [values[at] for at in rising(values)]
    assert found == sorted(set(found))
    best = 0
    for bits in range(1 << min(len(values), 8)):
        picked = [value for at, value in enumerate(values[:8]) if bits >> at & 1]
        best = max(best, len(picked) if picked == sorted(set(picked)) else 0)
    assert len(found) >= best


LARGE: dict[str, tuple[Callable[[int], object], Callable[[int], object]]] = {
    "all equal": (lambda at: 0, lambda at: 0),
    "all different": (lambda at: at, lambda at: -at - 1),
    "reversed": (lambda at: at, lambda at: 20_000 - at),
    "two in turn, against them": (lambda at: at % 2, lambda at: (at + 1) % 2),
    "few kinds": (lambda at: at * at % 17, lambda at: at * 7 % 13),
    "shifted": (lambda at: at, lambda at: at + 10_000),
}


@pytest.mark.parametrize("case", LARGE)
def test_time_is_bounded(case: str) -> None:
    one, other = LARGE[case]
    before, after = [one(at) for at in range(20_000)], [other(at) for at in range(19_000)]
    begin = time.process_time()
    pairs = common(before, after)  # type: ignore[arg-type]
    assert time.process_time() - begin < 5
    assert in_order(pairs)
