"""Workspace trust: nothing of the repository runs until the client has said so, whatever it asks."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from flux_ls.lsp import commands
from flux_ls.lsp.trust import REFUSED, Trust
from tests.lsp.editors import Editor, able, editor
from tests.lsp.shop import Shop
from tests.lsp.test_code_action import asked
from tests.lsp.till import BROKEN, FAULT, Till

RUNNING = [command for command in commands.COMMANDS if command.runs_code]


def questions(name: str, id: str, till: Till) -> list[dict[str, Any]]:
    """Every way to ask a command."""
    window = {"window": "1h"}
    ways: dict[str, list[dict[str, Any]]] = {
        "replay": [{"id": id}, {"id": id[:8], "show": True}, {"ids": [id, id]}, window, {"id": "ffff"}, {}],
        "bisect": [
            {"id": id},
            {"id": id, "good": "HEAD", "bad": "HEAD", "jobs": 2},
            {"run": f"touch {till.root.parent}/ran", "good": "HEAD"},
            {"id": id, "run": f"touch {till.root.parent}/ran", "good": "HEAD", "show": True},
        ],
    }
    return ways[name]


async def check_refused(client: Editor, till: Till, id: str) -> None:
    for command in RUNNING:
        for given in questions(command.name, id, till):
            with pytest.raises(JsonRpcException) as refused:
                await client.command(command.name, given)
            error = refused.value
            assert (error.code, error.data) == (REFUSED, {"kind": "untrusted"}), (command.id, given)
            assert ":Flux trust" in error.message
            assert "flux/trust" in error.message
    assert not till.has_run


def test_what_runs_code_is_known_to_do_so() -> None:
    assert {"replay", "bisect"} == {command.name for command in RUNNING}
    assert all(questions(command.name, "", Till(Shop(Path(), Path()))) for command in RUNNING)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "options",
    [
        None,
        {"workspaceTrusted": "true"},
        *(
            pytest.param(options, marks=pytest.mark.slow)
            for options in (
                {},
                {"workspaceTrusted": False},
                {"workspaceTrusted": 1},
                {"flux": {"workspaceTrusted": True}},
            )
        ),
    ],
)
async def test_nothing_runs_in_an_untrusted_workspace(tmp_path: Path, options: Any) -> None:
    till = Till.make(tmp_path)
    id = till.fails()
    configuration = {"python": str(till.python)}
    async with editor(till.root, store=till.shop.store, options=options, configuration=configuration) as client:
        await check_refused(client, till, id)
        assert client.client.messages == []
        client.client.protocol.notify("flux/trust", {"trusted": True})
        await client.command("replay", {"id": id})
    assert till.has_run, "that it runs would have been seen"


@pytest.mark.asyncio
async def test_settings_do_not_make_it_trusted(tmp_path: Path) -> None:
    """They come from files of the repository too."""
    till = Till.make(tmp_path)
    (till.root / "pyproject.toml").write_text("[tool.flux]\nworkspace_trusted = true\nworkspaceTrusted = true\n")
    id = till.fails()
    configuration = {"workspaceTrusted": True, "workspace_trusted": True, "python": str(till.python)}
    environment = {"FLUX_WORKSPACE_TRUSTED": "true"}
    async with editor(till.root, store=till.shop.store, configuration=configuration, environment=environment) as client:
        client.client.workspace_did_change_configuration(
            types.DidChangeConfigurationParams({"flux": {"workspaceTrusted": True}})
        )
        await check_refused(client, till, id)


@pytest.mark.asyncio
async def test_documents_run_nothing(tmp_path: Path) -> None:
    till = Till.make(tmp_path)
    id = till.fails()

    def content(capabilities: types.ClientCapabilities) -> None:
        able(capabilities, text_document_content=types.TextDocumentContentClientCapabilities())

    for options in ({}, till.trusted):
        async with editor(till.root, store=till.shop.store, options=options, capabilities=content) as client:
            for uri in (
                f"flux://request/{id}/replay",
                f"flux:replay?ids={id},{id}",
                "flux://replay?window=1h",
                f"flux://request/{id}/bisect",
            ):
                with pytest.raises(JsonRpcException, match=r"has not been (replayed|bisected) here"):
                    await client.client.workspace_text_document_content_async(types.TextDocumentContentParams(uri))
    assert not till.has_run


@pytest.mark.asyncio
async def test_what_would_run_is_offered_in_a_trusted_workspace_alone(tmp_path: Path) -> None:
    till = Till.make(tmp_path)
    till.fails()
    async with editor(till.root, store=till.shop.store) as client:
        uri = client.open(till.app)
        await client.until(lambda: client.diagnostics(till.app), "the diagnostic")

        async def offered() -> tuple[list[str], list[str]]:
            actions = await client.request("textDocument/codeAction", asked(uri, FAULT))
            lenses = [lens.command.command for lens in await client.lenses(uri) if lens.command]
            return [action["command"]["command"] for action in actions if action.get("command")], lenses

        actions, lenses = await offered()
        assert not {"flux.server.replay", "flux.server.bisect"} & {*actions}
        assert lenses == ["flux.server.why"]
        # Writing a test runs nothing.
        assert "flux.server.writeTest" in actions
        before = client.lens_refreshes
        client.client.protocol.notify("flux/trust", {"trusted": True})
        await client.until(lambda: client.lens_refreshes > before, "lenses are asked for anew")
        actions, lenses = await offered()
        assert {"flux.server.replay", "flux.server.bisect"} <= {*actions}
        assert lenses == ["flux.server.why", "flux.server.replay", "flux.server.bisect"]
        client.client.protocol.notify("flux/trust", {"trusted": False})
        await client.until(lambda: client.lens_refreshes > before + 1, "and again")
        assert (await offered())[1] == ["flux.server.why"]
    assert not till.has_run


@pytest.mark.asyncio
async def test_nonsense_changes_nothing(tmp_path: Path) -> None:
    till = Till.make(tmp_path)
    id = till.fails()
    async with editor(till.root, store=till.shop.store) as client:
        for params in (None, {}, {"trusted": "yes"}, {"trusted": 1}, [True], {"trusted": True, "also": 1}):
            client.client.protocol.notify("flux/trust", params)
        await check_refused(client, till, id)
        assert client.client.messages == []


@pytest.mark.asyncio
async def test_a_folder_that_joins_is_not_trusted(tmp_path: Path) -> None:
    till = Till.make(tmp_path)
    id = till.fails()
    other = tmp_path / "other"
    other.mkdir()
    async with editor(till.root, store=till.shop.store, options=till.trusted) as client:
        joined = types.WorkspaceFolder(other.as_uri(), "other")
        event = types.WorkspaceFoldersChangeEvent(added=[joined], removed=[])
        client.client.workspace_did_change_workspace_folders(types.DidChangeWorkspaceFoldersParams(event))
        await check_refused(client, till, id)
        left = types.WorkspaceFoldersChangeEvent(added=[], removed=[joined])
        client.client.workspace_did_change_workspace_folders(types.DidChangeWorkspaceFoldersParams(left))
        assert (await client.command("replay", {"id": id}))["failing"] == 1


@pytest.mark.slow
@pytest.mark.asyncio
async def test_what_runs_ends_with_the_trust(tmp_path: Path) -> None:
    till = Till.make(tmp_path)
    id = till.fails()
    till.write(f"import time\ntime.sleep(60)\n{BROKEN}")
    async with editor(till.root, store=till.shop.store, options=till.trusted) as client:
        running = asyncio.create_task(client.command("replay", {"id": id}))
        await client.until(lambda: any(client.client.progress_reports.values()), "its beginning")
        client.client.protocol.notify("flux/trust", {"trusted": False})
        with pytest.raises(JsonRpcException) as stopped:
            await running
        assert stopped.value.code == types.LSPErrorCodes.RequestCancelled


def test_trust_is_of_the_folders_that_were_open() -> None:
    folders = ["file:///a"]
    trust = Trust(lambda: folders)
    assert not trust.is_given
    trust.say(True)
    assert trust.is_given
    folders.append("file:///b")
    assert not trust.is_given
    trust.say(True)
    assert trust.is_given
    folders.remove("file:///a")
    assert trust.is_given
    trust.say(False)
    assert not trust.is_given
