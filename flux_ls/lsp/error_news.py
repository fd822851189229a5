"""`flux/errors`: a word that what fails has changed, for clients that asked to be told."""

import asyncio
from collections.abc import Callable
from typing import Any

from pygls.exceptions import JsonRpcInvalidParams

from flux_ls.lsp import commands, extensions

SEND_EVERY_S = 0.5
"""However much changes, clients are told no more often than this."""


class ErrorNews:
    """For the event loop. Of changes that come in any number, the first is told at once, those after it together."""

    def __init__(self, send: Callable[[], None]) -> None:
        self._send = send
        self._wanted = False
        self._changed = False
        self._timer: asyncio.TimerHandle | None = None

    def subscribe(self, params: object) -> dict[str, Any]:
        return self._want(params, extensions.SUBSCRIBE_ERRORS, wanted=True)

    def unsubscribe(self, params: object) -> dict[str, Any]:
        return self._want(params, extensions.UNSUBSCRIBE_ERRORS, wanted=False)

    def changed(self) -> None:
        """The answer of `flux.server.errors` may be another one now."""
        self._changed = self._wanted
        if self._timer is None:
            self._tell()

    def stop(self) -> None:
        self._wanted = False
        if self._timer is not None:
            self._timer.cancel()

    def _want(self, params: object, method: str, *, wanted: bool) -> dict[str, Any]:
        commands.read_object(
            commands.Nothing, params or {}, lambda problem: JsonRpcInvalidParams(f"{method}: {problem}")
        )
        self._wanted = wanted
        return {"subscribed": wanted}

    def _tell(self) -> None:
        self._timer = None
        if self._changed and self._wanted:
            self._changed = False
            self._send()
            self._timer = asyncio.get_running_loop().call_later(SEND_EVERY_S, self._tell)
