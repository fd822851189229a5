"""What a store holds in figures, for `flux doctor`."""

import sqlite3
from pathlib import Path
from typing import Any

from msgspec import Struct

from flux_ls.store import schema


class StoreFacts(Struct, frozen=True):
    """What `flux doctor` asks of a store."""

    path: str
    bytes: int
    schema_version: int
    spans: int
    requests: int
    failed: int
    logs: int
    services: tuple[str, ...]
    last_received_ns: int | None
    """When the newest request that arrived ended."""
    without_root: int
    """Requests whose root span never came, among the latest 1,000."""


def facts_of(connection: sqlite3.Connection, path: Path) -> StoreFacts:
    def one(question: str) -> Any:
        return connection.execute(question).fetchone()

    requests, failed = one("SELECT count(*), coalesce(sum(failed), 0) FROM request")
    return StoreFacts(
        path=str(path),
        bytes=sum(part.stat().st_size for part in (path, path.with_name(path.name + "-wal")) if part.exists()),
        schema_version=schema.VERSION,
        spans=one("SELECT coalesce(sum(spans), 0) FROM request")[0],
        requests=requests,
        failed=failed,
        logs=one("SELECT count(*) FROM log")[0],
        services=tuple(row[0] for row in connection.execute("SELECT DISTINCT service FROM route ORDER BY service")),
        last_received_ns=(one("SELECT last_ns FROM request ORDER BY seq DESC LIMIT 1") or (None,))[0],
        without_root=one(
            "SELECT count(*) FROM (SELECT complete FROM request ORDER BY seq DESC LIMIT 1000) WHERE NOT complete"
        )[0],
    )
