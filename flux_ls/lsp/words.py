"""Times, counts and durations in words, as diagnostics, lenses and hovers say them."""

from datetime import datetime

from flux_ls.model import Issue

SECOND_NS = 10**9
FIGURE_SPACE = "\u2007"
WIDEST_AGO = len("59 min ago")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def at(ns: int) -> str:
    """A moment in local time that reads the same tomorrow: `Nov 22 20:15:07`."""
    try:
        moment = datetime.fromtimestamp(ns // SECOND_NS)
    except (OverflowError, OSError, ValueError):
        return "at an unknown time"
    return f"{MONTHS[moment.month - 1]} {moment.day} {moment:%H:%M:%S}"


def ago(ns: int, now_ns: int) -> str:
    """How long ago, coarsely, so that it seldom changes: `just now`, `2 min ago`, `3 h ago`, `5 days ago`."""
    seconds = max(now_ns - ns, 0) // SECOND_NS
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{seconds // 60} min ago"
    if seconds < 48 * 3600:
        return f"{seconds // 3600} h ago"
    return f"{seconds // 86400} days ago"


def steady_ago(ns: int, now_ns: int) -> str:
    """The same, always as wide: what stands behind it does not move as time goes by. The spaces are of a digit's
    width, which no editor folds into one.
    """
    return f"{ago(ns, now_ns):{FIGURE_SPACE}<{WIDEST_AGO}}"


def times(number: int, singular: str, plural: str | None = None) -> str:
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def short_number(number: int) -> str:
    """`950`, `1.2k`, `3.4M`."""
    for size, letter in ((10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:.1f}".removesuffix(".0") + letter
    return str(number)


def steady_number(number: int) -> str:
    """A count that gets wider only when it grows tenfold: exact below a thousand, then `1.0k`, `12k`, `3.4M`."""
    if number < 1000:
        return str(number)
    for size, letter in ((10**6, "M"), (10**3, "k")):
        if number >= 10 * size:
            return f"{number // size:,}{letter}"
        if number >= size:
            return f"{number // size}.{number % size * 10 // size}{letter}"
    raise AssertionError(number)


def duration(ns: int) -> str:
    """`870 µs`, `192 ms`, `1.4 s`, `2 min 5 s`."""
    if ns < 10**6:
        return f"{ns // 1000} µs"
    if ns < SECOND_NS:
        return f"{round(ns / 10**6)} ms"
    if ns < 60 * SECOND_NS:
        return f"{ns / SECOND_NS:.1f} s"
    minutes, rest = divmod(ns // SECOND_NS, 60)
    return f"{minutes} min {rest} s"


def error_line(issue: Issue) -> str:
    """The error as it is read first: `RuntimeError: Stripe API timeout`."""
    failure = issue.failure
    return f"{failure.type}: {failure.message}" if failure.message else failure.type
