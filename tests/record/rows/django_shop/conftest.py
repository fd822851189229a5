"""Django, configured for SQLite and PostgreSQL at once; every test runs on one and then on the other."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import pytest

from flux_ls.record import rows
from tests.postgresql import PostgreSQL, postgresql
from tests.record.rows.audit import Audited, Table, audited, watch_postgresql, watch_sqlite
from tests.record.rows.kept import Kept, recording

__all__ = ["postgresql"]


class DjangoShop:
    """One of the databases."""

    def __init__(self, alias: str) -> None:
        self.alias = alias

    @property
    def connection(self) -> Any:
        from django.db import connections

        return connections[self.alias]

    @property
    def tables(self) -> list[Table]:
        from tests.record.rows.django_shop import models

        every = [models.Tag, models.User, models.User.tags.through, models.Order, models.Person, models.Engineer]
        return [
            Table(
                kind._meta.db_table,
                tuple(field.column for field in kind._meta.pk_fields),
                tuple(field.column for field in kind._meta.local_concrete_fields),
            )
            for kind in every
        ]

    def execute(self, sql: str) -> Sequence[Any]:
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall()) if cursor.description else []

    def audited(self) -> list[Audited]:
        return audited(self.execute, self.tables)

    def clear(self) -> None:
        for name in ("user_tag", "order_line", "users", "tag", "engineer", "person", "place", "audit"):
            self.execute(f'DELETE FROM "{name}"')


@pytest.fixture(scope="session")
def databases(postgresql: PostgreSQL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    import django
    from django.conf import settings
    from django.db import connections

    rows.install()
    with ExitStack() as stack:
        name = stack.enter_context(postgresql.database())
        settings.configure(
            INSTALLED_APPS=["tests.record.rows.django_shop"],
            DATABASES={
                "default": {
                    "ENGINE": "django.db.backends.sqlite3",
                    "NAME": str(tmp_path_factory.mktemp("shop") / "shop.db"),
                },
                "postgres": postgresql.django(name),
            },
            DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
            USE_TZ=True,
            ROOT_URLCONF="tests.record.rows.django_shop.urls",
            ALLOWED_HOSTS=["*"],
            SECRET_KEY="x",
        )
        django.setup()
        from tests.record.rows.django_shop import models

        for alias, watch in (("default", watch_sqlite), ("postgres", watch_postgresql)):
            shop = DjangoShop(alias)
            with shop.connection.schema_editor() as editor:
                for kind in (models.Tag, models.User, models.Order, models.Person, models.Engineer, models.Place):
                    editor.create_model(kind)
            watch(shop.execute, shop.tables)
        yield
        connections.close_all()
    rows.uninstall()


@pytest.fixture(params=["default", "postgres"])
def shop(databases: None, request: pytest.FixtureRequest) -> DjangoShop:
    shop = DjangoShop(request.param)
    shop.clear()
    return shop


@pytest.fixture
def kept() -> Iterator[Kept]:
    rows.install()
    with recording() as request:
        yield request
