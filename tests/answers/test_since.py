"""Points in the past, as users give them."""

from datetime import datetime

import pytest

from flux_ls.answers.since import ACCEPTED, parse_since

NOW = datetime.fromisoformat("2026-03-01T12:00:00+00:00")


def seconds_before(text: str) -> float:
    return NOW.timestamp() - parse_since(text, NOW) / 1e9


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", 90),
        ("30m", 1800),
        ("30min", 1800),
        ("2h", 7200),
        ("1d", 86400),
        ("1w", 604800),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        ("1.5H", 5400),
        ("500ms", 0.5),
        (" 5m ", 300),
        ("2026-03-01T11:59:00+00:00", 60),
        ("2026-03-01T11:59:00Z", 60),
        ("2026-03-01T12:59:00+01:00", 60),
    ],
)
def test_spans_and_times(text: str, expected: float) -> None:
    assert seconds_before(text) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("text", ["2026-03-01", "2026-03-01T10:30", "20260301T103000"])
def test_a_time_without_an_offset_is_local(text: str) -> None:
    local = datetime.fromisoformat(text).astimezone()
    assert parse_since(text, NOW) == int(local.timestamp() * 1e9)


def test_before_the_epoch_is_the_epoch() -> None:
    assert parse_since("99999w", NOW) == 0


@pytest.mark.parametrize("text", ["", "30", "m", "yesterday", "30x", "-5m", "30m ago", "2026-13-01", "1" * 500 + "d"])
def test_what_is_no_time_is_told_what_is(text: str) -> None:
    with pytest.raises(ValueError, match="is no time") as caught:
        parse_since(text, NOW)
    assert ACCEPTED in str(caught.value)
