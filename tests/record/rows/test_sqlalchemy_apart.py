"""The application does not notice: what it executes, gets, logs and fails of is the same with us as without."""

import logging
import re
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import event
from sqlalchemy.dialects.postgresql import INET
from sqlalchemy.orm import Session

from flux_ls.record import rows
from flux_ls.record.rows import reading
from tests.e2e.processes import eventually
from tests.record.rows.kept import UNLOADED, Kept, recording
from tests.record.rows.shop_sqlalchemy import Order, Shop, Tag, User

users = User.__table__
tag = Tag.__table__
before_2_0 = sa.__version__.startswith("1.4")


@pytest.fixture
def recorder() -> Iterator[None]:
    rows.install()
    yield
    rows.uninstall()


def everything(engine: Any) -> list[object]:
    """A bit of all that the recorder looks at, and what the application gets of it."""
    got: list[object] = []
    with Session(engine, future=True) as session:
        user = User(id=1, name="amy", plan="free", visits=0, orders=[Order(number=1, amount=2)])
        session.add_all([user, User(id=2, name="bob", visits=0)])
        session.commit()
        user.plan = "pro"
        session.flush()
        session.expire(user)
        user.plan = "free"
        session.flush()
        got.append(session.execute(users.update().where(users.c.visits < 3).values(visits=users.c.visits + 1)).rowcount)
        got.append(session.execute(users.update().where(users.c.id == 77).values(visits=1)).rowcount)
        session.bulk_update_mappings(User, [{"id": 1, "name": "ann"}])
        with session.begin_nested() as nested:
            session.execute(users.delete().where(users.c.name == "bob"))
            nested.rollback()
        session.commit()
        session.delete(session.get(User, 1))
        session.commit()
        got.append(session.execute(tag.insert(), [{"name": "x"}, {"name": "y"}]).rowcount)
        try:
            session.execute(tag.insert().values(name="x"))
        except sa.exc.IntegrityError as error:
            got.append((type(error), type(error.orig), str(error.statement)))
        session.rollback()
        got.append(sorted((row.id, row.name, row.visits) for row in session.execute(sa.select(users))))
    return got


class Witness:
    """What an application can see of an engine by SQLAlchemy's own means."""

    def __init__(self, shop: Shop) -> None:
        self.seen: list[object] = []
        self.engine: Any = sa.create_engine(shop.url, future=True, echo="debug")
        for name in ("begin", "commit", "rollback", "savepoint", "rollback_savepoint", "release_savepoint"):
            event.listen(self.engine, name, self._listener(name))
        event.listen(self.engine, "before_cursor_execute", self._statement)

    def _listener(self, name: str) -> Any:
        def listen(connection: Any, *_: Any) -> None:
            self.seen.append(name)

        return listen if "savepoint" not in name else lambda connection, name, context=None: self.seen.append("s")

    def _statement(self, c: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool) -> None:
        self.seen.append((statement, str(parameters)))


