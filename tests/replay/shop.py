"""A shop whose requests are recorded as they write to a real database, SQLite's or PostgreSQL's."""

import json
import os
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import NullPool, create_engine
from sqlalchemy.orm import Session

from flux_ls.replay.batch import Batch
from flux_ls.replay.rows import newest_first
from flux_ls.replay.shapes import Recording, Replayed
from tests.lsp import nursery
from tests.postgresql import PostgreSQL
from tests.replay.projects import Project

LIBRARIES = (
    "flux_ls.replay.child.job",
    "flux_ls.record.starting",
    "flux_ls.record.processor",
    "flux_ls.record.quick_spans",
    "flux_ls.record.export.packing",
    "flask",
    "sqlalchemy.orm",
    "sqlalchemy.dialects.sqlite",
    "sqlalchemy.dialects.postgresql",
    "psycopg",
)
ENGINE = 'engine = create_engine(os.environ["URL"])'
SHOP = """
import datetime, decimal, enum, os, uuid

from flask import Flask, request
from sqlalchemy import JSON, Column, DateTime, Enum, ForeignKey, LargeBinary, Numeric, create_engine, func, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

app = Flask(__name__)
engine = create_engine(os.environ["URL"])


class Mood(enum.Enum):
    GOOD = "g"
    BAD = "b"


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str | None]
    plan: Mapped[str | None]
    born: Mapped[datetime.date | None]
    seen: Mapped[datetime.datetime | None]
    balance: Mapped[decimal.Decimal | None] = mapped_column(Numeric(10, 2))
    photo: Mapped[bytes | None]
    tags: Mapped[list | None] = mapped_column(JSON)
    active: Mapped[bool | None]
    mood: Mapped[Mood | None] = mapped_column(Enum(Mood))
    ref: Mapped[uuid.UUID | None]


class Profile(Base):
    __tablename__ = "profiles"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    user: Mapped[User] = relationship()


class Line(Base):
    __tablename__ = 'order "lines"'
    order_id: Mapped[int] = mapped_column(primary_key=True)
    no: Mapped[int] = mapped_column(primary_key=True)
    amount: Mapped[int] = mapped_column("the amount %s", default=0)


@app.post("/<what>")
def serve(what):
    with Session(engine) as session:
        told = globals()[what](session, request.get_json()) or {}
        session.commit()
    if "fail" in request.get_json():
        raise RuntimeError("the mail cannot be sent")
    return told, 201


def signup(session, told):
    user = User(
        id=told.get("id"), email=told["email"], plan="free", password_hash="scrypt:1", born=datetime.date(1815, 12, 10),
        seen=datetime.datetime(2024, 5, 1, 10, 0, 0, 5), balance=decimal.Decimal("9.90"), photo=b"\\xff\\x00\\x01",
        tags=["a", {"b": None}], active=True, mood=Mood.BAD, ref=uuid.UUID(int=7),
    )
    session.add(Profile(user=user))


def change(session, told):
    user = session.get(User, told["id"])
    for name in told["columns"]:
        old = getattr(user, name)
        new = {"plan": "pro", "balance": decimal.Decimal("1.25"), "seen": datetime.datetime(2025, 1, 1), "tags": [],
               "active": False, "mood": Mood.GOOD, "ref": uuid.UUID(int=8), "born": datetime.date(2000, 1, 1)}[name]
        setattr(user, name, None if told.get("to_null") else new)


def leave(session, told):
    for profile in session.scalars(select(Profile).where(Profile.user_id == told["id"])):
        session.delete(profile)
    session.flush()
    session.delete(session.get(User, told["id"]))


def profile(session, told):
    session.add(Profile(user_id=told["id"]))


def cancel(session, told):
    for line in session.scalars(select(Line).where(Line.order_id == told["id"])):
        session.delete(line)


def by_text(session, told):
    session.execute(text("INSERT INTO users (id, email) VALUES (70, 'by text')"))


def password(session, told):
    session.get(User, told["id"]).password_hash = "scrypt:2"


def order(session, told):
    if "also" in told:
        session.get(User, told["also"]).active = False
    for no, amount in told["lines"]:
        line = session.get(Line, (told["id"], no)) or Line(order_id=told["id"], no=no)
        line.amount = amount
        session.add(line)


def state(session, told):
    users = [
        [u.id, u.email, u.plan, str(u.born), str(u.seen), str(u.balance), repr(u.photo), u.tags,
         u.active, str(u.mood), str(u.ref)]
        for u in session.scalars(select(User).order_by(User.id))
    ]
    lines = [[l.order_id, l.no, l.amount] for l in session.scalars(select(Line).order_by(Line.order_id, Line.no))]
    return {"users": users, "profiles": session.scalar(select(func.count(Profile.id))), "lines": lines}
"""


