"""The event loop waits for nothing: what editors ask for on every key is answered without a file, or a process."""

import sys
import time
from statistics import median
from typing import Any

import pytest
from lsprotocol import types

from flux_ls.source.functions import FunctionIndex
from tests.lsp.editors import Editor, editor
from tests.lsp.shop import PAYMENTS, Shop
from tests.lsp.test_diagnostics import RAISES

pytestmark = [pytest.mark.asyncio, pytest.mark.slow]
AUDITED = (sys.executable, "-m", "tests.lsp.audited_server")
PROCESSES = ("subprocess.Popen", "os.posix_spawn", "os.fork", "os.exec", "os.system")


async def opened(client: Editor) -> list[dict[str, Any]]:
    """What the server opened since the last time."""
    found: list[dict[str, Any]] = (await client.command("record"))["opened"]
    return found


def on_the_loop(record: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in record if each["loop"]]


@pytest.mark.parametrize("committed", [False, True], ids=["no repository", "in git, and edited since it ran"])
async def test_hover_lenses_actions_and_typing_open_nothing_in_the_event_loop_and_start_no_process(
    shop: Shop, committed: bool
) -> None:
    told = {"vcs.ref.head.revision": shop.commit()} if committed else {}
    request = shop.fail(resource=told)
    shop.handle()
    before = ""
    if committed:
        before = "# edited\n"
        shop.payments.write_text(before + PAYMENTS, encoding="utf-8")
    async with editor(shop.root, store=shop.store, command=AUDITED, configuration={"trafficLens": True}) as client:
        uri = client.open(shop.payments)
        await client.until(lambda: len(client.diagnostics(shop.payments)) == 2, "the diagnostics")
        starting = await opened(client)
        assert on_the_loop(starting), "the record works: modules were read in the main thread"
        assert any(each["event"] == "sqlite3.connect" and not each["loop"] for each in starting)
        assert any(each["event"] in PROCESSES for each in starting) or not committed, "git was asked"
        for version in range(2, 42):
            place = types.Range(types.Position(0, 0), types.Position(0, 0))
            client.edit(uri, version, types.TextDocumentContentChangePartial(place, "# é🙂\n"))
            row = RAISES + version - 1 + before.count("\n")
            assert await client.hover(uri, row, 9) is not None
            assert len(await client.lenses(uri)) == 2
            at = types.Range(types.Position(row, 0), types.Position(row, 0))
            context = types.CodeActionContext([])
            asked = types.CodeActionParams(types.TextDocumentIdentifier(uri), at, context)
            assert await client.client.text_document_code_action_async(asked)
        typing = await opened(client)
        assert on_the_loop(typing) == []
        assert [each for each in typing if each["event"] in PROCESSES] == []
        assert [each for each in typing if "payments.py" in each["what"]] == [], "an open file is not read"

        client.client.text_document_did_save(types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(uri)))
        shop.payments.write_text(PAYMENTS + "\n", encoding="utf-8")
        client.close(uri)
        await client.until(
            lambda: client.diagnostics(shop.payments)[0].range.start.line == RAISES, "the file as it is on disk"
        )
        shop.fail()
        await client.until(lambda: " 2 failures " in client.diagnostics(shop.payments)[0].message, "a new failure")
        for name in ("why", "trace"):
            await client.command(name, {"id": request, "show": True})
        for name in ("errors", "tail", "doctor", "status"):
            await client.command(name)
        await client.request("flux/subscribeTail", {"last": 5})
        await client.until(lambda: client.tailed, "the tail")
        client.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(None))
        await client.command("status")
        rest = await opened(client)
        assert on_the_loop(rest) == []
        assert any("payments.py" in each["what"] for each in rest), "the closed file was read, elsewhere"


async def test_other_messages_are_answered_at_once_while_a_long_file_is_typed_in(shop: Shop) -> None:
    text = "".join(f"def f{n}(x):\n    y = x + {n}\n    return y\n\n\n" for n in range(2_000)) + PAYMENTS
    shop.payments.write_text(text, encoding="utf-8")
    shop.fail()
    async with editor(shop.root, store=shop.store) as client:
        uri = client.open(shop.payments)
        await client.until(lambda: client.diagnostics(shop.payments), "the diagnostic")
        took, parsed = [], []
        place = types.Range(types.Position(0, 0), types.Position(0, 0))
        for version in range(2, 62):
            client.edit(uri, version, types.TextDocumentContentChangePartial(place, "\n"))
            before = time.monotonic()
            await client.request("flux/status")
            took.append(time.monotonic() - before)
            if version % 6 == 0:
                # What it would take to go through all of the file once, with as much else to do for the machine.
                before = time.monotonic()
                FunctionIndex.parse(text)
                parsed.append(time.monotonic() - before)
        assert median(took) < median(parsed)
        await client.until(
            lambda: client.diagnostics(shop.payments)[0].range.start.line == 10_000 + RAISES + 60, "the last edit"
        )
        assert client.published[-1].version == 61
