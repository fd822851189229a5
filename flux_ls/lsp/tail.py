"""`flux/tail`: requests as they finish, for clients that subscribed, each subscription with its own filter."""

import logging
import time
from collections.abc import Callable
from pathlib import Path

import attrs
from msgspec import to_builtins

from flux_ls.answers.shapes import request_shape
from flux_ls.answers.tail import Follow, RequestFilter, Seen
from flux_ls.lsp.follower import BEAT_S, Follower
from flux_ls.otlp.stacktrace import InAppRule
from flux_ls.store.errors import StoreError, StoreMissing, StoreReplaced
from flux_ls.store.reader import Reader

log = logging.getLogger(__name__)

MOST_AT_ONCE = 200
"""Requests in one notification; a client that falls behind gets several."""


@attrs.frozen
class Subscribe:
    """What `flux/subscribeTail` takes. A second subscription with the same id takes the first one's place."""

    id: str = "tail"
    errors_only: bool = False
    fn: str | None = None
    service: str | None = None
    slow_ms: float | None = None
    last: int = 0
    """How many recent requests come first."""


@attrs.frozen
class Unsubscribe:
    id: str = "tail"


class Tail(Follower):
    """One subscription, with a thread of its own; `send` is called in it."""

    def __init__(self, asked: Subscribe, path: Path, rule: InAppRule, send: Callable[[object], None]) -> None:
        super().__init__("flux-tail", path, rule)
        self.asked = asked
        self._send = send
        self._after_seq: int | None = None

    def _follow(self, reader: Reader) -> None:
        asked = self.asked
        wanted = RequestFilter(
            function=asked.fn, errors_only=asked.errors_only, slow_ms=asked.slow_ms, service=asked.service
        )
        follow = Follow(reader, wanted, after_seq=self._after_seq)
        if self._after_seq is None and asked.last > 0:
            self._tell(list(follow.history(None, asked.last)))
        while True:
            self._tell(follow.poll(time.monotonic()))
            if self._stop.wait(BEAT_S):
                return

    def _lost(self, error: Exception) -> None:
        match error:
            case StoreReplaced() | StoreMissing():
                # A store that comes into being, or takes another's place, is new from its first request on.
                self._after_seq = 0
            case StoreError():
                pass  # The watch tells the user.
            case _:
                log.exception("a tail failed")

    def _tell(self, seen: list[Seen]) -> None:
        for start in range(0, len(seen), MOST_AT_ONCE):
            requests = [
                {**to_builtins(request_shape(each.request)), "correction": each.correction}
                for each in seen[start : start + MOST_AT_ONCE]
            ]
            if not self._stop.is_set():
                self._send({"id": self.asked.id, "requests": requests})
