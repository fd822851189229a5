"""Checkpoints: what was committed reaches the store's own file while more is written, and nothing hangs on it."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from flux_ls.collector.ingest import Ingest
from flux_ls.store import checkpoint
from flux_ls.store.checkpoint import Checkpoints
from flux_ls.store.reader import Reader
from tests.telemetry import http, traces


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "flux.db"


@pytest.fixture
def ingest(store: Path) -> Iterator[Ingest]:
    opened = Ingest(store)
    yield opened
    opened.close()


def without_wal(store: Path) -> int:
    """Requests in the file alone."""
    connection = sqlite3.connect(f"file:{store}?immutable=1", uri=True)
    try:
        (found,) = connection.execute("SELECT count(*) FROM request").fetchone()
    except sqlite3.OperationalError:  # not even the tables
        return 0
    finally:
        connection.close()
    return int(found)


def send(ingest: Ingest, number: int) -> None:
    ingest.traces(traces(http("GET", "/plan", route="/plan"), trace_id=f"{number:032x}"))


def test_what_was_committed_reaches_the_file_after_so_many_bytes(store: Path, ingest: Ingest) -> None:
    send(ingest, 1)
    checkpoints = Checkpoints(store)
    checkpoints.written(checkpoint.EVERY - 1)
    checkpoints.close()
    assert without_wal(store) == 0
    checkpoints.written(1)
    checkpoints.close()
    assert without_wal(store) == 1


def test_ingest_goes_on_while_they_are_made(store: Path, ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "EVERY", 1)
    for number in range(1, 201):
        send(ingest, number)
    with Reader(store) as reader:
        # While somebody reads, closing the writer's connection carries nothing over.
        ingest.close()
        assert without_wal(store) > 0
        assert sum(1 for _ in reader.requests()) == 200


@pytest.mark.parametrize("instead", [None, b"", b"no database at all" * 100])
def test_a_store_that_is_gone_stays_gone(tmp_path: Path, instead: bytes | None) -> None:
    path = tmp_path / "flux.db"
    if instead is not None:
        path.write_bytes(instead)
    checkpoints = Checkpoints(path)
    checkpoints.written(checkpoint.EVERY)
    checkpoints.close()
    assert (path.read_bytes() if path.exists() else None) == instead


def test_without_a_thread_to_make_it_in_what_was_committed_stays(
    store: Path, ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(checkpoint, "EVERY", 1)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refused)
        send(ingest, 1)
    with Reader(store) as reader:
        assert sum(1 for _ in reader.requests()) == 1
    send(ingest, 2)
    ingest.close()
    assert without_wal(store) == 2
