"""A store of an older version becomes one of today's and keeps what is in it."""

import sqlite3
from pathlib import Path

import pytest

from flux_ls.collector.ingest import Ingest
from flux_ls.model import Proof
from flux_ls.store import schema
from flux_ls.store.connection import open_for_writing
from flux_ls.store.errors import StoreOutdated
from flux_ls.store.reader import Reader
from flux_ls.store.writer import Writer
from tests.telemetry import RECORDER, Raises, http, logs, recorded, row, span, traces

OLD = Path(__file__).parent
LOST = Raises("KeyError", "'plan'", (("/srv/shop/shop/plans.py", 7, "plan_of", "return PLANS[name]"),))
ONE, TWO = "1" * 32, "2" * 32
FAILING = http(
    "GET", "/plan", 500, route="/plan", raises=LOST, attributes={"request_id": "order-7"}, children=[span("q")]
)


def old_store(path: Path, version: int) -> None:
    """A store as that version made it, with what today's ingest puts into the tables it had."""
    now = path.with_name("now.db")
    ingest = Ingest(now)
    ingest.traces(traces(FAILING, trace_id=ONE, at_ns=10**18))
    ingest.traces(traces(http("GET", "/plan", route="/plan"), trace_id=TWO, at_ns=2 * 10**18))
    ingest.logs(logs(FAILING, LOST, of="q", trace_id=ONE, at_ns=10**18))
    ingest.close()
    connection = sqlite3.connect(path)
    connection.executescript((OLD / f"version_{version}.sql").read_text())
    connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {version}")
    connection.execute("ATTACH ? AS now", (str(now),))
    triggers = connection.execute("SELECT name, sql FROM main.sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER main.{name}")
    tables = connection.execute("SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    for (table,) in tables.fetchall():
        columns = ", ".join(row[1] for row in connection.execute(f"PRAGMA main.table_info({table})"))
        connection.execute(f"DELETE FROM main.{table}")
        connection.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM now.{table}")
    for _, sql in triggers:
        connection.execute(sql)
    connection.commit()
    connection.close()


@pytest.mark.parametrize("version", range(1, schema.VERSION))
def test_an_older_store_keeps_all_and_takes_what_is_new(tmp_path: Path, version: int) -> None:
    store = tmp_path / "flux.db"
    old_store(store, version)
    with pytest.raises(StoreOutdated):
        Reader(store)
    ingest = Ingest(store)
    with Reader(store) as reader:
        request = reader.resolve("order-7")
        assert (request.id, request.error, request.spans) == (ONE, "KeyError: 'plan'", 2)
        assert [len(span.exceptions) for span in reader.spans(ONE)] == [1, 1]
        (issue,) = reader.issues_of(ONE)
        assert issue.count == 1
        assert issue.route is not None
        assert (issue.route.requests, issue.route.failures, issue.route.last_good_id) == (2, 1, TWO)
        assert (reader.row_changes(ONE), reader.rows().tables()) == ((), [])
        assert reader.inputs(ONE, issue.failure.fingerprint) is None
        assert (issue.proof, issue.dismissed) == (None, False)
    root = http("GET", "/plan", attributes=recorded({"body": 1}), rows=[row("users", {"id": 42}, after={"plan": None})])
    ingest.traces(traces(root, resource=RECORDER))
    ingest.traces(traces(FAILING, trace_id=ONE, at_ns=10**18))
    ingest.close()
    writer = Writer(store)
    writer.resolve([(issue, Proof(TWO, 200, 2 * 10**18))])
    writer.close()
    with Reader(store) as reader:
        assert [each.proof for each in reader.issues_of(ONE)] == [Proof(TWO, 200, 2 * 10**18)]
        assert reader.rows().tables() == ["users"]
        assert reader.facts().requests == 3
        assert reader.facts().schema_version == schema.VERSION


@pytest.mark.parametrize("version", range(1, schema.VERSION))
def test_a_migrated_store_is_like_a_new_one(tmp_path: Path, version: int) -> None:
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    old_store(old, version)
    made = []
    for path in (old, new):
        open_for_writing(path).close()
        connection = sqlite3.connect(path)
        made.append(
            sorted(
                (kind, name, " ".join((sql or "").split()))
                for kind, name, sql in connection.execute("SELECT type, name, sql FROM sqlite_master")
            )
        )
        connection.close()
    assert made[0] == made[1]


def test_each_step_from_the_first_version_is_there() -> None:
    assert sorted(schema.MIGRATIONS) == list(range(1, schema.VERSION))
