"""`flux/errors`: that what fails has changed, for clients that asked."""

import asyncio
import time
from typing import Any

import pytest
from pygls.exceptions import JsonRpcException

from tests.lsp.editors import PATIENCE_S, editor, plain
from tests.lsp.shop import Shop

pytestmark = pytest.mark.asyncio


async def test_what_changes_is_told(shop: Shop) -> None:
    shop.fail()
    async with editor(shop.root, store=shop.store) as client:
        assert await client.request("flux/subscribeErrors") == {"subscribed": True}

        async def groups() -> list[tuple[str, str, int]]:
            told = (await client.command("errors"))["groups"]
            return sorted((group["type"], group["state"], group["count"]) for group in told)

        async def changes(expected: list[tuple[str, str, int]], what: str) -> None:
            """The client asks when it is told to, and never else."""
            deadline = time.monotonic() + PATIENCE_S
            while True:
                seen = len(client.error_news)
                if (found := await groups()) == expected:
                    return
                while len(client.error_news) == seen:
                    assert time.monotonic() < deadline, f"no word of {what}, the client still has {found}"
                    await asyncio.sleep(0.01)

        await changes([("Timeout", "failing", 1)], "what was there")
        shop.fail()
        await changes([("Timeout", "failing", 2)], "a count")
        shop.handle()
        await changes([("KeyError", "handled", 1), ("Timeout", "failing", 2)], "another group")
        (fingerprint,) = {
            group["fingerprint"] for group in (await client.command("errors"))["groups"] if group["type"] == "Timeout"
        }
        await client.command("dismiss", {"fingerprint": fingerprint})
        await changes([("KeyError", "handled", 1), ("Timeout", "dismissed", 2)], "a dismissal")
        text = shop.payments.read_text(encoding="utf-8")
        shop.payments.write_text(text.replace("if amount > 100:", "if amount > 1000:"), encoding="utf-8")
        shop.succeed(at_ns=time.time_ns() + 10**9)
        await client.command("restore", {"fingerprint": fingerprint})
        await changes([("KeyError", "handled", 1), ("Timeout", "resolved", 2)], "what was mended")
        assert all(plain(params) == {} for params in client.error_news)


async def test_many_changes_are_told_together(shop: Shop) -> None:
    async with editor(shop.root, store=shop.store) as client:
        await client.request("flux/subscribeErrors")
        began = time.monotonic()
        for _ in range(30):
            shop.fail()
            await asyncio.sleep(0.01)
        await client.until(lambda: client.error_news, "the first word")
        took = time.monotonic() - began
        assert len(client.error_news) <= took / 0.5 + 2


async def test_who_did_not_ask_is_not_told_and_bad_parameters_are_refused(shop: Shop) -> None:
    async with editor(shop.root, store=shop.store) as client:
        wrong: list[Any] = [[1], 7, {"errorsOnly": True}]
        for params in wrong:
            with pytest.raises(JsonRpcException, match="flux/subscribeErrors: "):
                await client.request("flux/subscribeErrors", params)
        await client.request("flux/subscribeErrors")
        assert await client.request("flux/unsubscribeErrors") == {"subscribed": False}
        # Of how it was at the start, while it was asked for.
        before = len(client.error_news)
        shop.fail()
        await client.until(lambda: client.diagnostics(shop.payments), "the diagnostic")
        await client.request("flux/status")
        assert len(client.error_news) == before
