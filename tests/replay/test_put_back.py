"""What a request committed before it failed is taken back, in a copy of the database and nowhere else."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from flux_ls.replay.shapes import Replayed
from tests.e2e.launch import APPS
from tests.postgresql import PostgreSQL
from tests.replay.projects import Project
from tests.replay.shop import Shop, on
from tests.replay.test_databases import PSYCOPG2
from tests.telemetry import row, transaction

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("replay")]


ON_SQLITE = pytest.mark.parametrize("shop", ["sqlite"], indirect=True)
"""What is the same on both."""


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(request: pytest.FixtureRequest, project: Project) -> Iterator[Shop]:
    with on(request.param, project, request) as made:
        yield made


def told(answer: Replayed) -> tuple[str, int | None, int, list[str]]:
    left = [f"{each.table} {dict(each.key)}, {each.reason}" for each in answer.not_put_back]
    return answer.outcome, answer.now, answer.put_back, left


def test_a_request_that_failed_after_it_had_committed_fails_the_same_way(shop: Shop) -> None:
    shop.post("signup", email="first@example.org")
    failed = shop.post("signup", email="ada@example.org", fail=True)
    [answer] = shop.replay(failed)
    assert told(answer) == ("failing", 500, 2, [])
    assert answer.same_failure, answer.error
    assert answer.error == "RuntimeError: the mail cannot be sent"
    web = shop.project.root / "web.py"
    web.write_text(web.read_text().replace('raise RuntimeError("the mail cannot be sent")', "pass"))
    [mended] = shop.replay(failed)
    assert told(mended) == ("passing", 201, 2, [])
    assert mended.reason is None


COLUMNS = ["plan", "born", "seen", "balance", "tags", "active", "mood", "ref"]


def test_rows_are_as_they_were_whatever_their_columns_hold(shop: Shop) -> None:
    """An update to values, one to nulls, and one of nulls: in SQLite, what stood there tells how it is spelled."""
    shop.post("signup", id=1, email="first@example.org")
    shop.post("signup", id=2, email="ada@example.org")
    before = [shop.state()]
    ids = [shop.post("change", id=2, columns=COLUMNS)]
    before.append(shop.state())
    ids.append(shop.post("change", id=2, columns=COLUMNS, to_null=True))
    before.append(shop.state())
    ids.append(shop.post("change", id=2, columns=COLUMNS))
    assert len({json.dumps(each) for each in before}) == 3
    assert shop.found_by(*ids) == before
    assert shop.found_by(*ids, forks=True) == before


@ON_SQLITE
def test_a_row_that_is_made_twice_is_a_failure_of_the_code(shop: Shop) -> None:
    """What the request made then is gone, so it is not why the database refuses the row."""
    good = shop.post("signup", id=1, email="ada@example.org")
    web = shop.project.root / "web.py"
    web.write_text(web.read_text().replace("add(Profile(user=user))", "add_all([user, User(email=told['email'])])"))
    [answer] = shop.replay(good)
    assert told(answer) == ("failing", 500, 2, [])
    assert (answer.reason or "").startswith("it did not fail before: IntegrityError")


@ON_SQLITE
def test_keys_of_several_columns_and_names_with_quotes(shop: Shop) -> None:
    before = [shop.state()]
    ids = [shop.post("order", id=5, lines=[[1, 10], [2, 20]])]
    before.append(shop.state())
    ids.append(shop.post("order", id=5, lines=[[2, 21], [3, 30]]))
    before.append(shop.state())
    ids.append(shop.post("cancel", id=5))
    assert shop.found_by(*ids) == before
    answers = shop.replay(*ids)
    assert [told(each) for each in answers] == [
        ("passing", 201, 3, []),
        ("passing", 201, 3, []),
        ("passing", 201, 3, []),
    ]


def test_what_later_requests_made_of_the_same_rows_goes_first(shop: Shop) -> None:
    """They need not be replayed for that; and what they wrote besides goes with them, and what lies on top of that."""
    failed = shop.post("signup", id=1, email="ada@example.org", fail=True)
    shop.post("order", id=5, lines=[[1, 10]], also=1)
    shop.post("order", id=5, lines=[[1, 11]])
    shop.post("order", id=6, lines=[[1, 10]])
    shop.post("change", id=1, columns=["plan", "seen"])
    [answer] = shop.replay(failed)
    assert told(answer) == ("failing", 500, 3, [])
    [user] = shop.found_by(failed)
    assert user == {"users": [], "profiles": 0, "lines": [[6, 1, 10]]}
    shop.execute("UPDATE users SET plan = 'gold'")
    [answer] = shop.replay(failed)
    assert told(answer) == ("skipped", 500, 2, ["users {'id': 1}, changed since (plan)"])


def test_rows_of_another_database_are_none_of_this_one_s(project: Project) -> None:
    """Of another service, unless both name the database."""
    shop = Shop(project, "sqlite:///shop.db")
    failed = shop.post("signup", id=1, email="ada@example.org", fail=True)

    def write(service: str, column: str, in_s: int, **database: str) -> str:
        change = transaction("committed", row("users", {"id": 1}, before={column: "a"}, after={column: "b"}))
        named = {"db.system.name": "sqlite", **{f"db.{name}": value for name, value in database.items()}}
        change = replace(change, attributes={**change.attributes, **named})
        return project.add("POST", "/state", body={}, calls=[change], service=service, at_ns=began + in_s * 10**9)

    began = time.time_ns()
    other = write("billing", "plan", 1)
    [answer] = shop.replay(failed)
    assert told(answer) == ("failing", 500, 2, [])
    assert next(told(each) for each in shop.replay(failed, other)) == ("failing", 500, 2, [])
    ours = write("shop", "plan", 2, namespace="one")
    write("billing", "email", 3, namespace="one")
    [answer] = shop.replay(ours)
    assert told(answer)[3] == ["users {'id': 1}, changed since (email)"], "the newest is told of each row"
    [answer] = shop.replay(failed)
    assert told(answer)[3] == ["users {'id': 1}, changed since (plan)"]


def test_rows_that_others_made_go_only_where_they_refer_to_one_that_goes(shop: Shop) -> None:
    failed = shop.post("signup", id=1, email="ada@example.org", fail=True)
    shop.post("signup", id=2, email="bob@example.org")
    shop.post("profile", id=1)
    shop.post("profile", id=2)
    [answer] = shop.replay(failed)
    assert told(answer) == ("failing", 500, 3, [])
    [found] = shop.found_by(failed)
    assert ([user[0] for user in found["users"]], found["profiles"]) == ([2], 2)
    shop.execute("INSERT INTO profiles VALUES (90, 1)")
    [answer] = shop.replay(failed)
    assert told(answer) == ("skipped", 500, 1, ["users {'id': 1}, profiles refers to it"])
    [found] = shop.found_by(failed)
    assert ([user[0] for user in found["users"]], found["profiles"]) == ([1, 2], 4), "nothing is half put back"


@pytest.mark.parametrize(
    ("since", "left"),
    [
        (["UPDATE users SET plan = 'gold'"], ["users {'id': 1}, changed since (plan)"]),
        (["INSERT INTO profiles VALUES (9, 1)"], ["users {'id': 1}, profiles refers to it"]),
        (["DELETE FROM profiles", "DELETE FROM users"], []),
    ],
)
def test_what_is_no_more_as_it_was_recorded_stays(shop: Shop, since: list[str], left: list[str]) -> None:
    failed = shop.post("signup", id=1, email="ada@example.org", fail=True)
    shop.execute(*since)
    [answer] = shop.replay(failed)
    if not left:
        assert told(answer) == ("failing", 500, 0, [])
        return
    assert told(answer) == ("skipped", 500, 1, left), "the profile itself was put back"
    assert (answer.reason or "").startswith("what it made in users is there already: IntegrityError")


@ON_SQLITE
def test_what_was_not_recorded_stays(shop: Shop) -> None:
    shop.post("signup", id=1, email="ada@example.org")
    [answer] = shop.replay(shop.post("password", id=1))
    assert told(answer)[2:] == (0, ["users {'id': 1}, its password_hash was redacted"])
    [answer] = shop.replay(shop.post("by_text"))
    assert told(answer)[2:] == (0, ["users {}, its key was not recorded"])
    [answer] = shop.replay(shop.post("leave", id=1))
    [user] = [each for each in answer.not_put_back if each.table == "users"]
    assert user.reason in ("its photo was not recorded", "its password_hash was redacted")
    assert answer.put_back == 0, "a profile of nobody"


TRIGGERS = {
    "sqlite": (
        """CREATE TRIGGER "it's" AFTER DELETE ON users BEGIN DELETE FROM profiles; DELETE FROM users; END""",
        "CREATE TRIGGER kept AFTER UPDATE ON users BEGIN DELETE FROM profiles; END",
    ),
    "postgresql": (
        "CREATE FUNCTION clear() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN DELETE FROM profiles; RETURN NULL; END $$",
        """CREATE TRIGGER "it's" AFTER DELETE OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION clear()""",
        "CREATE TRIGGER off AFTER DELETE ON users FOR EACH ROW EXECUTE FUNCTION clear()",
        "ALTER TABLE users DISABLE TRIGGER off",
    ),
}


@pytest.mark.parametrize("kind", TRIGGERS)
def test_no_trigger_runs(project: Project, request: pytest.FixtureRequest, kind: str) -> None:
    with on(kind, project, request) as shop:
        shop.post("signup", id=1, email="first@example.org")
        before = shop.state()
        ids = [shop.post("signup", id=2, email="ada@example.org", fail=True)]
        shop.execute(*TRIGGERS[kind])
        assert shop.found_by(*ids) == [before]
        [answer] = shop.replay(*ids)
        assert told(answer) == ("failing", 500, 2, [])
        change = shop.post("change", id=2, columns=["plan"])
        [answer] = shop.replay(change)
        assert answer.diff is not None
        assert answer.put_back == 1
        assert "what triggers of users wrote was not recorded, and stays as it is" in answer.notes


def test_the_text_of_a_trace_is_never_code(shop: Shop) -> None:
    """Whoever can send traces can name tables, columns and values as they like."""
    shop.post("signup", id=1, email="ada@example.org")
    before = shop.state()
    bad = "x'); DROP TABLE profiles; --"
    worse = '"; DROP TABLE profiles; --'
    changes = [
        row(bad, {"id": 1}, after={"id": 1}),
        row(worse, {"id": 1}, after={"id": 1}),
        row("users", {worse: 1}, after={"id": 1}),
        row("users", {"id": 1}, after={"id": 1, bad: 1}),
        row("users", {"id": bad}, after={"id": bad, "email": worse}),
        row("users", {"id": 1}, before={"plan": bad}, after={"plan": worse}),
        row("users", {"id": 1}, before={"plan": "\x00"}, after={"plan": "\x00"}),
        row("sqlite_master", {"name": "users"}, after={"name": "users"}),
        row("pg_class", {"relname": "users"}, after={"relname": "users"}),
    ]
    id = shop.project.add("POST", "/state", body={}, calls=[transaction("committed", *changes)])
    assert shop.found_by(id) == [before]
    [answer] = shop.replay(id)
    assert answer.put_back == 0
    assert len(answer.not_put_back) >= 6


@ON_SQLITE
@pytest.mark.parametrize(
    ("outcome", "reasons"), [("unknown", ["nobody knows whether it was committed"]), ("rolled_back", [])]
)
def test_only_what_is_known_to_be_committed(shop: Shop, outcome: str, reasons: list[str]) -> None:
    shop.post("signup", id=1, email="ada@example.org")
    changes = transaction(outcome, row("users", {"id": 1}, before={"plan": None}, after={"plan": "free"}))
    [answer] = shop.replay(shop.project.add("POST", "/state", body={}, calls=[changes]))
    assert (answer.put_back, [each.reason for each in answer.not_put_back]) == (0, reasons)


def test_in_the_transaction_of_the_original_that_is_rolled_back(
    project: Project, request: pytest.FixtureRequest, postgresql: PostgreSQL
) -> None:
    with on("postgresql", project, request) as shop:
        failed = shop.post("signup", id=1, email="ada@example.org", fail=True)
        before = shop.contents()
        with postgresql.connect(shop._database) as other:
            [answer] = shop.project.replay(failed, environ=shop.environ).requests
            assert other.execute("SELECT count(*) FROM users").fetchone() == (1,)
        assert any("was rolled back" in note for note in answer.notes)
        assert told(answer) == ("failing", 500, 2, [])
        assert answer.same_failure
        assert shop.contents() == before
        shop.execute(*TRIGGERS["postgresql"])
        with postgresql.connect(shop._database):
            [answer] = shop.project.replay(failed, environ=shop.environ).requests
        assert [each.reason for each in answer.not_put_back] == [
            "the triggers of its table would run, and cannot be switched off in a database that others use"
        ]
        assert shop.contents() == before


@ON_SQLITE
def test_writes_that_are_allowed_take_nothing_back(shop: Shop) -> None:
    failed = shop.post("signup", id=1, email="ada@example.org", fail=True)
    before = shop.contents()
    [answer] = shop.project.replay(failed, environ=shop.environ, allow_writes=True).requests
    assert (answer.put_back, answer.not_put_back) == (0, ())
    assert shop.contents() == before


ASYNCHRONOUS = """
import os

