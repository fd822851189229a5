"""The databases that row changes are recorded on."""

from collections.abc import Iterator

import pytest

from flux_ls.record import rows
from flux_ls.record.rows import reading
from tests.postgresql import PostgreSQL, postgresql
from tests.record.rows.kept import Kept, recording
from tests.record.rows.shop_sqlalchemy import Shop, on_postgresql, on_sqlite

__all__ = ["postgresql"]


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server of a busy machine may take longer to read a row than an application shall wait for it."""
    monkeypatch.setattr(reading, "_TIMEOUT_MS", 20_000)


@pytest.fixture
def kept() -> Iterator[Kept]:
    """A request that is recorded, in this thread, as long as the test runs."""
    rows.install()
    with recording() as request:
        yield request
    rows.uninstall()


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with on_sqlite(f"{tmp_path_factory.mktemp('shop')}/shop.db") as shop:
        yield shop


@pytest.fixture(scope="session")
def postgres(postgresql: PostgreSQL) -> Iterator[Shop]:
    with on_postgresql(postgresql) as shop:
        yield shop


@pytest.fixture(params=["sqlite", "postgres"])
def shop(request: pytest.FixtureRequest) -> Shop:
    """An empty shop, on one database and then on the other."""
    chosen: Shop = request.getfixturevalue(request.param)
    chosen.clear()
    return chosen
