"""Latency: percentiles of durations."""

from collections.abc import Sequence
from math import ceil

from msgspec import Struct


class Latency(Struct, frozen=True):
    """How long requests took, in nanoseconds."""

    count: int
    p50: int
    p95: int
    p99: int
    slowest: int


def latency(durations_ns: Sequence[int]) -> Latency | None:
    """Of at least one duration, in any order; None of none."""
    if not durations_ns:
        return None
    ordered = sorted(durations_ns)
    return Latency(len(ordered), percentile(ordered, 50), percentile(ordered, 95), percentile(ordered, 99), ordered[-1])


def percentile(ordered: Sequence[int], percent: float) -> int:
    """The smallest value that at least `percent` of the ascending, non-empty `ordered` do not exceed (nearest rank)."""
    if not 0 < percent <= 100:
        raise ValueError(f"a percentile is above 0 and at most 100, not {percent}")
    return ordered[max(0, ceil(len(ordered) * percent / 100) - 1)]
