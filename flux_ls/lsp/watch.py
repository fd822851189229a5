"""The store's news: what was committed since the last look, on a short beat."""

import logging
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from flux_ls.lsp.follower import BEAT_S, Follower
from flux_ls.model import Issue, Request
from flux_ls.otlp.stacktrace import InAppRule
from flux_ls.store.errors import StoreError, StoreMissing, StoreRefused, StoreReplaced
from flux_ls.store.reader import Reader

log = logging.getLogger(__name__)


class News(Struct, frozen=True):
    """What has changed in the store since the last news."""

    requests: tuple[Request, ...] = ()
    """Created or corrected since, in the order they came in; at the first sight of a store, the latest it has."""
    issues: tuple[Issue, ...] = ()
    """Changed since; one with a count of 0 is no more."""
    afresh: bool = False
    """This is another store, or its first sight: `issues` are all there are."""


class Sight(Struct, frozen=True):
    """How the store looks from here. `problem` is None while it can be read, and empty while it does not exist yet."""

    problem: str | None
    refused: bool = False
    """No collector of this version could use it either."""


class Watch(Follower):
    """Follows one store from a thread of its own; both hooks are called in that thread."""

    def __init__(
        self, path: Path, rule: InAppRule, on_news: Callable[[News], None], on_sight: Callable[[Sight], None]
    ) -> None:
        super().__init__("flux-watch", path, rule)
        self._on_news = on_news
        self._on_sight = on_sight
        self._seen: Sight | None = None

    def _follow(self, reader: Reader) -> None:
        # The version comes first: what is committed while the rest is read shows up as a change of it.
        version = reader.data_version()
        requests_seq = reader.last_seq()
        issues_seq, issues = reader.issues()
        self._sight(None)
        latest = tuple(reader.requests(limit=1, newest_first=True))
        self._on_news(News(requests=latest, issues=tuple(issues), afresh=True))
        while not self._stop.wait(BEAT_S):
            if (now := reader.data_version()) == version:
                continue
            version = now
            more = True
            while more and not self._stop.is_set():
                issues_seq, issues = reader.issues(issues_seq)
                before = requests_seq
                requests_seq, requests = reader.news(before)
                more = requests_seq != before
                if requests or issues:
                    self._on_news(News(requests=tuple(requests), issues=tuple(issues)))

    def _lost(self, error: Exception) -> None:
        match error:
            case StoreReplaced():
                pass
            case StoreMissing():
                if self._sight(""):
                    self._on_news(News(afresh=True))
            case StoreError():
                self._sight(str(error), refused=isinstance(error, StoreRefused))
            case _:
                if self._sight(f"the store {self._path} cannot be followed: {type(error).__name__}: {error}"):
                    log.exception("watching the store failed")

    def _sight(self, problem: str | None, *, refused: bool = False) -> bool:
        """Whether it looks otherwise than before."""
        sight = Sight(problem, refused)
        if sight == self._seen:
            return False
        self._seen = sight
        self._on_sight(sight)
        return True
