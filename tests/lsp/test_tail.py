"""`flux/tail`: requests as they finish, for clients that asked for them."""

import asyncio
from typing import Any

import pytest
from pygls.exceptions import JsonRpcException

from tests.lsp.editors import Editor, editor, plain
from tests.lsp.shop import Shop
from tests.telemetry import http, new_trace_id

pytestmark = pytest.mark.asyncio


def tailed(client: Editor, id: str = "tail") -> list[dict[str, Any]]:
    told = [plain(params) for params in client.tailed]
    return [request for params in told if params["id"] == id for request in params["requests"]]


async def test_requests_arrive_as_they_finish(shop: Shop) -> None:
    old = shop.succeed()
    async with editor(shop.root, store=shop.store) as client:
        assert await client.request("flux/subscribeTail") == {"id": "tail", "subscribed": True}
        asked = {"id": "bad", "errorsOnly": True, "last": 5}
        assert await client.request("flux/subscribeTail", asked) == {"id": "bad", "subscribed": True}
        await client.request("flux/subscribeTail", {"id": "recent", "last": 5})
        await client.until(lambda: tailed(client, "recent"), "the recent ones")
        good, bad = shop.succeed(), shop.fail()
        await client.until(lambda: len(tailed(client)) == 2, "both")
        assert [request["id"] for request in tailed(client)] == [good, bad]
        assert tailed(client)[1]["error"] == "Timeout: Stripe API timeout"
        assert tailed(client)[1]["correction"] is False
        await client.until(lambda: tailed(client, "bad"), "the failing one")
        assert [request["id"] for request in tailed(client, "bad")] == [bad]
        await client.until(lambda: len(tailed(client, "recent")) == 3, "old and new")
        assert [request["id"] for request in tailed(client, "recent")] == [old, good, bad]
        assert await client.request("flux/unsubscribeTail", {"id": "recent"}) == {"id": "recent", "subscribed": False}
        assert await client.request("flux/unsubscribeTail") == {"id": "tail", "subscribed": False}
        assert await client.request("flux/unsubscribeTail") == {"id": "tail", "subscribed": False}
        last = shop.fail()
        await client.until(lambda: len(tailed(client, "bad")) == 2, "the one that is still subscribed")
        assert tailed(client, "bad")[1]["id"] == last
        assert len(tailed(client)) == 2


async def test_filters(shop: Shop) -> None:
    async with editor(shop.root, store=shop.store) as client:
        await client.request("flux/subscribeTail", {"id": "fn", "fn": "create"})
        await client.request("flux/subscribeTail", {"id": "slow", "slowMs": 80})
        await client.request("flux/subscribeTail", {"id": "service", "service": "other"})
        bad, slow = shop.fail(), shop.succeed()
        other = shop.send(http("GET", "/", ms=1), service="other")
        await client.until(lambda: tailed(client, "service"), "the last of them")
        await client.until(lambda: tailed(client, "fn") and tailed(client, "slow"), "the others")
        assert [request["id"] for request in tailed(client, "fn")] == [bad]
        assert [request["id"] for request in tailed(client, "slow")] == [slow]
        assert [request["id"] for request in tailed(client, "service")] == [other]


async def test_a_store_that_begins_later_and_a_request_that_is_corrected(shop: Shop) -> None:
    async with editor(shop.root, store=shop.store) as client:
        await client.request("flux/subscribeTail")
        trace_id = new_trace_id()
        root = http("GET", "/late", 200, children=[http("GET", "/inner", 200)])
        shop.send(root, trace_id=trace_id)
        await client.until(lambda: tailed(client), "the first request of a new store")
        failing = http("GET", "/late", 500, ms=20, raises=shop.timeout(), children=[http("GET", "/inner", 200)])
        shop.send(failing, trace_id=trace_id)
        await client.until(lambda: len(tailed(client)) == 2, "its correction")
        assert [(request["failed"], request["correction"]) for request in tailed(client)] == [
            (False, False),
            (True, True),
        ]


async def test_bad_parameters_are_refused_and_nobody_who_did_not_ask_is_told(shop: Shop) -> None:
    async with editor(shop.root, store=shop.store) as client:
        wrong: list[Any] = [[1], 7, {"errorsOnly": 1}, {"colour": "red"}, {"last": "many"}]
        for params in wrong:
            with pytest.raises(JsonRpcException, match="flux/subscribeTail: "):
                await client.request("flux/subscribeTail", params)
        shop.fail()
        await client.until(lambda: client.diagnostics(shop.payments), "the diagnostic")
        await asyncio.sleep(0.2)
        assert client.tailed == []
