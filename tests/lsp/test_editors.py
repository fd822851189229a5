"""The editors of the tests: one that fails ends at once."""

import asyncio
import time

import pytest

from tests.lsp.editors import editor
from tests.lsp.shop import Shop

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("transport", ["stdio", "tcp"])
async def test_a_failed_assertion_is_told_at_once(shop: Shop, transport: str) -> None:
    async def fail() -> None:
        async with editor(shop.root, store=shop.store, transport=transport):
            raise AssertionError("not as expected")

    began = time.monotonic()
    with pytest.raises(AssertionError, match="not as expected"):
        await asyncio.wait_for(fail(), 15)
    assert time.monotonic() - began < 15
