"""`textDocument/codeAction`: the edits that would mend a failure."""

from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from tests.lsp.editors import ENCODINGS, PROFILES, Editor, editor
from tests.lsp.shop import Shop
from tests.lsp.test_code_action import asked
from tests.telemetry import Raises

pytestmark = pytest.mark.asyncio

CARTS = '''\
"""Carts."""


def total(cart):
    cents = 0
    note = "é🙂"; cents = cart["cents"]
    return cents


def close(cart, seen):
    try:
        return seen[cart]
    except KeyError as err:
        raise ValueError("é🙂 unknown cart")
'''
TOTAL, CLOSE = 5, 13
"""Their rows."""


def write(shop: Shop, text: str = CARTS) -> Path:
    path = shop.root / "shop" / "carts.py"
    path.write_bytes(text.encode())
    return path


def missing(shop: Shop, path: Path) -> Raises:
    return Raises("KeyError", "'cents'", (shop.frame(path, 'cart["cents"]', "total"),))


def unknown(shop: Shop, path: Path) -> Raises:
    frame = shop.frame(path, "raise ValueError", "close")
    before = Raises("KeyError", "7", (shop.frame(path, "return seen[cart]", "close"),))
    # What was being handled, told as Python tells it.
    return Chained("ValueError", "é🙂 unknown cart", (frame,), cause=before)


class Chained(Raises):
    @property
    def stacktrace(self) -> str:
        told = super().stacktrace
        return told.replace(
            "The above exception was the direct cause of the following exception:",
            "During handling of the above exception, another exception occurred:",
        )


async def shown(client: Editor, path: Path) -> str:
    uri = client.open(path, path.read_bytes().decode())
    await client.until(lambda: client.diagnostics(path), "the diagnostic")
    return uri


async def edits(client: Editor, uri: str, row: int, **rest: Any) -> list[dict[str, Any]]:
    actions = await client.request("textDocument/codeAction", asked(uri, row, **rest))
    return [action for action in actions if action.get("edit")]


def made(text: str, change: dict[str, Any], encoding: str) -> str:
    """The text with the edit made, as a client makes it."""
    lines = text.split("\n")
    width = {"utf-8": 1, "utf-16": 2, "utf-32": 4}[encoding]
    codec = {"utf-8": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}[encoding]

    def place(position: dict[str, int]) -> int:
        line = lines[position["line"]].encode(codec)
        before = line[: position["character"] * width].decode(codec)
        return sum(len(each) + 1 for each in lines[: position["line"]]) + len(before)

    start, end = place(change["range"]["start"]), place(change["range"]["end"])
    return text[:start] + change["newText"] + text[end:]


@pytest.mark.parametrize("profile", PROFILES)
async def test_the_edit_is_for_the_version_that_was_looked_at(shop: Shop, profile: str) -> None:
    path = write(shop)
    request = shop.fail(missing(shop, path))
    async with editor(shop.root, store=shop.store, profile=profile) as client:
        uri = await shown(client, path)
        known = list(client.diagnostics(path))
        (action,) = await edits(client, uri, TOTAL, known=known)
        assert action["title"] == 'Use cart.get("cents"), which is None without the key'
        assert action["kind"] == "quickfix"
        assert [each["code"] for each in action["diagnostics"]] == [request[:8]]
        assert action.get("isPreferred") is None
        if "documentChanges" in action["edit"]:
            (document,) = action["edit"]["documentChanges"]
            assert document["textDocument"] == {"uri": uri, "version": 1}
            (change,) = document["edits"]
        else:
            assert profile == "neovim"
            (change,) = action["edit"]["changes"][uri]
        mended = made(CARTS, change, ENCODINGS[profile])
        assert mended == CARTS.replace('cart["cents"]', 'cart.get("cents")')
        # It comes before what only asks.
        actions = await client.request("textDocument/codeAction", asked(uri, TOTAL))
        assert actions[0]["title"] == action["title"]
        assert len(actions) == 7


async def test_a_sure_one_is_preferred(shop: Shop) -> None:
    path = write(shop)
    shop.fail(unknown(shop, path))
    async with editor(shop.root, store=shop.store) as client:
        uri = await shown(client, path)
        (action,) = await edits(client, uri, CLOSE)
        assert action["title"] == "Raise it from err, so that the cause is told"
        assert action["isPreferred"] is True
        (document,) = action["edit"]["documentChanges"]
        mended = made(CARTS, document["edits"][0], client.encoding)
        assert mended == CARTS.replace('cart")\n', 'cart") from err\n')


