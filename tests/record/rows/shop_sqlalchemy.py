"""A shop's tables and classes, as SQLAlchemy 1.4 and later take them, and the databases that they are in."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Integer, String
from sqlalchemy import Table as SQLTable
from sqlalchemy.orm import declarative_base, deferred, relationship

from tests.postgresql import PostgreSQL
from tests.record.rows.audit import Audited, Table, audited, watch_postgresql, watch_sqlite

Base: Any = declarative_base()

tags = SQLTable(
    "user_tag",
    Base.metadata,
    Column("user_id", ForeignKey("users.id"), primary_key=True),
    Column("tag_id", ForeignKey("tag.id"), primary_key=True),
)


class Tag(Base):
    __tablename__ = "tag"
    id = Column(Integer, primary_key=True)
    name = Column(String, unique=True)


class User(Base):
    __tablename__ = "users"
    id = Column(Integer, primary_key=True)
    name = Column(String)
    plan = Column(String)
    visits = Column(Integer, nullable=False, server_default="0")
    about = deferred(Column("bio", String))
    tags = relationship(Tag, secondary=tags)
    orders = relationship("Order", cascade="all, delete-orphan", backref="user")


class Order(Base):
    __tablename__ = "order_line"
    user_id = Column(ForeignKey("users.id"), primary_key=True)
    number = Column(Integer, primary_key=True, autoincrement=False)
    amount = Column(Integer)


class Person(Base):
    __tablename__ = "person"
    id = Column(Integer, primary_key=True)
    kind = Column(String)
    name = Column(String)
    version = Column(Integer, nullable=False)
    __mapper_args__ = {"polymorphic_on": kind, "polymorphic_identity": "person", "version_id_col": version}  # noqa: RUF012


class Engineer(Person):
    __tablename__ = "engineer"
    id = Column(ForeignKey("person.id"), primary_key=True)
    language = Column(String)
    __mapper_args__ = {"polymorphic_identity": "engineer"}  # noqa: RUF012


TABLES = tuple(
    Table(
        table.name, tuple(column.name for column in table.primary_key), tuple(column.name for column in table.columns)
    )
    for table in Base.metadata.sorted_tables
)


class Shop:
    """The database, empty, with an engine; `url` is for those who make one of their own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine: Any = sa.create_engine(url, future=True)

    def execute(self, sql: str) -> Sequence[Any]:
        """On a connection of its own, committed."""
        with self.engine.begin() as connection:
            result = connection.exec_driver_sql(sql)
            return list(result) if result.returns_rows else []

    def audited(self) -> list[Audited]:
        return audited(self.execute, TABLES)

    def clear(self) -> None:
        with self.engine.begin() as connection:
            for table in reversed(Base.metadata.sorted_tables):
                connection.execute(table.delete())


def fill(shop: Shop, watch: Callable[..., None]) -> None:
    Base.metadata.create_all(shop.engine)
    watch(shop.execute, TABLES)


@contextmanager
def on_sqlite(path: str) -> Iterator[Shop]:
    shop = Shop(f"sqlite:///{path}")
    fill(shop, watch_sqlite)
    yield shop
    shop.engine.dispose()


@contextmanager
def on_postgresql(server: PostgreSQL) -> Iterator[Shop]:
    driver = "psycopg2" if sa.__version__.startswith("1.4") else "psycopg"
    with server.database() as name:
        shop = Shop(server.url(driver, name))
        fill(shop, watch_postgresql)
        yield shop
        shop.engine.dispose()
