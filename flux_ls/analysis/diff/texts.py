"""Texts and numbers that differ with every run: how to recognise ids, times, addresses, ports and durations in them."""

import re
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from flux_ls.record.redacted import is_told_by

LONGEST: Final = 20_000
"""Longer texts are compared as they are."""
SERIAL: Final = 10_000
"""From here on a number is taken for a serial one that no other thing has by chance."""
_EPHEMERAL_PORT = 32_768

_DATETIME = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?"
_HTTP_DATE = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT"
_UUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
_THREAD = r"(?:Thread|Task|Process|Worker|ForkPoolWorker|SpawnPoolWorker|SpawnProcess|ForkProcess|Dummy)-\d+"
_POOL = r"ThreadPoolExecutor-\d+_\d+"
_HOST = r"(?:localhost|\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:]+\]):\d{2,5}"
_AMOUNT = r"\d+(?:\.\d+)?[ ]?(?:ms|milliseconds?|s|secs?|seconds?|µs|us|ns|min|minutes?)(?![A-Za-z0-9_])"
_TOKEN = re.compile(
    "|".join(
        (
            f"(?P<datetime>{_DATETIME}|{_HTTP_DATE})",
            f"(?P<uuid>{_UUID})",
            r"(?P<address>0x[0-9a-fA-F]+)",
            f"(?P<thread>{_POOL}|{_THREAD})",
            f"(?P<host>{_HOST})",
            f"(?P<amount>{_AMOUNT})",
            r"(?P<word>[A-Za-z0-9_]+)",
            r"(?P<other>.)",
        )
    ),
    re.DOTALL,
)
_SHAPES = (
    ("uuid", re.compile(_UUID)),
    ("ulid", re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")),
    ("hex", re.compile(r"(?=[a-f]*\d)(?=\d*[a-fA-F])[0-9a-fA-F]{16,}")),
    (
        "prefixed",
        re.compile(r"[A-Za-z]{2,8}_(?:[a-z]{2,8}_)?(?=[a-zA-Z]*\d)(?=[a-z\d]*[A-Z]|[a-f\d]+\Z)[A-Za-z0-9]{8,}"),
    ),
    ("token", re.compile(r"(?=[^A-Z]*[A-Z])(?=[^a-z]*[a-z])(?=\D*\d)[A-Za-z0-9_-]{20,}=*")),
)
_COUNTED = re.compile(r"[\w.:/+=-]{1,128}")
_DIGITS = re.compile(r"\d+")
_UNITS = {"ms": 1e-3, "mi": 1e-3, "s": 1.0, "se": 1.0, "µs": 1e-6, "us": 1e-6, "ns": 1e-9}


def tokens(text: str) -> list[tuple[str, str]]:
    """The parts of a text, each with its kind."""
    return [(match.lastgroup or "", match[0]) for match in _TOKEN.finditer(text)]


def shape(text: str) -> str | None:
    """The form of an id that nobody makes up by hand, such as a UUID; None for other texts."""
    if not 11 <= len(text) <= 256:
        return None
    return next((name for name, pattern in _SHAPES if pattern.fullmatch(text)), None)


def are_generated(before: str, after: str) -> bool:
    """Whether two texts, known to be ids, are of the kind that is counted or drawn: `ord_0017` and `ord_0018`."""
    if shape(before) is not None:
        return shape(before) == shape(after)
    if _COUNTED.fullmatch(before) is None or _DIGITS.sub("#", before) != _DIGITS.sub("#", after):
        return False
    return sum(map(len, _DIGITS.findall(before))) >= 3 or before.isdecimal()


def are_alike_but_for_secrets(before: str, after: str) -> bool:
    """Whether two texts say the same where nothing was redacted: what stood there nobody knows."""
    return is_told_by(before, after) or is_told_by(after, before)


def are_addresses(before: str, after: str) -> bool:
    return len(before) >= 7 and len(after) >= 7


def are_ephemeral(before: int, after: int) -> bool:
    """Ports that the system gave out."""
    return min(before, after) >= _EPHEMERAL_PORT


def seconds(amount: str) -> float:
    """`10011ms`, `5 seconds` in seconds."""
    digits = re.match(r"[\d.]+", amount)
    unit = amount[digits.end() :].strip() if digits else ""
    return float(digits[0] if digits else 0) * _UNITS.get(unit if len(unit) < 3 else unit[:2], 60.0)


def is_jitter(before_s: float, after_s: float) -> bool:
    """Whether two durations are the same but for how busy the machine was."""
    short, long = sorted((abs(before_s), abs(after_s)))
    if long - short >= 1.0:
        return long < 1.5 * short
    return long - short < 0.1 or long < 2 * short


def moment(value: object) -> float | None:
    """A point in time in seconds since the epoch: ISO 8601, the date of HTTP, or a number of seconds or fewer."""
    if isinstance(value, str):
        return _moment_of_text(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    for unit in (1.0, 1e3, 1e6, 1e9):
        if 1e9 <= value / unit < 4.1e9:
            return value / unit
    return None


def _moment_of_text(text: str) -> float | None:
    if not 16 <= len(text) <= 40 or not text[-2:-1].isalnum():
        return None
    try:
        if text.endswith("GMT"):
            return parsedate_to_datetime(text).timestamp()
        found = datetime.fromisoformat(text.replace(",", "."))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def day(value: object) -> date | None:
    if not isinstance(value, str) or len(value) != 10:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None
