"""The store that a session looks at: what is new in it goes to the findings, what it is like to the status."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

from flux_ls.answers.shapes import request_shape
from flux_ls.lsp.error_news import ErrorNews
from flux_ls.lsp.findings import Findings
from flux_ls.lsp.lookup import Lookup
from flux_ls.lsp.status import StatusBoard, StoreStatus
from flux_ls.lsp.watch import News, Sight, Watch
from flux_ls.otlp.stacktrace import InAppRule

FIRST_LOOK_S = 2.0
"""How long the first question waits until the store was looked at."""


class WatchedStore:
    """For the event loop; `later` brings a call of the watch's thread into it. `problem` tells the user."""

    def __init__(
        self,
        findings: Findings,
        board: StatusBoard,
        error_news: ErrorNews,
        problem: Callable[[str, str], None],
        later: Callable[[Callable[[], object]], None],
    ) -> None:
        self._findings = findings
        self._board = board
        self._error_news = error_news
        self._problem = problem
        self._later = later
        self._watch: Watch | None = None
        self._lookup: Lookup | None = None
        self._looked = asyncio.Event()
        """What the store holds is on its way to the findings, or it cannot be told."""

    @property
    def lookup(self) -> Lookup | None:
        return self._lookup

    @property
    def watch(self) -> Watch | None:
        return self._watch

    def look_at(self, path: Path, rule: InAppRule) -> bool:
        """Whether it is another one than before."""
        if self._lookup is not None and (self._lookup.path, self._lookup.rule) == (path, rule):
            return False
        if self._watch is not None:
            self._watch.stop()
            self._findings.put(News(afresh=True))
        self._looked.clear()
        self._lookup = Lookup(path, rule)
        self._board.update(store=StoreStatus(str(path)), last_request=None)
        watch = Watch(
            path, rule, lambda news: self._take_news(watch, news), lambda sight: self._take_sight(watch, sight)
        )
        self._watch = watch
        watch.start()
        return True

    async def looked(self) -> None:
        """Waits, but not for long, until what the store holds is on its way."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._looked.wait(), FIRST_LOOK_S)

    # In the watch's thread.

    def _take_news(self, watch: Watch, news: News) -> None:
        if watch is not self._watch:
            return
        # Before the findings have it: they tell the status what fails in a store that is then not empty any more.
        if news.afresh or news.requests:
            self._later(lambda: self._board.update(empty=not news.requests))
        finished = [request for request in news.requests if request.complete]
        if finished:
            last = request_shape(max(finished, key=lambda request: request.ended_ns))
            self._later(lambda: self._board.update(last_request=last))
        self._findings.put(news)
        self._later(self._looked.set)
        if news.afresh or news.issues:
            self._later(self._error_news.changed)

    def _take_sight(self, watch: Watch, sight: Sight) -> None:
        def tell() -> None:
            if watch is not self._watch or self._lookup is None:
                return
            path = str(self._lookup.path)
            if sight.problem is not None:
                self._looked.set()  # There is nothing to wait for.
            if not sight.problem:
                self._board.update(store=StoreStatus(path, "ready" if sight.problem is None else "waiting"))
            else:
                self._board.update(store=StoreStatus(path, "failed", sight.problem, sight.refused))
                self._problem(f"store {path}", sight.problem)

        self._later(tell)
