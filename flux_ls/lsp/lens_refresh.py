"""When the client is asked to ask for its lenses again: they read differently now from what it was given."""

import asyncio
import time
from collections.abc import Callable

from lsprotocol import types

PAUSE_S = 0.25
EVERY_S = 1.0
"""The client is asked a moment after they changed, and no more often than this."""


class LensRefresh:
    """For the event loop. `made` tells the lenses of each open document as they are now, `ask` asks the client."""

    def __init__(self, made: Callable[[], dict[str, list[types.CodeLens]]], ask: Callable[[], None]) -> None:
        self._made = made
        self._ask = ask
        self._served: dict[str, list[types.CodeLens]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._asked_at = -EVERY_S

    def served(self, uri: str, lenses: list[types.CodeLens]) -> None:
        self._served[uri] = lenses

    def forget(self, uri: str) -> None:
        self._served.pop(uri, None)

    def look(self) -> None:
        """Soon; several reasons become one question."""
        if self._timer is None:
            pause = max(PAUSE_S, self._asked_at + EVERY_S - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(pause, self._compare)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _compare(self) -> None:
        self._timer = None
        made = self._made()
        changed = {uri: lenses for uri, lenses in made.items() if lenses != self._served.get(uri, [])}
        self._served |= changed
        if changed:
            self._asked_at = time.monotonic()
            self._ask()