async def test_it_follows_the_line_through_edits(shop: Shop) -> None:
    path = write(shop)
    shop.fail(missing(shop, path))
    async with editor(shop.root, store=shop.store) as client:
        uri = await shown(client, path)
        assert len(await edits(client, uri, TOTAL)) == 1
        insert = types.TextDocumentContentChangePartial(
            range=types.Range(types.Position(1, 0), types.Position(1, 0)), text="# é🙂\n# two\n"
        )
        client.edit(uri, 2, insert)
        (action,) = await edits(client, uri, TOTAL + 2)
        (document,) = action["edit"]["documentChanges"]
        assert document["textDocument"]["version"] == 2
        text = CARTS.replace("\n\n\ndef total", "\n# é🙂\n# two\n\n\ndef total")
        assert 'cart.get("cents")' in made(text, document["edits"][0], client.encoding)
        assert await edits(client, uri, TOTAL) == []


async def test_a_line_that_was_edited_gets_none(shop: Shop) -> None:
    path = write(shop)
    shop.fail(missing(shop, path))
    async with editor(shop.root, store=shop.store) as client:
        uri = await shown(client, path)
        whole = types.TextDocumentContentChangeWholeDocument(text=CARTS.replace('cart["cents"]', 'int(cart["cents"])'))
        client.edit(uri, 2, whole)
        assert await edits(client, uri, TOTAL) == []
        actions = await client.request("textDocument/codeAction", asked(uri, TOTAL))
        assert len(actions) == 6


async def test_lines_end_as_they_do_in_the_file(shop: Shop) -> None:
    text = CARTS.replace('note = "é🙂"; cents = cart["cents"]', "cart.close()").replace("\n", "\r\n")
    path = write(shop, text)
    frame = shop.frame(path, "cart.close()", "total")
    shop.fail(Raises("AttributeError", "'NoneType' object has no attribute 'close'", (frame,)))
    async with editor(shop.root, store=shop.store) as client:
        uri = await shown(client, path)
        (action,) = await edits(client, uri, TOTAL)
        (document,) = action["edit"]["documentChanges"]
        assert document["edits"][0]["newText"] == "if cart is not None:\r\n        "


async def test_a_file_that_is_not_open_gets_none(shop: Shop) -> None:
    path = write(shop)
    shop.fail(missing(shop, path))
    async with editor(shop.root, store=shop.store) as client:
        await client.until(lambda: client.diagnostics(path), "the diagnostic")
        assert await edits(client, path.as_uri(), TOTAL) == []


async def test_a_client_gets_what_it_can_take(shop: Shop) -> None:
    path = write(shop)
    shop.fail(unknown(shop, path))

    def plain(capabilities: types.ClientCapabilities) -> None:
        assert capabilities.workspace is not None
        assert capabilities.text_document is not None
        assert capabilities.text_document.code_action is not None
        capabilities.workspace.workspace_edit = None
        capabilities.text_document.code_action.is_preferred_support = None

    async with editor(shop.root, store=shop.store, capabilities=plain) as client:
        uri = await shown(client, path)
        (action,) = await edits(client, uri, CLOSE)
        assert action.get("isPreferred") is None
        assert "documentChanges" not in action["edit"] or action["edit"]["documentChanges"] is None
        assert list(action["edit"]["changes"]) == [uri]

    def old(capabilities: types.ClientCapabilities) -> None:
        assert capabilities.text_document is not None
        capabilities.text_document.code_action = None

    async with editor(shop.root, store=shop.store, capabilities=old) as client:
        uri = await shown(client, path)
        actions = await client.request("textDocument/codeAction", asked(uri, CLOSE))
        names = ("why", "debug", "trace", "diff", "explain", "dismiss")
        assert [action["command"] for action in actions] == [f"flux.server.{name}" for name in names]


async def test_what_was_handled_gets_none(shop: Shop) -> None:
    shop.handle()
    async with editor(shop.root, store=shop.store) as client:
        uri = await shown(client, shop.payments)
        (diagnostic,) = client.diagnostics(shop.payments)
        assert await edits(client, uri, diagnostic.range.start.line) == []


async def test_other_kinds_are_not_asked_for(shop: Shop) -> None:
    path = write(shop)
    shop.fail(missing(shop, path))
    async with editor(shop.root, store=shop.store) as client:
        uri = await shown(client, path)
        assert await edits(client, uri, TOTAL, only=[types.CodeActionKind.Refactor]) == []
        assert len(await edits(client, uri, TOTAL, only=[types.CodeActionKind.QuickFix])) == 1
