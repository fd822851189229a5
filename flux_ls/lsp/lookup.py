"""The store for questions: a reader for each thread that asks, opened again when the store is another one."""

import threading
from pathlib import Path

from flux_ls.otlp.stacktrace import InAppRule
from flux_ls.store.errors import StoreReplaced
from flux_ls.store.reader import Reader


class Lookup:
    """Readers of one store. `reader` may be called from any thread; what it returns belongs to that thread."""

    def __init__(self, path: Path, rule: InAppRule) -> None:
        self.path = path
        self.rule = rule
        self._local = threading.local()

    def reader(self) -> Reader:
        """Raises StoreError when the store cannot be read."""
        reader: Reader | None = getattr(self._local, "reader", None)
        if reader is not None:
            try:
                reader.data_version()
            except StoreReplaced:
                reader.close()
                reader = self._local.reader = None
        if reader is None:
            reader = self._local.reader = Reader(self.path, self.rule)
        return reader
