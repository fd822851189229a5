"""`textDocument/codeAction`: why, the trace, dismiss."""

from typing import Any

import pytest
from lsprotocol import types

from tests.lsp.editors import PROFILES, editor
from tests.lsp.shop import Shop
from tests.lsp.test_diagnostics import RAISES, gone

pytestmark = pytest.mark.asyncio


def asked(uri: str, row: int, *, only: list[Any] | None = None, known: list[types.Diagnostic] | None = None) -> Any:
    here = types.Range(types.Position(row, 9), types.Position(row, 9))
    return types.CodeActionParams(
        types.TextDocumentIdentifier(uri), here, types.CodeActionContext(known or [], only=only)
    )


@pytest.mark.parametrize("profile", PROFILES)
async def test_a_failure_offers_why_its_trace_and_dismissal(shop: Shop, profile: str) -> None:
    request = shop.fail()
    async with editor(shop.root, store=shop.store, profile=profile) as client:
        uri = client.open(shop.payments)
        diagnostics = await client.until(lambda: client.diagnostics(shop.payments), "the diagnostic")

        async def ask(row: int, **rest: Any) -> Any:
            return await client.request("textDocument/codeAction", asked(uri, row, **rest))

        actions = await ask(RAISES, known=list(diagnostics))
        assert [(action["title"], action["kind"]) for action in actions] == [
            ("Why? Timeout: Stripe API timeout", "quickfix"),
            (f"Steps of req:{request[:8]}", "quickfix"),
            (f"Trace of req:{request[:8]}", "quickfix"),
            (f"Compare req:{request[:8]} with a good request", "quickfix"),
            (f"Explain req:{request[:8]} (shows what a model would be asked)", "quickfix"),
            ("Dismiss Timeout", "quickfix"),
        ]
        assert [each["code"] for each in actions[0]["diagnostics"]] == [request[:8]]
        assert await ask(RAISES - 1) == []
        assert await ask(RAISES, only=[types.CodeActionKind.Refactor]) == []
        assert len(await ask(RAISES, only=[types.CodeActionKind.QuickFix])) == 6
        dismiss = actions[-1]["command"]
        await client.command(dismiss["command"].removeprefix("flux.server."), *dismiss["arguments"])
        await gone(client, shop.payments)
        assert await ask(RAISES) == []


async def test_a_client_without_action_kinds_gets_commands(shop: Shop) -> None:
    shop.fail()

    def old(capabilities: types.ClientCapabilities) -> None:
        assert capabilities.text_document is not None
        capabilities.text_document.code_action = None

    async with editor(shop.root, store=shop.store, capabilities=old) as client:
        uri = client.open(shop.payments)
        await client.until(lambda: client.diagnostics(shop.payments), "the diagnostic")
        actions = await client.request("textDocument/codeAction", asked(uri, RAISES))
        names = ("why", "debug", "trace", "diff", "explain", "dismiss")
        assert [action["command"] for action in actions] == [f"flux.server.{name}" for name in names]
