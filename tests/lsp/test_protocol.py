"""The protocol over pygls: each test holds one thing that pygls 2.1 does otherwise."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from flux_ls.lsp import commands, extensions
from flux_ls.lsp.commands import NOT_FOUND
from tests.lsp import nursery
from tests.lsp.editors import PATIENCE_S, Editor, editor
from tests.lsp.shop import Shop

pytestmark = [pytest.mark.asyncio, pytest.mark.slow]
SLOW = "tests.lsp.slow_server"


@asynccontextmanager
async def slow_editor(shop: Shop, **rest: Any) -> AsyncIterator[Editor]:
    async with editor(shop.root, store=shop.store, command=nursery.command(SLOW), **rest) as slow:
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

    async def greet(self, process_id: int | None = None, **capabilities: Any) -> None:
        self.ask(0, "initialize", {"processId": process_id, "rootUri": None, "capabilities": capabilities})
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

    @property
    def asked(self) -> set[str]:
        """What the server has asked for."""
        return {each["method"] for each in self.received if "id" in each and "method" in each}

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
async def wire(shop: Shop, log: Path = Path(os.devnull), temporary: Path | None = None) -> AsyncIterator[Wire]:
    """What the server says on standard error goes to `log`."""
    with log.open("wb") as said:
        process = await asyncio.create_subprocess_exec(
            *nursery.command(SLOW),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=said,
            env={
                "FLUX_STORE": str(shop.store),
                "FLUX_COLLECTOR": "false",
                "HOME": str(shop.root),
                **({} if temporary is None else {"TMPDIR": str(temporary)}),
            },
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
    diaries = [tmp_path / f"diary {number}" for number in range(1, 4)]
    async with wire(shop) as client:
        await client.greet()
        for number, diary in enumerate(diaries, start=1):
            arguments = [{"seconds": 60, "diary": str(diary)}]
            client.ask(number, "workspace/executeCommand", {"command": "flux.server.sleep", "arguments": arguments})
        while not all(diary.exists() for diary in diaries):
            await asyncio.sleep(0.01)
        assert await client.leave() == 0
        for number in range(1, 4):
            assert (await client.answer(number))["error"]["code"] == types.LSPErrorCodes.RequestCancelled
    assert [diary.read_text() for diary in diaries] == ["stopped"] * 3


@pytest.mark.slow
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
async def test_progress_tokens_are_forgotten(shop: Shop, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    async with slow_editor(shop, profile="neovim") as slow:
        running = asyncio.create_task(slow.command("sleep", {"seconds": 60, "until": str(gate)}))
        await slow.until(lambda: any(slow.client.progress_reports.values()), "its beginning")
        gate.touch()
        await running
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


async def test_a_client_that_answers_nothing_and_asks_for_what_is_not_there_leaves_no_traceback(
    shop: Shop, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    async with wire(shop, log) as client:
        await client.greet(
            workspace={"didChangeConfiguration": {"dynamicRegistration": True}, "codeLens": {"refreshSupport": True}},
            window={"workDoneProgress": True},
        )
        for number, method in enumerate(("no/such/method", "$/optional", "textDocument/definition"), start=1):
            client.ask(number, method, {"textDocument": {"uri": "file:///x"}, "position": {"line": 0, "character": 0}})
            assert (await client.answer(number))["error"]["code"] == types.ErrorCodes.MethodNotFound
        gate = tmp_path / "gate"
        arguments = [{"seconds": 60, "until": str(gate)}]
        client.ask(9, "workspace/executeCommand", {"command": "flux.server.sleep", "arguments": arguments})
        while "window/workDoneProgress/create" not in client.asked:
            client.received.append(await asyncio.wait_for(client._message(), PATIENCE_S))
        gate.touch()
        assert (await client.answer(9))["result"]["slept"] == 60
        assert client.asked == {"client/registerCapability", "window/workDoneProgress/create"}
        assert await client.leave() == 0
    assert "Traceback" not in log.read_text()


async def test_every_request_that_is_cancelled_at_once_is_answered_once(shop: Shop) -> None:
    request = shop.fail()
    uri = shop.payments.as_uri()
    document = {"textDocument": {"uri": uri}}
    position = {"line": 12, "character": 9}
    asks: list[tuple[str, Any]] = [
        ("textDocument/hover", {**document, "position": position}),
        ("textDocument/codeLens", document),
        (
            "textDocument/codeAction",
            {**document, "range": {"start": position, "end": position}, "context": {"diagnostics": []}},
        ),
        ("workspace/textDocumentContent", {"uri": "flux://errors"}),
        *((message.method, {}) for message in extensions.MESSAGES if message.sender == "client"),
    ]
    for command in commands.COMMANDS:
        given = {"fingerprint": "x"} if command.parameters is commands.Group else {"id": request}
        takes = {field.name for field in attrs.fields(command.parameters)}
        arguments = [{key: value for key, value in given.items() if key in takes}]
        asks.append(("workspace/executeCommand", {"command": command.id, "arguments": arguments}))
    async with wire(shop) as client:
        await client.greet()
        numbers = range(1, 5 * len(asks) + 1)
        for number in numbers:
            client.ask(number, *asks[number % len(asks)])
            client.tell("$/cancelRequest", {"id": number})
        for number in numbers:
            answer = await client.answer(number)
            if "error" in answer:
                assert answer["error"]["code"] in (types.LSPErrorCodes.RequestCancelled, NOT_FOUND), answer
        assert await client.leave() == 0
        answered = [each["id"] for each in client.received if "id" in each and "method" not in each]
        assert len(answered) == len(set(answered))


async def test_an_answer_is_not_held_up_by_a_client_that_does_not_say_whether_it_showed_it(shop: Shop) -> None:
    request = shop.fail()
    async with wire(shop) as client:
        await client.greet(window={"showDocument": {"support": True}})
        arguments = [{"id": request, "show": True}]
        client.ask(1, "workspace/executeCommand", {"command": "flux.server.why", "arguments": arguments})
        assert (await client.answer(1))["result"]["request"]["id"] == request
        while not any(each.get("method") == "window/showDocument" for each in client.received):
            client.received.append(await asyncio.wait_for(client._message(), PATIENCE_S))
        assert await client.leave() == 0


async def test_pages_that_were_still_being_written_are_removed_too(shop: Shop, tmp_path: Path) -> None:
    request = shop.fail()
    for _ in range(5):
        async with wire(shop, temporary=tmp_path) as client:
            await client.greet(window={"showDocument": {"support": True}})
            client.ask(1, "flux/status")
            await client.answer(1)
            arguments = [{"id": request, "show": True}]
            client.ask(2, "workspace/executeCommand", {"command": "flux.server.why", "arguments": arguments})
            await client.answer(2)
            assert await client.leave() == 0
        assert list(tmp_path.glob("flux-*")) == []
