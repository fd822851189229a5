"""Agents for the tests: the protocol's own client, on a real `flux mcp` process."""

import contextlib
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import mcp_types as types
from mcp import Client, StdioServerParameters

from tests.lsp import nursery

MODES = ("legacy", "auto")
"""The handshake of the protocol's first versions, and what came after it."""
FENCE = re.compile(r"\A[^\n]*\n<recorded ([0-9a-f]{16})>\n(.*)\n</recorded \1>(?:\n(.*))?\Z", re.DOTALL)
IMPORTED = ("flux_ls.mcp.server", "flux_ls.mcp.running", "flux_ls.cli.mcp")
FLUX = (sys.executable, "-m", "flux_ls.cli", "mcp")


class Agent:
    """A client, and the schemas that the server gave it."""

    def __init__(self, client: Client, tools: Mapping[str, types.Tool]) -> None:
        self.client = client
        self.tools = tools

    async def call(self, name: str, /, progress: Any = None, **arguments: Any) -> types.CallToolResult:
        """The result, which is held against the tool's schema."""
        result = await self.client.call_tool(name, arguments, progress_callback=progress)
        if not result.is_error:
            jsonschema.validate(result.structured_content, self.tools[name].output_schema)
        return result

    async def data(self, name: str, /, **arguments: Any) -> dict[str, Any]:
        result = await self.call(name, **arguments)
        assert not result.is_error, text_of(result)
        data: dict[str, Any] = result.structured_content
        return data

    async def refused(self, name: str, /, **arguments: Any) -> str:
        result = await self.call(name, **arguments)
        assert result.is_error
        assert result.structured_content is None
        return text_of(result)


def environment(store: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FLUX_")}
    return {**kept, "FLUX_STORE": str(store)}


@contextlib.asynccontextmanager
async def agent(
    root: Path,
    store: Path,
    *flags: str,
    mode: str = "auto",
    asked: Callable[[Any, types.ElicitRequestParams], Awaitable[types.ElicitResult]] | None = None,
) -> AsyncIterator[Agent]:
    """A client that has greeted a new server, and takes its leave in the end. `asked` stands for the user."""
    command, *arguments = nursery.command("flux_ls.cli", IMPORTED)
    parameters = StdioServerParameters(
        command=command, args=[*arguments, "mcp", *flags], cwd=root, env=environment(store)
    )
    async with Client(parameters, mode=mode, elicitation_callback=asked) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        yield Agent(client, tools)


def text_of(result: types.CallToolResult) -> str:
    (block,) = result.content
    assert isinstance(block, types.TextContent)
    return block.text


def fenced(text: str) -> str:
    """What is marked as data; fails where it is not marked, or could be taken for ended before its end."""
    found = FENCE.match(text)
    assert found is not None, text
    assert found[1] not in found[2]
    return found[2]


def size(data: Any) -> int:
    return len(json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode())
