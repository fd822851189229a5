"""Which span an instrumentation starts for something that we have wrapped: we wrap, it starts, we are told."""

from contextvars import ContextVar, Token
from typing import Any, Final, Protocol


class Awaiting(Protocol):
    """Something about to happen for which an instrumentation may start a span."""

    def started(self, span: Any) -> None:
        """An SDK span was started, which may be the one."""


AWAITING: Final[ContextVar[Awaiting | None]] = ContextVar("flux_awaiting", default=None)
"""Told by the span processor of every span, when its recording is known."""


FAILED: Final[ContextVar[list[Any] | None]] = ContextVar("flux_failed", default=None)
"""Takes the SDK spans with an exception that end here, whichever recording they belong to."""
MOST_FAILED: Final = 20


def reset(variable: ContextVar[Any], token: Token[Any] | None) -> None:
    """Sets back what was set with the token, if anything was."""
    if token is None:
        return
    try:
        variable.reset(token)
    except ValueError:  # what was begun in one context is ended in another, as an abandoned coroutine is
        variable.set(None)
