"""The store's news: a thread that looks for changes on a short beat, and survives whatever happens to the file."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from flux_ls.model import Issue, Request
from flux_ls.otlp.stacktrace import InAppRule
from flux_ls.store.errors import StoreError, StoreMissing, StoreReplaced
from flux_ls.store.reader import Reader

log = logging.getLogger(__name__)

BEAT_S = 0.05
"""How often the store is asked whether anything was committed: about 2 µs each time."""
WAIT_FOR_STORE_S = 0.2
WAIT_AFTER_ERROR_S = 1.0


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


class Watch:
    """Follows one store from a thread of its own; both hooks are called in that thread."""

    def __init__(
        self, path: Path, rule: InAppRule, on_news: Callable[[News], None], on_sight: Callable[[Sight], None]
    ) -> None:
        self._path = path
        self._rule = rule
        self._on_news = on_news
        self._on_sight = on_sight
        self._stop = threading.Event()
        self._seen: Sight | None = None
        self._thread = threading.Thread(target=self._run, name="flux-watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Tells the thread to end; it does within a beat."""
        self._stop.set()

    def join(self, timeout: float) -> bool:
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with Reader(self._path, self._rule) as reader:
                    self._follow(reader)
            except StoreReplaced:
                self._stop.wait(BEAT_S)
            except StoreMissing:
                if self._sight(""):
                    self._on_news(News(afresh=True))
                self._stop.wait(WAIT_FOR_STORE_S)
            except StoreError as error:
                self._sight(str(error))
                self._stop.wait(WAIT_AFTER_ERROR_S)
            except Exception as error:
                if self._sight(f"the store {self._path} cannot be followed: {type(error).__name__}: {error}"):
                    log.exception("watching the store failed")
                self._stop.wait(WAIT_AFTER_ERROR_S)

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

    def _sight(self, problem: str | None) -> bool:
        """Whether it looks otherwise than before."""
        sight = Sight(problem)
        if sight == self._seen:
            return False
        self._seen = sight
        self._on_sight(sight)
        return True
