"""Points in the past as users give them: `30m`, `2h`, `1h30m`, `1d`, or an ISO date or time."""

import re
from datetime import datetime

ACCEPTED = "a span such as 90s, 30m, 2h, 1d, or a time such as 2026-03-01T14:30"

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d|w)", re.IGNORECASE)
_SPANS = re.compile(rf"(?:{_SPAN.pattern}\s*)+", re.IGNORECASE)


def parse_since(text: str, now: datetime) -> int:
    """Nanoseconds since the epoch; a time without an offset is local. ValueError says what is accepted."""
    text = text.strip()
    try:
        if len(text) <= 64 and _SPANS.fullmatch(text):
            seconds = sum(float(count) * _UNITS[unit.lower()] for count, unit in _SPAN.findall(text))
            return max(0, int((now.timestamp() - seconds) * 1e9))
        return max(0, int(datetime.fromisoformat(text).astimezone().timestamp() * 1e9))
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{text!r} is no time: give {ACCEPTED}") from None