import fastapi
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

app = fastapi.FastAPI()
engine = create_async_engine(os.environ["URL"])


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)


@app.post("/signup")
async def signup(told: dict):
    async with AsyncSession(engine) as session:
        session.add(User(email=told["email"]))
        await session.commit()
    raise RuntimeError("the mail cannot be sent")
"""


@pytest.mark.parametrize("driver", ["aiosqlite", "asyncpg", "psycopg", "psycopg, with others in the database"])
def test_asynchronous_drivers(project: Project, request: pytest.FixtureRequest, driver: str) -> None:
    project.write("web.py", ASYNCHRONOUS)
    create = "CREATE TABLE users (id {} PRIMARY KEY, email varchar UNIQUE)"
    if driver == "aiosqlite":
        with sqlite3.connect(project.root / "users.db") as file:
            file.execute(create.format("integer"))
        file.close()
        check_signup(project, "sqlite+aiosqlite:///users.db")
        return
    postgresql: PostgreSQL = request.getfixturevalue("postgresql")
    with postgresql.database() as database:
        with postgresql.connect(database) as connection:
            connection.execute(create.format("serial"))
        driver, _, others = driver.partition(",")
        with postgresql.connect(database if others else "postgres"):
            check_signup(project, postgresql.url(driver, database))
        with postgresql.connect(database) as connection:
            assert connection.execute("SELECT email FROM users").fetchall() == [("ada@example.org",)]


def check_signup(project: Project, url: str) -> None:
    environ = os.environ | {"URL": url}
    failed = project.live("POST", "/signup", body={"email": "ada@example.org"}, environ=environ)
    [answer] = project.replay(failed, environ=environ).requests
    assert told(answer) == ("failing", 500, 1, [])
    assert answer.error == "RuntimeError: the mail cannot be sent"


def test_psycopg2(project: Project, postgresql: PostgreSQL) -> None:
    if not (Path(PSYCOPG2) / "psycopg2").exists():
        pytest.skip("psycopg2 is not there: make .cache/sqlalchemy-1.4")
    with postgresql.database() as database:
        project.write("psycopg2_path.py", f"import sys\nsys.path.append({PSYCOPG2!r})\n")
        shop = Shop(project, postgresql.url("psycopg2", database), postgresql, database, "import psycopg2_path")
        failed = shop.post("signup", id=1, email="ada@example.org", fail=True)
        [answer] = shop.replay(failed)
        assert told(answer) == ("failing", 500, 2, [])
        with postgresql.connect(database):
            [answer] = shop.replay(failed)
        assert told(answer) == ("failing", 500, 2, [])


LEND = """

