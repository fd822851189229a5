"""Bytes in and out: messages however they are cut, and what happens when they make no sense."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_ls.lsp.transport import LONGEST_BODY, LONGEST_HEADER, Frames, FramingLost
from flux_ls.processes import alive
from tests.lsp.editors import PATIENCE_S
from tests.lsp.shop import Shop
from tests.lsp.test_protocol import wire

pytestmark = pytest.mark.slow


def framed(body: bytes, header: bytes = b"Content-Length: %d\r\n\r\n") -> bytes:
    return header % len(body) + body


@given(bodies=st.lists(st.binary(max_size=40), max_size=6), data=st.data())
def test_messages_survive_any_cut(bodies: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(map(framed, bodies))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    frames = Frames()
    found = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += list(frames.feed(stream[start:end]))
    assert found == bodies


@pytest.mark.parametrize(
    "header",
    [
        b"content-length: %d\r\n\r\n",
        b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length:%d\r\n\r\n",
        b"Content-Length:   %d  \r\nX-Other: 1\r\n\r\n",
    ],
)
def test_headers_as_clients_write_them(header: bytes) -> None:
    assert list(Frames().feed(framed(b"{}", header) * 2)) == [b"{}", b"{}"]


@pytest.mark.parametrize(
    "nonsense",
    [
        b"Content-Type: text\r\n\r\n{}",
        b"Content-Length: many\r\n\r\n",
        b"Content-Length: -5\r\n\r\n",
        b"Content-Length: %d\r\n\r\n" % (LONGEST_BODY + 1),
        b"x" * (LONGEST_HEADER + 1),
    ],
)
def test_a_stream_that_makes_no_sense_is_given_up(nonsense: bytes) -> None:
    with pytest.raises(FramingLost):
        list(Frames().feed(nonsense))


@pytest.mark.asyncio
async def test_a_lost_stream_ends_the_server(shop: Shop) -> None:
    async with wire(shop) as client:
        await client.greet()
        assert client.process.stdin is not None
        client.process.stdin.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert await asyncio.wait_for(client.process.wait(), PATIENCE_S) == 1


@pytest.mark.asyncio
async def test_over_tcp_one_client_is_served_and_the_process_ends_with_it(shop: Shop) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "flux_ls.lsp", "--tcp", "127.0.0.1:0"),
        env={"FLUX_STORE": str(shop.store), "FLUX_COLLECTOR": "false", "HOME": str(shop.root)},
        cwd=Path(__file__).parents[2],
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        port = int((await asyncio.wait_for(process.stderr.readline(), PATIENCE_S)).rsplit(b":", 1)[1])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        greeting: dict[str, Any] = {"processId": None, "rootUri": None, "capabilities": {}}
        asked = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": greeting}).encode()
        writer.write(framed(asked))
        length = int((await asyncio.wait_for(reader.readline(), PATIENCE_S)).split(b":")[1])
        await reader.readline()
        assert json.loads(await reader.readexactly(length))["result"]["serverInfo"]["name"] == "flux-ls"
        second, _ = await asyncio.open_connection("127.0.0.1", port)
        assert await asyncio.wait_for(second.read(), PATIENCE_S) == b"", "there is one session in a process"
        writer.close()
        assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 1
        assert process.stdout is not None
        assert await process.stdout.read() == b""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.skipif(sys.platform == "win32", reason="processes cannot be asked there")
def test_whether_the_editor_is_still_there_can_be_told() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    assert alive(os.getpid())
    ended.wait()
    assert not alive(ended.pid)


@pytest.mark.asyncio
@pytest.mark.skipif(sys.platform == "win32", reason="processes cannot be asked there")
async def test_the_server_ends_when_its_editor_has_ended_though_its_input_stays_open(shop: Shop) -> None:
    ends = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    async with wire(shop) as client:
        await client.greet(process_id=ends.pid)
        client.ask(1, "flux/status")
        await client.answer(1)
        assert client.process.returncode is None
        ends.kill()
        ends.wait()
        assert await asyncio.wait_for(client.process.wait(), PATIENCE_S / 2) == 1
