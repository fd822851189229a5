"""`textDocument/inlayHint`: values of the failing run beside the code, when asked for and only beside sure lines."""

import pytest
from lsprotocol import types

from tests.lsp.editors import PROFILES, editor
from tests.lsp.shop import Shop
from tests.lsp.test_diagnostics import RAISES

pytestmark = pytest.mark.asyncio
DEF = 10
WHOLE = types.Range(types.Position(0, 0), types.Position(999, 0))
ON = {"inlayHints": True}


@pytest.mark.parametrize("profile", PROFILES)
async def test_at_the_function_and_on_the_failing_line(shop: Shop, profile: str) -> None:
    request = shop.fail_recorded()
    async with editor(shop.root, store=shop.store, profile=profile, configuration=ON) as client:
        uri = client.open(shop.payments)
        await client.until(lambda: client.diagnostics(shop.payments), "the diagnostic")
        at_def, at_fault = await client.inlay_hints(uri, WHOLE)
        assert (at_def.label, at_def.position) == (
            'customer = "cus_42", amount = 2900',
            types.Position(DEF, len("def send(customer, amount):")),
        )
        assert at_fault.label == 'label = "é🙂"'
        line = shop.payments.read_text(encoding="utf-8").split("\n")[RAISES]
        units = {"utf-8": len(line.encode()), "utf-16": len(line) + 1, "utf-32": len(line)}
        assert at_fault.position == types.Position(RAISES, units[client.encoding])
        assert str(at_fault.tooltip).startswith(f"req:{request[:8]}\n")
        only = types.Range(types.Position(DEF, 0), types.Position(DEF, 5))
        assert len(await client.inlay_hints(uri, only)) == 2, "of a function that is partly in sight, all"
        assert await client.inlay_hints(uri, types.Range(types.Position(0, 0), types.Position(2, 0))) == []


async def test_only_when_asked_for(shop: Shop) -> None:
    shop.fail_recorded()
    async with editor(shop.root, store=shop.store) as client:
        uri = client.open(shop.payments)
        await client.until(lambda: client.diagnostics(shop.payments), "the diagnostic")
        assert await client.inlay_hints(uri, WHOLE) == []


async def test_none_beside_a_line_that_was_edited_or_never_recorded(shop: Shop) -> None:
    shop.fail()
    async with editor(shop.root, store=shop.store, configuration=ON) as client:
        uri = client.open(shop.payments)
        await client.until(lambda: client.diagnostics(shop.payments), "the diagnostic")
        assert await client.inlay_hints(uri, WHOLE) == []
        shop.fail_recorded()
        await client.until(lambda: client.diagnostics(shop.payments)[0].message.count("2 failures"), "the news")
        assert len(await client.inlay_hints(uri, WHOLE)) == 2
        change = types.TextDocumentContentChangePartial(
            types.Range(types.Position(RAISES, 0), types.Position(RAISES, 99)), '        raise Timeout("else")'
        )
        client.edit(uri, 2, change)
        assert await client.inlay_hints(uri, WHOLE) == []
