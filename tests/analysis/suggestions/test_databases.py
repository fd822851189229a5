"""What databases refuse, by a real SQLite, and by what PostgreSQL and MySQL say in such a case."""

import sqlite3
from pathlib import Path

import pytest
from msgspec.structs import replace

from flux_ls.analysis.suggestions import suggest
from tests.analysis.suggestions.broken import Snippet

MODELS = """\
from sqlalchemy import ForeignKey, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship
from sqlalchemy.pool import StaticPool


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    orders: Mapped[list["Order"]] = relationship()


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))


engine = create_engine("sqlite://", poolclass=StaticPool)
event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys = ON"))
Base.metadata.create_all(engine)


def main():
"""

REFUSED = {
    "unique": (
        "    with Session(engine) as session:\n"
        "        session.add_all([User(email='a'), User(email='a')])\n        session.commit()\n",
        "Look for a row with the same users.email before the write, or handle IntegrityError",
        "broke the uniqueness of users.email: a row has it already",
    ),
    "not-null": (
        "    with Session(engine) as session:\n        session.add(User())\n        session.flush()\n",
        "Give users.email a value before the write, or a default in the schema",
        "left users.email empty, which must not be NULL",
    ),
    "foreign-key": (
        "    with Session(engine) as session:\n        session.add(Order(user_id=7))\n        session.commit()\n",
        "Write the row that is referred to first, or remove what refers to it",
        "refers to a row that is not there",
    ),
    "detached-lazy": (
        "    with Session(engine, expire_on_commit=False) as session:\n        user = User(email='a')\n"
        "        session.add(user)\n"
        "        session.commit()\n        session.expire(user, ['orders'])\n    return len(user.orders)\n",
        "Load User.orders while the session is open (selectinload)",
        "is read after the session of the User was closed",
    ),
    "detached-expired": (
        "    with Session(engine) as session:\n        user = User(email='a')\n        session.add(user)\n"
        "        session.commit()\n    return user.email\n",
        "Load User.email while the session is open (expire_on_commit=False)",
        "is read after the session of the User was closed",
    ),
    "pending-rollback": (
        "    session = Session(engine)\n    session.add(User())\n    try:\n        session.flush()\n"
        "    except Exception:\n"
        "        pass\n    session.add(User(email='b'))\n    return session.query(User).all()\n",
        "Call rollback() where the first error is handled, or use a session for each unit of work",
        "uses a session whose transaction had failed before, with (sqlite3.IntegrityError) NOT NULL constraint",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_sqlalchemy_raises(name: str, tmp_path: Path) -> None:
    body, title, evidence = REFUSED[name]
    found = Snippet(tmp_path, MODELS + body).suggestions()
    assert [each.title for each in found][:1] == [title]
    assert evidence in found[0].evidence
    assert found[0].edit is None


LOCKED = "import sqlite3\n\n\ndef main(path):\n    db = sqlite3.connect(path{how})\n    {what}\n    return db\n"


def test_a_locked_database(tmp_path: Path) -> None:
    file = tmp_path / "shop.db"
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("CREATE TABLE users (id)")
    holder.execute("BEGIN EXCLUSIVE")
    try:
        code = LOCKED.format(how=", timeout=0.01", what='db.execute("INSERT INTO users VALUES (1)")')
        (found,) = Snippet(tmp_path, code).suggestions(str(file))
    finally:
        holder.close()
    assert found.title == 'Let SQLite wait longer: timeout=30, as in create_engine(…, connect_args={"timeout": 30})'
    assert found.evidence.startswith("app.py:6 waited for another connection that was writing")


def test_a_locked_database_that_is_opened_on_the_line(tmp_path: Path) -> None:
    file = tmp_path / "shop.db"
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("CREATE TABLE users (id)")
    holder.execute("BEGIN EXCLUSIVE")
    code = (
        "import sqlite3\n\n\ndef main(path, give=None):\n"
        '    return sqlite3.connect(path).execute("INSERT INTO users VALUES (1)").rowcount\n'
    )
    snippet = Snippet(tmp_path, code)
    original = sqlite3.connect
    try:
        # By itself SQLite waits for five seconds: the test need not.
        sqlite3.connect = lambda *given, timeout=0.01: original(*given, timeout=timeout)  # type: ignore[assignment,misc]
        (found,) = snippet.suggestions(str(file))
        assert found.title == "Let SQLite wait longer: timeout=30"
        mended = snippet.mended(found)
        assert "sqlite3.connect(path, timeout=30).execute(" in mended.text
        holder.execute("COMMIT")
        assert mended.run(str(file)).value == 1
    finally:
        sqlite3.connect = original
        holder.close()


@pytest.mark.parametrize(
    ("type", "message", "title"),
    [
        (
            "psycopg.errors.UniqueViolation",
            'duplicate key value violates unique constraint "users_email_key"\n'
            "DETAIL:  Key (email)=(a@b) already exists.",
            "Look for a row with the same email before the write, or handle UniqueViolation",
        ),
        (
            "django.db.utils.IntegrityError",
            'duplicate key value violates unique constraint "users_email_key"',
            "Look for a row with the same users_email_key before the write, or handle IntegrityError",
        ),
        (
            "sqlalchemy.exc.IntegrityError",
            "(pymysql.err.IntegrityError) (1062, \"Duplicate entry 'a' for key 'users.email'\")",
            "Look for a row with the same users.email before the write, or handle IntegrityError",
        ),
        (
            "sqlite3.IntegrityError",
            "UNIQUE constraint failed: seats.row, seats.number",
            "Look for a row with the same seats.row and seats.number before the write, or handle IntegrityError",
        ),
        (
            "psycopg.errors.NotNullViolation",
            'null value in column "plan" of relation "users" violates not-null constraint',
            "Give users.plan a value before the write, or a default in the schema",
        ),
        (
            "sqlalchemy.exc.IntegrityError",
            "(pymysql.err.IntegrityError) (1048, \"Column 'plan' cannot be null\")",
            "Give plan a value before the write, or a default in the schema",
        ),
    ],
)
def test_what_other_databases_say(type: str, message: str, title: str, tmp_path: Path) -> None:
    failing = Snippet(tmp_path, "def main(db=None):\n    db.commit()\n").failing()
    failure = replace(failing.failure, type=type, message=message)
    told = replace(failing, failure=failure, below=("execute",), marks=None)
    assert [each.title for each in suggest(told)] == [title]


@pytest.mark.parametrize(
    ("type", "message"),
    [
        ("shop.IntegrityError", "the checksum is wrong"),
        ("sqlalchemy.exc.OperationalError", "no such table: users"),
        ("shop.Refused", "UNIQUE constraint failed: users.email"),
        ("sqlalchemy.orm.exc.DetachedInstanceError", "Instance <User at 0x1> is not bound to a Session"),
    ],
)
def test_what_is_something_else(type: str, message: str, tmp_path: Path) -> None:
    failing = Snippet(tmp_path, "def main(db=None):\n    db.commit()\n").failing()
    failure = replace(failing.failure, type=type, message=message)
    told = replace(failing, failure=failure, below=("execute",), marks=None)
    assert suggest(told) == ()
