"""What is read of recorded row changes, what SQLite holds for a value, and what is said of it."""

import dataclasses
import datetime as dt
import json
import sqlite3
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Time,
    Uuid,
    create_engine,
    insert,
)
from sqlalchemy import Enum as EnumType

from flux_ls.model import Resource
from flux_ls.otlp.decode import decode_span
from flux_ls.record.values import snapshot_items
from flux_ls.replay.child.rows.changes import Value
from flux_ls.replay.child.rows.sqlite_values import spelled, way_of
from flux_ls.replay.rows import NotPutBack, Written, written
from flux_ls.replay.rows_words import rows_words
from flux_ls.replay.shapes import Replay, Replayed
from tests.replay.projects import Project
from tests.telemetry import SpanNode, http, row, traces, transaction

NOWHERE = Resource("shop", None, None, {})


class Mood(Enum):
    GOOD = "g"
    BAD = "b"


moments = st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1))
VALUES: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "moment": (DateTime, moments),
    "zoned": (DateTime, st.datetimes(dt.datetime(1900, 1, 2), dt.datetime(2100, 1, 1), timezones=st.just(dt.UTC))),
    "time": (Time, st.times()),
    "length": (Interval, st.timedeltas(dt.timedelta(0), dt.timedelta(days=30_000))),
    "price": (Numeric(12, 2), st.decimals(-(10**9), 10**9, places=2)),
    "ref": (Uuid, st.uuids()),
    "mood": (EnumType(Mood), st.sampled_from(Mood)),
    "photo": (LargeBinary, st.binary(max_size=20)),
    "tags": (JSON, st.lists(st.recursive(st.booleans() | st.integers(0, 9) | st.text(), st.lists, max_leaves=5))),
}


@pytest.mark.parametrize("kind", VALUES)
def test_what_sqlalchemy_stored_is_recognised_and_written_in_the_same_way(kind: str) -> None:
    """Against SQLAlchemy itself: what it holds for one value says what it would hold for another."""
    column, values = VALUES[kind]
    table = Table("t", MetaData(), Column("id", Integer, primary_key=True), Column("v", column))
    engine = create_engine("sqlite://")
    table.create(engine)
    declared = str(column().compile(engine.dialect) if isinstance(column, type) else column.compile(engine.dialect))

    @given(values, values)
    def check(before: Any, after: Any) -> None:
        with engine.begin() as connection:
            connection.execute(table.delete())
            connection.execute(insert(table), [{"id": 1, "v": before}, {"id": 2, "v": after}])
            (was,), (now,) = connection.exec_driver_sql("SELECT v FROM t ORDER BY id")
        told = [_told(each) for each in (before, after)]
        if told[0] is None or told[1] is None:
            return
        way = way_of(told[1], now, declared)
        assert way is not None
        assert _stored(spelled(told[0], way, None, declared), declared) == was
        assert _stored(spelled(told[0], None, now, declared), declared) == was
        if was != now:
            assert way_of(told[0], now, declared) is None

    check()
    engine.dispose()


def _told(value: object) -> Value | None:
    """As it is recorded, and read again; None for what a recorder has cut, or took for a secret."""
    tree = snapshot_items([("v", value)]).tree
    change = transaction("committed", row("t", {"id": 1}, before={"v": tree["v"]}, after={"v": 0}))
    [found] = _written(change)
    known = found.before.get("v")
    return None if known is None else Value(*json.loads(json.dumps(known)))


def _written(node: SpanNode) -> tuple[Written, ...]:
    message = traces(http("POST", "/a", children=[node]))
    scopes = [scope for group in message.resource_spans for scope in group.scope_spans]
    return written(decode_span(raw.SerializeToString(), NOWHERE, "") for scope in scopes for raw in scope.spans)


def _stored(value: object, declared: str) -> object:
    with sqlite3.connect(":memory:") as connection:
        connection.execute(f"CREATE TABLE t (v {declared})")
        connection.execute("INSERT INTO t VALUES (?)", [value])
        return connection.execute("SELECT v FROM t").fetchone()[0]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (row("users", {}, after={"id": 1}), "its key was not recorded"),
        (row("users", {"token": "[redacted]"}, after={"id": 1}), "its key was redacted"),
        (row("users", {"id": {"$cut": "x", "length": 9}}, after={"id": 1}), "its key was cut when it was recorded"),
        (row("users", {"id": 1}, before={"a": "[redacted]"}, after={"a": 1}), "a was redacted"),
        (row("users", {"id": 1}, before={"a": {"$unloaded": True}}, after={"a": 1}), "a was not recorded"),
        (row("users", {"id": 1}, before={"a": {"$cut": "b", "length": 9}}), "a was cut when it was recorded"),
        (row("users", {"id": 1}, before={"a": {"$bytes": "YQ==", "length": 9}}), "a was cut when it was recorded"),
        (row("users", {"id": 1}, before={"a": {"$type": "shop.Money", "cents": 5}}), "a was not recorded"),
        (row("users", {"id": 1}, before={"a": {"$type": "shop.Money", "$repr": "5"}}), "a was not recorded"),
        (row("users", {"id": 1}, before={"a": {"b": ["x [redacted]"]}}), "a was redacted"),
    ],
)
def test_what_is_not_known_whole_says_why(project: Project, change: Any, reason: str) -> None:
    recording = project.recording(project.add("POST", "/a", calls=[transaction("committed", change)]))
    [found] = recording.written  # type: ignore[union-attr]
    assert (
        [found.why_not] if found.why_not else [f"{name} {why}" for name, why in found.untold_before.items()] == [reason]
    )


