"""SQLite: whoever opens a database file gets a copy of it, made by SQLite's own backup when it is first opened."""

import functools
import os
import shutil
import sqlite3
import sys
import threading
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from flux_ls.replay.child.blocked import is_ourselves, ourselves, refusal, refuse
from flux_ls.replay.child.rows import drivers

_ATTACH = 24
_READS_ONLY = ("mode", "immutable", "nolock")

_lock = threading.Lock()
_copies: dict[str, str] = {}
"""By the path of the original."""
_scratch = _folder = ""


def install(scratch: str) -> None:
    _use(scratch)
    connect: Callable[..., sqlite3.Connection] = sqlite3.connect

    @functools.wraps(connect)
    def connect_to_copy(database: Any, *args: Any, **kwargs: Any) -> sqlite3.Connection:
        if is_ourselves():
            return connect(database, *args, **kwargs)
        name = os.fsdecode(database)
        uri = bool(kwargs.get("uri", args[6] if len(args) > 6 else False))
        with _lock, ourselves():
            target = _target(name, connect, is_uri=uri)
        connection = connect(target, *args, **kwargs)
        connection.set_authorizer(_judge)
        return connection

    sqlite3.connect = sqlite3.dbapi2.connect = connect_to_copy  # type: ignore[assignment]
    sys.addaudithook(_seen)


def _use(scratch: str) -> None:
    global _scratch, _folder
    _scratch, _folder = scratch, os.path.join(scratch, "sqlite")
    os.makedirs(_folder, exist_ok=True)


def copy_anew(scratch: str) -> None:
    """Copies of the copies, which nobody has open: what the import wrote is in them, and what comes stays in here."""
    _use(scratch)
    for original, copy in _copies.items():
        mine = os.path.join(_folder, os.path.basename(copy))
        _copy_files(copy, mine)
        _copies[original] = mine
        drivers.in_sqlite(mine)


def _copy_files(original: str, copy: str) -> None:
    for suffix in ("", "-wal", "-journal"):
        if os.path.exists(original + suffix):
            shutil.copyfile(original + suffix, copy + suffix)


def _target(name: str, connect: Callable[..., sqlite3.Connection], *, is_uri: bool) -> str:
    """What is opened in the place of a file."""
    if is_uri and name.startswith("file:"):
        path, _, query = name.removeprefix("file:").partition("?")
        options = [part for part in query.partition("#")[0].split("&") if part]
        path = unquote(path)
        if path.startswith("//"):
            path = "/" + path.removeprefix("//").partition("/")[2]
        if "mode=memory" in options or path in ("", ":memory:"):
            return name
        kept = [part for part in options if part.partition("=")[0] not in _READS_ONLY]
        return f"file:{quote(_copy(path, connect))}" + (f"?{'&'.join(kept)}" if kept else "")
    return name if name in ("", ":memory:") else _copy(name, connect)


def _copy(path: str, connect: Callable[..., sqlite3.Connection]) -> str:
    original = os.path.realpath(path)
    if original.startswith(_folder + os.sep):
        return original
    copy = _copies.get(original)
    if copy is None:
        mark = blake2b(original.encode("utf-8", "surrogateescape"), digest_size=6).hexdigest()
        copy = os.path.join(_folder, f"{mark}-{os.path.basename(original)}")
        if os.path.exists(original):
            _back_up(original, copy, connect)
            drivers.in_sqlite(copy)
        elif not os.path.isdir(os.path.dirname(original)):
            raise sqlite3.OperationalError("unable to open database file")
        _copies[original] = copy
    return copy


def _back_up(original: str, copy: str, connect: Callable[..., sqlite3.Connection]) -> None:
    try:
        source = connect(f"file:{quote(original)}?mode=ro", uri=True)
        try:
            with_pages = connect(copy)
            try:
                source.backup(with_pages)
            finally:
                with_pages.close()
        finally:
            source.close()
    except sqlite3.Error:
        # A journal that somebody has to write to be able to read: of a copy that does no harm.
        Path(copy).unlink(missing_ok=True)
        _copy_files(original, copy)


def _judge(action: int, name: str | None, *_: Any) -> int:
    if action != _ATTACH or not name or name == ":memory:":
        return sqlite3.SQLITE_OK
    path = unquote(name.removeprefix("file:").partition("?")[0]) if name.startswith("file:") else name
    if os.path.realpath(path).startswith(_scratch + os.sep):
        return sqlite3.SQLITE_OK
    refusal(f"attaching the database {name}")
    return sqlite3.SQLITE_DENY


def _seen(event: str, args: tuple[Any, ...]) -> None:
    """A connection that was made without `connect`."""
    if event != "sqlite3.connect" or is_ourselves():
        return
    name = os.fsdecode(args[0])
    path = unquote(name.removeprefix("file:").partition("?")[0]) if name.startswith("file:") else name
    if path in ("", ":memory:") or "mode=memory" in name:
        return
    if not os.path.realpath(path).startswith(_folder + os.sep):
        refuse(f"opening the database {name}")
