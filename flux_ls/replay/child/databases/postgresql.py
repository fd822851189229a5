"""PostgreSQL: a connection goes to a database made from the one that was meant, which is dropped when all is over.

The drivers speak to the server from C, where no hook of Python sees it: each is sent elsewhere at its `connect`. Where
others are connected, PostgreSQL makes no copy: then it is one transaction of the original (`rolled_back.py`), or none.
"""

import functools
import os
import threading
import uuid
from collections.abc import Callable
from contextlib import closing
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from flux_ls.replay.child import channel, hooks
from flux_ls.replay.child.blocked import is_ourselves, ourselves, refusal, refuse
from flux_ls.replay.child.databases import rolled_back
from flux_ls.replay.child.databases.copying import InUse, copied
from flux_ls.replay.child.imports import when_imported
from flux_ls.replay.child.rows import changes, drivers
from flux_ls.replay.child.rows.asking import Answer, Ask, Steps, run, run_async

_MAINTENANCE = ("postgres", "template1")
_PREFIX = "flux_replay_"


class _Original(Exception):
    """There is no copy, and a transaction of the original has to do."""

    def __init__(self, key: tuple[str, str, str]) -> None:
        super().__init__(key)
        self.key = key


_lock = threading.RLock()
_copies: dict[tuple[str, str, str], str] = {}
"""By host, port and name of the original."""
_originals: set[tuple[str, str, str]] = set()
_made: list[dict[str, Any]] = []
_closed = _writes = False


def install(*, closed: bool, writes: bool) -> None:
    """`closed`: the kernel lets nothing through to a server of the network. `writes`: the original is what is meant."""
    global _closed, _writes
    _closed, _writes = closed, writes
    when_imported("psycopg", _patch_psycopg)
    when_imported("psycopg2", _patch_psycopg2)
    when_imported("asyncpg", _patch_asyncpg)


def _patch_psycopg(psycopg: Any) -> None:
    connect = psycopg.Connection.connect.__func__
    connect_async = psycopg.AsyncConnection.connect.__func__

    def parameters(conninfo: str, kwargs: dict[str, Any]) -> dict[str, Any]:
        known = {name: value for name, value in kwargs.items() if name not in _PSYCOPG_OWN}
        told: dict[str, Any] = psycopg.conninfo.conninfo_to_dict(conninfo, **known)
        return told

    def make(params: dict[str, Any], steps: Steps[None]) -> None:
        with connect(psycopg.Connection, "", **params, autocommit=True) as connection:
            run(steps, lambda asked: _executed(connection.cursor(), asked))

    def put_back(params: dict[str, Any]) -> None:
        with connect(psycopg.Connection, "", **params, autocommit=True) as connection:
            drivers.by_psycopg(connection, original=False)

    @functools.wraps(connect)
    def connect_to_copy(cls: Any, conninfo: str = "", **kwargs: Any) -> Any:
        if is_ourselves():
            return connect(cls, conninfo, **kwargs)
        params = parameters(conninfo, kwargs)
        try:
            copy = _copy("psycopg", params, make, put_back)
        except _Original as original:
            found = rolled_back.with_psycopg(psycopg, connect, cls, original.key, params)
            _as_asked(found, kwargs)
            return found
        return connect(cls, conninfo, **{**kwargs, "dbname": copy})

    @functools.wraps(connect_async)
    async def connect_async_to_copy(cls: Any, conninfo: str = "", **kwargs: Any) -> Any:
        params = parameters(conninfo, kwargs)
        try:
            copy = _copy("psycopg", params, make, put_back)
        except _Original as original:
            found = await rolled_back.with_psycopg_async(psycopg, connect_async, cls, original.key, params)
            _as_asked(found, kwargs)
            return found
        return await connect_async(cls, conninfo, **{**kwargs, "dbname": copy})

    psycopg.Connection.connect = classmethod(connect_to_copy)  # type: ignore[arg-type]
    psycopg.AsyncConnection.connect = classmethod(connect_async_to_copy)  # type: ignore[arg-type]
    psycopg.connect = psycopg.Connection.connect


_PSYCOPG_OWN = frozenset({"autocommit", "prepare_threshold", "context", "row_factory", "cursor_factory"})


