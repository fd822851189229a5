"""`flux/status`: what is connected, and the first broken link."""

import os
import signal
import socket
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import pytest

from flux_ls.collector.daemon import ensure_collector, stop_collector
from flux_ls.config import Settings
from flux_ls.store.writer import Writer
from tests.answers.test_doctor import other_program
from tests.e2e.processes import free_port
from tests.lsp.editors import Editor, editor
from tests.lsp.shop import Shop
from tests.telemetry import Raises, http

pytestmark = pytest.mark.asyncio


async def test_it_tells_what_is_connected_without_being_asked(shop: Shop) -> None:
    async with editor(shop.root, store=shop.store) as client:
        await client.until(lambda: client.status.get("collector", {}).get("state") == "off", "a first status")
        await client.until(lambda: client.status["broken"], "nothing is recorded, and nobody records")
        assert client.status["broken"]["name"] == "collector"
        assert "nothing is recorded yet" in client.status["broken"]["detail"]
        request = shop.fail()
        await client.until(lambda: (client.status["last_request"] or {}).get("id") == request, "the request")
        await client.until(lambda: client.status["failing"] == 1, "that it fails")
        assert client.status["store"] == {"path": str(shop.store), "state": "ready", "detail": "", "refused": False}
        assert client.status["broken"] is None
        assert await client.request("flux/status") == client.status


async def test_failures_that_no_file_here_has_are_a_broken_link(shop: Shop) -> None:
    frames = (("/srv/app/orders/views.py", 3, "view", "raise ValueError"),)
    shop.send(http("GET", "/", 500, raises=Raises("ValueError", "no", frames)))
    async with editor(shop.root, store=shop.store) as client:
        await client.until(lambda: client.status.get("unplaced") == 1, "without a place")
        broken = client.status["broken"]
        assert (broken["name"], await first_of_doctor(client)) == ("paths", "paths")
        assert "views.py" in broken["detail"]
        assert "path_map" in broken["detail"]


async def first_of_doctor(client: Editor) -> str | None:
    """The first link that the chain's own check, asked through the server, calls broken."""
    answer = await client.command("doctor")
    return next((check["name"] for check in answer["checks"] if not check["ok"]), None)


async def test_a_setting_that_is_wrong_comes_first(shop: Shop) -> None:
    shop.fail()
    environment = {"FLUX_RETENTION_DAYS": "soon"}
    async with editor(shop.root, store=shop.store, environment=environment) as client:
        await client.until(lambda: client.status.get("broken"), "what is wrong")
        assert client.status["broken"]["name"] == "settings" == await first_of_doctor(client)
        assert "FLUX_RETENTION_DAYS" in client.status["broken"]["detail"]


async def test_nobody_records_and_nothing_is_recorded(shop: Shop) -> None:
    async with editor(shop.root, store=shop.store) as client:
        await client.until(lambda: client.status.get("broken"), "that nobody does")
        assert client.status["broken"]["name"] == "collector" == await first_of_doctor(client)


async def test_a_store_in_which_nothing_has_arrived(shop: Shop) -> None:
    Writer(shop.store).close()
    async with editor(shop.root, store=shop.store) as client:
        await client.until(lambda: client.status.get("broken"), "that nothing has arrived")
        assert client.status["broken"]["name"] == "spans" == await first_of_doctor(client)
        shop.succeed()
        await client.until(lambda: client.status["broken"] is None, "something has")


async def test_a_store_of_a_newer_version(shop: Shop) -> None:
    shop.fail()
    with closing(sqlite3.connect(shop.store)) as connection:
        connection.execute("PRAGMA user_version = 999")
        connection.commit()
    async with editor(shop.root, store=shop.store) as client:
        await client.until(lambda: client.status.get("broken"), "that it cannot be read")
        assert client.status["broken"]["name"] == "store" == await first_of_doctor(client)
    with other_program() as port:
        configuration = {"otlpHttpPort": port, "otlpGrpcPort": 0, "collector": True}
        environment = {"FLUX_COLLECTOR": "true"}
        async with editor(shop.root, store=shop.store, configuration=configuration, environment=environment) as client:
            await client.until(lambda: client.status.get("collector", {}).get("state") == "failed", "no collector")
            await client.until(lambda: client.status.get("store", {}).get("state") == "failed", "no store")
            assert client.status["broken"]["name"] == "store" == await first_of_doctor(client)


async def test_failures_without_an_exception(shop: Shop) -> None:
    shop.send(http("GET", "/", 500))
    async with editor(shop.root, store=shop.store) as client:
        await client.until(lambda: client.status.get("unplaced") == 1, "without a place")
        assert client.status["broken"]["name"] == "exceptions" == await first_of_doctor(client)
        shop.fail()
        await client.until(lambda: client.status["broken"] is None, "one has a line")
        assert await first_of_doctor(client) is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "link", "detail"),
    [
        ({}, None, ""),
        ({"FLUX_OTLP_GRPC_PORT": "1"}, "port", "the settings say"),
        ({"OTEL_SDK_DISABLED": "true"}, "exporter", "OTEL_SDK_DISABLED"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://otel.example.com"}, "exporter", "another machine"),
    ],
)
async def test_the_way_to_a_collector_that_runs(
    shop: Shop, environment: dict[str, str], link: str | None, detail: str
) -> None:
    shop.fail()
    port = free_port()
    running = Settings(store=shop.store, otlp_http_port=port, otlp_grpc_port=0, idle_exit=60)
    ensure_collector(running)
    told = {"FLUX_OTLP_HTTP_PORT": str(port), "FLUX_OTLP_GRPC_PORT": "0", "FLUX_COLLECTOR": "true"} | environment
    # Nothing is set, and the ports are not the standard ones: that is advice, not a broken link.
    try:
        async with editor(shop.root, store=shop.store, environment=told) as client:
            await client.until(lambda: client.status.get("collector", {}).get("state") == "running", "the collector")
            await client.until(lambda: client.diagnostics(shop.payments), "what was recorded")
            # It is told a few times a second.
            broken = await client.until(
                lambda: (told := client.status["broken"] or {}).get("name") == link and [told], str(link)
            )
            assert await first_of_doctor(client) == link
            assert detail in broken[0].get("detail", "")
    finally:
        stop_collector(running)


@pytest.mark.slow
async def test_the_collector_is_started_and_started_again_when_it_is_gone(shop: Shop, tmp_path: Path) -> None:
    environment = {
        "FLUX_COLLECTOR": "true",
        "FLUX_OTLP_HTTP_PORT": str(free_port()),
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