def lend(request):
    book = Book.objects.get(slug="blank")
    book.pages += 1
    book.save()
    Book.objects.create(slug=f"lent-{book.pages}", title="Lent")
    raise RuntimeError(f"lent {book.pages}")
"""
LEND_URL = 'urlpatterns.append(path("lend/", views.lend))\n'


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_django(project: Project, tmp_path: Path, request: pytest.FixtureRequest, kind: str) -> None:
    """Two attempts at the same: what each wrote is taken back before it, and what the later one wrote as well."""
    shutil.copytree(APPS / "django_bookshop", project.root, dirs_exist_ok=True)
    environ = {**os.environ, "DATABASE": str(tmp_path / "books.db")}
    with ExitStack() as stack:
        if kind == "postgresql":
            postgresql: PostgreSQL = request.getfixturevalue("postgresql")
            settings = project.root / "bookshop" / "settings.py"
            database = postgresql.django(stack.enter_context(postgresql.database()))
            settings.write_text(settings.read_text() + f"\nDATABASES = {{'default': {database!r}}}\n")
        check_django(project, environ)


def check_django(project: Project, environ: dict[str, str]) -> None:
    migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(migrate, cwd=project.root, env=environ, check=True, timeout=50)
    views = project.root / "catalog" / "views.py"
    views.write_text(views.read_text() + LEND)
    urls = project.root / "bookshop" / "urls.py"
    urls.write_text(urls.read_text() + LEND_URL)
    headers = {"host": "localhost"}
    ids = [project.live("POST", "/lend/", headers=headers, environ=environ) for _ in range(2)]
    for _ in range(2):
        answers = project.replay(*ids, environ=environ).requests
        assert [told(each) for each in answers] == [("failing", 500, 3, []), ("failing", 500, 2, [])]
        assert [each.error for each in answers] == ["RuntimeError: lent 1", "RuntimeError: lent 2"]
