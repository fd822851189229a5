"""Windows as users give them, against the clock of one day in one time zone."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from flux_ls.replay.window import between, parse_window

ZONE = timezone(timedelta(hours=2))
NOW = datetime(2026, 3, 10, 15, 30, tzinfo=ZONE)


def at(*when: int, zone: timezone = ZONE) -> datetime:
    return datetime(*when, tzinfo=zone)  # type: ignore[misc,arg-type]


@pytest.fixture(autouse=True)
def _in_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A date without an offset is local to the machine."""
    import time

    monkeypatch.setenv("TZ", "<+02>-2")
    time.tzset()


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("14:00-14:30", at(2026, 3, 10, 14), at(2026, 3, 10, 14, 30)),
        ("14:00 - 14:30", at(2026, 3, 10, 14), at(2026, 3, 10, 14, 30)),
        ("14:00..14:30:15", at(2026, 3, 10, 14), at(2026, 3, 10, 14, 30, 15)),
        ("9:05-9:10", at(2026, 3, 10, 9, 5), at(2026, 3, 10, 9, 10)),
        ("16:00-16:30", at(2026, 3, 9, 16), at(2026, 3, 9, 16, 30)),
        ("23:50-00:10", at(2026, 3, 9, 23, 50), at(2026, 3, 10, 0, 10)),
        ("15:00-16:00", at(2026, 3, 10, 15), at(2026, 3, 10, 16)),
        ("30m", at(2026, 3, 10, 15), NOW),
        ("1h30m", at(2026, 3, 10, 14), NOW),
        ("2h-1h", at(2026, 3, 10, 13, 30), at(2026, 3, 10, 14, 30)),
        ("14:00", at(2026, 3, 10, 14), NOW),
        ("2026-03-01T14:00..15:00", at(2026, 3, 1, 14), at(2026, 3, 1, 15)),
        ("2026-03-01T14:00-2026-03-01T14:30", at(2026, 3, 1, 14), at(2026, 3, 1, 14, 30)),
        ("2026-03-01T14:00:00Z..2026-03-01T14:30:00Z", at(2026, 3, 1, 14, zone=UTC), at(2026, 3, 1, 14, 30, zone=UTC)),
        (
            "2026-03-01T14:00:00-05:00-2026-03-01T14:30:00-05:00",
            at(2026, 3, 1, 19, zone=UTC),
            at(2026, 3, 1, 19, 30, zone=UTC),
        ),
        ("2026-03-01-2026-03-02", at(2026, 3, 1), at(2026, 3, 2)),
        ("2026-03-01..", at(2026, 3, 1), NOW),
        ("2026-03-01", at(2026, 3, 1), NOW),
    ],
)
def test_a_window(text: str, first: datetime, last: datetime) -> None:
    found = parse_window(text, NOW)
    assert (found.from_ns, found.to_ns) == (int(first.timestamp() * 1e9), int(last.timestamp() * 1e9))


@pytest.mark.parametrize(
    "text", ["", "-", "soon", "14:00-", "14:00-soon", "25:00-26:00", "2026-03-02..2026-03-01", "14:61-15:00", "1..2"]
)
def test_what_is_none_is_told_with_what_is(text: str) -> None:
    with pytest.raises(ValueError, match=r"give |before it begins"):
        parse_window(text, NOW)


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("14:00", "14:30", (at(2026, 3, 10, 14), at(2026, 3, 10, 14, 30))),
        ("14:00", "", (at(2026, 3, 10, 14), NOW)),
        ("", "14:00", (datetime.fromtimestamp(0, UTC), at(2026, 3, 10, 14))),
        ("2h", "30m", (at(2026, 3, 10, 13, 30), at(2026, 3, 10, 15))),
    ],
)
def test_from_and_to(first: str, last: str, expected: tuple[datetime, datetime]) -> None:
    found = between(first, last, NOW)
    assert (found.from_ns, found.to_ns) == tuple(int(each.timestamp() * 1e9) for each in expected)
