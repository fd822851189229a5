"""What executes the statements that put rows back, in a database that was made for the replay or is rolled back."""

import contextlib
import os
from typing import Any

from flux_ls.replay.child.rows import changes
from flux_ls.replay.child.rows.asking import Answer, Ask, Steps, run, run_async
from flux_ls.replay.child.rows.changes import Verdict
from flux_ls.replay.child.rows.course import REFUSED, Database, put_back
from flux_ls.replay.child.rows.postgresql import PostgreSQL
from flux_ls.replay.child.rows.sqlite import NO_KEYS_ENFORCED, Sqlite


def in_sqlite(copy: str) -> None:
    """In a file of the replay's own."""
    if not changes.to_put_back() or not os.path.exists(copy):
        return
    import sqlite3

    connection = sqlite3.connect(copy, isolation_level=None, timeout=1)
    try:

        def execute(asked: Ask) -> Answer:
            return connection.execute(asked.for_sqlite, asked.given).fetchall()

        connection.execute(NO_KEYS_ENFORCED)
        _tell(lambda: run(_course(Sqlite()), execute))
    finally:
        connection.close()


def by_psycopg(connection: Any, *, original: bool) -> None:
    """Of psycopg and psycopg2."""

    def execute(asked: Ask) -> Answer:
        with connection.cursor() as cursor:
            cursor.execute(asked.for_psycopg, asked.given)
            return cursor.fetchall() if cursor.description else []

    if changes.to_put_back():
        _tell(lambda: run(_course(PostgreSQL(original=original)), execute))


async def by_psycopg_async(connection: Any) -> None:
    """In the transaction of the original."""

    async def execute(asked: Ask) -> Answer:
        async with connection.cursor() as cursor:
            await cursor.execute(asked.for_psycopg, asked.given)
            found: Answer = await cursor.fetchall() if cursor.description else []
            return found

    if changes.to_put_back():
        try:
            changes.tried(await run_async(_course(PostgreSQL(original=True)), execute))
        except Exception:
            _all_refused()


async def by_asyncpg(connection: Any) -> None:
    """In a copy."""

    async def execute(asked: Ask) -> Answer:
        return [tuple(row) for row in await connection.fetch(asked.for_asyncpg, *asked.given)]

    if changes.to_put_back():
        try:
            changes.tried(await run_async(_course(PostgreSQL(original=False)), execute))
        except Exception:
            with contextlib.suppress(Exception):
                await connection.execute("ROLLBACK")
            _all_refused()


def _course(database: Database) -> Steps[dict[int, Verdict]]:
    return put_back(changes.to_put_back(), changes.spare(), database)


def _tell(doing: Any) -> None:
    try:
        changes.tried(doing())
    except Exception:
        # Nothing of it lasts: the transaction did not come to its end.
        _all_refused()


def _all_refused() -> None:
    changes.tried({change.number: change.why_not or REFUSED for change in changes.to_put_back()})
