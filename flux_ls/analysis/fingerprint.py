"""Fingerprints: what makes two failures the same one."""

import hashlib
import re
from collections.abc import Iterable

from flux_ls.model import Failure, Frame

_ID = re.compile(r"(?<![0-9A-Za-z])(?=[0-9A-Za-z-]*\d)[0-9A-Fa-f]{6,}(?:-[0-9A-Fa-f]+)*(?![0-9A-Za-z])|\d+")
_SUFFIX = re.compile(r"(?<=[^/])\.[A-Za-z]{1,4}$")


def fingerprint(type: str, frames: Iterable[Frame], *, span_name: str, service: str) -> str:
    """16 hex digits of the exception's type and the functions of its in-app frames.

    No line numbers and no messages: both change while the fault stays. A function counts once however deep it
    recursed. Its file counts with its last two path components, so a container and a checkout agree. Without
    in-app frames the span's name and the service stand in, ids and numbers in the name taken out.
    """
    functions = list(dict.fromkeys(qualified(frame) for frame in frames))
    if not functions:
        functions = [_ID.sub("#", span_name), service]
    text = "\n".join((unqualified(type), *functions))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


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
    return list(dict.fromkeys(frame.function.rpartition(".")[2] for frame in failure.frames))


def unqualified(type: str) -> str:
    """The last dotted component: `StripeTimeout` of `shop.payments.StripeTimeout`."""
    return type.rpartition(".")[2] or type
