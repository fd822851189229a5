"""`textDocument/hover`: the last failure of a line or function, in safe and short words."""

from pathlib import Path

import pytest
from lsprotocol import types

from tests.lsp.editors import PROFILES, editor
from tests.lsp.shop import Shop
from tests.lsp.test_diagnostics import RAISES
from tests.lsp.test_markdown import ATTACKS, HARMLESS, tokens
from tests.telemetry import Raises

pytestmark = pytest.mark.asyncio
DEF = 10
"""The row of `def send`."""


def text(hover: types.Hover | None) -> str:
    assert hover is not None
    assert isinstance(hover.contents, types.MarkupContent)
    return hover.contents.value


@pytest.mark.parametrize("profile", PROFILES)
async def test_a_line_and_its_function_tell_the_last_failure(shop: Shop, profile: str) -> None:
    shop.fail()
    request = shop.fail()
    async with editor(shop.root, store=shop.store, profile=profile) as client:
        uri = client.open(shop.payments)
        await client.until(lambda: client.diagnostics(shop.payments), "the diagnostic")
        on_line, on_function = await client.hover(uri, RAISES, 30), await client.hover(uri, DEF, 4)
        said = text(on_line)
        for part in (
            "Timeout",
            "Stripe API timeout",
            "2 failures, last just now, first ",
            f"req:{request[:8]}",
            "POST /signup",
            "· 500 · 44 ms",
            "this line is as it was when it failed",
            "shop/signup.py:7",
            "create",
            "shop/payments.py:13",
        ):
            assert part in said
        assert text(on_function) == said
        assert on_line is not None
        assert on_line.range == client.diagnostics(shop.payments)[0].range
        assert await client.hover(uri, 0) is None
        assert await client.hover(uri, 9_999) is None
        assert await client.hover(shop.signup.as_uri(), 0) is None


async def test_what_was_recorded_at_the_fault(shop: Shop) -> None:
    request = shop.fail_recorded()

    def content(capabilities: types.ClientCapabilities) -> None:
        assert capabilities.workspace is not None
        capabilities.workspace.text_document_content = types.TextDocumentContentClientCapabilities()

    async with editor(shop.root, store=shop.store, capabilities=content) as client:
        uri = client.open(shop.payments)
        await client.until(lambda: client.diagnostics(shop.payments), "the diagnostic")
        said = text(await client.hover(uri, RAISES, 30))
        for part in (
            'customer = "cus_42"\namount = 2900',
            "users id=42 plan: free → null (rolled back)",
            'in: `{email: "ada@example.org", plan: "pro"}`',
            'out: `{error: "try again"}`',
            "the call took 40 ms",
            f"[steps](flux://request/{request}/debug)",
        ):
            assert part in said
        assert "called with" not in said, "the arguments stand among the variables"


async def test_recorded_values_never_act_and_never_flood(shop: Shop) -> None:
    for attack in ATTACKS:
        shop.fail_recorded(customer=attack * 40, body={attack: "🙂" * 3000})
    async with editor(shop.root, store=shop.store) as client:
        uri = client.open(shop.payments)
        await client.until(lambda: client.diagnostics(shop.payments), "the diagnostic")
        said = text(await client.hover(uri, RAISES, 30))
        assert len(said.encode()) < 4_096
        assert "customer = " in said
        allowed = {"strong_open", "strong_close", "em_open", "em_close", "hardbreak", "hr", "ordered_list_open"}
        allowed |= {"ordered_list_close", "list_item_open", "list_item_close"}
        assert {token.type for token in tokens(said)} <= HARMLESS | allowed


async def test_handled_errors_and_edited_lines_say_so(shop: Shop) -> None:
    shop.handle()
    async with editor(shop.root, store=shop.store) as client:
        uri = client.open(shop.payments)
        await client.until(lambda: client.diagnostics(shop.payments), "the diagnostic")
        assert "Handled: **`KeyError`**" in text(await client.hover(uri, 25))
        change = types.TextDocumentContentChangePartial(
            types.Range(types.Position(25, 0), types.Position(25, 99)), "    return table.get(charge_id)"
        )
        client.edit(uri, 2, change)
        assert "unverified since your edit" in text(await client.hover(uri, 25)), "no wait for the next beat"


async def test_a_client_that_reads_no_markdown_gets_plain_text(shop: Shop) -> None:
    shop.fail()

    def plain(capabilities: types.ClientCapabilities) -> None:
        assert capabilities.text_document is not None
        capabilities.text_document.hover = None

    async with editor(shop.root, store=shop.store, capabilities=plain) as client:
        uri = client.open(shop.payments)
        await client.until(lambda: client.diagnostics(shop.payments), "the diagnostic")
        hover = await client.hover(uri, RAISES)
        assert text(hover).startswith("Timeout: Stripe API timeout\n1 failure, last just now\nrequest req:")
        assert hover is not None
        assert isinstance(hover.contents, types.MarkupContent)
        assert hover.contents.kind == types.MarkupKind.PlainText


async def test_text_of_a_trace_never_acts_and_never_floods(shop: Shop) -> None:
    (_, line, function, source) = shop.timeout().frames[-1]
    for number, attack in enumerate(ATTACKS):
        where = shop.frame(shop.payments, "raise Timeout", "send")
        shop.fail(Raises(f"Nasty{number}", attack + "\n" + attack * 500, (where,)))
    deep = tuple(shop.frame(shop.payments, "receipt = send(", "charge") for _ in range(200))
    shop.fail(Raises("Deep", "x" * 20_000, (*deep, (str(shop.payments), line, function, source))))
    async with editor(shop.root, store=shop.store) as client:
        uri = client.open(shop.payments)
        others = f" · and {len(ATTACKS)} other kinds here · "
        await client.until(
            lambda: any(others in each.message for each in client.diagnostics(shop.payments)), "all of them"
        )
        for row in (RAISES, DEF):
            said = text(await client.hover(uri, row))
            assert len(said.encode()) < 4_096
            allowed = {"strong_open", "strong_close", "em_open", "em_close", "hardbreak", "hr", "ordered_list_open"}
            allowed |= {"ordered_list_close", "list_item_open", "list_item_close"}
            assert {token.type for token in tokens(said)} <= HARMLESS | allowed
            assert "command:" not in "".join(token.content for token in tokens(said) if token.type == "text")


async def test_nothing_to_say_about_other_documents(shop: Shop, tmp_path: Path) -> None:
    shop.fail()
    other = tmp_path / "other.py"
    other.write_text("x = 1\n")
    async with editor(shop.root, store=shop.store) as client:
        for uri in ("untitled:Untitled-1", "vscode-notebook-cell:/x.ipynb#W0", other.as_uri(), "nonsense"):
            client.open(other, uri=uri)
            assert await client.hover(uri, 0) is None
            assert await client.lenses(uri) == []
