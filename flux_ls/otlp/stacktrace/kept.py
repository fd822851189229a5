"""How much of a stack trace is kept: limits that bound memory and depth for whatever text arrives."""

from collections import deque
from typing import Generic, TypeVar

FRAMES_KEPT_INNER = 300
FRAMES_KEPT_OUTER = 100
"""Of a stack with more frames than both together, the ones nearest to the fault and the outermost ones."""

LINKS_KEPT_INNER = 32
LINKS_KEPT_OUTER = 32
"""Of a longer chain of causes, the links nearest to the root cause and the ones nearest to what was recorded."""

MEMBERS_KEPT = 50
"""Members of one exception group; CPython prints 15 at most."""

GROUP_DEPTH_KEPT = 20
"""Exception groups within groups; CPython prints 10 at most."""

EXCEPTIONS_KEPT = 500
"""Exceptions of one stack trace in all: links, members and what led to those."""

READ_LENGTH = 256_000
"""Characters, beside messages, that are read of a stack: what is longer no program prints, and nobody waits for it.

Of Python's, whose innermost call comes last, those in the middle of many frames or of many causes do not count: they
are stepped over. A stack that is longer all the same is read from its beginning, and counts as cut.
"""

LINE_COST = 32
"""Characters that a line counts for beside its own."""

LONG_RUN = 32_000
"""Characters of frames in a row from which on only those that are kept are read."""

PATH_LENGTH = 4096
"""A longer path makes a line no frame."""

NAME_LENGTH = 1000
"""Longer function and type names are cut."""

SOURCE_LENGTH = 4000
"""The text of a longer source line is left out: it could not be compared."""


T = TypeVar("T")


class Ends(Generic[T]):
    """Keeps the first and the last of what is added, in constant memory."""

    __slots__ = ("_first", "_first_kept", "_last")

    def __init__(self, first: int, last: int) -> None:
        self._first: list[T] = []
        self._first_kept = first
        self._last: deque[T] = deque(maxlen=last)

    def add(self, item: T) -> None:
        if len(self._first) < self._first_kept:
            self._first.append(item)
        else:
            self._last.append(item)

    def kept(self) -> list[T]:
        return [*self._first, *self._last]
