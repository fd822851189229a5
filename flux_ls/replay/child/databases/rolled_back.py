"""One transaction of the original PostgreSQL database that always ends with a rollback, for when it cannot be copied.

What the application takes for commits are savepoints, and all its connections are the one that has the transaction.
The server is asked to hold it, too: a constraint that fails at a real commit is set in the transaction, and every other
transaction of the session can only read. What a rollback does not take back are the next numbers of sequences.
"""

import threading
from collections.abc import Iterator
from typing import Any

from flux_ls.replay.child.rows import drivers

_SAVEPOINT = "flux_replay"
_SESSION = "-c default_transaction_read_only=on -c lock_timeout=5000"
_BEGIN = (
    "SET TRANSACTION READ WRITE",
    "CREATE TEMPORARY TABLE flux_replay_never (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)",
    "INSERT INTO flux_replay_never VALUES (1), (1)",
)
_READY = f"SAVEPOINT {_SAVEPOINT}"
"""What comes before it is there whatever the application rolls back."""
_KEEP = (f"RELEASE SAVEPOINT {_SAVEPOINT}", f"SAVEPOINT {_SAVEPOINT}")
_UNDO = f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}"

_lock = threading.RLock()
_kept: dict[tuple[object, ...], Any] = {}


def for_session(params: dict[str, Any]) -> dict[str, Any]:
    """Connection parameters under which nothing but the one transaction writes."""
    return {**params, "options": f"{params.get('options') or ''} {_SESSION}".strip()}


def kept_psycopg(psycopg: Any, base: Any) -> Any:
    """A class of connections like `base`, synchronous or not, whose commits are none."""
    status = psycopg.pq.TransactionStatus

    class Kept(base):  # type: ignore[misc]
        _as_if_autocommit = False

        def _commit_gen(self) -> Iterator[Any]:
            if self.pgconn.transaction_status == status.INERROR:
                yield from self._exec_command(_UNDO)
            elif self.pgconn.transaction_status != status.IDLE:
                for command in _KEEP:
                    yield from self._exec_command(command)

        def _rollback_gen(self) -> Iterator[Any]:
            if self.pgconn.transaction_status != status.IDLE:
                yield from self._exec_command(_UNDO)

        def _start_query(self) -> Iterator[Any]:
            if self._as_if_autocommit and not self._num_transactions:
                # What came before is there for good; but for an error, which takes back no more than itself.
                yield from self._commit_gen()
            yield from super()._start_query()

        @property
        def autocommit(self) -> bool:
            return self._as_if_autocommit

        @autocommit.setter
        def autocommit(self, value: bool) -> None:
            self._as_if_autocommit = bool(value)

        def _set_autocommit_gen(self, value: bool) -> Iterator[Any]:
            self._as_if_autocommit = bool(value)
            yield from ()

    if issubclass(base, psycopg.AsyncConnection):

        class KeptAsync(Kept):
            async def close(self) -> None:
                await self.rollback()

            async def set_autocommit(self, value: bool) -> None:
                self._as_if_autocommit = bool(value)

        return KeptAsync

    class KeptSync(Kept):
        def close(self) -> None:
            self.rollback()

    return KeptSync


def with_psycopg(psycopg: Any, connect: Any, base: Any, key: tuple[object, ...], params: dict[str, Any]) -> Any:
    """The one connection, in its transaction."""
    with _lock:
        found = _kept.get((*key, base))
        if found is None:
            found = connect(kept_psycopg(psycopg, base), "", **for_session(params))
            for command in _BEGIN:
                found.execute(command)
            drivers.by_psycopg(found, original=True)
            found.execute(_READY)
            _kept[*key, base] = found
        return found


async def with_psycopg_async(
    psycopg: Any, connect: Any, base: Any, key: tuple[object, ...], params: dict[str, Any]
) -> Any:
    found = _kept.get((*key, base))
    if found is None:
        found = await connect(kept_psycopg(psycopg, base), "", **for_session(params))
        for command in _BEGIN:
            await found.execute(command)
        await drivers.by_psycopg_async(found)
        await found.execute(_READY)
        _kept[*key, base] = found
    return found


def with_psycopg2(connect: Any, key: tuple[object, ...], params: dict[str, Any]) -> Any:
    from psycopg2.extensions import TRANSACTION_STATUS_IDLE, connection

    class Kept(connection):  # type: ignore[misc]
        _as_if_autocommit = False

        def _run(self, *commands: str) -> None:
            if self.get_transaction_status() != TRANSACTION_STATUS_IDLE:
                with connection.cursor(self) as cursor:
                    for command in commands:
                        cursor.execute(command)

        def commit(self) -> None:
            self._run(*_KEEP)

        def rollback(self) -> None:
            self._run(_UNDO)

        close = rollback

        @property
        def autocommit(self) -> bool:
            return self._as_if_autocommit

        @autocommit.setter
        def autocommit(self, value: bool) -> None:
            self._as_if_autocommit = bool(value)

        def set_session(self, *_: object, autocommit: bool | None = None, **__: object) -> None:
            if autocommit is not None:
                self._as_if_autocommit = autocommit

        def set_isolation_level(self, level: int) -> None:
            self._as_if_autocommit = level == 0

    with _lock:
        found = _kept.get((*key, "psycopg2"))
        if found is None:
            found = connect(**for_session(params), connection_factory=Kept)
            with connection.cursor(found) as cursor:
                for command in _BEGIN:
                    cursor.execute(command)
            drivers.by_psycopg(found, original=True)
            with connection.cursor(found) as cursor:
                cursor.execute(_READY)
            _kept[*key, "psycopg2"] = found
        return found