def test_events_log_and_results(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    witnessed = []
    for recorded in (False, True):
        shop.clear()
        caplog.clear()
        witness = Witness(shop)
        if recorded:
            rows.install()
        with recording() as kept, caplog.at_level(logging.DEBUG, "sqlalchemy.engine.Engine"):
            got = everything(witness.engine)
        rows.uninstall()
        logged = [record.getMessage() for record in caplog.records if record.name.startswith("sqlalchemy.engine")]
        witnessed.append((witness.seen, got, [re.sub(r"\d\.\d+s", "", line) for line in logged]))
        assert bool(kept.changes) == recorded
        witness.engine.dispose()
    assert witnessed[0] == witnessed[1]
    assert len(witnessed[0][0]) > 20
    assert len(witnessed[0][2]) > 20


def test_no_spans_of_ours(tmp_path: Path, recorder: None) -> None:
    """The instrumentation of the driver does not see what we ask."""
    from opentelemetry.instrumentation.sqlite3 import SQLite3Instrumentor

    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor = SQLite3Instrumentor()

    def connect() -> Any:
        connection = sqlite3.connect(tmp_path / "x.db")
        return instrumentor.instrument_connection(connection, tracer_provider=provider)

    engine: Any = sa.create_engine("sqlite://", future=True, creator=connect, poolclass=sa.pool.NullPool)
    tag.create(engine)
    with recording() as kept, engine.begin() as connection:
        connection.execute(tag.insert().values(id=1, name="x"))
        exporter.clear()
        connection.execute(tag.update().where(tag.c.name == "x").values(name="y"))
    assert [str(change) for change in kept.changes][1] == "update tag 1: name x → y (committed)"
    assert [span.name for span in exporter.get_finished_spans()] == ["UPDATE"]


def test_without_a_request_nothing_is_asked(tmp_path: Path, recorder: None) -> None:
    asked: list[str] = []
    engine: Any = sa.create_engine(f"sqlite:///{tmp_path}/x.db", future=True)
    event.listen(engine, "connect", lambda connection, record: connection.set_trace_callback(asked.append))
    tag.create(engine)
    asked.clear()
    with engine.begin() as connection:
        connection.execute(tag.update().values(name="y"))
    assert [sql.split()[0] for sql in asked] == ["BEGIN", "UPDATE", "COMMIT"]
    asked.clear()
    with recording(), engine.begin() as connection:
        connection.execute(tag.update().values(name="y"))
    assert [sql.split()[0] for sql in asked] == ["SELECT", "BEGIN", "UPDATE", "COMMIT"]
    engine.dispose()


def test_installed_after_the_engine_and_taken_out_again(tmp_path: Path) -> None:
    engine: Any = sa.create_engine(f"sqlite:///{tmp_path}/x.db", future=True)
    tag.create(engine)
    connection = engine.connect()
    before = {name: vars(sa.engine.Connection)[name] for name in ("_commit_impl", "_savepoint_impl")}
    rows.install()
    with recording() as kept:
        connection.execute(tag.insert().values(id=1))
        connection.commit()
    assert len(kept.changes) == 1
    rows.uninstall()
    assert {name: vars(sa.engine.Connection)[name] for name in before} == before
    with recording() as kept:
        connection.execute(tag.insert().values(id=2))
        connection.commit()
    assert kept.changes == []
    connection.close()
    engine.dispose()


# Bounds.


def test_ten_thousand_rows(shop: Shop, kept: Kept) -> None:
    many = [{"id": key, "name": str(key)} for key in range(10_000)]
    with shop.engine.begin() as connection:
        connection.execute(tag.insert(), many)
    assert (len(kept.changes), kept.omitted) == (100, 9_900)
    kept.told()
    with shop.engine.begin() as connection:
        connection.execute(tag.update().values(name=sa.func.coalesce(tag.c.name + "x", "")))
        connection.execute(tag.delete())
    assert (len(kept.changes), kept.omitted) == (100, 19_900)
    kept.told()
    with Session(shop.engine, future=True) as session:
        session.add_all([Tag(id=row["id"]) for row in many[:600]])
        session.commit()
        for one in session.query(Tag):
            one.name = f"n{one.id}"
        session.commit()
    assert len(kept.changes) + kept.omitted == 1_200


def test_a_transaction_is_bounded(shop: Shop, kept: Kept) -> None:
    with shop.engine.begin() as connection:
        for key in range(600):
            connection.execute(tag.insert().values(id=key))
    assert (len(kept.changes), kept.omitted) == (500, 100)


def test_bytes_are_not_read(shop: Shop, kept: Kept) -> None:
    table = sa.Table(
        "file", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("body", sa.LargeBinary)
    )
    table.create(shop.engine)
    with shop.engine.begin() as connection:
        connection.execute(table.insert().values(id=1, body=b"x" * 100))
        kept.told()
        connection.execute(table.update().values(body=b"y"))
        connection.execute(table.delete())
    table.drop(shop.engine)
    update, delete = kept.changes[1:]
    assert update.before == {"body": UNLOADED}
    assert delete.before == {"id": 1, "body": UNLOADED}


def test_a_request_that_has_spent_its_time_on_reading(shop: Shop, kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_BUDGET_NS", 1)
    with shop.engine.begin() as connection:
        connection.execute(tag.insert().values(id=1, name="x"))
        connection.execute(tag.update().where(tag.c.id == 1).values(name="y"))
        connection.execute(tag.update().where(tag.c.id == 1).values(name="z"))
    assert [change.before for change in kept.changes] == [None, {"name": "x"}, {"name": UNLOADED}]


# A reading that fails.


@pytest.fixture
def tickets(postgres: Shop) -> Iterator[Any]:
    table = sa.Table(
        "ticket",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("code", INET),
        sa.Column("note", sa.String),
    )
    table.create(postgres.engine)
    yield table
    table.drop(postgres.engine)


def test_what_fails_for_the_application_fails_as_ever(postgres: Shop, tickets: Any, kept: Kept) -> None:
    with postgres.engine.connect() as connection:
        connection.execute(tickets.insert().values(id=1, code="10.0.0.1", note="n"))
        with pytest.raises(sa.exc.DBAPIError) as failure, connection.begin_nested():
            connection.execute(tickets.update().where(tickets.c.code == "no address").values(note="x"))
        assert "InvalidTextRepresentation" in type(failure.value.orig).__name__
        connection.commit()
    assert [change.outcome for change in kept.changes] == ["committed"]


def test_columns_that_may_be_written_and_not_read(postgres: Shop, tickets: Any, kept: Kept) -> None:
    postgres.execute("DROP ROLE IF EXISTS clerk")
    postgres.execute("CREATE ROLE clerk")
    postgres.execute("GRANT SELECT (id), UPDATE (note), INSERT ON ticket TO clerk")
    with postgres.engine.connect() as connection:
        connection.execute(tickets.insert().values(id=1, note="n"))
        connection.commit()
        kept.told()
        connection.exec_driver_sql("SET ROLE clerk")
        assert connection.execute(tickets.update().where(tickets.c.id == 1).values(note="x")).rowcount == 1
        connection.commit()
        connection.exec_driver_sql("RESET ROLE")
        connection.commit()
    assert kept.told() == [f"update ticket 1: note {UNLOADED} → x (committed)"]
    postgres.execute("DROP OWNED BY clerk")
    postgres.execute("DROP ROLE clerk")


def test_a_reading_that_takes_too_long(
    postgres: Shop, tickets: Any, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for a lock on the table, which another has until it is the application that waits."""
    monkeypatch.setattr(reading, "_TIMEOUT_MS", 250)
    with postgres.engine.begin() as connection:
        connection.execute(tickets.insert().values(id=1, note="n"))
    kept.told()
    locked = threading.Event()
    to_write = (
        "SELECT 1 FROM pg_locks WHERE relation = 'ticket'::regclass AND mode = 'RowExclusiveLock' AND NOT granted"
    )

    def hold() -> None:
        with postgres.engine.begin() as connection:
            connection.exec_driver_sql("LOCK TABLE ticket IN ACCESS EXCLUSIVE MODE")
            locked.set()
            eventually(
                lambda: connection.exec_driver_sql(to_write).fetchone(), within=40, what="the application's wait"
            )

    other = threading.Thread(target=hold)
    other.start()
    assert locked.wait(40)
    with postgres.engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL statement_timeout TO 40000")
        assert connection.execute(tickets.update().where(tickets.c.note == "n").values(note="x")).rowcount == 1
        assert connection.exec_driver_sql("SHOW statement_timeout").scalar() == "40s"
    other.join()
    assert kept.told() == ["update ticket ?: note None → x (committed)"]


def test_sqlite_waits_for_its_turn(tmp_path: Path, kept: Kept) -> None:
    """A transaction that begins with a write waits for the writer before it. Reading first would make it fail."""
    engine: Any = sa.create_engine(f"sqlite:///{tmp_path}/x.db", future=True, connect_args={"timeout": 20})

    @event.listens_for(engine, "connect")
    def connect(connection: Any, record: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=wal")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")

    tag.create(engine)
    with engine.begin() as connection:
        connection.execute(tag.insert().values(id=1, name="a"))
    kept.told()
    other = sqlite3.connect(tmp_path / "x.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    other.execute("UPDATE tag SET name = 'b'")

    def commit() -> None:
        time.sleep(0.3)
        other.execute("COMMIT")

    thread = threading.Thread(target=commit)
    with engine.begin() as connection:
        thread.start()
        connection.execute(tag.update().where(tag.c.id == 1).values(name="c"))
    thread.join()
    other.close()
    assert kept.told() == ["update tag 1: name b → c (committed)"]
    engine.dispose()
