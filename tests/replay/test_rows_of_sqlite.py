"""Rows put back in SQLite itself, in tables of every kind."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import asdict

from flux_ls.replay.child.rows import changes, drivers
from tests.replay.test_rows import _written
from tests.telemetry import row, transaction

MADE, CHANGED, DELETED = "insert", "update", "delete"
USERS = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, boss INTEGER REFERENCES users)"
ADA = "INSERT INTO users VALUES (1, 'Ada', 1)"
ORDERS = "CREATE TABLE orders (id INTEGER PRIMARY KEY, user INTEGER REFERENCES users ON DELETE CASCADE)"
ODD = 'CREATE TABLE "it\'s ""odd"" %s" ("a b" TEXT, "c""d" INT, v INT, PRIMARY KEY ("a b", "c""d")) WITHOUT ROWID'
TWICE = "CREATE TABLE t (id INTEGER PRIMARY KEY, n INT, twice INT GENERATED ALWAYS AS (n * 2) STORED)"
LOG = "CREATE TABLE log (what TEXT)"
TRIGGER = "CREATE TRIGGER \"it's\" AFTER {} ON users BEGIN INSERT INTO log VALUES ('ran'); END"

PUT_BACK: list[tuple[list[str], str, str, dict[str, Any], dict[str, Any], dict[str, Any], list[str]]] = [
    # What is there, the change, and the rows afterwards.
    ([USERS, ADA], MADE, "users", {"id": 1}, {}, {"name": "Ada"}, []),
    ([USERS, ADA], MADE, "USERS", {"ID": 1}, {}, {"Name": "Ada"}, []),
    ([USERS, ADA], MADE, "main.users", {"id": 1}, {}, {"name": "Ada"}, []),
    ([USERS, ADA], CHANGED, "users", {"id": 1}, {"name": None}, {"name": "Ada"}, ["users (1, None, 1)"]),
    ([USERS, ADA], CHANGED, "users", {"id": 1}, {"id": 5}, {"id": 1}, ["users (5, 'Ada', 1)"]),
    (
        [USERS, ADA],
        DELETED,
        "users",
        {"id": 2},
        {"id": 2, "name": "é", "boss": 1},
        {},
        ["users (1, 'Ada', 1)", "users (2, 'é', 1)"],
    ),
    (
        [USERS, ADA, ORDERS, "INSERT INTO orders VALUES (9, NULL)"],
        MADE,
        "users",
        {"id": 1},
        {},
        {},
        ["orders (9, None)"],
    ),
    ([USERS, ADA, LOG, TRIGGER.format("DELETE")], MADE, "users", {"id": 1}, {}, {}, []),
    (
        [USERS, ADA, LOG, TRIGGER.format("UPDATE")],
        CHANGED,
        "users",
        {"id": 1},
        {"boss": None},
        {"boss": 1},
        ["users (1, 'Ada', None)"],
    ),
    (
        [ODD, 'INSERT INTO "it\'s ""odd"" %s" VALUES (\'x\', 1, 2)'],
        MADE,
        'it\'s "odd" %s',
        {"a b": "x", 'c"d': 1},
        {},
        {"v": 2},
        [],
    ),
    ([TWICE, "INSERT INTO t (id, n) VALUES (1, 2)"], MADE, "t", {"id": 1}, {}, {"n": 2, "twice": 4}, []),
    ([TWICE], DELETED, "t", {"id": 1}, {"id": 1, "n": 3, "twice": 6}, {}, ["t (1, 3, 6)"]),
    (
        [TWICE, "INSERT INTO t (id, n) VALUES (1, 2)"],
        CHANGED,
        "t",
        {"id": 1},
        {"n": 5, "twice": 10},
        {"n": 2, "twice": 4},
        ["t (1, 5, 10)"],
    ),
]
LEFT: list[tuple[list[str], str, str, dict[str, Any], dict[str, Any], dict[str, Any], str]] = [
    ([USERS, ADA], MADE, "users", {"id": 1}, {}, {"name": "Bob"}, "changed since (name)"),
    ([USERS, ADA], MADE, "nobody", {"id": 1}, {}, {"name": "Ada"}, "there is no such table"),
    ([USERS, ADA], MADE, "users", {"id": 1}, {}, {"plan": "x"}, "it has no plan any more"),
    ([USERS, ADA], CHANGED, "users", {"id": 3}, {"name": "x"}, {"name": "y"}, "not there any more"),
    ([USERS, ADA], DELETED, "users", {"id": 1}, {"id": 1, "name": "Bob", "boss": 1}, {}, "there again"),
    ([USERS, ADA], DELETED, "users", {"id": 2}, {"id": 2, "name": "Bob"}, {}, "its boss was not recorded"),
    (
        [USERS, ADA],
        DELETED,
        "users",
        {"id": 2},
        {"id": 2, "name": "Bob", "boss": 7},
        {},
        "what it refers to in users is not there",
    ),
    ([USERS, ADA, "INSERT INTO users VALUES (2, 'Bob', 1)"], MADE, "users", {"id": 1}, {}, {}, "users refers to it"),
    ([USERS, ADA, ORDERS, "INSERT INTO orders VALUES (9, 1)"], MADE, "users", {"id": 1}, {}, {}, "orders refers to it"),
    (
        [USERS, ADA, ORDERS, "INSERT INTO orders VALUES (9, 1)"],
        CHANGED,
        "users",
        {"id": 1},
        {"id": 4},
        {"id": 1},
        "orders refers to it",
    ),
    (
        ["CREATE TABLE t (id INT, n INT)", "INSERT INTO t VALUES (1, 2), (1, 2)"],
        MADE,
        "t",
        {"id": 1},
        {},
        {"n": 2},
        "more than one row has this key",
    ),
    (
        ["CREATE TABLE t (id INTEGER PRIMARY KEY, n INT CHECK (n < 5))", "INSERT INTO t VALUES (1, 2)"],
        CHANGED,
        "t",
        {"id": 1},
        {"n": 9},
        {"n": 2},
        "the database refuses it",
    ),
    (
        ["CREATE VIRTUAL TABLE t USING fts5 (words)"],
        MADE,
        "t",
        {"rowid": 1},
        {},
        {"words": "a"},
        "it is a virtual table",
    ),
    (
        ["CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT)", "INSERT INTO t VALUES (1)"],
        MADE,
        "sqlite_sequence",
        {"name": "t"},
        {},
        {"seq": 1},
        "there is no such table",
    ),
    (["CREATE VIEW t AS SELECT 1 AS id"], MADE, "t", {"id": 1}, {}, {}, "there is no such table"),
]


def put_back(file: Path, setup: list[str], operation: str, table: str, key: Any, before: Any, after: Any) -> Any:
    with sqlite3.connect(file) as connection:
        for sql in setup:
            connection.execute(sql)
    told = {"insert": {"after": {**key, **after}}, "delete": {"before": before}}
    given = told.get(operation, {"before": before, "after": after})
    [change] = _written(transaction("committed", row(table, key, **given)))
    changes.learn(json.loads(json.dumps([asdict(change)])))
    changes.begin({"request_id": change.request_id, "service": "shop", "started_ns": 0})
    drivers.in_sqlite(str(file))
    verdicts = changes.told()
    changes.learn([])
    changes.begin({"request_id": "", "service": "", "started_ns": 0})
    connection.close()
    return verdicts["put_back"] == [0] or verdicts["not_put_back"]


def rows(file: Path) -> list[str]:
    connection = sqlite3.connect(file)
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE '%VIRTUAL%'")
    found = []
    for (name,) in tables.fetchall():
        quoted = name.replace('"', '""')
        found += [f"{name} {each}" for each in connection.execute(f'SELECT * FROM "{quoted}"')]
    connection.close()
    return sorted(found)


def schema(file: Path) -> list[object]:
    connection = sqlite3.connect(file)
    found = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall()
    connection.close()
    return found


@pytest.mark.parametrize(("setup", "operation", "table", "key", "before", "after", "then"), PUT_BACK)
def test_put_back(
    tmp_path: Path, setup: list[str], operation: str, table: str, key: Any, before: Any, after: Any, then: list[str]
) -> None:
    file, other = tmp_path / "shop.db", tmp_path / "other.db"
    put_back(other, setup, "insert", "none", {"id": 1}, {}, {})
    assert put_back(file, setup, operation, table, key, before, after) is True
    assert rows(file) == then
    assert schema(file) == schema(other), "triggers are there as they were"


@pytest.mark.parametrize(("setup", "operation", "table", "key", "before", "after", "reason"), LEFT)
def test_left_alone(
    tmp_path: Path, setup: list[str], operation: str, table: str, key: Any, before: Any, after: Any, reason: str
) -> None:
    file, other = tmp_path / "shop.db", tmp_path / "other.db"
    put_back(other, setup, "insert", "none", {"id": 1}, {}, {})
    assert put_back(file, setup, operation, table, key, before, after) == [[0, reason]]
    assert (rows(file), schema(file)) == (rows(other), schema(other))


@pytest.mark.parametrize(
    ("operation", "key", "before", "after"),
    [
        (MADE, {"id": 5}, {}, {"name": "x"}),
        (CHANGED, {"id": 1}, {"name": "Ada"}, {"name": "x"}),
        (DELETED, {"id": 1}, {"id": 1, "name": "Ada", "boss": 1}, {}),
    ],
)
def test_what_is_as_it_was_needs_nothing(tmp_path: Path, operation: str, key: Any, before: Any, after: Any) -> None:
    assert put_back(tmp_path / "shop.db", [USERS, ADA], operation, "users", key, before, after) == []
