"""Percentiles."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_ls.analysis.latency import Latency, latency, percentile


@pytest.mark.parametrize(
    ("durations", "expected"),
    [
        ([], None),
        ([7], Latency(1, 7, 7, 7, 7)),
        ([3, 1], Latency(2, 1, 3, 3, 3)),
        ([*range(100, 0, -1)], Latency(100, 50, 95, 99, 100)),
        ([*range(1, 21)], Latency(20, 10, 19, 20, 20)),
    ],
)
def test_latency(durations: list[int], expected: Latency | None) -> None:
    assert latency(durations) == expected


@given(st.lists(st.integers(0, 50), min_size=1), st.integers(1, 100))
def test_percentile_is_the_smallest_that_so_many_do_not_exceed(values: list[int], percent: int) -> None:
    ordered = sorted(values)
    found = percentile(ordered, percent)

    def enough(value: int) -> bool:
        return Fraction(sum(one <= value for one in ordered), len(ordered)) >= Fraction(percent, 100)

    assert found == min(value for value in ordered if enough(value))


@pytest.mark.parametrize("percent", [0, -1, 100.5])
def test_percentile_out_of_range(percent: float) -> None:
    with pytest.raises(ValueError, match="percentile"):
        percentile([1], percent)
