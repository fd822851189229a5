"""Applications whose import did not come to its end in time: nobody waits for one of them a second time."""

import os
import threading
from collections.abc import Sequence

from flux_ls.replay.child.finding import Candidate, NotFound, candidates, find
from flux_ls.replay.shapes import Conditions
from flux_ls.replay.told import Told, Trouble


class Hung:
    """Of one replay, for several threads."""

    def __init__(self, conditions: Conditions) -> None:
        self._conditions = conditions
        self._known: dict[tuple[str, str], Trouble] = {}
        self._lock = threading.Lock()
        self._candidates: list[Candidate] | None = None

    def saw(self, service: str, seen: Sequence[str], told: Told, trouble: Trouble | None) -> None:
        """What became of a run."""
        if trouble is not None and trouble.is_late and not told.has("app"):
            with self._lock:
                self._known.setdefault((service, self._target(seen)), trouble)

    def why_not(self, service: str, seen: Sequence[str]) -> Trouble | None:
        """Why this request need not be run; None to run it."""
        with self._lock:
            return self._known.get((service, self._target(seen))) if self._known else None

    def _target(self, seen: Sequence[str]) -> str:
        """The application that a process would import for a request."""
        conditions = self._conditions
        if conditions.app:
            return conditions.app
        root = str(conditions.root.resolve())
        if self._candidates is None:
            self._candidates = list(candidates(root))
        environ = dict(os.environ if conditions.environ is None else conditions.environ)
        try:
            return find(root, seen, environ, self._candidates).target
        except NotFound:
            return ""
