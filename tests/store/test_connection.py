"""Opening a store: permissions, versions, damage, and two processes at once."""

import multiprocessing
import sqlite3
import stat
import sys
from pathlib import Path

import pytest

from flux_ls.store import schema
from flux_ls.store.connection import move_aside, open_for_reading, open_for_writing, transaction
from flux_ls.store.errors import (
    NotAStore,
    StoreBusy,
    StoreCorrupt,
    StoreMissing,
    StoreOutdated,
    StoreTooNew,
    StoreUnreachable,
)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "data" / "flux.db"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_only_the_user_may_read_the_store(store: Path) -> None:
    connection = open_for_writing(store)
    with transaction(connection, store):
        connection.execute("INSERT INTO dismissal VALUES ('f', 1)")
    assert stat.S_IMODE(store.parent.stat().st_mode) == 0o700
    for part in store.parent.iterdir():
        assert stat.S_IMODE(part.stat().st_mode) == 0o600, part.name
    connection.close()


def test_a_store_that_is_not_there_says_how_to_get_one(store: Path) -> None:
    with pytest.raises(StoreMissing, match="flux serve"):
        open_for_reading(store)


def test_an_empty_file_is_no_store_to_a_reader_and_a_new_one_to_a_writer(store: Path) -> None:
    store.parent.mkdir()
    store.touch()
    with pytest.raises(StoreMissing):
        open_for_reading(store)
    open_for_writing(store).close()
    open_for_reading(store).close()


def test_a_reader_cannot_write(store: Path) -> None:
    open_for_writing(store).close()
    connection = open_for_reading(store)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("DELETE FROM request")
    connection.close()


def test_a_newer_store_is_refused_and_left_alone(store: Path) -> None:
    open_for_writing(store).close()
    _set_version(store, schema.VERSION + 1)
    before = store.read_bytes()
    for opening in (open_for_reading, open_for_writing):
        with pytest.raises(StoreTooNew, match=r"newer version.*--store"):
            opening(store)
    assert store.read_bytes() == before


def test_an_older_store_is_migrated_by_the_writer(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_for_writing(store).close()
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)
    monkeypatch.setitem(schema.MIGRATIONS, schema.VERSION - 1, "CREATE TABLE added (x);\nINSERT INTO added VALUES (7);")
    with pytest.raises(StoreOutdated, match="flux serve"):
        open_for_reading(store)
    open_for_writing(store).close()
    connection = open_for_reading(store)
    assert connection.execute("SELECT x FROM added").fetchone() == (7,)
    connection.close()


def test_a_migration_that_fails_changes_nothing(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_for_writing(store).close()
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)
    monkeypatch.setitem(
        schema.MIGRATIONS, schema.VERSION - 1, "CREATE TABLE added (x);\nINSERT INTO nowhere VALUES (7);"
    )
    with pytest.raises(StoreUnreachable, match="nowhere"):
        open_for_writing(store)
    monkeypatch.undo()
    connection = open_for_reading(store)
    assert connection.execute("SELECT name FROM sqlite_master WHERE name = 'added'").fetchone() is None
    connection.close()


@pytest.mark.parametrize(
    "damage", [b"not a database, but long enough to be taken for one" * 100, b"SQLite format 3\0" + b"\xff" * 8000]
)
def test_a_damaged_store_is_moved_aside_and_kept(store: Path, damage: bytes) -> None:
    store.parent.mkdir()
    store.write_bytes(damage)
    with pytest.raises(StoreCorrupt, match="moves it aside"):
        open_for_reading(store)
    open_for_writing(store).close()
    open_for_reading(store).close()
    (kept,) = store.parent.glob("flux.db.damaged-*")
    assert kept.read_bytes() == damage


def test_a_store_whose_tables_are_damaged_is_moved_aside(store: Path) -> None:
    open_for_writing(store).close()
    with store.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 3900)
    open_for_writing(store).close()
    (kept,) = (path for path in store.parent.glob("flux.db.damaged-*") if not path.name.endswith(("-wal", "-shm")))
    assert kept.stat().st_size >= 4096


def test_what_is_not_ours_is_refused_and_left_alone(store: Path) -> None:
    store.parent.mkdir()
    text, database = store.with_name("notes.txt"), store.with_name("app.sqlite")
    text.write_text("remember the milk\n" * 100)
    connection = sqlite3.connect(database)
    connection.execute("CREATE TABLE users (id)")
    connection.close()
    for path in (text, database):
        before = path.read_bytes()
        path.with_name(path.name + ".collector.lock").touch()  # made by the collector that was given this path
        with pytest.raises(NotAStore, match="left as it is"):
            open_for_writing(path)
        with pytest.raises(NotAStore, match="left as it is"):
            open_for_reading(path)
        assert path.read_bytes() == before
    with pytest.raises(NotAStore):
        open_for_reading(database)
    assert not list(store.parent.glob("*.damaged-*"))


def test_a_store_that_another_process_locks_is_busy(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_for_writing(store).close()
    monkeypatch.setattr("flux_ls.store.connection._BUSY_TIMEOUT_S", 0.05)
    first, second = open_for_writing(store), open_for_writing(store)
    with transaction(first, store), pytest.raises(StoreBusy, match="try again"), transaction(second, store):
        pass
    first.close()
    second.close()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnreachable, match="--store"):
        open_for_writing(tmp_path / "file" / "flux.db")


@pytest.mark.skipif(sys.platform != "linux", reason="a folder where not even root may write")
def test_a_folder_that_cannot_be_written_to_is_named() -> None:
    with pytest.raises(StoreUnreachable, match=r"/proc/flux\.db.*--store"):
        open_for_writing(Path("/proc/flux.db"))


def test_opening_to_read_makes_no_file(store: Path) -> None:
    store.parent.mkdir()
    with pytest.raises(StoreMissing):
        open_for_reading(store)
    assert list(store.parent.iterdir()) == []


def test_what_is_moved_aside_in_the_same_second_is_kept_as_well(store: Path) -> None:
    store.parent.mkdir()
    for number in range(3):
        store.write_text(str(number))
        store.with_name("flux.db-wal").write_text(f"wal of {number}")
        assert move_aside(store).read_text() == str(number)
    kept = sorted(path.read_text() for path in store.parent.iterdir())
    assert kept == ["0", "1", "2", "wal of 0", "wal of 1", "wal of 2"]


@pytest.mark.slow
def test_many_processes_may_make_the_same_store_at_once(store: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(6) as pool:
        assert pool.map(_open_and_write, [(store, number) for number in range(12)]) == [True] * 12
    connection = open_for_reading(store)
    assert connection.execute("SELECT count(*) FROM dismissal").fetchone() == (12,)
    connection.close()


def _open_and_write(job: tuple[Path, int]) -> bool:
    store, number = job
    connection = open_for_writing(store)
    with transaction(connection, store):
        connection.execute("INSERT INTO dismissal VALUES (?, 1)", (f"f{number}",))
    connection.close()
    return True


def _set_version(store: Path, version: int) -> None:
    connection = sqlite3.connect(store)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
