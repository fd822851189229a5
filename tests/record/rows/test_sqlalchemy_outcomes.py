"""Whether what was written is there in the end: commits, rollbacks, savepoints, and everything that goes wrong."""

import asyncio
import gc
import threading
from contextlib import suppress
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from flux_ls.record import rows
from tests.record.rows.kept import Kept, recording
from tests.record.rows.shop_sqlalchemy import Shop, Tag, User

tag = Tag.__table__
before_2_0 = sa.__version__.startswith("1.4")


def outcomes(kept: Kept) -> dict[int, str]:
    return {change.key["id"]: change.outcome for change in kept.changes}


def there(shop: Shop) -> set[int]:
    with shop.engine.connect() as connection:
        return {row[0] for row in connection.execute(select(tag.c.id))}


def put(connection: Any, key: int) -> None:
    connection.execute(tag.insert().values(id=key, name=str(key)))


def test_closed_without_a_word(shop: Shop, kept: Kept) -> None:
    with Session(shop.engine, future=True) as session:
        session.add(Tag(id=1))
        session.flush()
        assert kept.changes == []
    assert outcomes(kept) == {1: "rolled_back"}


def test_rolled_back_after_a_flush(shop: Shop, kept: Kept) -> None:
    with Session(shop.engine, future=True) as session:
        session.add(Tag(id=1))
        session.flush()
        session.rollback()
        session.add(Tag(id=2))
        session.commit()
    assert outcomes(kept) == {1: "rolled_back", 2: "committed"}
    assert kept.outcomes == ["rolled_back", "committed"]
    assert there(shop) == {2}


def test_begin_as_a_block(shop: Shop, kept: Kept) -> None:
    with Session(shop.engine, future=True) as session:
        with session.begin():
            session.add(Tag(id=1))
        with suppress(KeyError), session.begin():
            session.add(Tag(id=2))
            session.flush()
            raise KeyError
    assert outcomes(kept) == {1: "committed", 2: "rolled_back"}


def test_savepoints(shop: Shop, kept: Kept) -> None:
    with Session(shop.engine, future=True) as session:
        session.add(Tag(id=1))
        session.flush()
        with session.begin_nested():
            session.add(Tag(id=2))
        with suppress(KeyError), session.begin_nested():
            session.add(Tag(id=3))
            session.flush()
            with session.begin_nested():
                session.add(Tag(id=4))
            raise KeyError
        session.add(Tag(id=5))
        session.commit()
    assert outcomes(kept) == {1: "committed", 2: "committed", 3: "rolled_back", 4: "rolled_back", 5: "committed"}
    assert kept.outcomes == ["committed"]
    assert there(shop) == {1, 2, 5}


def test_a_savepoint_that_is_older_than_the_request(postgres: Shop) -> None:
    """As in tests that run a request inside a transaction of their own."""
    postgres.clear()
    rows.install()
    with postgres.engine.connect() as connection:
        outer = connection.begin()
        nested = connection.begin_nested()
        with recording() as kept:
            put(connection, 1)
        nested.rollback()
        with recording() as second:
            put(connection, 2)
        assert kept.changes == second.changes == []
        outer.rollback()
    # Both requests have ended: what became of their rows is told late.
    assert outcomes(kept) == {1: "rolled_back"}
    assert outcomes(second) == {2: "rolled_back"}
    rows.uninstall()


def test_a_flush_that_fails(shop: Shop, kept: Kept) -> None:
    with Session(shop.engine, future=True) as session:
        session.add(Tag(id=1, name="x"))
        session.flush()
        session.add(Tag(id=2, name="x"))
        with pytest.raises(sa.exc.IntegrityError):
            session.flush()
        session.rollback()
        session.add(Tag(id=3, name="x"))
        session.commit()
    assert outcomes(kept) == {1: "rolled_back", 3: "committed"}


def test_autocommit(shop: Shop, kept: Kept) -> None:
    with shop.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        put(connection, 1)
        assert outcomes(kept) == {1: "committed"}
        connection.rollback()
    assert outcomes(kept) == {1: "committed"}
    assert there(shop) == {1}


