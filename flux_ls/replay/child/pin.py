"""The clock and chance as they were, as far as Python's own functions tell them.

The clock starts at the time of the recording and goes on from there; uuid4 and random are the same in every run. What
`secrets` and os.urandom give, and what libraries ask the system from C, is not pinned.
"""

import datetime as datetimes
import random
import time
import uuid
from typing import Any

NOT_PINNED = "not pinned: secrets, os.urandom, time.monotonic, and what libraries ask the system from C"


def pin(started_ns: int, seed: int) -> None:
    """From now on. Comes before the application is imported, which may take the functions by name."""
    monotonic_ns = time.monotonic_ns
    begun_ns = monotonic_ns()

    def now_ns() -> int:
        return started_ns + monotonic_ns() - begun_ns

    def now() -> float:
        return now_ns() / 1e9

    for name in ("gmtime", "localtime", "ctime"):
        setattr(time, name, _with_default(getattr(time, name), now))
    strftime = time.strftime
    time.strftime = lambda form, *when: strftime(form, *(when or (time.localtime(),)))
    time.time, time.time_ns = now, now_ns
    _pin_datetime(now)
    chance = random.Random(seed)
    uuid.uuid4 = lambda: uuid.UUID(int=chance.getrandbits(128), version=4)
    random.seed(seed)


def _with_default(function: Any, now: Any) -> Any:
    return lambda seconds=None: function(now() if seconds is None else seconds)


def _pin_datetime(now: Any) -> None:
    real_datetime: Any = datetimes.datetime
    real_date: Any = datetimes.date

    class LikeDatetime(type):
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, real_datetime)

        def __subclasscheck__(cls, kind: type) -> bool:
            return issubclass(kind, real_datetime)

    class LikeDate(type):
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, real_date)

        def __subclasscheck__(cls, kind: type) -> bool:
            return issubclass(kind, real_date)

    # What they make is of the real types: libraries look values up by their type.
    class datetime(real_datetime, metaclass=LikeDatetime):  # type: ignore[misc]  # noqa: N801
        def __new__(cls, *args: Any, **kwargs: Any) -> Any:
            kind = real_datetime if cls is datetime else cls
            return real_datetime.__new__(kind, *args, **kwargs)

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return real_datetime.fromtimestamp(now(), tz)

        @classmethod
        def utcnow(cls) -> Any:
            return real_datetime.fromtimestamp(now(), datetimes.UTC).replace(tzinfo=None)

        @classmethod
        def today(cls) -> Any:
            return real_datetime.fromtimestamp(now())

    class date(real_date, metaclass=LikeDate):  # type: ignore[misc]  # noqa: N801
        def __new__(cls, *args: Any, **kwargs: Any) -> Any:
            kind = real_date if cls is date else cls
            return real_date.__new__(kind, *args, **kwargs)

        @classmethod
        def today(cls) -> Any:
            return real_date.fromtimestamp(now())

    datetimes.datetime, datetimes.date = datetime, date  # type: ignore[misc]
