"""Times, durations, counts and what is said in several places, as people say them and as they type them."""

from datetime import datetime

import click

from flux_ls.answers.since import parse_since

NOTHING_RECORDED = "nothing is recorded yet: 'flux doctor' finds out what is missing"
"""A blank page would leave open whether there was anything to see."""


def latency(ms: float) -> str:
    """As short as it can be and still compare: `0.4ms`, `44ms`, `12.3s`, `2m05s`."""
    if ms < 0.95:
        return f"{ms:.1f}ms"
    if ms < 10_000:
        return f"{ms:.0f}ms"
    if ms < 100_000:
        return f"{ms / 1000:.1f}s"
    minutes, seconds = divmod(round(ms / 1000), 60)
    return f"{minutes}m{seconds:02d}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02d}m"


def ago(then: str, now: datetime) -> str:
    """How long before `now` an RFC 3339 time was."""
    seconds = (now - datetime.fromisoformat(then)).total_seconds()
    if seconds < -60:
        return "in the future"
    for size, unit in ((86400, "day"), (3600, "h"), (60, "min")):
        count = int(seconds // size)
        if count >= 1:
            return f"{count} {unit if unit != 'day' or count == 1 else 'days'} ago"
    return "just now" if seconds < 5 else f"{int(seconds)} s ago"


def clock(then: str) -> str:
    """An RFC 3339 time in local time, to the second."""
    return datetime.fromisoformat(then).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def told(type: str, message: str) -> str:
    """An error as its language prints it."""
    return f"{type}: {message}" if message else type


def size(count: int) -> str:
    """Bytes: `512 B`, `1.5 MiB`."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"


class Since(click.ParamType[int]):
    """A point in the past as nanoseconds since the epoch."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return value if isinstance(value, int) else parse_since(str(value), datetime.now().astimezone())
        except ValueError as error:
            self.fail(str(error), param, ctx)


SINCE = Since()
