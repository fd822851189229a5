"""What is known of a running collector: its files beside the store, and what it answers on its port."""

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

HEALTH_TIMEOUT_S = 2.0


class Collector(Struct, frozen=True):
    """A collector that runs."""

    pid: int
    http_port: int
    grpc_port: int
    """0 when it is off."""
    store: Path
    version: str
    started_ns: int


class Health(Struct, frozen=True):
    """What a collector answers to `GET /flux/health`."""

    flux: str
    store: str
    pid: int


def info_file(store: Path) -> Path:
    return store.with_name(store.name + ".collector.json")


def lock_file(store: Path) -> Path:
    return store.with_name(store.name + ".collector.lock")


def start_lock_file(store: Path) -> Path:
    """Held by whoever starts a collector, so that many who need one start one."""
    return store.with_name(store.name + ".collector.start.lock")


def log_file(store: Path) -> Path:
    return store.with_name(store.name + ".collector.log")


def write_info(collector: Collector) -> None:
    """Puts the info file in place, whole and readable by its owner only."""
    file = info_file(collector.store)
    # mkstemp makes it 0600.
    descriptor, name = tempfile.mkstemp(prefix=file.name, suffix=".new", dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(msgspec.json.encode(collector, enc_hook=str))
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read_info(store: Path) -> Collector | None:
    """The collector that says it serves the store; it may be gone without having tidied up."""
    try:
        return msgspec.json.decode(info_file(store).read_bytes(), type=Collector, dec_hook=_from_text)
    except (OSError, ValueError):
        return None


def remove_info(store: Path) -> None:
    with contextlib.suppress(OSError):
        info_file(store).unlink()


def health(port: int, timeout_s: float = HEALTH_TIMEOUT_S, *, program: int | None = None) -> Health | None:
    """What the program on the loopback port says of itself; None unless it is a collector of Flux.

    A collector that is told of a program stays for as long as that runs.
    """
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request("GET", "/flux/health" if program is None else f"/flux/health?program={program}")
        response = connection.getresponse()
        return msgspec.json.decode(response.read(65536), type=Health) if response.status == 200 else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()


def find(store: Path, timeout_s: float = HEALTH_TIMEOUT_S) -> Collector | None:
    """The collector of the store, if it runs and answers. Being asked keeps it running."""
    collector = read_info(store)
    if collector is None:
        return None
    answer = health(collector.http_port, timeout_s)
    return collector if answer is not None and answer.pid == collector.pid else None


def _from_text(target: type, value: Any) -> Any:
    return target(value)