if before_2_0:

    def test_autocommit_of_old(shop: Shop, kept: Kept) -> None:
        engine = sa.create_engine(shop.url)
        with engine.connect() as connection:
            put(connection, 1)
            assert outcomes(kept) == {1: "committed"}
            with connection.begin():
                put(connection, 2)
            assert outcomes(kept) == {1: "committed", 2: "committed"}
        engine.dispose()


def test_commit_in_words(shop: Shop, kept: Kept) -> None:
    with shop.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for key, end in ((1, "COMMIT"), (2, "ROLLBACK")):
            connection.execute(text("BEGIN"))
            put(connection, key)
            connection.execute(text(end))
    assert outcomes(kept) == {1: "committed", 2: "rolled_back"}
    assert there(shop) == {1}


def test_lost_to_the_garbage_collector(shop: Shop, kept: Kept) -> None:
    connection = shop.engine.connect()
    put(connection, 1)
    del connection
    gc.collect()
    assert outcomes(kept) == {1: "rolled_back"}
    assert there(shop) == set()


def test_two_databases_at_once(sqlite: Shop, postgres: Shop, kept: Kept) -> None:
    sqlite.clear()
    postgres.clear()
    with sqlite.engine.connect() as one, postgres.engine.connect() as other:
        put(one, 1)
        put(other, 2)
        put(one, 3)
        other.commit()
        one.rollback()
    assert outcomes(kept) == {1: "rolled_back", 2: "committed", 3: "rolled_back"}
    assert [span.attributes["db.system.name"] for span in kept.transactions] == ["postgresql", "sqlite"]


def test_a_thread_of_another_request(shop: Shop, kept: Kept) -> None:
    found: list[Kept] = []

    def other() -> None:
        with recording() as mine, shop.engine.begin() as connection:
            put(connection, 2)
        found.append(mine)

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    with shop.engine.begin() as connection:
        put(connection, 1)
    assert outcomes(kept) == {1: "committed"}
    assert outcomes(found[0]) == {2: "committed"}


def test_two_requests_in_one_transaction(shop: Shop) -> None:
    rows.install()
    with shop.engine.connect() as connection:
        with recording() as one:
            put(connection, 1)
        with recording() as two:
            put(connection, 2)
        put(connection, 3)
        connection.commit()
    assert (outcomes(one), outcomes(two)) == ({1: "committed"}, {2: "committed"})
    rows.uninstall()


def test_nothing_is_told_of_what_no_request_did(shop: Shop, kept: Kept) -> None:
    kept.request.ended = True
    with shop.engine.begin() as connection:
        put(connection, 1)
    assert kept.changes == []


# What only PostgreSQL does.


def test_two_phases(postgres: Shop, kept: Kept) -> None:
    postgres.clear()
    with postgres.engine.connect() as connection:
        transaction = connection.begin_twophase()
        put(connection, 1)
        transaction.prepare()
        transaction.commit()
        transaction = connection.begin_twophase()
        put(connection, 2)
        transaction.rollback()
        transaction = connection.begin_twophase("left")
        put(connection, 3)
        transaction.prepare()
        connection.invalidate()
    with postgres.engine.connect() as connection:
        connection.rollback_prepared("left", recover=True)
    assert outcomes(kept) == {1: "committed", 2: "rolled_back", 3: "unknown"}
    assert there(postgres) == {1}


def test_commit_of_a_transaction_that_has_failed(postgres: Shop, kept: Kept) -> None:
    """PostgreSQL rolls it back, and says so to nobody."""
    postgres.clear()
    with postgres.engine.connect() as connection:
        put(connection, 1)
        with pytest.raises(sa.exc.ProgrammingError):
            connection.execute(text("SELECT nothing FROM nowhere"))
        connection.commit()
    assert outcomes(kept) == {1: "rolled_back"}
    assert there(postgres) == set()