def _as_asked(connection: Any, kwargs: dict[str, Any]) -> None:
    """One connection stands for all: it is as the last one wanted it."""
    connection._as_if_autocommit = bool(kwargs.get("autocommit", False))
    for name in ("row_factory", "cursor_factory", "prepare_threshold"):
        if kwargs.get(name) is not None:
            setattr(connection, name, kwargs[name])


def _patch_psycopg2(psycopg2: Any) -> None:
    connect = psycopg2.connect

    def make(params: dict[str, Any], steps: Steps[None]) -> None:
        with closing(connect(**params)) as connection:
            connection.autocommit = True
            run(steps, lambda asked: _executed(connection.cursor(), asked))

    def put_back(params: dict[str, Any]) -> None:
        with closing(connect(**params)) as connection:
            connection.autocommit = True
            drivers.by_psycopg(connection, original=False)

    @functools.wraps(connect)
    def connect_to_copy(dsn: Any = None, *args: Any, **kwargs: Any) -> Any:
        if is_ourselves():
            return connect(dsn, *args, **kwargs)
        from psycopg2.extensions import make_dsn, parse_dsn

        own = ("connection_factory", "cursor_factory", "async", "async_")
        known = {name: value for name, value in kwargs.items() if name not in own}
        params = parse_dsn(make_dsn(dsn, **known))
        kwargs = {name: value for name, value in kwargs.items() if name in own}
        try:
            copy = _copy("psycopg2", params, make, put_back)
        except _Original as original:
            return rolled_back.with_psycopg2(connect, original.key, params)
        return connect(*args, **{**params, "dbname": copy, **kwargs})

    psycopg2.connect = connect_to_copy


def _patch_asyncpg(asyncpg: Any) -> None:
    module = asyncpg.connection
    connect = module.connect

    @functools.wraps(connect)
    async def connect_to_copy(dsn: str | None = None, **kwargs: Any) -> Any:
        if is_ourselves():
            return await connect(dsn, **kwargs)
        params = _of_asyncpg(dsn, kwargs)
        _reachable(params)
        key = _key(params)
        name = key[2] if _writes else _copies.get(key)
        if name is None:
            name = _new_name()
            for maintenance in _MAINTENANCE:
                try:
                    connection = await connect(dsn, **{**kwargs, "database": maintenance})
                    break
                except asyncpg.InvalidCatalogNameError:
                    continue
            else:
                refuse(
                    f"a connection to the database {key[2]}", because="no database of the server lets a copy be made"
                )
            try:
                _will_make("asyncpg", params, name)
                await run_async(copied(name, key[2]), functools.partial(_executed_by_asyncpg, connection))
            except (asyncpg.PostgresError, InUse) as error:
                refuse(f"a connection to the database {key[2]}", because=_cannot_copy(error))
            finally:
                await connection.close()
            _copies[key] = name
            if changes.to_put_back():
                made = await connect(dsn, **{**kwargs, "database": name})
                try:
                    await drivers.by_asyncpg(made)
                finally:
                    await made.close()
        return await connect(dsn, **{**kwargs, "database": name})

    module.connect = asyncpg.connect = connect_to_copy


def _executed(cursor: Any, asked: Ask) -> Answer:
    cursor.execute(*((asked.for_psycopg, asked.given) if asked.given else asked.pieces))
    return cursor.fetchall() if cursor.description else []


async def _executed_by_asyncpg(connection: Any, asked: Ask) -> Answer:
    if asked.given:
        return [tuple(row) for row in await connection.fetch(asked.for_asyncpg, *asked.given)]
    await connection.execute(*asked.pieces)
    return []


def _of_asyncpg(dsn: str | None, kwargs: dict[str, Any]) -> dict[str, Any]:
    parts = urlsplit(dsn or "")
    query = dict(parse_qsl(parts.query))
    told: dict[str, Any] = {
        "host": kwargs.get("host") or query.get("host") or parts.hostname,
        "port": kwargs.get("port") or query.get("port") or parts.port,
        "user": kwargs.get("user") or query.get("user") or unquote(parts.username or ""),
        "password": kwargs.get("password") or unquote(parts.password or ""),
        "dbname": kwargs.get("database") or query.get("dbname") or unquote(parts.path.lstrip("/")),
    }
    return {name: str(value) for name, value in told.items() if value and isinstance(value, str | int)}


