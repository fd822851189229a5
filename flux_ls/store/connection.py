"""Opening the store: permissions, WAL, migration, a damaged file moved aside, and SQLite's errors in our words."""

import contextlib
import itertools
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote_from_bytes

from flux_ls.store import schema
from flux_ls.store.errors import (
    NotAStore,
    StoreBusy,
    StoreCorrupt,
    StoreError,
    StoreMissing,
    StoreOutdated,
    StoreTooNew,
    StoreUnreachable,
)

_BUSY_TIMEOUT_S = 5.0
_OPEN_ATTEMPTS = 50
_REPLACED_ATTEMPTS = 10
WAL_PAGES = 16_000
"""64 MB: a WAL that has grown to this is carried over by the commit that finds it so."""


def open_for_reading(path: Path) -> sqlite3.Connection:
    """A connection that answers questions and writes nothing.

    Raises StoreMissing, StoreTooNew, StoreOutdated, NotAStore, StoreCorrupt or StoreUnreachable.
    """
    if file_number(path) is None:
        raise StoreMissing(path)
    try:
        return _open_as_reader(path)
    except StoreCorrupt:
        if not _was_ours(path):
            raise NotAStore(path) from None
        raise


def _open_as_reader(path: Path) -> sqlite3.Connection:
    with translated(path):
        connection = connected(path)
        try:
            found = _checked_version(connection, path)
            if found == 0:
                raise StoreMissing(path)
            if found > schema.VERSION:
                raise StoreTooNew(path, found, schema.VERSION)
            if found < schema.VERSION:
                raise StoreOutdated(path, found, schema.VERSION)
            connection.execute("PRAGMA query_only = ON")
        except BaseException:
            connection.close()
            raise
    return connection


def open_for_writing(path: Path) -> sqlite3.Connection:
    """A connection to a store that exists, is current and sound; makes or migrates it where needed.

    A damaged file is moved aside, never deleted. Raises StoreTooNew, StoreBusy or StoreUnreachable.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _make_private(path)
    except OSError as error:
        raise StoreUnreachable(path, str(error)) from error
    found = file_number(path)
    try:
        return _open_and_migrate(path)
    except StoreCorrupt:
        # Another process may have moved it aside meanwhile, and the one that is there now is sound.
        if file_number(path) == found:
            if not _was_ours(path):
                raise NotAStore(path) from None
            move_aside(path)
    try:
        _make_private(path)
    except OSError as error:
        raise StoreUnreachable(path, str(error)) from error
    return _open_and_migrate(path)


def file_number(path: Path) -> int | None:
    """What tells the file from any other that takes its place while it is open; None when there is none."""
    try:
        return path.stat().st_ino
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StoreUnreachable(path, str(error)) from error


def move_aside(path: Path) -> Path:
    """Renames a damaged store and its WAL so that a new one can begin; returns where it went.

    Raises StoreUnreachable.
    """
    stem = f"{path.name}.damaged-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}"
    names = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
    try:
        target = next(target for name in names if not (target := path.with_name(name)).exists())
        # The WAL goes first: beside a new database it would be taken for that one's.
        for suffix in ("-wal", "-shm", ""):
            part = path.with_name(path.name + suffix)
            if part.exists():
                part.rename(target.with_name(target.name + suffix))
    except OSError as error:
        raise StoreUnreachable(path, str(error)) from error
    return target


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """SQLite's errors as StoreErrors that say what to do."""
    try:
        yield
    except StoreError:
        raise
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", None)
        primary = code & 0xFF if code is not None else None
        if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL):
            raise StoreBusy(path, "another process is writing to it") from error
        if primary == sqlite3.SQLITE_FULL:
            raise StoreBusy(path, "the disk is full") from error
        if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise StoreCorrupt(path, str(error)) from error
        # Whatever else SQLite says: the data is the sender's until it is stored, so it must be able to try again.
        raise StoreUnreachable(path, str(error)) from error


@contextmanager
def transaction(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """All or nothing, durable when it returns."""
    with translated(path):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _open_and_migrate(path: Path) -> sqlite3.Connection:
    with translated(path):
        connection = connected(path)
        try:
            found = _checked_version(connection, path)
            if found > schema.VERSION:
                raise StoreTooNew(path, found, schema.VERSION)
            if found == 0:
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            _enter_wal(connection)
            # In WAL, NORMAL survives the death of every process; only a power cut can lose the last commits.
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
            connection.execute("PRAGMA journal_size_limit = 67108864")
            with transaction(connection, path):
                _migrate(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def _make_private(path: Path) -> None:
    # Never opens a file that is there: closing any descriptor of it would drop the locks that SQLite holds in this
    # process, and another process would then take away the WAL from under it.
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def connected(path: Path) -> sqlite3.Connection:
    """A connection to a file that is there, whatever is in it."""
    # Never made here: `_make_private` does that with the permissions it is to have.
    name = os.fsencode(path.absolute().as_posix())
    uri = f"file://{'' if name.startswith(b'/') else '/'}{quote_from_bytes(name, safe='/:')}?mode=rw"
    connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_TIMEOUT_S, isolation_level=None, cached_statements=256)
    connection.execute("PRAGMA cache_size = -16384")
    return connection


def _enter_wal(connection: sqlite3.Connection) -> None:
    # Two processes that open a new store at once get "database is locked" from this pragma in spite of the timeout.
    for attempt in range(_OPEN_ATTEMPTS):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or attempt == _OPEN_ATTEMPTS - 1:
                raise
            time.sleep(0.02)


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    found = _checked_version(connection, path)
    if found == schema.VERSION:
        return
    if found > schema.VERSION:
        raise StoreTooNew(path, found, schema.VERSION)
    if found == 0:
        scripts = [schema.TABLES]
    else:
        scripts = [schema.MIGRATIONS[version] for version in range(found, schema.VERSION)]
    for script in scripts:
        for statement in _statements(script):
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {schema.VERSION}")


def _checked_version(connection: sqlite3.Connection, path: Path) -> int:
    """The schema's version, 0 for an empty file. Raises NotAStore for anybody else's database."""
    # In one statement: another process may just be making the tables.
    version, application, tables = connection.execute(
        "SELECT user_version, application_id, (SELECT count(*) FROM sqlite_master)"
        " FROM pragma_user_version, pragma_application_id"
    ).fetchone()
    if application == schema.APPLICATION_ID:
        return int(version)
    if version == 0 and tables == 0:
        return 0
    raise NotAStore(path)


def _was_ours(path: Path) -> bool:
    """Whether a damaged file is a store: by its mark, or by the name that only we give."""
    if path.name == schema.FILE_NAME:
        return True
    # Opens the file by hand: nobody in this process has use for locks on a file that cannot be read.
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except OSError as error:
        raise StoreUnreachable(path, str(error)) from error
    return header[68:72] == schema.APPLICATION_ID.to_bytes(4, "big")


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def open_one(path: Path) -> tuple[sqlite3.Connection, int]:
    """A connection that writes, and the number of the file that it surely writes to."""
    for _ in range(_REPLACED_ATTEMPTS):
        before = file_number(path)
        connection = open_for_writing(path)
        # Made, moved aside or replaced while it was opened: who knows which of the files this is.
        if before is not None and file_number(path) == before:
            return connection, before
        connection.close()
    raise StoreUnreachable(path, "it is being replaced all the time")
