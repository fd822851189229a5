"""Times, durations and counts in words."""

from datetime import datetime, timedelta

import pytest

from flux_ls.answers.words import counted
from flux_ls.cli.phrases import ago, latency, size


@pytest.mark.parametrize(
    ("ms", "expected"),
    [
        (0, "0.0ms"),
        (0.42, "0.4ms"),
        (0.96, "1ms"),
        (44, "44ms"),
        (192.4, "192ms"),
        (9999, "9999ms"),
        (10_011, "10.0s"),
        (99_940, "99.9s"),
        (125_000, "2m05s"),
        (7_500_000, "2h05m"),
    ],
)
def test_latency(ms: float, expected: str) -> None:
    assert latency(ms) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-3600, "in the future"),
        (-5, "just now"),
        (2, "just now"),
        (45, "45 s ago"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
        (7200, "2 h ago"),
        (86400, "1 day ago"),
        (200_000, "2 days ago"),
    ],
)
def test_ago(seconds: int, expected: str) -> None:
    now = datetime.fromisoformat("2026-03-01T12:00:00+00:00")
    assert ago((now - timedelta(seconds=seconds)).isoformat(), now) == expected


def test_counts_and_sizes() -> None:
    assert [counted(1, "time"), counted(0, "time"), counted(1234, "entry", "entries")] == [
        "1 time",
        "0 times",
        "1,234 entries",
    ]
    assert [size(512), size(1536), size(5 * 1024**2), size(3 * 1024**4)] == [
        "512 B",
        "1.5 KiB",
        "5.0 MiB",
        "3072.0 GiB",
    ]
