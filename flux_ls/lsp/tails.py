"""The live tails that a client has subscribed to, by their ids."""

from collections.abc import Callable, Iterator
from typing import Any

from pygls.exceptions import JsonRpcInvalidParams

from flux_ls.lsp import commands, extensions
from flux_ls.lsp.lookup import Lookup
from flux_ls.lsp.tail import Subscribe, Tail, Unsubscribe


class Tails:
    """For the event loop; `send` is called in a tail's thread."""

    def __init__(self, send: Callable[[object], None]) -> None:
        self._send = send
        self._running: dict[str, Tail] = {}

    def __iter__(self) -> Iterator[Tail]:
        return iter(self._running.values())

    def subscribe(self, params: object, lookup: Lookup) -> dict[str, Any]:
        asked: Subscribe = commands.read_object(Subscribe, params or {}, _wrong(extensions.SUBSCRIBE_TAIL))
        self._start(asked, lookup)
        return {"id": asked.id, "subscribed": True}

    def unsubscribe(self, params: object) -> dict[str, Any]:
        asked: Unsubscribe = commands.read_object(Unsubscribe, params or {}, _wrong(extensions.UNSUBSCRIBE_TAIL))
        running = self._running.pop(asked.id, None)
        if running is not None:
            running.stop()
        return {"id": asked.id, "subscribed": False}

    def move_to(self, lookup: Lookup) -> None:
        """The same subscriptions, of another store."""
        for each in list(self):
            self._start(each.asked, lookup)

    def _start(self, asked: Subscribe, lookup: Lookup) -> None:
        if asked.id in self._running:
            self._running[asked.id].stop()
        self._running[asked.id] = started = Tail(asked, lookup.path, lookup.rule, self._send)
        started.start()


def _wrong(method: str) -> Callable[[str], JsonRpcInvalidParams]:
    return lambda problem: JsonRpcInvalidParams(f"{method}: {problem}")
