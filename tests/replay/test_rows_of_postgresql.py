"""Rows put back in PostgreSQL itself: every type of column, and names that only quotes hold."""

import datetime as dt
import ipaddress
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest
from msgspec.structs import asdict
from psycopg.types.json import Jsonb

from flux_ls.record.values import snapshot_items
from flux_ls.replay.child.rows import changes, drivers
from tests.postgresql import PostgreSQL
from tests.replay.test_rows import _written
from tests.telemetry import row, transaction

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("replay")]

Connection = psycopg.Connection[tuple[Any, ...]]
TABLE = '"my schema"."odd ""table"" %s"'
NAME = 'my schema.odd "table" %s'
UTC = dt.UTC
VALUES: dict[str, tuple[Any, Any]] = {
    "smallint": (1, 2),
    "bigint": (2**62, -(2**62)),
    "numeric(10,2)": (Decimal("9.90"), Decimal("10.00")),
    "real": (0.1, 0.2),
    "double precision": (0.1, 1e300),
    "boolean": (True, False),
    "text": ('it\'s "quoted" \\ %s', "é🙂"),
    "varchar(20)": ("a", "b"),
    "char(5)": ("ab   ", "c    "),
    "bytea": (b"\xff\x00", b"plain \\ text"),
    "date": (dt.date(1990, 1, 2), dt.date(2000, 2, 29)),
    "time": (dt.time(1, 2, 3, 4), dt.time(5)),
    "timestamp": (dt.datetime(2024, 5, 1, 10, 0, 0, 5), dt.datetime(2025, 1, 1)),
    "timestamptz": (dt.datetime(2024, 5, 1, 10, tzinfo=UTC), dt.datetime(2025, 1, 1, tzinfo=UTC)),
    "interval": (dt.timedelta(days=3, seconds=5, microseconds=7), dt.timedelta(hours=1)),
    "uuid": (UUID(int=7), UUID(int=8)),
    "jsonb": ({"a": [1, None, "x"]}, []),
    "json": ({"b": {"c": 1.5}}, ["y"]),
    "text[]": (["a", 'b"'], []),
    "integer[]": ([1, 2], [3]),
    "inet": (ipaddress.ip_address("10.0.0.1"), ipaddress.ip_address("::1")),
    "mood": ("good", "bad"),
    "cents": (5, 6),
}


@pytest.fixture(scope="module")
def connection(postgresql: PostgreSQL) -> Iterator[Connection]:
    columns = ", ".join(f'"{name}" {name}' for name in VALUES)
    with postgresql.database() as database, postgresql.connect(database) as made:
        made.execute(
            "CREATE SCHEMA \"my schema\"; CREATE TYPE mood AS ENUM ('good', 'bad'); CREATE DOMAIN cents AS int"
        )
        made.execute(
            f'CREATE TABLE {TABLE} ("the id" bigint GENERATED ALWAYS AS IDENTITY, part text, {columns},'
            ' twice int GENERATED ALWAYS AS ("smallint" * 2) STORED, PRIMARY KEY ("the id", part))'
        )
        yield made


def put_back(connection: Connection, operation: str, before: dict[str, Any], after: dict[str, Any]) -> Any:
    """What became of a change of row 1 that was recorded so."""
    told = {name: snapshot_items(columns.items()).tree for name, columns in (("before", before), ("after", after))}
    given = {"insert": {"after": told["after"]}, "delete": {"before": told["before"]}}.get(operation, told)
    [change] = _written(transaction("committed", row(NAME, {"the id": 1, "part": "a"}, **given)))
    changes.learn(json.loads(json.dumps([asdict(change)])))
    changes.begin({"request_id": change.request_id, "service": "shop", "started_ns": 0})
    drivers.by_psycopg(connection, original=False)
    verdicts = changes.told()
    changes.learn([])
    changes.begin({"request_id": "", "service": "", "started_ns": 0})
    return verdicts["put_back"] == [0] or verdicts["not_put_back"]


def held(connection: Connection) -> Any:
    return connection.execute(f"SELECT t::text FROM {TABLE} AS t ORDER BY 1".replace("%", "%%"), []).fetchall()


def write(connection: Connection, at: int | None) -> None:
    connection.execute(f"DELETE FROM {TABLE}".replace("%", "%%"), [])
    names = ", ".join(f'"{name}"' for name in VALUES)
    marks = ", ".join("%s" for _ in VALUES)
    values = [None if at is None else pair[at] for pair in VALUES.values()]
    values = [
        Jsonb(each) if name.startswith("json") and each is not None else each
        for name, each in zip(VALUES, values, strict=True)
    ]
    sql = f'INSERT INTO {TABLE.replace("%", "%%")} ("the id", part, {names}) OVERRIDING SYSTEM VALUE'
    connection.execute(f"{sql} VALUES (1, 'a', {marks}), (2, 'a', {marks})", [*values, *values])


