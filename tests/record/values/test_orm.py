"""Objects of ORMs: what is loaded is shown, and nothing gets loaded by looking."""

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import ForeignKey, create_engine, event, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from flux_ls.record.values import snapshot, snapshot_items
from flux_ls.record.wire import REDACTED

HERE = __name__


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str]
    password: Mapped[str]
    notes: Mapped[str | None] = mapped_column(deferred=True)
    orders: Mapped[list["Order"]] = relationship(back_populates="user")

    @property
    def fails(self) -> str:
        raise AssertionError


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    user: Mapped[User] = relationship(back_populates="orders")


class TestSQLAlchemy:
    @pytest.fixture
    def session(self) -> Iterator[Session]:
        engine = create_engine("sqlite://")
        Base.metadata.create_all(engine)
        with Session(engine) as session:
            session.add(User(id=1, email="ada@example.com", password="opensesame", orders=[Order(id=7)]))
            session.commit()
            session.expunge_all()
            yield session
        engine.dispose()

    @pytest.fixture
    def statements(self, session: Session) -> Iterator[list[str]]:
        seen: list[str] = []

        def heard(_: Any, __: Any, statement: str, *___: Any) -> None:
            seen.append(statement)

        event.listen(session.get_bind(), "before_cursor_execute", heard)
        yield seen
        event.remove(session.get_bind(), "before_cursor_execute", heard)

    def test_fields_of_the_applications_own_do_not_stand_for_what_is_not_loaded(self, session: Session) -> None:
        user = session.get_one(User, 1)
        user.first = 1  # type: ignore[attr-defined]
        user.second = 2  # type: ignore[attr-defined]
        tree = snapshot(user)
        assert (tree["first"], tree["second"]) == (1, 2)
        assert tree["notes"] == tree["orders"] == {"$unloaded": True}

    def test_what_is_not_loaded_is_told_so(self, session: Session, statements: list[str]) -> None:
        user = session.get_one(User, 1)
        statements.clear()
        assert snapshot(user) == {
            "$type": f"{HERE}.User",
            "id": 1,
            "email": "ada@example.com",
            "password": REDACTED,
            "notes": {"$unloaded": True},
            "orders": {"$unloaded": True},
        }
        assert statements == []
        assert user.notes is None
        assert len(statements) == 1

    def test_expired(self, session: Session, statements: list[str]) -> None:
        user = session.get_one(User, 1)
        session.commit()
        statements.clear()
        tree = snapshot_items([("user", user)]).tree["user"]
        assert tree["email"] == {"$unloaded": True}
        assert statements == []

    def test_detached(self, session: Session) -> None:
        user = session.get_one(User, 1)
        session.expire(user)
        session.expunge(user)
        assert snapshot(user)["email"] == {"$unloaded": True}

    def test_new_ones_have_nothing_to_load(self) -> None:
        assert snapshot(User(email="ada")) == {"$type": f"{HERE}.User", "email": "ada"}

    def test_relationships_that_are_loaded(self, session: Session, statements: list[str]) -> None:
        user = session.get_one(User, 1)
        assert user.orders[0].user is user
        statements.clear()
        tree = snapshot(user)
        assert tree["orders"][0] == {
            "$type": f"{HERE}.Order",
            "id": 7,
            "user_id": 1,
            "user": {"$ref": f"{HERE}.User"},
        }
        assert statements == []

    def test_what_belongs_to_the_library(self, session: Session, statements: list[str]) -> None:
        result = session.execute(select(User))
        statements.clear()
        for value in (session, session.get_bind(), select(User), result, User.metadata, session.query(User)):
            assert set(snapshot(value)) <= {"$type", "$repr"}
        assert len(result.all()) == 1
        assert statements == []

    def test_rows(self, session: Session) -> None:
        row = session.execute(select(User.id, User.email, User.password)).one()
        tree = snapshot(row)
        assert "opensesame" not in str(tree)
        assert tree == {"$type": "sqlalchemy.engine.row.Row", "id": 1, "email": "ada@example.com", "password": REDACTED}


DJANGO = """
    import django
    from django.conf import settings
    settings.configure(
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}, USE_TZ=True
    )
    django.setup()
    from django.db import connection, models
    from django.test import RequestFactory
    from django.test.utils import CaptureQueriesContext
    from django.utils.functional import SimpleLazyObject
    from django.utils.translation import gettext_lazy
    from django.http import HttpResponse, QueryDict
    from django.core.files.uploadedfile import SimpleUploadedFile
    from flux_ls.record.values import snapshot

    class Team(models.Model):
        name = models.TextField()
        class Meta:
            app_label = "shop"

    class User(models.Model):
        email = models.TextField()
        password = models.TextField()
        team = models.ForeignKey(Team, models.CASCADE, null=True)
        class Meta:
            app_label = "shop"

    with connection.schema_editor() as editor:
        editor.create_model(Team)
        editor.create_model(User)
    team = Team.objects.create(name="core")
    User.objects.create(email="ada@example.com", password="opensesame", team=team)

    def fails():
        raise AssertionError

    with CaptureQueriesContext(connection) as queries:
        user = User.objects.get()
        deferred = User.objects.only("email").get()
        many = User.objects.all()
        before = len(queries)
        assert snapshot(user) == {
            "$type": "__main__.User", "id": 1, "email": "ada@example.com", "password": "[redacted]", "team_id": 1
        }, snapshot(user)
        tree = snapshot(deferred)
        assert tree["email"] == "ada@example.com"
        assert tree["password"] == {"$unloaded": True}, tree
        for value in (many, User.objects, SimpleLazyObject(fails), gettext_lazy("name"), RequestFactory().get("/")):
            assert set(snapshot(value)) == {"$type"}, snapshot(value)
        assert len(queries) == before, queries.captured_queries
    assert snapshot(QueryDict("a=1&a=2&password=x")) == {"a": ["1", "2"], "password": "[redacted]"}
    assert snapshot(HttpResponse("x", status=418))["status_code"] == 418
    file = SimpleUploadedFile("a.txt", b"text")
    assert snapshot(file)["name"] == "a.txt", snapshot(file)
    assert file.read() == b"text"
    print("done")
"""


def test_django() -> None:
    # Settings of Django are those of the process.
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(DJANGO)], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.stdout == "done\n", done.stderr
