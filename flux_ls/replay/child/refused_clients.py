"""Clients written in C that Python's hooks do not see: refused where the application calls them by name.

It is no more than a courtesy: a client that is not in this list is stopped by the namespace alone.
"""

import asyncio
from types import ModuleType
from typing import Any, NoReturn

from flux_ls.replay.child.blocked import refuse
from flux_ls.replay.child.imports import when_imported

_CLIENTS = {
    "MySQLdb": ("connect", "Connect", "Connection"),
    "mysql.connector": ("connect",),
    "mariadb": ("connect",),
    "oracledb": ("connect",),
    "cx_Oracle": ("connect",),
    "pyodbc": ("connect",),
    "pymssql": ("connect",),
    "pycurl": ("Curl", "CurlMulti"),
}


def install(*, databases: bool) -> None:
    """`databases`: none of them is allowed."""
    when_imported("uvloop", _as_asyncio)
    for name, entries in _CLIENTS.items() if databases else ():
        when_imported(name, lambda module, entries=entries: _close(module, entries))  # type: ignore[misc]


def _as_asyncio(uvloop: Any) -> None:
    """An event loop in C gives place to Python's."""
    uvloop.install = lambda: None
    uvloop.new_event_loop = asyncio.SelectorEventLoop
    uvloop.EventLoopPolicy = asyncio.DefaultEventLoopPolicy
    uvloop.run = asyncio.run


def _close(module: ModuleType, entries: tuple[str, ...]) -> None:
    for entry in entries:
        if hasattr(module, entry):
            setattr(module, entry, _refusing(f"{module.__name__}.{entry}"))


def _refusing(call: str) -> Any:
    def refused(*_: object, **__: object) -> NoReturn:
        refuse(call)

    return refused
