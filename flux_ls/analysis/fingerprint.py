"""Fingerprints: what makes two failures the same one."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable

from flux_ls.model import Failure, Frame

_ID = re.compile(r"(?<![0-9A-Za-z])(?=[0-9A-Za-z-]*\d)[0-9A-Fa-f]{6,}(?:-[0-9A-Fa-f]+)*(?![0-9A-Za-z])|\d+")
_OVERFLOWS = frozenset({"RecursionError", "StackOverflowError"})
_OVER_AND_OVER = 3
"""Python tells a line that repeats itself three times, and then how often it did."""
_SUFFIX = re.compile(r"(?<=[^/])\.[A-Za-z]{1,4}$")


def fingerprint(type: str, frames: Iterable[Frame], *, span_name: str, service: str) -> str:
    """16 hex digits of the exception's type and the functions of its in-app frames.

    No line numbers and no messages: both change while the fault stays. A function counts once however deep it
    recursed. Its file counts with its last two path components, so a container and a checkout agree. Without
    in-app frames the span's name and the service stand in, ids and numbers in the name taken out.
    """
    functions = _functions(type, map(qualified, frames))
    if not functions:
        functions = [_ID.sub("#", span_name), service]
    text = "\n".join((unqualified(type), *functions))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _functions(type: str, names: Iterable[str]) -> list[str]:
    """The functions in the order of the calls. Of a stack that overflowed those that call each other over and over:
    how far outwards it is told and where it met its limit differ with how deep it was when they began."""
    known = Counter(names)
    if unqualified(type) in _OVERFLOWS and max(known.values(), default=0) >= _OVER_AND_OVER:
        return sorted(name for name, count in known.items() if count >= _OVER_AND_OVER)
    return list(known)


def qualified(frame: Frame) -> str:
    """`shop/payments:charge`: the frame's function with the last two components of its path."""
    path = "/".join(frame.path.replace("\\", "/").split("/")[-2:])
    return f"{_SUFFIX.sub('', path)}:{frame.function.rpartition('.')[2]}"


def alike(one: Failure, other: Failure) -> bool:
    """Whether two failures are the same one in different revisions: the file of a function may have been renamed."""
    if one.fingerprint == other.fingerprint:
        return True
    functions = _names(one)
    return bool(functions) and functions == _names(other) and unqualified(one.type) == unqualified(other.type)


def _names(failure: Failure) -> list[str]:
    return _functions(failure.type, (frame.function.rpartition(".")[2] for frame in failure.frames))


def unqualified(type: str) -> str:
    """The last dotted component: `StripeTimeout` of `shop.payments.StripeTimeout`."""
    return type.rpartition(".")[2] or type
