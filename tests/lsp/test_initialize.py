"""`initialize`: what the server says it can do, and how little it loads to say so."""

import asyncio
import subprocess
import sys

import pytest
from lsprotocol import types

from flux_ls import __version__
from flux_ls.lsp.commands import COMMANDS
from tests.lsp.editors import ENCODINGS, PROFILES, able, editor
from tests.lsp.shop import Shop

LATER = ("msgspec", "sqlite3", "tree_sitter", "google.protobuf", "grpc", "uvicorn", "click", "platformdirs", "filelock")

GREET = """
import json, sys
from flux_ls.lsp.main import main
from flux_ls.lsp.server import make_server

server = make_server()
sent = []
class Writer:
    def write(self, data): sent.append(json.loads(data.split(b"\\r\\n\\r\\n", 1)[1]))
    def close(self): pass
server.protocol.set_writer(Writer())
params = {"processId": None, "rootUri": None, "capabilities": {}}
server.protocol.handle_message({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})
assert sent[0]["result"]["serverInfo"]["name"] == "flux-ls", sent
print("\\n".join(sorted(sys.modules)))
"""


def test_nothing_is_loaded_before_the_client_is_greeted() -> None:
    done = subprocess.run([sys.executable, "-c", GREET], capture_output=True, text=True, check=True, timeout=50)
    loaded = set(done.stdout.split())
    assert loaded.isdisjoint(LATER), sorted(loaded.intersection(LATER))
    ours = {name for name in loaded if name.startswith("flux_ls.")}
    assert {name for name in ours if not name.startswith("flux_ls.lsp")} == set(), "only the server's own modules"
    assert "flux_ls.lsp.session" not in ours


@pytest.mark.asyncio
@pytest.mark.parametrize("profile", PROFILES)
async def test_capabilities(shop: Shop, profile: str) -> None:
    async with editor(shop.root, store=shop.store, profile=profile) as client:
        capabilities = client.capabilities
        assert client.encoding == ENCODINGS[profile]
        sync = capabilities.text_document_sync
        assert isinstance(sync, types.TextDocumentSyncOptions)
        assert (sync.open_close, sync.change) == (True, types.TextDocumentSyncKind.Incremental)
        assert capabilities.hover_provider is True
        assert capabilities.code_lens_provider == types.CodeLensOptions(resolve_provider=False)
        assert capabilities.inlay_hint_provider
        assert capabilities.notebook_document_sync is None
        assert capabilities.diagnostic_provider is None, "diagnostics are pushed; both would show them twice"
        assert capabilities.execute_command_provider is not None
        assert sorted(capabilities.execute_command_provider.commands) == [
            f"flux.server.{name}" for name in sorted(command.name for command in COMMANDS)
        ]
        assert capabilities.workspace is not None
        assert capabilities.workspace.workspace_folders == types.WorkspaceFoldersServerCapabilities(True, True)
        assert capabilities.workspace.text_document_content is None, "this client does not ask for content"


@pytest.mark.asyncio
async def test_content_is_offered_to_clients_that_ask_for_it(shop: Shop) -> None:
    def content(capabilities: types.ClientCapabilities) -> None:
        able(capabilities, text_document_content=types.TextDocumentContentClientCapabilities())

    async with editor(shop.root, store=shop.store, capabilities=content) as client:
        assert client.capabilities.workspace is not None
        assert client.capabilities.workspace.text_document_content == types.TextDocumentContentOptions(("flux",))


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--version"], 0, f"flux-ls {__version__}"),
        (["--help"], 0, "--tcp HOST:PORT"),
        (["--tcp", "0.0.0.0:1"], 2, "loopback"),
        (["--tcp=example.org:80"], 2, "loopback"),
        (["--tcp", "127.0.0.1:99999"], 2, "loopback"),
        (["--tcp"], 2, "loopback"),
        (["--frobnicate"], 2, "'--frobnicate'"),
    ],
)
def test_arguments(arguments: list[str], code: int, words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from flux_ls.lsp.main import main; raise SystemExit(main())", *arguments],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == code
    assert words in (done.stdout if code == 0 else done.stderr)
    if code:
        assert done.stdout == "", "standard output is for messages"


def test_a_taken_port_is_said() -> None:
    async def taken() -> subprocess.CompletedProcess[str]:
        server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        command = "from flux_ls.lsp.main import main; raise SystemExit(main())"
        try:
            return await asyncio.to_thread(
                subprocess.run,
                [sys.executable, "-c", command, "--tcp", f"127.0.0.1:{port}"],
                capture_output=True,
                text=True,
                timeout=50,
                check=False,
            )
        finally:
            server.close()

    done = asyncio.run(taken())
    assert done.returncode == 1
    assert "in use" in done.stderr
