"""The store for questions: a reader for each thread that asks, opened again when the store is another one."""

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path

from flux_ls.answers.at_fault import AtFault, at_fault
from flux_ls.lsp.snapshot import Finding
from flux_ls.model import Frame
from flux_ls.otlp.stacktrace import InAppRule
from flux_ls.store.errors import StoreError, StoreReplaced
from flux_ls.store.reader import Reader

KEPT = 64
"""Places of which is kept what was recorded there."""


class Lookup:
    """Readers of one store. `reader` may be called from any thread; what it returns belongs to that thread."""

    def __init__(self, path: Path, rule: InAppRule) -> None:
        self.path = path
        self.rule = rule
        self._local = threading.local()
        self._known: OrderedDict[tuple[str, int, Frame], AtFault] = OrderedDict()
        self._lock = threading.Lock()

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

    def fresh(self) -> Reader:
        """A reader of the caller's own, to be closed. Raises StoreError."""
        return Reader(self.path, self.rule)

    def recorded(self, findings: Iterable[Finding]) -> dict[int, AtFault]:
        """What the latest request of each finding recorded at its place, by issue id, as far as it can be read."""
        found = {}
        for finding in findings:
            issue = finding.issue
            with contextlib.suppress(StoreError):
                found[issue.id] = self.at(issue.sample_request_id, finding.place.located.frame)
        return found

    def at(self, request_id: str, frame: Frame) -> AtFault:
        """What a request recorded of a frame, read once: the mouse moves often, and a request may have thousands of
        spans. Raises StoreError.
        """
        reader = self.reader()
        key = (request_id, reader.version_of(request_id), frame)
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        found = at_fault(reader, request_id, frame)
        with self._lock:
            self._known[key] = found
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        return found
