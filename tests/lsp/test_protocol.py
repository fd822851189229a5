"""The protocol over pygls: each test holds one thing that pygls 2.1 does otherwise."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from tests.lsp.editors import PATIENCE_S, Editor, editor
from tests.lsp.shop import Shop

pytestmark = pytest.mark.asyncio
SLOW = (sys.executable, "-m", "tests.lsp.slow_server")


@asynccontextmanager
async def slow_editor(shop: Shop, **rest: Any) -> AsyncIterator[Editor]:
    async with editor(shop.root, store=shop.store, command=SLOW, **rest) as slow:
        yield slow


class Wire:
    """A client that writes messages by hand, to say what no library would."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.received: list[dict[str, Any]] = []

    def send(self, message: object) -> None:
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    def ask(self, msg_id: object, method: str, params: object = None) -> None:
        self.send({"jsonrpc": "2.0", "id": msg_id, "method": method, "params": params})

    def tell(self, method: str, params: object = None) -> None:
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    async def greet(self, **capabilities: Any) -> None:
        self.ask(0, "initialize", {"processId": None, "rootUri": None, "capabilities": capabilities})
        await self.answer(0)
        self.tell("initialized", {})

    async def answer(self, msg_id: object) -> dict[str, Any]:
        """The response to a request; what else arrives is kept in `received`."""
        return await asyncio.wait_for(self._answer(msg_id), PATIENCE_S)

    async def _answer(self, msg_id: object) -> dict[str, Any]:
        while True:
            for message in self.received:
                if message.get("id") == msg_id and "method" not in message:
                    return message
            self.received.append(await self._message())

    async def _message(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        length = 0
        while (line := await self.process.stdout.readline()) != b"\r\n":
            assert line.startswith(b"Content-Length: "), line
            length = int(line.split(b":")[1])
        message: dict[str, Any] = json.loads(await self.process.stdout.readexactly(length))
        return message

    async def leave(self) -> int:
        self.ask("bye", "shutdown")
        assert (await self.answer("bye"))["result"] is None
        self.tell("exit")
        return await asyncio.wait_for(self.process.wait(), PATIENCE_S)


@asynccontextmanager
async def wire(shop: Shop, command: tuple[str, ...] = SLOW) -> AsyncIterator[Wire]:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={"FLUX_STORE": str(shop.store), "FLUX_COLLECTOR": "false", "HOME": str(shop.root)},
        cwd=Path(__file__).parents[2],
    )
    try:
        yield Wire(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_notifications_leave_nothing_behind(shop: Shop) -> None:
    async with slow_editor(shop) as slow:
        uri = slow.open(shop.payments)
        before = (await slow.command("tables"))["futures"]
        for version in range(2, 202):
            slow.edit(uri, version, types.TextDocumentContentChangeWholeDocument(f"x = {version}\n"))
        assert (await slow.command("tables"))["futures"] == before


async def test_shutdown_while_a_command_runs(shop: Shop, tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    async with wire(shop) as client:
        await client.greet()
        for number in range(1, 4):
            arguments = [{"seconds": 60, "diary": str(diary)}]
            client.ask(number, "workspace/executeCommand", {"command": "flux.server.sleep", "arguments": arguments})
        while not diary.exists():
            await asyncio.sleep(0.01)
        assert await client.leave() == 0
        for number in range(1, 4):
            assert (await client.answer(number))["error"]["code"] == types.LSPErrorCodes.RequestCancelled
    assert diary.read_text() == "stopped"


async def test_work_that_never_stops_does_not_keep_the_process_alive(shop: Shop, tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    async with wire(shop) as client:
        await client.greet()
        arguments = [{"seconds": 600, "diary": str(diary), "stubborn": True}]
        client.ask(1, "workspace/executeCommand", {"command": "flux.server.sleep", "arguments": arguments})
        while not diary.exists():
            await asyncio.sleep(0.01)
        assert await client.leave() == 0


async def test_cancelling_a_command_stops_its_work(shop: Shop, tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    async with wire(shop) as client:
        await client.greet()
        arguments = [{"seconds": 60, "diary": str(diary)}]
        client.ask(1, "workspace/executeCommand", {"command": "flux.server.sleep", "arguments": arguments})
        while not diary.exists():
            await asyncio.sleep(0.01)
        client.tell("$/cancelRequest", {"id": 1})
        assert (await client.answer(1))["error"]["code"] == types.LSPErrorCodes.RequestCancelled
        while diary.read_text() != "stopped":
            await asyncio.sleep(0.01)
        client.tell("$/cancelRequest", {"id": 1})
        client.tell("$/cancelRequest", {"id": "never asked"})
        assert await client.leave() == 0


@pytest.mark.filterwarnings("ignore:Unknown progress token")
async def test_progress_tokens_are_forgotten(shop: Shop) -> None:
    async with slow_editor(shop, profile="neovim") as slow:
        await slow.command("sleep", {"seconds": 0.6})
        await slow.command("sleep", {"seconds": 0.1}, work_done_token="mine")
        tables = await slow.command("tables")
        assert tables["tokens"] == 0
        reported = [report for reports in slow.client.progress_reports.values() for report in reports]
        assert sum(isinstance(report, types.WorkDoneProgressEnd) for report in reported) == 2


async def test_parameters_of_our_own_messages_keep_their_names(shop: Shop) -> None:
    async with wire(shop) as client:
        await client.greet()
        client.ask(1, "flux/subscribeTail", {"span-id": 1, "class": "x"})
        assert "there is no parameter 'span-id'" in (await client.answer(1))["error"]["message"]
        client.send({"jsonrpc": "2.0", "id": 2, "method": "flux/status"})
        assert (await client.answer(2))["result"]["collector"]["state"]
        assert await client.leave() == 0


async def test_any_data_reaches_the_client(shop: Shop) -> None:
    expected: dict[str, object] = {
        "struct": {"name": "a struct"},
        "nested": [{"deep": [{"name": "a nested struct"}]}],
        "nan": [None, None, 1.5],
        "surrogate": "half \ud800",
    }
    async with wire(shop) as client:
        await client.greet()
        for how, value in expected.items():
            client.ask(
                how, "workspace/executeCommand", {"command": "flux.server.misbehave", "arguments": [{"how": how}]}
            )
            assert (await client.answer(how))["result"]["value"] == value
        assert await client.leave() == 0


async def test_a_fault_of_ours_is_an_answer_and_no_popup(shop: Shop) -> None:
    async with slow_editor(shop) as slow:
        for how, words in (("object", "could not be sent"), ("raise", "a fault of ours")):
            with pytest.raises(JsonRpcException, match=words):
                await slow.command("misbehave", {"how": how})
        assert slow.client.messages == []


async def test_what_others_print_does_not_break_the_protocol(shop: Shop) -> None:
    async with slow_editor(shop) as slow:
        await slow.command("misbehave", {"how": "print"})
        assert (await slow.command("status"))["store"]["path"] == str(shop.store)
        await slow.until(lambda: "this is no message" in "".join(slow.stderr), "the print on standard error")


async def test_faults_in_notifications_show_no_popup(shop: Shop) -> None:
    async with wire(shop) as client:
        await client.greet()
        client.tell("textDocument/didChange", {"textDocument": {"uri": "file:///x", "version": 1}})
        client.tell(
            "textDocument/didChange",
            {"textDocument": {"uri": "file:///never-opened", "version": 1}, "contentChanges": []},
        )
        client.tell("textDocument/didOpen", {"textDocument": 3})
        client.tell("textDocument/didSave", None)
        client.tell("workspace/didChangeConfiguration", {})
        client.tell("workspace/didChangeWorkspaceFolders", {"event": {}})
        client.tell("$/setTrace", {"value": "loud"})
        client.tell("no/such/thing", [1, 2])
        client.tell("$/cancelRequest", {})
        client.send(b"[1, 2")
        client.send(b"[]")
        client.send(b'"text"')
        client.send(b"\xff\xfe")
        client.send({"jsonrpc": "1.0", "method": "exit"})
        client.send({"jsonrpc": "2.0", "id": "never asked", "result": 1})
        client.send({"jsonrpc": "2.0", "id": {}, "method": "shutdown"})
        client.send(b"[" * 100_000)
        client.ask(1, "flux/status")
        await client.answer(1)
        assert [message for message in client.received if message.get("method") == "window/showMessage"] == []
        assert await client.leave() == 0


MALFORMED: tuple[tuple[str, Any], ...] = (
    ("textDocument/hover", {"textDocument": {"uri": "file:///x"}}),
    ("textDocument/hover", {"textDocument": 7, "position": {"line": 0, "character": 0}}),
    ("textDocument/hover", {"textDocument": {"uri": "file:///x"}, "position": {"line": -1, "character": 0}}),
    ("textDocument/codeLens", None),
    ("workspace/executeCommand", {"arguments": []}),
    ("workspace/executeCommand", {"command": "no.such.command"}),
    ("workspace/executeCommand", {"command": "flux.server.why"}),
    ("workspace/executeCommand", {"command": "flux.server.why", "arguments": [{"id": 7}]}),
    ("workspace/executeCommand", {"command": "flux.server.why", "arguments": ["x", "y"]}),
    ("workspace/textDocumentContent", {"uri": "flux://nothing/like/this"}),
)


async def test_malformed_requests_are_answered(shop: Shop) -> None:
    async with wire(shop) as client:
        await client.greet()
        for number, (method, params) in enumerate(MALFORMED, start=1):
            client.ask(number, method, params)
            error = (await client.answer(number))["error"]
            assert error["code"] == types.ErrorCodes.InvalidParams, params
            assert len(error["message"]) > 10
        assert await client.leave() == 0


async def test_an_unknown_method_is_answered(shop: Shop) -> None:
    async with wire(shop) as client:
        await client.greet()
        client.ask(1, "textDocument/rename", {})
        assert (await client.answer(1))["error"]["code"] in (-32601, -32602)
        client.ask(2, "no/such/method")
        assert (await client.answer(2))["error"]["code"] == types.ErrorCodes.MethodNotFound
        assert await client.leave() == 0


async def test_an_object_that_looks_like_a_message_inside_of_one_is_only_an_object(shop: Shop) -> None:
    async with wire(shop) as client:
        await client.greet()
        inner = {"jsonrpc": "2.0", "method": "textDocument/hover"}
        client.ask(
            1, "workspace/executeCommand", {"command": "flux.server.why", "arguments": [{"id": "abcd", **inner}]}
        )
        assert "there is no parameter 'jsonrpc'" in (await client.answer(1))["error"]["message"]
        assert await client.leave() == 0


async def test_the_order_of_life(shop: Shop) -> None:
    async with wire(shop) as client:
        client.ask(1, "textDocument/hover", {})
        assert (await client.answer(1))["error"]["code"] == types.ErrorCodes.ServerNotInitialized
        await client.greet()
        client.ask(2, "initialize", {"processId": None, "rootUri": None, "capabilities": {}})
        assert (await client.answer(2))["error"]["code"] == types.ErrorCodes.InvalidRequest
        client.ask(3, "shutdown")
        client.ask(4, "flux/status")
        assert (await client.answer(4))["error"]["code"] == types.ErrorCodes.InvalidRequest
        assert (await client.answer(3))["result"] is None
        client.tell("exit")
        assert await asyncio.wait_for(client.process.wait(), PATIENCE_S) == 0


async def test_answers_of_the_client_after_shutdown_are_heard(shop: Shop) -> None:
    async with wire(shop) as client:
        await client.greet(workspace={"configuration": True})
        while not (asked := [each for each in client.received if each.get("method") == "workspace/configuration"]):
            client.received.append(await asyncio.wait_for(client._message(), PATIENCE_S))
        client.ask(1, "shutdown")
        client.send({"jsonrpc": "2.0", "id": asked[0]["id"], "result": [None]})
        client.send({"jsonrpc": "2.0", "id": asked[0]["id"], "result": [None]})
        assert (await client.answer(1))["result"] is None
        client.tell("exit")
        assert await asyncio.wait_for(client.process.wait(), PATIENCE_S) == 0


async def test_exit_without_shutdown_and_a_vanished_client_end_the_process(shop: Shop) -> None:
    async with wire(shop) as client:
        await client.greet()
        client.tell("exit")
        assert await asyncio.wait_for(client.process.wait(), PATIENCE_S) == 1
    async with wire(shop) as client:
        await client.greet()
        assert client.process.stdin is not None
        client.process.stdin.close()
        assert await asyncio.wait_for(client.process.wait(), PATIENCE_S) == 1
