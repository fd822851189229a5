"""The store for questions: a reader for each thread that asks, opened again when the store is another one."""

import contextlib
import threading
from collections.abc import Iterable
from pathlib import Path

from flux_ls.answers.at_fault import AtFault, at_fault
from flux_ls.lsp.snapshot import Finding
from flux_ls.otlp.stacktrace import InAppRule
from flux_ls.store.errors import StoreError, StoreReplaced
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

    def recorded(self, findings: Iterable[Finding]) -> dict[int, AtFault]:
        """What the latest request of each finding recorded at its place, by issue id, as far as it can be read."""
        found = {}
        for finding in findings:
            issue = finding.issue
            with contextlib.suppress(StoreError):
                found[issue.id] = at_fault(self.reader(), issue.sample_request_id, finding.place.located.frame)
        return found
