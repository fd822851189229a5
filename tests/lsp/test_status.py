"""`flux/status`: what is connected, and the first broken link."""

import os
import signal
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from flux_ls.collector.daemon import stop_collector
from flux_ls.config import Settings
from tests.lsp.editors import editor
from tests.lsp.shop import Shop
from tests.telemetry import Raises, http

pytestmark = pytest.mark.asyncio


async def test_it_tells_what_is_connected_without_being_asked(shop: Shop) -> None:
    async with editor(shop.root, store=shop.store) as client:
        await client.until(lambda: client.status.get("collector", {}).get("state") == "off", "a first status")
        await client.until(lambda: client.status["broken"], "nothing is recorded, and nobody records")
        assert "nothing is recorded yet" in client.status["broken"]["detail"]
        request = shop.fail()
        await client.until(lambda: (client.status["last_request"] or {}).get("id") == request, "the request")
        await client.until(lambda: client.status["failing"] == 1, "that it fails")
        assert client.status["store"] == {"path": str(shop.store), "state": "ready", "detail": ""}
        assert client.status["broken"] is None
        assert await client.request("flux/status") == client.status


async def test_failures_that_no_file_here_has_are_a_broken_link(shop: Shop) -> None:
    frames = (("/srv/app/orders/views.py", 3, "view", "raise ValueError"),)
    shop.send(http("GET", "/", 500, raises=Raises("ValueError", "no", frames)))
    async with editor(shop.root, store=shop.store) as client:
        await client.until(lambda: client.status.get("unplaced") == 1, "without a place")
        broken = client.status["broken"]
        assert broken["name"] == "path mapping"
        assert "views.py" in broken["detail"]
        assert "path_map" in broken["detail"]


@pytest.mark.slow
async def test_the_collector_is_started_and_started_again_when_it_is_gone(shop: Shop, tmp_path: Path) -> None:
    environment = {
        "FLUX_COLLECTOR": "true",
        "FLUX_OTLP_HTTP_PORT": str(_free_port()),
        "FLUX_OTLP_GRPC_PORT": "0",
        "FLUX_IDLE_EXIT": "60",
    }
    try:
        async with editor(shop.root, store=shop.store, environment=environment) as client:
            await client.until(lambda: client.status.get("collector", {}).get("state") == "running", "a collector")
            collector = client.status["collector"]
            assert collector["http_port"] == int(environment["FLUX_OTLP_HTTP_PORT"])
            assert collector["grpc_port"] is None
            await client.until(lambda: client.status["store"]["state"] == "ready", "its store")
            os.kill(collector["pid"], signal.SIGKILL)
            await client.until(
                lambda: (
                    client.status["collector"]["state"] == "running"
                    and client.status["collector"]["pid"] != collector["pid"]
                ),
                "another one",
            )
            assert client.client.messages == []
    finally:
        with suppress(Exception):
            stop_collector(Settings(store=shop.store))


@pytest.mark.slow
async def test_a_collector_that_cannot_start_is_said_once(shop: Shop) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        environment = {"FLUX_COLLECTOR": "true", "FLUX_OTLP_HTTP_PORT": str(taken.getsockname()[1])}
        environment["FLUX_OTLP_GRPC_PORT"] = "0"
        async with editor(shop.root, store=shop.store, environment=environment) as client:
            await client.until(lambda: client.status.get("collector", {}).get("state") == "failed", "the failure")
            assert client.status["broken"]["name"] == "collector"
            assert str(taken.getsockname()[1]) in client.status["broken"]["detail"]
            await client.until(lambda: client.client.messages, "the message")
            shop.fail()
            await client.until(lambda: client.diagnostics(shop.payments), "diagnostics all the same")
            assert len(client.client.messages) == 1


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
