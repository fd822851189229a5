"""A thread that follows the store, and survives whatever happens to the file."""

import threading
from abc import ABC, abstractmethod
from pathlib import Path

from flux_ls.otlp.stacktrace import InAppRule
from flux_ls.store.errors import StoreMissing, StoreReplaced
from flux_ls.store.reader import Reader

BEAT_S = 0.05
"""How often the store is asked whether anything was committed: about 2 µs each time."""
WAIT_FOR_STORE_S = 0.2
WAIT_AFTER_ERROR_S = 1.0


class Follower(ABC):
    """Opens the store again and again until it is told to stop; both hooks are called in the thread."""

    def __init__(self, name: str, path: Path, rule: InAppRule) -> None:
        self._path = path
        self._rule = rule
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Tells the thread to end; it does within a beat."""
        self._stop.set()

    def join(self, timeout: float) -> bool:
        """Whether the thread has ended within `timeout` seconds."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    @abstractmethod
    def _follow(self, reader: Reader) -> None:
        """Looks at the store until it is told to stop, or an error of the store or of ours ends it."""

    @abstractmethod
    def _lost(self, error: Exception) -> None:
        """Takes notice of what ended `_follow`; called while the error is being handled."""

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with Reader(self._path, self._rule) as reader:
                    self._follow(reader)
            except Exception as error:
                self._lost(error)
                self._stop.wait(_pause_s(error))


def _pause_s(error: Exception) -> float:
    match error:
        case StoreReplaced():
            return BEAT_S
        case StoreMissing():
            return WAIT_FOR_STORE_S
        case _:
            return WAIT_AFTER_ERROR_S
