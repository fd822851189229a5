"""Editors for the tests: pytest-lsp clients with the capabilities of real ones, on a real `flux-ls` process."""

import asyncio
import contextlib
import copy
import functools
import os
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import attrs
from lsprotocol import types
from pygls.protocol import default_converter
from pytest_lsp import LanguageClient, client_capabilities
from pytest_lsp.client import register_lsp_features

from tests.lsp import nursery

PROFILES = ("visual_studio_code", "neovim", "emacs")
PATIENCE_S = 40.0
ENCODINGS = {"visual_studio_code": "utf-16", "neovim": "utf-8", "emacs": "utf-32"}
"""What each profile and the server agree on."""


@dataclass
class Editor:
    """One client with its server."""

    client: LanguageClient
    process: asyncio.subprocess.Process
    capabilities: types.ServerCapabilities
    published: list[types.PublishDiagnosticsParams] = field(default_factory=list)
    statuses: list[Any] = field(default_factory=list)
    tailed: list[Any] = field(default_factory=list)
    error_news: list[Any] = field(default_factory=list)
    registered: list[Any] = field(default_factory=list)
    """What the server wants to be told of."""
    lens_refreshes: int = 0
    inlay_refreshes: list[Any] = field(default_factory=list)
    stderr: list[str] = field(default_factory=list)

    @property
    def encoding(self) -> str:
        encoding = self.capabilities.position_encoding
        return str(getattr(encoding, "value", encoding))

    @property
    def status(self) -> dict[str, Any]:
        return plain(self.statuses[-1]) if self.statuses else {}

    def diagnostics(self, path: Path) -> Sequence[types.Diagnostic]:
        """Those published last for a file."""
        latest: Sequence[types.Diagnostic] = ()
        for published in self.published:
            if published.uri == path.as_uri():
                latest = published.diagnostics
        return latest

    async def until(self, condition: Callable[[], Any], what: str = "") -> Any:
        """The first true value of `condition`; fails after a while, with what the server said."""
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while not (value := condition()):
            if asyncio.get_running_loop().time() > deadline:
                said = [message.message for message in self.client.log_messages]
                raise AssertionError(f"never came: {what}; {self.status=}; {said=}; stderr: {''.join(self.stderr)}")
            await asyncio.sleep(0.01)
        return value

    def open(self, path: Path, text: str | None = None, *, uri: str = "", language: str = "python") -> str:
        """Opens a file as the editor does; returns its URI."""
        uri = uri or path.as_uri()
        text = path.read_text() if text is None else text
        item = types.TextDocumentItem(uri, language, 1, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        return uri

    def edit(self, uri: str, version: int, *changes: types.TextDocumentContentChangeEvent) -> None:
        self.client.text_document_did_change(
            types.DidChangeTextDocumentParams(types.VersionedTextDocumentIdentifier(version, uri), list(changes))
        )

    def close(self, uri: str) -> None:
        self.client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri)))

    async def hover(self, uri: str, line: int, character: int = 0) -> types.Hover | None:
        params = types.HoverParams(types.TextDocumentIdentifier(uri), types.Position(line, character))
        return await asyncio.wait_for(self.client.text_document_hover_async(params), PATIENCE_S)

    async def lenses_once(
        self, uri: str, condition: Callable[[Sequence[types.CodeLens]], bool], what: str
    ) -> Sequence[types.CodeLens]:
        """The lenses once the condition holds, as a client gets them: it asks when it is told to, and never else."""
        while True:
            seen = self.lens_refreshes
            lenses = await self.lenses(uri)
            if condition(lenses):
                return lenses
            await self.until(lambda: self.lens_refreshes > seen, f"a refresh for {what}, not {lenses}")  # noqa: B023

    async def lenses(self, uri: str) -> Sequence[types.CodeLens]:
        params = types.CodeLensParams(types.TextDocumentIdentifier(uri))
        return await asyncio.wait_for(self.client.text_document_code_lens_async(params), PATIENCE_S) or []

    async def inlay_hints(self, uri: str, range: types.Range) -> Sequence[types.InlayHint]:
        params = types.InlayHintParams(types.TextDocumentIdentifier(uri), range)
        return await asyncio.wait_for(self.client.text_document_inlay_hint_async(params), PATIENCE_S) or []

    async def command(self, name: str, *arguments: object, **rest: Any) -> Any:
        """The result of `flux.server.<name>`, as plain data."""
        params = types.ExecuteCommandParams(f"flux.server.{name}", arguments=list(arguments), **rest)
        return plain(await asyncio.wait_for(self.client.workspace_execute_command_async(params), PATIENCE_S))

    async def request(self, method: str, params: object = None) -> Any:
        """The result of any request as plain data, just as it was sent."""
        protocol: Any = self.client.protocol
        typed = protocol.get_result_type
        protocol.get_result_type = lambda method: None
        try:
            answer = asyncio.wrap_future(protocol.send_request(method, params))
        finally:
            protocol.get_result_type = typed
        return plain(await asyncio.wait_for(answer, PATIENCE_S))


def plain(value: Any) -> Any:
    """pygls hands out named tuples for objects it has no type for."""
    if hasattr(value, "_asdict"):
        return {key: plain(inner) for key, inner in value._asdict().items()}
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list | tuple) else value


