"""Windows of time as users give them: `14:00-14:30`, `2026-03-01T14:00..2026-03-01T14:30`, `30m`."""

import re
from datetime import datetime, timedelta

from msgspec import Struct

from flux_ls.answers.since import parse_since

ACCEPTED = "two times, A-B or A..B (14:00-14:30, 2026-03-01T14:00..15:00), or how far back (30m)"
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")


class Window(Struct, frozen=True):
    """From `from_ns` up to, and not including, `to_ns`."""

    from_ns: int
    to_ns: int


def parse_window(text: str, now: datetime) -> Window:
    """`now` has a time zone, which times without an offset are in. ValueError says what is accepted."""
    first, last = _halves(text.strip())
    if last is None:
        return Window(_ns(_moment(first, now, None)), _ns(now))
    return between(first, last, now)


def between(first: str, last: str, now: datetime) -> Window:
    """An empty end is open: the beginning of all, or now. ValueError says what is accepted."""
    start = _moment(first, now, None) if first else datetime.fromtimestamp(0, now.tzinfo)
    end = _moment(last, now, start if first else None) if last else now
    if end <= start:
        raise ValueError(f"the window ends ({last}) before it begins ({first})")
    return Window(_ns(start), _ns(end))


def _halves(text: str) -> tuple[str, str | None]:
    if ".." in text:
        first, _, last = text.partition("..")
        return first.strip(), last.strip()
    # A dash also stands in dates and offsets: it parts the text where both sides are times.
    for at, letter in enumerate(text):
        if letter == "-" and _is_time(text[:at].strip()) and _is_time(text[at + 1 :].strip()):
            return text[:at].strip(), text[at + 1 :].strip()
    if not text or ("-" in text and not _is_time(text)):
        raise ValueError(f"{text!r} is no window: give {ACCEPTED}")
    return text, None


def _is_time(text: str) -> bool:
    try:
        _moment(text, datetime.now().astimezone(), None)
    except ValueError:
        return False
    return bool(re.search(r"\d:\d|\dT\d|[a-zA-Z]$", text) or _is_date(text))


def _is_date(text: str) -> bool:
    return re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) is not None


def _moment(text: str, now: datetime, after: datetime | None) -> datetime:
    """A clock's time alone is that of the last day on which it was, or of the day of `after`."""
    clock = _CLOCK.fullmatch(text)
    if clock is None:
        return datetime.fromtimestamp(parse_since(text, now) / 1e9, now.tzinfo)
    hour, minute, second = (int(part or 0) for part in clock.groups())
    try:
        moment = (after or now).replace(hour=hour, minute=minute, second=second, microsecond=0)
    except ValueError:
        raise ValueError(f"{text!r} is no time: give {ACCEPTED}") from None
    if after is not None:
        return moment if moment > after else moment + timedelta(days=1)
    return moment if moment <= now else moment - timedelta(days=1)


def _ns(moment: datetime) -> int:
    return max(0, int(moment.timestamp() * 1e9))