def _key(params: dict[str, Any]) -> tuple[str, str, str]:
    user = params.get("user") or os.environ.get("PGUSER") or os.environ.get("USER", "")
    return (
        str(params.get("host") or params.get("hostaddr") or os.environ.get("PGHOST", "")),
        str(params.get("port") or os.environ.get("PGPORT", "5432")),
        str(params.get("dbname") or os.environ.get("PGDATABASE") or user),
    )


def _reachable(params: dict[str, Any]) -> None:
    """A copy is made and used through the network that the application would use."""
    host, port, _ = _key(params)
    for one in (host or "/var/run/postgresql").split(","):
        by_network = not one.startswith(("/", "@"))
        number = int(port.split(",")[0] or 5432)
        if by_network and _closed and not hooks.is_allowed(one, number):
            channel.tell("out_of_reach", service=f"PostgreSQL at {one}:{port}")
            os._exit(75)
        hooks.let_through(one, number)


def _copy(
    driver: str,
    params: dict[str, Any],
    make: Callable[[dict[str, Any], Steps[None]], None],
    put_back: Callable[[dict[str, Any]], None],
) -> str:
    _reachable(params)
    key = _key(params)
    if _writes or key[2].startswith(_PREFIX):
        return key[2]
    with _lock, ourselves():
        name = _copies.get(key)
        if name is not None:
            return name
        if key in _originals:
            raise _Original(key)
        name, problem = _new_name(), ""
        _will_make(driver, params, name)
        for maintenance in _MAINTENANCE:
            try:
                make({**params, "dbname": maintenance}, copied(name, key[2]))
                _copies[key] = name
                break
            except Exception as error:
                problem = _cannot_copy(error)
                if "being accessed by other users" in str(error) or "permission denied to create" in str(error):
                    _originals.add(key)
                    channel.tell("rolled_back", database=key[2])
                    raise _Original(key) from None
                if "does not exist" not in str(error) or key[2] in str(error):
                    raise refusal(f"a connection to the database {key[2]}", because=problem) from None
        else:
            raise refusal(f"a connection to the database {key[2]}", because=problem)
        if changes.to_put_back():
            put_back({**params, "dbname": name})
        return name


def _cannot_copy(error: BaseException) -> str:
    text = str(error).strip().partition("\n")[0]
    mend = ""
    if "being accessed by other users" in text:
        mend = "; end what is connected to it, or name a database of its own for replays"
    elif "permission denied" in text:
        mend = "; give the role CREATEDB"
    return f"no copy of it can be made ({text}){mend}"


def _new_name() -> str:
    return f"{_PREFIX}{uuid.UUID(bytes=os.urandom(16)).hex[:16]}"


def _will_make(driver: str, params: dict[str, Any], name: str) -> None:
    """Said before it is there: whoever ends this process must drop it."""
    made = {"driver": driver, "name": name, "params": {key: str(value) for key, value in params.items()}}
    _made.append(made)
    channel.tell("made", database=made)


def was_used() -> bool:
    """Whether a copy was made, or the original is used."""
    return bool(_made or _originals)


def drop_own() -> None:
    """Drops the copies that this process made."""
    for made in _made:
        if drop(made):
            channel.tell("dropped", name=made["name"])


def drop(made: dict[str, Any]) -> bool:
    """Whether it is gone. Connections that are still there are ended by the server."""
    sql = f'DROP DATABASE IF EXISTS "{made["name"]}" WITH (FORCE)'
    with ourselves():
        for maintenance in _MAINTENANCE:
            params = {**made["params"], "dbname": maintenance}
            try:
                _execute(made["driver"], params, sql)
                return True
            except Exception:
                continue
    return False


def _execute(driver: str, params: dict[str, Any], sql: str) -> None:
    if driver == "psycopg":
        import psycopg

        with psycopg.connect(**params, autocommit=True) as connection:
            connection.execute(sql)
    elif driver == "psycopg2":
        import psycopg2

        connection = psycopg2.connect(**params)
        connection.autocommit = True
        connection.cursor().execute(sql)
        connection.close()
    else:
        import asyncio

        import asyncpg

        async def run() -> None:
            told = {**params, "database": params["dbname"]}
            told.pop("dbname")
            connection = await asyncpg.connect(**told)
            await connection.execute(sql)
            await connection.close()

        asyncio.run(run())
