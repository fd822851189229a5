"""Folders and documents of every kind: several roots, none, untitled, links, odd names, notebooks."""

import sys
from pathlib import Path

import pytest
from lsprotocol import types

from tests.lsp.editors import editor
from tests.lsp.shop import PAYMENTS, Shop
from tests.telemetry import Raises, http

pytestmark = pytest.mark.asyncio


async def test_one_server_for_all_folders(tmp_path: Path) -> None:
    store = tmp_path / "flux.db"
    one, two = Shop.make(tmp_path / "one", store), Shop.make(tmp_path / "two", store)
    (two.root / "shop" / "payments.py").write_text("# another project\n" + PAYMENTS, encoding="utf-8")
    one.fail()
    two.fail()
    async with editor(one.root, store=store, profile="neovim") as client:
        await client.until(lambda: client.diagnostics(one.payments), "the first folder")
        assert not client.diagnostics(two.payments)
        event = types.WorkspaceFoldersChangeEvent([types.WorkspaceFolder(two.root.as_uri(), "two")], [])
        client.client.workspace_did_change_workspace_folders(types.DidChangeWorkspaceFoldersParams(event))
        await client.until(lambda: client.diagnostics(two.payments), "the second folder")
        assert client.diagnostics(one.payments)
        event = types.WorkspaceFoldersChangeEvent([], [types.WorkspaceFolder(one.root.as_uri(), "one")])
        client.client.workspace_did_change_workspace_folders(types.DidChangeWorkspaceFoldersParams(event))
        await client.until(lambda: not client.diagnostics(one.payments), "the first folder cleared")
        assert client.diagnostics(two.payments)


async def test_no_folder_at_all(shop: Shop) -> None:
    shop.fail()
    async with editor(store=shop.store) as client:
        uri = client.open(shop.payments)
        assert await client.hover(uri, 12) is None
        await client.until(lambda: client.status.get("unplaced") == 1, "counted")
        assert client.client.messages == []


async def test_documents_that_are_no_files_of_the_workspace(shop: Shop) -> None:
    shop.fail()
    async with editor(shop.root, store=shop.store) as client:
        for uri in ("untitled:Untitled-1", "git:/project/shop/payments.py?HEAD", "vscode-notebook-cell:/n.ipynb#W0"):
            client.open(shop.payments, uri=uri)
            client.edit(uri, 2, types.TextDocumentContentChangeWholeDocument("x = 1\n"))
            assert await client.hover(uri, 0) is None
        await client.until(lambda: client.diagnostics(shop.payments), "the diagnostic")
        assert {published.uri for published in client.published} == {shop.payments.as_uri()}
        for uri in ("untitled:Untitled-1", "git:/project/shop/payments.py?HEAD"):
            client.close(uri)
        notebook = types.NotebookDocument("file:///n.ipynb", "jupyter-notebook", 1, [])
        client.client.notebook_document_did_open(types.DidOpenNotebookDocumentParams(notebook, []))
        closing = types.DidCloseNotebookDocumentParams(types.NotebookDocumentIdentifier("file:///n.ipynb"), [])
        client.client.notebook_document_did_close(closing)
        assert (await client.command("status"))["failing"] == 1
        assert client.client.messages == []


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
async def test_a_workspace_opened_through_a_link(shop: Shop, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(shop.root, target_is_directory=True)
    linked = link / "shop" / "payments.py"
    shop.fail()
    async with editor(link, store=shop.store) as client:
        await client.until(lambda: client.diagnostics(linked), "at the path the client knows")
        uri = client.open(linked)
        client.edit(uri, 2, types.TextDocumentContentChangeWholeDocument("\n" + PAYMENTS))
        await client.until(
            lambda: [each.range.start.line for each in client.diagnostics(linked)] == [13], "the buffer counts"
        )
        assert {published.uri for published in client.published} == {linked.as_uri()}


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
async def test_one_file_open_under_two_names_and_closed_under_one(shop: Shop, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(shop.root, target_is_directory=True)
    linked = link / "shop" / "payments.py"
    shop.fail()
    async with editor(shop.root, store=shop.store) as client:
        await client.until(lambda: client.diagnostics(shop.payments), "the diagnostic")
        uri = client.open(shop.payments, "\n" + PAYMENTS)
        other = client.open(linked, "\n\n" + PAYMENTS)
        await client.until(
            lambda: [each.range.start.line for each in client.diagnostics(linked)] == [14], "where it was typed last"
        )
        assert not client.diagnostics(shop.payments), "not twice"
        client.close(other)
        await client.until(
            lambda: [each.range.start.line for each in client.diagnostics(shop.payments)] == [13],
            "the buffer that is still open",
        )
        assert not client.diagnostics(linked)
        client.close(uri)
        await client.until(
            lambda: [each.range.start.line for each in client.diagnostics(shop.payments)] == [12], "the file"
        )


async def test_the_clients_spelling_of_a_uri_is_kept(shop: Shop) -> None:
    odd = shop.root / "shop" / "[a] é+@.py"
    odd.write_text(PAYMENTS, encoding="utf-8")
    shop.send(http("GET", "/", 500, raises=Raises("E", "m", (shop.frame(odd, "raise Timeout", "send"),))))
    async with editor(shop.root, store=shop.store) as client:
        await client.until(lambda: client.published, "by our spelling")
        spelled = odd.as_uri().replace("%5B", "[").replace("%5D", "]").replace("@", "%40")
        assert spelled != client.published[0].uri
        client.open(odd, uri=spelled)
        await client.until(
            lambda: any(each.uri == spelled and each.diagnostics for each in client.published), "by the client's"
        )
        before = [each for each in client.published if each.uri != spelled]
        assert before[-1].diagnostics == (), "not twice under two spellings"
        client.close(spelled)
        await client.until(lambda: client.published[-1].diagnostics and client.published[-1].uri != spelled, "back")


async def test_other_encodings_and_line_ends_on_disk(shop: Shop) -> None:
    latin = shop.root / "shop" / "latin.py"
    text = '# coding: latin-1\r\nname = "é"\r\ndef f():\r\n    x = "é"; raise ValueError(x)\r\n'
    latin.write_bytes(text.encode("latin-1"))
    marked = shop.root / "shop" / "marked.py"
    marked.write_bytes(b"\xef\xbb\xbf" + b"def g():\r\x0c    raise ValueError\r")
    shop.send(
        http(
            "GET",
            "/",
            500,
            raises=Raises("ValueError", "é", ((str(latin), 4, "f", 'x = "é"; raise ValueError(x)'),)),
        )
    )
    shop.send(http("GET", "/", 500, raises=Raises("ValueError", "", ((str(marked), 2, "g", "raise ValueError"),))))
    async with editor(shop.root, store=shop.store, profile="neovim") as client:
        (found,) = await client.until(lambda: client.diagnostics(latin), "Latin-1 with CRLF")
        assert found.range == types.Range(types.Position(3, 4), types.Position(3, 33))
        (found,) = await client.until(lambda: client.diagnostics(marked), "lone CR, a form feed and a mark")
        assert found.range.start.line == 1
