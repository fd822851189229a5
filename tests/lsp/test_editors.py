"""The editors of the tests, of which one that fails ends at once, and the page about those of the world."""

import json
import re
import time
import tomllib
from pathlib import Path

import attrs
import pytest
from lsprotocol import types

from tests.lsp.editors import PATIENCE_S, PROFILES, able, editor
from tests.lsp.shop import Shop

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("transport", ["stdio", "tcp"])
async def test_a_failed_assertion_is_told_at_once(shop: Shop, transport: str) -> None:
    raised = []

    async def fail() -> None:
        async with editor(shop.root, store=shop.store, transport=transport):
            raised.append(time.monotonic())
            raise AssertionError("not as expected")

    with pytest.raises(AssertionError, match="not as expected"):
        await fail()
    assert time.monotonic() - raised[0] < PATIENCE_S / 2, "it waited for a goodbye"


PAGE = Path(__file__).parents[2] / "editors" / "README.md"


def blocks(language: str) -> list[str]:
    """The settings of the page in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("profile", PROFILES)
async def test_the_page_names_what_the_server_offers(shop: Shop, profile: str) -> None:
    def content(capabilities: types.ClientCapabilities) -> None:
        able(capabilities, text_document_content=types.TextDocumentContentClientCapabilities())

    async with editor(shop.root, store=shop.store, profile=profile, capabilities=content) as client:
        offered = client.capabilities
        providers = {field.name for field in attrs.fields(type(offered)) if field.name.endswith("_provider")}
        methods = {_method(name) for name in providers if getattr(offered, name)}
        content = offered.workspace and offered.workspace.text_document_content
        table = PAGE.read_text(encoding="utf-8").partition("| what | by |")[2].partition("\n\n")[0]
        named = set(re.findall(r"`(\w+/\w+)`", table))
        sent = {
            "textDocument/publishDiagnostics",
            "window/showDocument",
            "window/showMessage",
            "window/workDoneProgress",
        }
        assert content is not None
        assert methods | sent | {"workspace/textDocumentContent"} == named


def _method(provider: str) -> str:
    words = provider.removesuffix("_provider").split("_")
    name = words[0] + "".join(word.title() for word in words[1:])
    return f"workspace/{name}" if name == "executeCommand" else f"textDocument/{name}"


async def test_the_settings_of_the_page_are_what_the_editors_read() -> None:
    (helix,) = blocks("toml")
    told = tomllib.loads(helix)
    assert told["language-server"]["flux"]["command"] == "flux-ls"
    assert told["language-server"]["flux"]["config"] == {"workspaceTrusted": True}
    zed, sublime = (json.loads(block) for block in blocks("json"))
    assert zed["lsp"]["pylsp"]["initialization_options"] == {"workspaceTrusted": True}
    assert "pylsp" in zed["languages"]["Python"]["language_servers"]
    assert sublime["flux"]["command"] == ["flux-ls"]
    assert sublime["flux"]["initialization_options"] == {"workspaceTrusted": True}