class Shop:
    """The application with a real database, SQLite's or PostgreSQL's, and what it answers."""

    def __init__(
        self, project: Project, url: str, postgresql: PostgreSQL | None = None, database: str = "", first: str = ""
    ) -> None:
        self.project, self.environ = project, os.environ | {"URL": url}
        self._postgresql, self._database = postgresql, database
        project.write("web.py", first + SHOP)
        # To import libraries for each request that is recorded takes long. For what is replayed, each process does it.
        warm = nursery.command("flux_ls.replay.child.start", LIBRARIES)
        self._warm = str(nursery.executable(project.root.parent / "warm-python", shlex.join(warm)))
        # Here, too: to start the application for each look at its tables takes long.
        here = url.replace("///", f"///{project.root}/") if postgresql is None else postgresql.url("psycopg", database)
        self._engine = create_engine(here, poolclass=NullPool)
        self._names: dict[str, Any] = {"__name__": "web", "engine": self._engine}
        exec(SHOP.replace(ENGINE, ""), self._names)
        self._names["Base"].metadata.create_all(self._engine)

    def execute(self, *statements: str) -> None:
        """Past the recorder, in the real database."""
        if self._postgresql is not None:
            with self._postgresql.connect(self._database) as connection:
                for sql in statements:
                    connection.execute(sql)
            return
        file = sqlite3.connect(self.project.root / "shop.db")
        with file:
            for sql in statements:
                file.execute(sql)
        file.close()

    def post(self, what: str, **body: object) -> str:
        return self.project.live("POST", f"/{what}", body=body, environ=self.environ, python=self._warm)

    def state(self) -> Any:
        """Of the real database."""
        with Session(self._engine) as session:
            return self._names["state"](session, {})

    def contents(self) -> list[object]:
        """Of the real database, past the application."""
        if self._postgresql is None:
            file = sqlite3.connect(self.project.root / "shop.db")
            dumped: list[object] = list(file.iterdump())
            file.close()
            return dumped
        tables = ("users", "profiles", '"order ""lines"""')
        with self._postgresql.connect(self._database) as connection:
            return [connection.execute(f"SELECT t::text FROM {name} AS t ORDER BY 1").fetchall() for name in tables]

    def replay(self, *ids: str, **given: Any) -> tuple[Replayed, ...]:
        before = self.contents()
        answers = self.project.replay(*ids, environ=self.environ, **given).requests
        assert self.contents() == before, "the user's database stays as it is"
        return answers

    def found_by(self, *ids: str, forks: bool = False, **given: Any) -> list[Any]:
        """What the application finds when each of these requests begins, if all of them are replayed."""
        recordings = [self.project.recording(id) for id in ids]
        changes = newest_first(each for one in recordings if isinstance(one, Recording) for each in one.written)
        batch = Batch(self.project.conditions(environ=self.environ, **given), forks=forks, written=changes)
        found = []
        try:
            for id in ids:
                began = self.project.request(id).started_ns
                spy = self.project.recording(self.project.add("POST", "/state", body={}, at_ns=began))
                assert isinstance(spy, Recording)
                ran = batch.run(spy, [])
                assert ran.status == 201, ran.error
                found.append(json.loads(ran.body))
        finally:
            batch.close()
        return found


@contextmanager
def on(kind: str, project: Project, request: pytest.FixtureRequest) -> Iterator[Shop]:
    if kind == "sqlite":
        yield Shop(project, "sqlite:///shop.db")
        return
    postgresql: PostgreSQL = request.getfixturevalue("postgresql")
    with postgresql.database() as database:
        yield Shop(project, postgresql.url("psycopg", database), postgresql, database)
