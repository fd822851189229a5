"""The store under the server: not there yet, moved aside, replaced, of another version, damaged."""

import asyncio
import shutil
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from flux_ls.lsp.follower import BEAT_S, WAIT_AFTER_ERROR_S
from flux_ls.lsp.watch import News, Sight, Watch
from flux_ls.otlp.stacktrace import DEFAULT_RULE
from flux_ls.store import schema
from tests.lsp.editors import Editor, editor
from tests.lsp.shop import Shop

pytestmark = pytest.mark.slow


def take_away(store: Path) -> None:
    for part in store.parent.glob(store.name + "*"):
        part.unlink()


async def shown(client: Editor, shop: Shop, count: int) -> None:
    await client.until(
        lambda: [f" · {count} failure" in each.message for each in client.diagnostics(shop.payments)] == [True],
        f"{count} failures",
    )


@pytest.mark.asyncio
async def test_a_store_that_does_not_exist_yet_is_waited_for(shop: Shop) -> None:
    async with editor(shop.root, store=shop.store) as client:
        await client.until(lambda: client.status.get("store", {}).get("state") == "waiting", "waiting")
        assert not shop.store.parent.exists(), "looking makes nothing"
        shop.fail()
        await shown(client, shop, 1)
        await client.until(lambda: client.status["store"]["state"] == "ready", "ready")
        assert client.client.messages == []


@pytest.mark.asyncio
async def test_a_store_that_is_taken_away_and_one_that_takes_its_place(shop: Shop, tmp_path: Path) -> None:
    shop.fail()
    async with editor(shop.root, store=shop.store) as client:
        await shown(client, shop, 1)
        take_away(shop.store)
        await client.until(lambda: not client.diagnostics(shop.payments), "cleared")
        other = Shop(shop.root, tmp_path / "elsewhere" / "flux.db")
        other.fail()
        other.fail()
        for part in other.store.parent.glob("flux.db*"):
            shutil.move(part, shop.store.parent / part.name)
        await shown(client, shop, 2)
        shop.fail()
        await shown(client, shop, 3)
        assert (await client.command("tail"))["requests"][-1]["id"] == shop.sent[-1]
        assert client.client.messages == []


@pytest.mark.slow
@pytest.mark.asyncio
async def test_a_store_of_a_newer_version_is_said_once_and_used_once_it_is_ours(shop: Shop) -> None:
    shop.fail()
    with sqlite3.connect(shop.store) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    async with editor(shop.root, store=shop.store) as client:
        await client.until(lambda: client.client.messages, "the message")
        await asyncio.sleep(1.5 * WAIT_AFTER_ERROR_S)  # Long enough for another attempt to open it.
        (message,) = client.client.messages
        assert "newer version of flux" in message.message
        assert client.status["store"]["state"] == "failed"
        assert client.status["broken"]["name"] == "store"
        with sqlite3.connect(shop.store) as connection:
            connection.execute(f"PRAGMA user_version = {schema.VERSION}")
        await shown(client, shop, 1)
        await client.until(lambda: client.status["broken"] is None, "all is well")
        assert len(client.client.messages) == 1


@pytest.mark.asyncio
async def test_a_damaged_store_is_said_once(shop: Shop) -> None:
    shop.store.parent.mkdir(parents=True)
    shop.store.write_bytes(b"this is no database" * 1_000)
    async with editor(shop.root, store=shop.store) as client:
        await client.until(lambda: client.client.messages, "the message")
        await asyncio.sleep(1.5 * WAIT_AFTER_ERROR_S)
        assert len(client.client.messages) == 1
        assert (await client.command("status"))["store"]["state"] == "failed"


class Beats(threading.Event):
    """What a watch waits on, which counts how often it did."""

    count = 0

    def wait(self, timeout: float | None = None) -> bool:
        # Only a pause between two looks is a beat.
        self.count += timeout == BEAT_S
        return super().wait(timeout)


def test_news_come_within_a_few_beats_and_none_is_lost(shop: Shop) -> None:
    shop.fail()
    news: list[tuple[int, News]] = []
    sights: list[Sight] = []
    watch = Watch(shop.store, DEFAULT_RULE, lambda each: news.append((beats.count, each)), sights.append)
    beats = watch._stop = Beats()
    watch.start()
    try:
        deadline = time.monotonic() + 40
        while not news and time.monotonic() < deadline:
            time.sleep(0.01)
        assert news[0][1].afresh
        assert [issue.count for issue in news[0][1].issues] == [1]
        ids = set()
        late = []
        for _ in range(20):
            before = len(news)
            ids.add(shop.fail())
            stored = beats.count
            while len(news) == before and time.monotonic() < deadline:
                time.sleep(0.001)
            late.append(news[-1][0] - stored)
        while time.monotonic() < deadline:
            if {request.id for _, each in news for request in each.requests} >= ids:
                break
            time.sleep(0.01)
        assert {request.id for _, each in news[1:] for request in each.requests} == ids
        assert news[-1][1].issues[-1].count == 21
        # Counted in beats: a machine that has no time for them makes each longer, and none more.
        assert max(late) <= 2, late
        assert sights == [Sight(None)]
    finally:
        watch.stop()
        assert watch.join(5)