@contextlib.asynccontextmanager
async def editor(
    *roots: Path,
    store: Path,
    profile: str = "visual_studio_code",
    transport: str = "stdio",
    options: Any = None,
    configuration: dict[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    capabilities: Callable[[types.ClientCapabilities], object] = lambda capabilities: None,
    command: Sequence[str] = (),
) -> AsyncIterator[Editor]:
    """A client that has greeted a new server, and takes its leave in the end."""
    client = LanguageClient(converter_factory=_converter)
    register_lsp_features(client)
    if configuration is not None:
        client.set_configuration(configuration, section="flux")
    made: list[Editor] = []
    early: list[tuple[str, Any]] = []

    def keep(attribute: str, value: Any) -> None:
        if made:
            getattr(made[0], attribute).append(value)
        else:
            early.append((attribute, value))

    def published(ls: LanguageClient, params: types.PublishDiagnosticsParams) -> None:
        client.diagnostics[params.uri] = params.diagnostics
        keep("published", params)

    client.protocol.fm.features.pop(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
    client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(published)
    client.feature("flux/status")(lambda params: keep("statuses", params))
    client.feature("flux/tail")(lambda params: keep("tailed", params))
    client.feature("flux/errors")(lambda params: keep("error_news", params))
    client.feature(types.CLIENT_REGISTER_CAPABILITY)(lambda params: keep("registered", params))

    def refresh() -> None:
        if made:
            made[0].lens_refreshes += 1

    client.feature(types.WORKSPACE_CODE_LENS_REFRESH)(lambda params: refresh())
    client.feature(types.WORKSPACE_INLAY_HINT_REFRESH)(lambda params: keep("inlay_refreshes", params))

    env = {key: value for key, value in os.environ.items() if not key.startswith(("FLUX_", "OTEL_"))}
    env |= {"FLUX_STORE": str(store), "FLUX_COLLECTOR": "false", **(environment or {})}
    stderr: list[str] = []
    process = await _start(client, list(command) or nursery.command(), transport, env, stderr)
    abilities = copy.deepcopy(_abilities(profile))
    capabilities(abilities)
    try:
        result = await asyncio.wait_for(
            client.initialize_session(
                types.InitializeParams(
                    capabilities=abilities,
                    root_uri=roots[0].as_uri() if roots else None,
                    workspace_folders=[types.WorkspaceFolder(root.as_uri(), root.name) for root in roots] or None,
                    initialization_options=options,
                )
            ),
            PATIENCE_S,
        )
        made.append(Editor(client, process, result.capabilities, stderr=stderr))
        for attribute, value in early:
            keep(attribute, value)
        yield made[0]
        if process.returncode is None:
            await asyncio.wait_for(client.shutdown_async(None), PATIENCE_S)
            client.exit(None)
            code = await asyncio.wait_for(process.wait(), PATIENCE_S)
            assert code == 0, "".join(stderr)
    except RuntimeError as error:
        raise AssertionError(f"{error}; stderr: {''.join(stderr)}") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        with contextlib.suppress(Exception):
            await asyncio.wait_for(client.stop(), PATIENCE_S)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            if task.get_name() == "stderr":
                await asyncio.wait({task}, timeout=1)


# How to read and write each kind of message is learned once, not by every client.
_converter = functools.cache(default_converter)
_abilities = functools.cache(client_capabilities)


async def _start(
    client: LanguageClient, command: list[str], transport: str, env: dict[str, str], stderr: list[str]
) -> asyncio.subprocess.Process:
    if transport == "stdio":
        await client.start_io(*command, env=env)
        assert client._server is not None
        assert client._stderr_forwarder is not None
        client._stderr_forwarder.cancel()
        _collect(client._server, stderr)
        return client._server
    process = await asyncio.create_subprocess_exec(
        *command, "--tcp", "127.0.0.1:0", env=env, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    said = (await asyncio.wait_for(process.stderr.readline(), PATIENCE_S)).decode()
    listening = re.search(r"listens on 127\.0\.0\.1:(\d+)", said)
    assert listening, said
    _collect(process, stderr)
    await client.start_tcp("127.0.0.1", int(listening[1]))
    return process


def _collect(process: asyncio.subprocess.Process, lines: list[str]) -> None:
    async def collect() -> None:
        assert process.stderr is not None
        with contextlib.suppress(RuntimeError):  # The task that pytest-lsp started may still be reading.
            while line := await process.stderr.readline():
                lines.append(line.decode(errors="replace"))

    asyncio.create_task(collect(), name="stderr")  # noqa: RUF006


def without(*path: str) -> Callable[[types.ClientCapabilities], None]:
    """Takes one ability away, such as `without("workspace", "configuration")`."""

    def change(capabilities: Any) -> None:
        for name in path[:-1]:
            capabilities = getattr(capabilities, name)
        setattr(capabilities, path[-1], None)

    return change


def able(capabilities: types.ClientCapabilities, **workspace: Any) -> None:
    """Gives abilities of `workspace`."""
    capabilities.workspace = attrs.evolve(capabilities.workspace or types.WorkspaceClientCapabilities(), **workspace)