def test_a_constraint_that_is_checked_at_the_end(postgres: Shop, kept: Kept) -> None:
    postgres.clear()
    postgres.execute("CREATE TABLE IF NOT EXISTS late (tag INT REFERENCES tag (id) DEFERRABLE INITIALLY DEFERRED)")
    late = sa.table("late", sa.column("tag"))
    with postgres.engine.connect() as connection:
        put(connection, 1)
        connection.execute(late.insert().values(tag=77))
        with pytest.raises(sa.exc.IntegrityError):
            connection.commit()
        connection.rollback()
    assert {change.outcome for change in kept.changes} == {"rolled_back"}
    assert len(kept.changes) == 2
    postgres.execute("DROP TABLE late")


def test_killed_in_between(postgres: Shop, kept: Kept) -> None:
    postgres.clear()
    with postgres.engine.connect() as connection:
        put(connection, 1)
        process = connection.execute(text("SELECT pg_backend_pid()")).scalar()
        postgres.execute(f"SELECT pg_terminate_backend({process}, 40000)")
        with pytest.raises(sa.exc.OperationalError) as failure:
            connection.execute(tag.update().values(name="x"))
        assert failure.value.connection_invalidated
    assert outcomes(kept) == {1: "rolled_back"}
    assert there(postgres) == set()


def test_killed_while_it_commits(postgres: Shop, kept: Kept) -> None:
    postgres.clear()
    postgres.execute(
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(5); RETURN NULL; END $$"
    )
    postgres.execute(
        "CREATE CONSTRAINT TRIGGER dying AFTER INSERT ON tag DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION die()"
    )
    try:
        with postgres.engine.connect() as connection:
            put(connection, 1)
            with pytest.raises(sa.exc.OperationalError):
                connection.commit()
    finally:
        postgres.execute("DROP TRIGGER dying ON tag")
        postgres.execute("DROP FUNCTION die")
    assert outcomes(kept) == {1: "unknown"}


# Asynchronous engines.


def async_url(shop: Shop) -> str:
    return (
        shop.url.replace("sqlite:", "sqlite+aiosqlite:")
        .replace("+psycopg2:", "+asyncpg:")
        .replace("+psycopg:", "+asyncpg:")
    )


def test_asynchronous(shop: Shop, kept: Kept) -> None:
    from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

    async def work() -> None:
        engine = create_async_engine(async_url(shop))
        async with AsyncSession(engine, expire_on_commit=False) as session:
            user = User(id=1, name="amy", plan="free", visits=0)
            session.add(user)
            await session.commit()
            user.plan = "pro"
            await session.flush()
            await session.execute(sa.update(User).values(visits=User.visits + 1))
            await session.rollback()
            async with session.begin_nested():
                session.add(Tag(id=1))
            await session.commit()
        async with engine.connect() as connection:
            await connection.execute(tag.insert().values(id=2))
        await engine.dispose()

    asyncio.run(work())
    assert [str(change).split(": ")[0] for change in kept.changes] == [
        "insert users 1",
        "update users 1",
        "update users 1",
        "insert tag 1",
        "insert tag 2",
    ]
    assert [change.outcome for change in kept.changes] == [
        "committed",
        "rolled_back",
        "rolled_back",
        "committed",
        "rolled_back",
    ]
    assert kept.changes[1].columns == {"plan": ("free", "pro")}
    assert kept.changes[2].columns == {"visits": (0, 1)}
    assert {change.function.rpartition(".")[2] for change in kept.changes} == {"work"}
    assert there(shop) == {1}


def test_asynchronous_commit_of_a_transaction_that_has_failed(postgres: Shop, kept: Kept) -> None:
    from sqlalchemy.ext.asyncio import create_async_engine

    postgres.clear()

    async def work() -> None:
        engine = create_async_engine(async_url(postgres))
        async with engine.connect() as connection:
            await connection.execute(tag.insert().values(id=1))
            with pytest.raises(sa.exc.ProgrammingError):
                await connection.execute(text("SELECT nothing FROM nowhere"))
            await connection.commit()
            await connection.execute(tag.insert().values(id=2))
            nested = await connection.begin_nested()
            with pytest.raises(sa.exc.IntegrityError):
                await connection.execute(tag.insert().values(id=2))
            await nested.rollback()
            await connection.commit()
        await engine.dispose()

    asyncio.run(work())
    assert outcomes(kept) == {1: "rolled_back", 2: "committed"}
    assert there(postgres) == {2}