@pytest.mark.parametrize(("first", "then"), [(0, 1), (1, 0), (0, None), (None, 0)])
def test_every_type_of_column(connection: Connection, first: int | None, then: int | None) -> None:
    def values(at: int | None) -> dict[str, Any]:
        return {name: None if at is None else pair[at] for name, pair in VALUES.items()}

    key = {"the id": 1, "part": "a"}
    write(connection, first)
    was = held(connection)
    sets = ", ".join(f'"{name}" = %s' for name in VALUES)
    after = [
        Jsonb(each) if name.startswith("json") and each is not None else each for name, each in values(then).items()
    ]
    connection.execute(f'UPDATE {TABLE.replace("%", "%%")} SET {sets} WHERE "the id" = 1', after)
    assert held(connection) != was
    assert put_back(connection, "update", values(first), values(then)) is True
    assert held(connection) == was
    assert put_back(connection, "update", values(first), values(then)) == [], "it is as it was"
    connection.execute(f'DELETE FROM {TABLE.replace("%", "%%")} WHERE "the id" = 1', [])
    twice = None if first is None else VALUES["smallint"][first] * 2
    whole = {**key, **values(first), "twice": twice}
    assert put_back(connection, "delete", whole, {}) is True
    assert held(connection) == was
    assert put_back(connection, "insert", {}, whole) is True
    assert len(held(connection)) == 1


@pytest.mark.parametrize("name", VALUES)
def test_any_other_value_is_a_change(connection: Connection, name: str) -> None:
    write(connection, 0)
    after = {each: pair[0] for each, pair in VALUES.items()} | {name: VALUES[name][1]}
    assert put_back(connection, "insert", {}, after) == [[0, f"changed since ({name})"]]
    assert len(held(connection)) == 2


def test_nothing_may_be_null_of_two_kinds(connection: Connection) -> None:
    write(connection, None)
    connection.execute(f"UPDATE {TABLE.replace('%', '%%')} SET jsonb = %s", [Jsonb(None)])
    assert put_back(connection, "insert", {}, {"jsonb": None, "json": None, "text": None}) is True


def test_a_value_that_the_column_cannot_hold(connection: Connection) -> None:
    write(connection, 0)
    before = held(connection)
    assert put_back(connection, "insert", {}, {"smallint": "x'; DROP"}) == [[0, "the database refuses it"]]
    assert held(connection) == before


def test_triggers_do_not_run_and_are_as_they_were(connection: Connection) -> None:
    write(connection, 0)
    connection.execute(
        "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'ran'; END $$"
    )
    for name, when in (('"on it"', ""), ("always", "ENABLE ALWAYS"), ("off", "DISABLE")):
        made = f"CREATE TRIGGER {name} BEFORE DELETE OR UPDATE ON {TABLE} FOR EACH ROW EXECUTE FUNCTION refuse()"
        connection.execute(made)
        if when:
            connection.execute(f"ALTER TABLE {TABLE} {when} TRIGGER {name}")
    state = "SELECT tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1"
    before = connection.execute(state).fetchall()
    assert len(before) == 3
    assert put_back(connection, "update", {"text": "old"}, {"text": VALUES["text"][0]}) is True
    assert put_back(connection, "insert", {}, {"text": "old"}) is True
    assert connection.execute(state).fetchall() == before
    for name, _ in before:
        connection.execute(f'DROP TRIGGER "{name}" ON {TABLE}')


def test_rules_would_run(connection: Connection) -> None:
    write(connection, 0)
    connection.execute(f"CREATE RULE quiet AS ON DELETE TO {TABLE} DO INSTEAD NOTHING")
    assert put_back(connection, "insert", {}, {"smallint": 1}) == [[0, "its table has rules, which would run"]]
    connection.execute(f"DROP RULE quiet ON {TABLE}")


@pytest.mark.parametrize("on_delete", ["NO ACTION", "CASCADE", "SET NULL", "NO ACTION DEFERRABLE INITIALLY DEFERRED"])
def test_a_row_that_another_one_refers_to(connection: Connection, on_delete: str) -> None:
    write(connection, 0)
    connection.execute(
        f'CREATE TABLE child (id bigint, part text, FOREIGN KEY (id, part) REFERENCES {TABLE} ("the id", part)'
        f" ON DELETE {on_delete})"
    )
    try:
        connection.execute("INSERT INTO child VALUES (2, 'a'), (NULL, 'a')")
        assert put_back(connection, "insert", {}, {"smallint": 1}) is True, "nobody refers to this one"
        assert len(held(connection)) == 1
        connection.execute("TRUNCATE child")
        write(connection, 0)
        connection.execute("INSERT INTO child VALUES (1, 'a')")
        assert put_back(connection, "insert", {}, {"smallint": 1}) == [[0, "child refers to it"]]
        assert put_back(connection, "update", {"part": "b"}, {"part": "a"}) == [[0, "child refers to it"]]
        assert put_back(connection, "update", {"smallint": 7}, {"smallint": 1}) is True
        assert connection.execute("SELECT count(*) FROM child").fetchone() == (1,)
    finally:
        connection.execute("DROP TABLE child")
