"""When the recorder may ask the database itself, what a row was or became, and how that stays unseen and harmless.

Which rows an UPDATE or DELETE hits, and what they were, only the database knows. The recorder asks it right before the
statement, in the same transaction, if that can do no harm:

- only while a request is recorded, only on SQLite and PostgreSQL, whose behaviour is known to bear it;
- only by a SELECT of a few rows of the one table, whose WHERE compares columns with values: nothing in it can have an
  effect. It takes no lock that the statement would not take;
- where a failing SELECT would fail the transaction (PostgreSQL), inside a savepoint, and with a timeout of its own
  unless it goes by primary key;
- where reading first and writing later can fail when writing alone would wait (SQLite), after taking the write lock,
  which the statement takes in any case;
- it passes by the application's events, logs, wrappers and instrumentations of the database library;
- a request that spent too long on such reading does no more of it.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, TypeVar

from flux_ls.record.recording import Recording
from flux_ls.record.rows.ledger import Ledger

T = TypeVar("T")

READ_ROWS: Final = 50
"""How many rows of a statement are read."""
SYSTEMS: Final = frozenset({"sqlite", "postgresql"})
_SAVEPOINT: Final = "flux_rows"
_TIMEOUT_MS: Final = 250
_BUDGET_NS: Final = 500_000_000
"""How long a request may spend on reading, altogether."""
_SPENT: Final = "rows.read_ns"

_allowed = True


def allow(allowed: bool) -> None:
    global _allowed
    _allowed = allowed


def may_read(recording: Recording, system: str) -> bool:
    return _allowed and system in SYSTEMS and recording.seen.get(_SPENT, 0) < _BUDGET_NS  # type: ignore[operator]


def read(
    ledger: Ledger,
    fetch: Callable[[], T],
    say: Callable[[Sequence[str]], None],
    *,
    lock: str,
    quick: bool,
    unprotected: bool,
) -> T | None:
    """What `fetch` finds, without harm to the transaction whatever it raises; None when it must not be asked.

    `say` executes statements without a result. `lock` is one that takes the write lock of SQLite; `quick` a reading by
    keys; `unprotected` one that has nothing to lose.
    """
    state = ledger.state()
    if ledger.system == "sqlite":
        if state == "open" and not ledger.locked:
            say([lock])
            ledger.locked = True
        return fetch()
    if state == "aborted":
        return None
    if unprotected:
        return fetch()
    # Nothing is undone by this but the timeout.
    undo = [f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}", f"RELEASE SAVEPOINT {_SAVEPOINT}"]
    try:
        say([f"SAVEPOINT {_SAVEPOINT}", *(() if quick else (f"SET LOCAL statement_timeout TO {_TIMEOUT_MS}",))])
        found = fetch()
    except Exception:
        with suppress(Exception):  # the first error is the one that tells
            say(undo)
        raise
    say(undo)
    return found


class Unseen:
    """`with Unseen(recording):` what happens makes no span, and its time counts as the recorder's."""

    __slots__ = ("_recording", "_started", "_token")

    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    def __enter__(self) -> None:
        from opentelemetry import context

        marked = context.set_value("suppress_instrumentation", True)
        key = getattr(context, "_SUPPRESS_INSTRUMENTATION_KEY", None)
        self._token: Any = context.attach(marked if key is None else context.set_value(key, True, marked))
        self._started = time.perf_counter_ns()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        from opentelemetry import context

        context.detach(self._token)
        seen = self._recording.seen
        spent: Any = seen.get(_SPENT, 0)
        seen[_SPENT] = spent + time.perf_counter_ns() - self._started
