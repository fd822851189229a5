"""A container's root-level files on their lines, as soon as another failure says where its folders are."""

from pathlib import Path

import pytest

from tests.lsp.editors import editor
from tests.lsp.shop import Shop
from tests.telemetry import Raises, http

pytestmark = [pytest.mark.asyncio, pytest.mark.slow]
START = "def start(port):\n    return serve(app, port)\n"
SHIP = "def ship(order):\n    return courier.send(order)\n"


def write(root: Path, path: str, text: str) -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def fails(shop: Shop, path: str, function: str, text: str) -> None:
    raised = Raises("OSError", f"{function} failed", ((path, 2, function, text),))
    shop.send(http("GET", f"/{function}", 500, route=f"/{function}", raises=raised))


async def test_one_failure_says_where_another_is_and_a_third_takes_it_back(shop: Shop) -> None:
    main = write(shop.root, "services/a/main.py", START)
    write(shop.root, "services/b/main.py", START)
    orders = write(shop.root, "services/a/orders/ship.py", SHIP)
    parcels = write(shop.root, "services/b/parcels/ship.py", SHIP)
    fails(shop, "/app/main.py", "start", "return serve(app, port)")
    async with editor(shop.root, store=shop.store) as client:
        await client.until(lambda: client.status.get("unplaced") == 1, "which main.py is not known")
        assert client.status["broken"]["name"] == "paths"
        fails(shop, "/app/orders/ship.py", "ship", "return courier.send(order)")
        await client.until(lambda: client.diagnostics(main), "it follows from where the orders are")
        await client.until(lambda: client.diagnostics(orders), "the orders themselves")
        fails(shop, "/app/parcels/ship.py", "ship", "return courier.send(order)")
        await client.until(lambda: client.diagnostics(parcels), "the other service")
        await client.until(lambda: not client.diagnostics(main), "/app is two folders, so it says nothing any more")
        assert client.diagnostics(orders)


async def test_what_was_recorded_before_the_editor_started_teaches_whatever_the_order(shop: Shop) -> None:
    main = write(shop.root, "services/a/main.py", START)
    write(shop.root, "services/b/main.py", START)
    write(shop.root, "services/a/orders/ship.py", SHIP)
    fails(shop, "/app/main.py", "start", "return serve(app, port)")
    fails(shop, "/app/orders/ship.py", "ship", "return courier.send(order)")
    async with editor(shop.root, store=shop.store) as client:
        await client.until(lambda: client.diagnostics(main), "on its line")
