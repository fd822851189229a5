"""Databases stay as they are, byte for byte or row for row, while a handler writes to what it takes for them."""

import json
import os
import sqlite3
from pathlib import Path

import pytest

from flux_ls.replay import batch
from flux_ls.replay.shapes import Conditions
from flux_ls.replay.told import Ran, Told
from tests.postgresql import PostgreSQL
from tests.replay.canaries import checksums
from tests.replay.projects import Project

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("replay")]

HEAD = """
import os
from pathlib import Path
from flask import Flask

app = Flask(__name__)
"""
SQLITE = {
    "sqlite3": """
import sqlite3

@app.post("/write")
def write():
    connection = sqlite3.connect("shop.db")
    with connection:
        connection.execute("INSERT INTO users (email) VALUES ('new@example.org')")
    again = sqlite3.connect("shop.db")
    return {"emails": [email for email, in again.execute("SELECT email FROM users ORDER BY id")]}
""",
    "by uri": """
from sqlite3 import connect

@app.post("/write")
def write():
    path = Path("shop.db").absolute()
    connection = connect(f"file:{path}?mode=rw", uri=True, isolation_level=None)
    connection.execute("INSERT INTO users (email) VALUES ('new@example.org')")
    return {"emails": [email for email, in connection.execute("SELECT email FROM users ORDER BY id")]}
""",
    "sqlalchemy": """
from sqlalchemy import create_engine, text
engine = create_engine("sqlite:///shop.db")

@app.post("/write")
def write():
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO users (email) VALUES ('new@example.org')"))
    with engine.connect() as connection:
        return {"emails": list(connection.scalars(text("SELECT email FROM users ORDER BY id")))}
""",
    "aiosqlite": """
import asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
engine = create_async_engine("sqlite+aiosqlite:///shop.db")

async def written():
    async with engine.begin() as connection:
        await connection.execute(text("INSERT INTO users (email) VALUES ('new@example.org')"))
    async with engine.connect() as connection:
        return list(await connection.scalars(text("SELECT email FROM users ORDER BY id")))

@app.post("/write")
def write():
    return {"emails": asyncio.run(written())}
""",
}


def shop(folder: Path, *, journal: str = "delete") -> Path:
    file = folder / "shop.db"
    with sqlite3.connect(file) as connection:
        connection.execute(f"PRAGMA journal_mode = {journal}")
        connection.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT)")
        connection.execute("INSERT INTO users (email) VALUES ('ada@example.org')")
    connection.close()
    return file


def emails(ran: Ran) -> list[str]:
    assert ran.trouble is None
    assert ran.status == 200, ran.error
    found: list[str] = json.loads(ran.body)["emails"]
    return found


@pytest.mark.parametrize("way", SQLITE)
def test_sqlite_gets_a_copy(project: Project, way: str) -> None:
    project.write("web.py", HEAD + SQLITE[way])
    shop(project.root)
    before = checksums(project.root)
    id = project.add("POST", "/write")
    for _ in range(2):
        assert emails(project.ran(id)) == ["ada@example.org", "new@example.org"], "each run has a copy of its own"
    assert checksums(project.root) == before


def test_what_is_in_the_write_ahead_log_is_in_the_copy(project: Project) -> None:
    project.write("web.py", HEAD + SQLITE["sqlite3"])
    file = shop(project.root, journal="wal")
    service = sqlite3.connect(file)
    with service:
        service.execute("INSERT INTO users (email) VALUES ('bob@example.org')")
    before = {name: sums for name, sums in checksums(project.root).items() if not name.endswith("-shm")}
    assert "shop.db-wal" in before
    ran = project.ran(project.add("POST", "/write"))
    assert emails(ran) == ["ada@example.org", "bob@example.org", "new@example.org"]
    assert {name: sums for name, sums in checksums(project.root).items() if not name.endswith("-shm")} == before
    service.close()


def test_a_database_that_is_not_there_is_made_elsewhere(project: Project) -> None:
    project.write(
        "web.py",
        HEAD
        + """
import sqlite3

@app.post("/write")
def write():
    with sqlite3.connect("fresh.db") as connection:
        connection.execute("CREATE TABLE t (a)")
    return {"emails": ["made"]}
""",
    )
    assert emails(project.ran(project.add("POST", "/write"))) == ["made"]
    assert not (project.root / "fresh.db").exists()


@pytest.mark.parametrize(
    ("statement", "refused"),
    [
        ("sqlite3.Connection('shop.db')", "opening the database shop.db"),
        ("sqlite3.connect(':memory:').execute(\"ATTACH 'shop.db' AS other\")", "attaching the database shop.db"),
        (
            "sqlite3.connect('shop.db').execute(\"ATTACH 'elsewhere.db' AS other\")",
            "attaching the database elsewhere.db",
        ),
    ],
)
def test_no_way_leads_around_the_copy(project: Project, statement: str, refused: str) -> None:
    project.write(
        "web.py", HEAD + f'\nimport sqlite3\n\n@app.post("/write")\ndef write():\n    {statement}\n    return ""\n'
    )
    shop(project.root)
    before = checksums(project.root)
    answer = project.one(project.add("POST", "/write"))
    assert answer.outcome == "blocked"
    assert [each.call for each in answer.blocked] == [refused]
    assert checksums(project.root) == before


