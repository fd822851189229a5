"""Exceptions and what led to them: their links, when two of them are the same one, and which link is at fault."""

from collections.abc import Iterator

from flux_ls.analysis.fingerprint import unqualified
from flux_ls.model import Frame, LinkRelation, Raised

LINK_LIMIT = 64
"""Links of one exception that are looked at; chains made by loops can be far longer."""
_CUT_MESSAGE = 100
"""A message at least this long may be one that a length limit cut."""
_ANSWERS = frozenset({"HTTPException", "HttpException", "InternalServerError", "BadGateway", "ServiceUnavailable"})
"""Exceptions that are only an answer: raised over an error to say how it is told to the caller."""


def in_app(raised: Raised) -> tuple[Frame, ...]:
    """The exception's own frames from the user's code."""
    return tuple(frame for frame in raised.frames if frame.in_app)


def responsible(raised: Raised) -> Frame | None:
    """The innermost in-app frame, unless a length limit cut it off.

    Python writes the innermost frames last, so of a cut stack those are the ones that are missing; the other
    languages write them first.
    """
    if raised.truncated and any(frame.language == "python" for frame in raised.frames):
        return None
    return next((frame for frame in reversed(raised.frames) if frame.in_app), None)


def fault_path(raised: Raised, *, contexts: bool = False) -> list[Raised]:
    """From the exception as it was raised to the link that is the root cause.

    An explicit cause is followed as long as it has an in-app frame: `raise X from Y` tells of Y. What was merely
    being handled meanwhile is not: the new error is the fault, unless it is only an answer (`HTTPException`).
    `contexts` follows that too. Of a group, the first member with an in-app frame is taken, depth first.
    """
    path = [raised]
    while len(path) < LINK_LIMIT:
        here = path[-1]
        member = next((member for member in here.members if _reaches_app(member)), None)
        if member is not None:
            path.append(member)
        elif here.cause is not None and _reaches_app(here.cause):
            path.append(here.cause)
        elif here.context is not None and (contexts or is_answer(here)) and _reaches_app(here.context):
            path.append(here.context)
        else:
            break
    return path


def paths(raised: Raised) -> Iterator[tuple[Raised, ...]]:
    """The ways an exception can have come from another: from the exception as raised to each link that it stands for.

    The likeliest first: the exception itself, its explicit causes, its group's members (those with in-app frames
    first). The implicit context is not among them, see `fault_path`.
    """
    waiting: list[tuple[Raised, ...]] = [(raised,)]
    seen = 0
    while waiting and seen < LINK_LIMIT:
        path = waiting.pop()
        yield path
        seen += 1
        here = path[-1]
        members = [*filter(_reaches_app, here.members), *(m for m in here.members if not _reaches_app(m))]
        waiting.extend((*path, member) for member in reversed(members[:LINK_LIMIT]))
        if here.cause is not None:
            waiting.append((*path, here.cause))
        elif here.context is not None and is_answer(here):
            waiting.append((*path, here.context))


def all_links(raised: Raised) -> list[Raised]:
    """Every link, the exception itself first."""
    return [link for link, _ in related_links(raised)]


def related_links(raised: Raised) -> Iterator[tuple[Raised, LinkRelation]]:
    """Every link and what it is to the one that tells of it, the exception itself first."""
    waiting: list[tuple[Raised, LinkRelation]] = [(raised, "raised_from")]
    seen = 0
    while waiting and seen < LINK_LIMIT:
        here, relation = waiting.pop()
        yield here, relation
        seen += 1
        waiting.extend((member, "member") for member in reversed(here.members[:LINK_LIMIT]))
        if here.context is not None:
            waiting.append((here.context, "context"))
        if here.cause is not None:
            waiting.append((here.cause, "cause"))


def is_answer(raised: Raised) -> bool:
    return unqualified(raised.type) in _ANSWERS


def is_cancellation(raised: Raised) -> bool:
    """Whether it is how a task is told to stop: a time limit's means, and never why."""
    return unqualified(raised.type) == "CancelledError"


def same(one: Raised, other: Raised, *, loosely: bool) -> bool:
    """Whether two records tell of one exception.

    `loosely` when one of them, not both, is a log record, whose message may be the first argument only.
    """
    if not same_type(one.type, other.type):
        return False
    if one.message == other.message:
        return True
    short, long = sorted((one.message.strip(), other.message.strip()), key=len)
    if short == long or (len(short) >= _CUT_MESSAGE and long.startswith(short)):
        return True
    if not loosely:
        return False
    if short and short in long:
        return True
    return bool(one.frames) and bool(other.frames) and _place(one.frames[-1]) == _place(other.frames[-1])


def same_type(one: str, other: str) -> bool:
    """Types compare by their last component when one of them is unqualified."""
    if one == other:
        return True
    if "." in one and "." in other:
        return False
    return unqualified(one) == unqualified(other)


def told_by_status(message: str, raised: Raised) -> bool:
    """Whether a span's status message is this exception: its message, alone or after its type, or part of it."""
    message = message.strip()
    if not message:
        return False
    own = raised.message.strip()
    if message in (own, f"{raised.type}: {own}", f"{unqualified(raised.type)}: {own}"):
        return True
    return len(message) >= 10 and message in own


def _place(frame: Frame) -> tuple[str, int, str]:
    return frame.path, frame.line, frame.function


def _reaches_app(raised: Raised) -> bool:
    waiting = [raised]
    seen = 0
    while waiting and seen < LINK_LIMIT:
        here = waiting.pop()
        if any(frame.in_app for frame in here.frames):
            return True
        seen += 1
        waiting.extend(reversed(here.members[:LINK_LIMIT]))
    return False
