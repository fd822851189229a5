"""Which exceptions a recording has seen already, and what of them is still to be looked at."""

import weakref
from collections.abc import Iterator
from types import TracebackType
from typing import Final, NamedTuple

from flux_ls.record.failures.frames import MOST_FRAMES, chained, entries, variables
from flux_ls.record.made import now_ns
from flux_ls.record.recording import Recording
from flux_ls.record.values import Captured

_MOST_CAPTURED: Final = 8
"""Exceptions of one recording whose variables are captured, besides the one that leaves it."""
_MOST_TOLD: Final = 40
"""Exceptions of one recording whose stack is told: a loop may live on exceptions."""
_REMEMBERED: Final = 32
_KEY: Final = "flux_ls.record.failures"


class Sighted(NamedTuple):
    first: bool
    """Nobody has seen the exception before, and its stack should be told."""
    locals: Captured | None
    """The variables of the frames that nobody has seen before."""


class _Sighting:
    """An exception that was seen. Exceptions of built-in types take no weak reference: of these, the marks that tell
    one from another that lives at the same address later."""

    __slots__ = ("at_ns", "frames", "marks", "outermost", "reference", "skipped")

    def __init__(self, error: BaseException) -> None:
        self.at_ns = now_ns()
        self.outermost = _id_of(error.__traceback__)
        self.frames = 0
        """How many were captured."""
        self.skipped = False
        """Whether it was one too many."""
        self.reference: weakref.ref[BaseException] | None = None
        self.marks: tuple[object, ...] | None = None
        try:
            self.reference = weakref.ref(error)
        except TypeError:
            self.marks = _marks(error)


def _id_of(traceback: TracebackType | None) -> int:
    return 0 if traceback is None else id(traceback)


def _marks(error: BaseException) -> tuple[object, ...]:
    traceback = error.__traceback__
    place: tuple[int, int] | None = None
    while traceback is not None:
        place = (id(traceback.tb_frame.f_code), traceback.tb_lasti)
        traceback = traceback.tb_next
    return (id(error), type(error), id(error.args), place)


class _Sightings:
    __slots__ = ("captured", "known", "told")

    def __init__(self) -> None:
        self.known: list[_Sighting] = []
        self.captured = 0
        self.told = 0

    def find(self, error: BaseException, since_ns: int) -> _Sighting | None:
        marks: tuple[object, ...] | None = None
        for each in reversed(self.known):
            if each.reference is not None:
                if each.reference() is error:
                    return each
            # What was seen before a call began is not what leaves it now, whatever its address.
            elif each.at_ns >= since_ns:
                if marks is None:
                    marks = _marks(error)
                if each.marks == marks:
                    return each
        return None

    def remember(self, error: BaseException) -> _Sighting:
        sighting = _Sighting(error)
        self.known.append(sighting)
        if len(self.known) > _REMEMBERED:
            del self.known[0]
        return sighting


def sighted(recording: Recording, error: BaseException, span_id: int, since_ns: int = 0) -> Sighted:
    """The exception is seen in the span, by a call that began at `since_ns`."""
    sightings = recording.seen.get(_KEY)
    if not isinstance(sightings, _Sightings):
        sightings = recording.seen[_KEY] = _Sightings()
    leaves = span_id == recording.root_id
    known = sightings.find(error, since_ns)
    if known is not None and not (known.skipped and leaves):
        return Sighted(False, _captured(known, _newly_passed(known, error)))
    first = known is None
    sighting = known or sightings.remember(error)
    if first:
        sightings.told += 1
        first = sightings.told <= _MOST_TOLD or leaves
    if sightings.captured >= _MOST_CAPTURED and not leaves:
        sighting.skipped = True
        return Sighted(first, None)
    sightings.captured += 1
    sighting.skipped = False
    sighting.outermost = _id_of(error.__traceback__)
    return Sighted(first, _captured(sighting, list(_of_chain(error, sightings, since_ns))))


def _newly_passed(known: _Sighting, error: BaseException) -> list[TracebackType]:
    """The frames that the exception has left since it was last seen."""
    if known.skipped or known.frames >= MOST_FRAMES:
        return []
    found = entries(error.__traceback__, known.outermost)
    known.outermost = _id_of(error.__traceback__)
    return found or []


def _of_chain(error: BaseException, sightings: _Sightings, since_ns: int) -> Iterator[TracebackType]:
    """Of an exception that stands alone its innermost frames; of a chain the innermost of each, the cause last."""
    chain = [each for each in chained(error) if each is error or sightings.find(each, since_ns) is None]
    share = max(2, MOST_FRAMES // len(chain))
    for each in chain:
        yield from (entries(each.__traceback__) or [])[-share:]


def _captured(sighting: _Sighting, stack: list[TracebackType]) -> Captured | None:
    stack = stack[-(MOST_FRAMES - sighting.frames) :] if sighting.frames < MOST_FRAMES else []
    if not stack:
        return None
    sighting.frames += len(stack)
    return Captured(variables(stack))