def test_writes_can_be_allowed(project: Project) -> None:
    project.write("web.py", HEAD + SQLITE["sqlite3"])
    file = shop(project.root)
    assert emails(project.ran(project.add("POST", "/write"), allow_writes=True))[-1] == "new@example.org"
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (2,)
    connection.close()


POSTGRESQL = {
    "psycopg": """
import psycopg

@app.post("/write")
def write():
    with psycopg.connect(os.environ["DSN"]) as connection:
        connection.execute("INSERT INTO users (email) VALUES ('new@example.org')")
    with psycopg.connect(os.environ["DSN"]) as connection:
        return {"emails": [email for email, in connection.execute("SELECT email FROM users ORDER BY id")]}
""",
    "psycopg, asynchronous": """
import asyncio, psycopg

async def written():
    async with await psycopg.AsyncConnection.connect(os.environ["DSN"]) as connection:
        await connection.execute("INSERT INTO users (email) VALUES ('new@example.org')")
    async with await psycopg.AsyncConnection.connect(os.environ["DSN"]) as connection:
        found = await connection.execute("SELECT email FROM users ORDER BY id")
        return [email for email, in await found.fetchall()]

@app.post("/write")
def write():
    return {"emails": asyncio.run(written())}
""",
    "psycopg under SQLAlchemy": """
from sqlalchemy import create_engine, text
engine = create_engine(os.environ["URL"])

@app.post("/write")
def write():
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO users (email) VALUES ('new@example.org')"))
    with engine.connect() as connection:
        return {"emails": list(connection.scalars(text("SELECT email FROM users ORDER BY id")))}
""",
    "psycopg2": """
import psycopg2

@app.post("/write")
def write():
    with psycopg2.connect(os.environ["DSN"]) as connection:
        connection.cursor().execute("INSERT INTO users (email) VALUES ('new@example.org')")
    with psycopg2.connect(os.environ["DSN"]).cursor() as cursor:
        cursor.execute("SELECT email FROM users ORDER BY id")
        return {"emails": [email for email, in cursor.fetchall()]}
""",
    "asyncpg": """
import asyncio, asyncpg

async def written():
    connection = await asyncpg.connect(host=os.environ["HOST"], user="flux", database=os.environ["NAME"])
    await connection.execute("INSERT INTO users (email) VALUES ('new@example.org')")
    async with asyncpg.create_pool(host=os.environ["HOST"], user="flux", database=os.environ["NAME"]) as pool:
        return [row["email"] for row in await pool.fetch("SELECT email FROM users ORDER BY id")]

@app.post("/write")
def write():
    return {"emails": asyncio.run(written())}
""",
}
PSYCOPG2 = str(Path(__file__).parents[2] / ".cache" / "sqlalchemy-1.4" / "site-packages")


def server_of(postgresql: PostgreSQL, database: str) -> dict[str, str]:
    return os.environ | {
        "DSN": f"host={postgresql.folder} user=flux dbname={database}",
        "URL": postgresql.url("psycopg", database),
        "HOST": str(postgresql.folder),
        "NAME": database,
    }


def fill(postgresql: PostgreSQL, database: str) -> None:
    with postgresql.connect(database) as connection:
        connection.execute("CREATE TABLE users (id serial PRIMARY KEY, email text)")
        connection.execute("INSERT INTO users (email) VALUES ('ada@example.org')")


def rows(postgresql: PostgreSQL, database: str) -> object:
    """Every row, and the counter that even a rolled-back insert would move."""
    with postgresql.connect(database) as connection:
        found = connection.execute("SELECT string_agg(t::text, ';' ORDER BY t::text) FROM users t").fetchone()
        return found, connection.execute("SELECT last_value, is_called FROM users_id_seq").fetchone()


def databases(postgresql: PostgreSQL) -> list[str]:
    with postgresql.connect() as connection:
        return [str(name) for (name,) in connection.execute("SELECT datname FROM pg_database").fetchall()]


