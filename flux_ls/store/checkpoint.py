"""Carrying what was committed over from the WAL into the store's file, beside the thread that writes.

It takes the disk's time and not ours: an export that had to wait for it would be answered tens of milliseconds later.
"""

import logging
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from flux_ls.store.connection import connected

EVERY = 8 << 20
"""Bytes of spans; the WAL has about twice as many by then."""

_log = logging.getLogger(__name__)


class Checkpoints:
    """Those of one store, made for one writer.

    A commit is durable without them. Where they cannot keep up, SQLite makes one within a commit (`WAL_PAGES`).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written = 0
        self._running: threading.Thread | None = None

    def written(self, size: int) -> None:
        """Takes note of what was committed, and begins a checkpoint when it is time for one."""
        self._written += size
        if self._written < EVERY or (self._running is not None and self._running.is_alive()):
            return
        self._written = 0
        running = threading.Thread(target=self._make, name="flux-checkpoint")
        try:
            running.start()
        except RuntimeError as error:  # as many threads as there may be: what was committed is committed all the same
            _log.info("no checkpoint of %s: %s", self._path, error)
        else:
            self._running = running

    def close(self) -> None:
        """Waits for the one that is being made."""
        if self._running is not None:
            self._running.join()

    def _make(self) -> None:
        try:
            # Passive: it waits for nobody, and nobody for it.
            with closing(connected(self._path)) as connection:
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error as error:
            # Nothing is lost by it: what was committed is in the WAL.
            _log.info("no checkpoint of %s: %s", self._path, error)
