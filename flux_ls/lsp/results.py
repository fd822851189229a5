"""The latest result of each question that runs code: a document shows it, and opening a document runs nothing."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

KEPT = 64


class Result(Struct, frozen=True):
    data: Mapping[str, Any]
    page: str


class Results:
    """By address. For any thread."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Result] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, uri: str, data: Mapping[str, Any], page: str) -> None:
        with self._lock:
            self._kept[uri] = Result(data, page)
            self._kept.move_to_end(uri)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)

    def latest(self, uri: str) -> Result | None:
        with self._lock:
            return self._kept.get(uri)