@pytest.mark.parametrize("guard", ["namespace", "python"])
@pytest.mark.parametrize("way", POSTGRESQL)
def test_postgresql_gets_a_copy_that_is_dropped(
    project: Project, postgresql: PostgreSQL, way: str, guard: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "psycopg2" and not (Path(PSYCOPG2) / "psycopg2").exists():
        pytest.skip("psycopg2 is not there: make .cache/sqlalchemy-1.4")
    write_app(project, way)
    id = project.add("POST", "/write")

    def drop(conditions: Conditions, folder: Path, told: Told) -> None:
        assert told.made == {}, "the run drops its copy by itself"

    monkeypatch.setattr(batch, "drop", drop)
    # Who sits in the database from which copies are made and dropped is in nobody's way.
    with postgresql.database() as database, postgresql.connect():
        fill(postgresql, database)
        before, known = rows(postgresql, database), databases(postgresql)
        ran = project.ran(id, environ=server_of(postgresql, database), namespace=guard == "namespace")
        assert emails(ran) == ["ada@example.org", "new@example.org"]
        assert rows(postgresql, database) == before
        assert databases(postgresql) == known


SYNCHRONOUS = [way for way in POSTGRESQL if way != "asyncpg"]
STUBBORN = """
import psycopg

@app.post("/write")
def write():
    connection = psycopg.connect(os.environ["DSN"])
    connection.execute("INSERT INTO users (email) VALUES ('new@example.org')")
    for sql in ("COMMIT", "INSERT INTO users (email) VALUES ('newer@example.org')"):
        try:
            connection.execute(sql)
        except psycopg.Error as error:
            seen.append(type(error).__name__)
            connection.execute("ROLLBACK")
    return {"emails": seen}

seen = []
"""


def write_app(project: Project, way: str) -> None:
    if way == "psycopg2":
        project.write("psycopg2_path.py", f"import sys\nsys.path.append({PSYCOPG2!r})\n")
        project.write("web.py", "import psycopg2_path\n" + HEAD + POSTGRESQL[way])
    else:
        project.write("web.py", HEAD + POSTGRESQL.get(way, STUBBORN))


def contents(postgresql: PostgreSQL, database: str) -> object:
    with postgresql.connect(database) as connection:
        return connection.execute("SELECT string_agg(t::text, ';' ORDER BY t::text) FROM users t").fetchone()


@pytest.mark.parametrize("way", SYNCHRONOUS)
def test_a_database_that_others_use_gets_a_transaction_that_is_rolled_back(
    project: Project, postgresql: PostgreSQL, way: str
) -> None:
    write_app(project, way)
    id = project.add("POST", "/write")
    with postgresql.database() as database:
        fill(postgresql, database)
        before, known = contents(postgresql, database), databases(postgresql)
        with postgresql.connect(database):
            ran = project.ran(id, environ=server_of(postgresql, database))
        assert emails(ran) == ["ada@example.org", "new@example.org"]
        assert any("was rolled back" in note for note in ran.notes)
        assert contents(postgresql, database) == before
        assert databases(postgresql) == known


def test_writes_to_postgresql_can_be_allowed(project: Project, postgresql: PostgreSQL) -> None:
    write_app(project, "psycopg")
    id = project.add("POST", "/write")
    with postgresql.database() as database:
        fill(postgresql, database)
        ran = project.ran(id, environ=server_of(postgresql, database), allow_writes=True)
        assert emails(ran) == ["ada@example.org", "new@example.org"]
        assert "new@example.org" in str(contents(postgresql, database))


def test_the_server_itself_refuses_a_real_commit(project: Project, postgresql: PostgreSQL) -> None:
    """By a constraint that is never met; and afterwards the session can only read."""
    write_app(project, "stubborn")
    id = project.add("POST", "/write")
    with postgresql.database() as database:
        fill(postgresql, database)
        before = contents(postgresql, database)
        with postgresql.connect(database):
            ran = project.ran(id, environ=server_of(postgresql, database))
        assert emails(ran) == ["UniqueViolation", "ReadOnlySqlTransaction"]
        assert contents(postgresql, database) == before


def test_an_asynchronous_driver_without_a_copy_is_refused(project: Project, postgresql: PostgreSQL) -> None:
    write_app(project, "asyncpg")
    id = project.add("POST", "/write")
    with postgresql.database() as database:
        fill(postgresql, database)
        before, known = rows(postgresql, database), databases(postgresql)
        with postgresql.connect(database):
            answer = project.one(id, environ=server_of(postgresql, database))
        assert answer.outcome == "blocked"
        assert (answer.reason or "").startswith(f"a connection to the database {database} was refused at web.py")
        assert rows(postgresql, database) == before
        assert databases(postgresql) == known


def test_a_server_of_the_network_takes_the_namespace_away(project: Project) -> None:
    write_app(project, "psycopg")
    environ = os.environ | {"DSN": "host=127.0.0.1 port=1 user=flux dbname=shop"}
    answer = project.one(project.add("POST", "/write"), environ=environ)
    assert (answer.outcome, answer.guard) == ("blocked", "python")
    assert any("PostgreSQL at 127.0.0.1:1 is reached through the network" in note for note in answer.notes)


def test_a_copy_is_dropped_when_the_run_is_killed(project: Project, postgresql: PostgreSQL) -> None:
    project.write(
        "web.py",
        HEAD
        + """
import psycopg, time

@app.post("/write")
def write():
    connection = psycopg.connect(os.environ["DSN"])
    connection.execute("INSERT INTO users (email) VALUES ('new@example.org')")
    time.sleep(60)
""",
    )
    id = project.add("POST", "/write")
    with postgresql.database() as database:
        fill(postgresql, database)
        before, known = rows(postgresql, database), databases(postgresql)
        answer = project.one(id, environ=server_of(postgresql, database), timeout_s=12)
        assert answer.outcome == "error"
        assert answer.reason == "the request did not end within 12 s, at web.py:14"
        assert rows(postgresql, database) == before
        assert databases(postgresql) == known