def test_the_newest_change_comes_first(project: Project) -> None:
    first = transaction("committed", *(row("t", {"id": n}, after={"id": n}, at_ms=n) for n in (1, 2)), ms=5)
    second = transaction("committed", row("t", {"id": 3}, after={"id": 3}, at_ms=1), start_ms=6, ms=2)
    undone = transaction("rolled_back", row("t", {"id": 4}, after={"id": 4}))
    recording = project.recording(project.add("POST", "/a", calls=[first, second, undone]))
    assert [change.shown_key["id"] for change in recording.written] == [3, 2, 1]  # type: ignore[union-attr]


def _replayed(put_back: int, *left: tuple[int, str]) -> Replayed:
    rows = tuple(NotPutBack("users", {"id": id}, reason) for id, reason in left)
    was = Replayed("1", "POST /a", "POST", "/a", 500, 500, 1.0, "failing", None, None, put_back=put_back)
    return replace(was, not_put_back=rows[:6], not_put_back_rows=len(rows))


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([_replayed(0)], None),
        ([_replayed(1, (7, "changed since"))], "rows put back: 1; not put back: users id=7, changed since"),
        ([_replayed(2), _replayed(1), _replayed(0)], "rows put back: 3, before 2 requests"),
        (
            [_replayed(0, *((n, "changed since") for n in range(7)))],
            "rows put back: 0; not put back: "
            + "; ".join(f"users id={n}, changed since" for n in range(5))
            + "; and 2 more",
        ),
    ],
)
def test_words(answers: list[Replayed], words: str | None) -> None:
    assert rows_words(Replay(tuple(answers), 0, len(answers), "namespace")) == words


@pytest.mark.parametrize(
    ("told", "stored", "declared", "before", "written_as"),
    [
        ("5.00", 5, "decimal", "7.50", 7.5),
        ("7", 7, "integer", "8", 8),
        ("2024-05-01T10:00", "2024-05-01 10:00:00", "datetime", "2024-05-02T11:00", "2024-05-02 11:00:00"),
        ("022088a0-2e62-4fb5-8efc-f141f3815bec", "022088a02e624fb58efcf141f3815bec", "char(32)", "free", "free"),
        ("2024-05-01T10:00", "2024-05-01T10:00", "text", "2024-05-02T11:00", "2024-05-02T11:00"),
        ("07", "07", "text", "08", "08"),
        ("é", "é".encode(), "blob", "ü", "ü".encode()),
        ("a", '"a"', "JSON", "b", '"b"'),
        (None, None, "char(32)", "022088a0-2e62-4fb5-8efc-f141f3815bec", "022088a02e624fb58efcf141f3815bec"),
        (None, None, "text", "022088a0-2e62-4fb5-8efc-f141f3815bec", "022088a0-2e62-4fb5-8efc-f141f3815bec"),
        (None, "null", "JSON", None, None),
        (None, None, "JSON", "b", '"b"'),
    ],
)
def test_what_was_assigned(told: object, stored: object, declared: str, before: object, written_as: object) -> None:
    way = way_of(Value("", told), stored, declared)
    assert way is not None
    assert spelled(Value("", before), way, None, declared) == written_as


@pytest.mark.parametrize(("told", "stored"), [("5.00", 6), ("a", "b"), ("7", "8"), ("a", '"a"'), ("2024-05-01T1", 3)])
def test_what_is_another_text(told: str, stored: object) -> None:
    assert way_of(Value("", told), stored, "") is None


def test_rows_that_were_only_counted_are_told(project: Project) -> None:
    many = transaction("committed", row("t", {"id": 1}, after={"id": 1}))
    many = dataclasses.replace(many, attributes={**many.attributes, "flux.rows.omitted": 1200})
    recording = project.recording(project.add("POST", "/a", calls=[many]))
    assert recording.notes == ("of the rows that it wrote, 1,200 were only counted: they are as they are today",)  # type: ignore[union-attr]


def test_of_many_rows_that_stay_some_are_named(project: Project) -> None:
    """Of a window, each request has its own."""
    project.write(
        "web.py",
        "import sqlite3\nfrom flask import Flask\n\napp = Flask(__name__)\n\n\n@app.post('/a')\ndef a():\n"
        "    sqlite3.connect('t.db').execute('SELECT 1')\n    return ''\n",
    )
    with sqlite3.connect(project.root / "t.db") as file:
        file.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    file.close()
    many = transaction("committed", *(row("t", {"id": n}, before={"a": 1}, after={"a": n}) for n in range(70)))
    answer = project.one(project.add("POST", "/a", calls=[many]))
    assert (len(answer.not_put_back), answer.not_put_back_rows) == (20, 70)
    assert (rows_words(Replay((answer,), 1, 0, "namespace")) or "").endswith("; and 65 more")
