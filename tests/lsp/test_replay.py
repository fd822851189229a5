"""The fix-verified loop: what a replay of the working tree does to hints, lenses and actions."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from tests.lsp.editors import PATIENCE_S, PROFILES, Editor, able, editor, without
from tests.lsp.test_code_action import asked
from tests.lsp.till import BROKEN, FAULT, HEAD, MENDED, WORSE, Till
from tests.telemetry import http

pytestmark = [pytest.mark.asyncio, pytest.mark.slow]


@pytest.fixture
def till(tmp_path: Path) -> Till:
    return Till.make(tmp_path)


async def shown(client: Editor, till: Till) -> str:
    uri = client.open(till.app)
    await client.until(lambda: client.diagnostics(till.app), "the diagnostic")
    return uri


async def titles(client: Editor, uri: str) -> list[str]:
    lenses = await client.lenses(uri)
    assert {lens.range.start.line for lens in lenses} <= {HEAD}
    return [lens.command.title for lens in lenses if lens.command]


async def until_title(client: Editor, uri: str, first: str) -> list[str]:
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while not (told := await titles(client, uri))[0].startswith(first):
        assert asyncio.get_running_loop().time() < deadline, told
        await asyncio.sleep(0.05)
    return told


def whole(text: str) -> types.TextDocumentContentChangeWholeDocument:
    return types.TextDocumentContentChangeWholeDocument(text=text)


@pytest.mark.parametrize("profile", PROFILES)
async def test_a_fix_shows_as_fixed_until_it_is_edited(till: Till, profile: str) -> None:
    id = till.fails()
    async with editor(till.root, store=till.shop.store, options=till.trusted, profile=profile) as client:
        uri = await shown(client, till)
        assert (await titles(client, uri))[1:] == ["replay", "bisect"]
        # The fix, saved.
        client.edit(uri, 2, whole(MENDED))
        till.write(MENDED)
        client.client.text_document_did_save(types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(uri)))
        answer = await client.command("replay", {"id": id})
        (told,) = answer["requests"]
        assert (told["outcome"], told["was"], told["now"]) == ("passing", 500, 200), told
        assert (answer["passing"], answer["failing"], answer["unsaved"]) == (1, 0, [])
        assert "← was 500" in answer["text"]
        await client.until(lambda: not client.diagnostics(till.app), "the diagnostic's end")
        assert await titles(client, uri) == [f"fixed: replay of req:{id[:8]} 200"]
        hover = await client.hover(uri, HEAD)
        assert hover is not None
        assert "fixed: replay" in str(hover.contents)
        # What stands elsewhere in the file says nothing of it.
        client.edit(uri, 3, whole(MENDED.replace("return 1", "return 2")))
        assert await titles(client, uri) == [f"fixed: replay of req:{id[:8]} 200"]
        client.edit(uri, 4, whole(MENDED.replace('order["total"] /', 'order["total"] //')))
        await client.until(lambda: client.diagnostics(till.app), "the diagnostic again")
        assert (await titles(client, uri))[0].startswith("1 failure")
        # Taken back, it is what ran.
        client.edit(uri, 5, whole(MENDED))
        await client.until(lambda: not client.diagnostics(till.app), "its end")
        # And a new failure counts for more.
        later = till.fails(people=0)
        await client.until(lambda: client.diagnostics(till.app), "the diagnostic of a new failure")
        assert client.diagnostics(till.app)[0].code == later[:8]


async def test_what_still_fails_says_so_and_what_fails_otherwise_says_how(till: Till) -> None:
    id = till.fails()

    def content(capabilities: types.ClientCapabilities) -> None:
        able(capabilities, text_document_content=types.TextDocumentContentClientCapabilities())

    async with editor(till.root, store=till.shop.store, options=till.trusted, capabilities=content) as client:
        uri = await shown(client, till)
        first = client.diagnostics(till.app)[0].message
        told = await client.command("replay", {"id": id})
        assert told["requests"][0]["same_failure"] is True, told["requests"][0]["reason"]
        hint = (await client.until(lambda: _hinted(client, till), "what the replay said"))[0]
        assert hint.message == f"still fails in a replay · {first}"
        client.edit(uri, 2, whole(WORSE))
        await client.until(lambda: not _hinted(client, till), "its end with an edit")
        till.write(WORSE)
        await client.command("replay", {"id": id})
        hint = (await client.until(lambda: _hinted(client, till), "the new failure"))[0]
        assert hint.message.startswith("in a replay: KeyError: 'persons' · ZeroDivisionError"), hint.message
        assert hint.code_description is not None
        assert hint.code_description.href == f"flux://request/{id}/replay"
        page = await client.client.workspace_text_document_content_async(
            types.TextDocumentContentParams(hint.code_description.href)
        )
        assert "KeyError" in page.text
        assert "`error`" in page.text, "the difference is there"
        actions = await client.request("textDocument/codeAction", asked(uri, FAULT))
        command = next(each["command"] for each in actions if each["title"] == f"Compare req:{id[:8]} with its replay")
        again = await client.command(command["command"].removeprefix("flux.server."), *command["arguments"])
        assert again["text"] == page.text


def _hinted(client: Editor, till: Till) -> list[types.Diagnostic]:
    return [each for each in client.diagnostics(till.app) if "in a replay" in each.message]


async def test_what_is_saved_is_what_runs(till: Till) -> None:
    """A fix that is not saved is not run, and the result says so."""
    id = till.fails()
    async with editor(till.root, store=till.shop.store, options=till.trusted) as client:
        uri = await shown(client, till)
        client.edit(uri, 2, whole(MENDED))
        answer = await client.command("replay", {"id": id})
        assert answer["unsaved"] == ["till.py"]
        assert answer["failing"] == 1
        assert "Not saved, and not run so: `till.py`" in answer["text"]
        # What ran is not what is on the screen: nothing is said of that.
        assert _hinted(client, till) == []
        # And the other way round: a fix on disk that the editor has overwritten fixes nothing here.
        till.write(MENDED)
        client.edit(uri, 3, whole(BROKEN))
        assert (await client.command("replay", {"id": id}))["passing"] == 1
        assert client.diagnostics(till.app)
        assert (await titles(client, uri))[0].startswith("1 failure")


async def test_several_and_a_window_with_progress(till: Till, tmp_path: Path) -> None:
    ids = [till.fails(people=people) for people in (0, 0, 2)]
    async with editor(till.root, store=till.shop.store, options=till.trusted) as client:
        answer = await client.command("replay", {"ids": [id[:8] for id in ids]}, work_done_token="mine")
        assert [each["request_id"] for each in answer["requests"]] == ids
        assert (answer["passing"], answer["failing"]) == (1, 2)
        assert "3 replayed · 1 passing · 2 still failing" in answer["text"]
        said = [getattr(each, "message", None) for each in client.client.progress_reports["mine"]]
        assert any(each and each.startswith(("1 of 3 · ", "2 of 3 · ", "3 of 3 · ")) for each in said), said
        alone = await client.command("replay", {"id": ids[2], "latest": True})
        assert [each["request_id"] for each in alone["requests"]] == [ids[2]]
        window = await client.command("replay", {"window": "1h"})
        assert len(window["requests"]) == 3
        assert window["uri"].startswith("flux://replay?window=")
        assert (await client.command("replay", {"window": "1h", "latest": True}))["text"] == window["text"]
        file = tmp_path / "billing.py"
        file.write_text("def bill():\n    pass\n")
        code = {"code.file.path": str(file), "code.line.number": 1, "code.function.name": "bill"}
        other = till.shop.send(http("GET", "/bill", 500, attributes=code))
        assert len((await client.command("replay", {"window": "1h"}))["requests"]) == 3
        with pytest.raises(JsonRpcException, match="1 request ran the code of another project"):
            await client.command("replay", {"id": other})


async def test_wrong_use_says_what_is_right(till: Till) -> None:
    id = till.fails()
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "give one of 'id', 'ids' and 'window'"),
        ({"id": id, "window": "1h"}, "give one of"),
        ({"ids": id}, "'ids' must be a list of strings"),
        ({"ids": [1]}, "'ids' must be a list of strings"),
        ({"window": "soon"}, "'window': 'soon' is no"),
        ({"window": "2020-01-01..2020-01-02"}, "no HTTP request was recorded in this window"),
        ({"id": "ffff"}, "no request 'ffff'"),
    ]
    async with editor(till.root, store=till.shop.store, options=till.trusted) as client:
        for given, words in cases:
            with pytest.raises(JsonRpcException, match=words):
                await client.command("replay", given)
    async with editor(store=till.shop.store, options=till.trusted) as client:
        with pytest.raises(JsonRpcException, match="no folder is open"):
            await client.command("replay", {"id": id})


@pytest.mark.parametrize("how", ["progress", "request"])
async def test_it_can_be_cancelled(till: Till, how: str) -> None:
    id = till.fails()
    till.write(f"import time\ntime.sleep(100)\n{BROKEN}")
    async with editor(till.root, store=till.shop.store, options=till.trusted) as client:
        params = types.ExecuteCommandParams("flux.server.replay", arguments=[{"id": id}])
        running = client.client.protocol.send_request("workspace/executeCommand", params, msg_id="the-replay")
        await client.until(lambda: any(client.client.progress_reports.values()), "its beginning")
        began = time.monotonic()
        if how == "progress":
            (token,) = client.client.progress_reports
            client.client.window_work_done_progress_cancel(types.WorkDoneProgressCancelParams(token))
        else:
            client.client.cancel_request(types.CancelParams("the-replay"))
        with pytest.raises(JsonRpcException) as stopped:
            await asyncio.wrap_future(running)
        assert stopped.value.code == types.LSPErrorCodes.RequestCancelled
        assert time.monotonic() - began < 50, "it waited for the run"
        # Others go on.
        till.write(MENDED)
        assert (await client.command("replay", {"id": id}))["passing"] == 1


async def test_a_regression_test_is_a_file_that_the_editor_makes(till: Till) -> None:
    id = till.fails()
    applied: list[Any] = []
    async with editor(till.root, store=till.shop.store) as client:

        def apply(params: types.ApplyWorkspaceEditParams) -> types.ApplyWorkspaceEditResult:
            applied.append(params)
            return types.ApplyWorkspaceEditResult(applied=True)

        client.client.protocol.fm.features.pop(types.WORKSPACE_APPLY_EDIT, None)
        client.client.feature(types.WORKSPACE_APPLY_EDIT)(apply)
        uri = await shown(client, till)
        actions = await client.request("textDocument/codeAction", asked(uri, FAULT))
        (action,) = [each for each in actions if each["title"] == f"Create a regression test from req:{id[:8]}"]
        answer = await client.command("writeTest", *action["command"]["arguments"])
        await client.until(lambda: client.client.shown_documents, "the file")
        assert [each.uri for each in client.client.shown_documents] == [answer["file"]]
        created, edited = applied[0].edit.document_changes
        assert answer["file"] == (till.root / "tests" / f"test_post_split_{id[:8]}.py").as_uri()
        assert created.uri == edited.text_document.uri == answer["file"]
        assert (created.kind, created.options.overwrite) == ("create", False)
        assert edited.edits[0].new_text == answer["source"]
        assert "import pytest" in answer["source"]
        assert not (till.root / "tests").exists(), "the editor writes it, not the server"
    assert not till.has_run
    async with editor(till.root, store=till.shop.store, capabilities=without("workspace", "apply_edit")) as client:
        await client.command("writeTest", {"id": id, "show": True})
        await client.until(lambda: client.client.messages, "a word instead")
        assert "makes no files" in client.client.messages[0].message


async def test_what_cannot_be_a_test_says_why(till: Till) -> None:
    id = till.fails()
    no_body = till.shop.fail()
    async with editor(till.root, store=till.shop.store) as client:
        with pytest.raises(JsonRpcException, match="makes no test: what came in with it was not recorded; record it"):
            await client.command("writeTest", {"id": no_body})
        till.app.unlink()
        with pytest.raises(JsonRpcException, match="no application was found"):
            await client.command("writeTest", {"id": id})


async def test_a_project_in_the_folder_runs_with_its_own_settings_and_environment(tmp_path: Path) -> None:
    """The repository is open, and the service is one of several in it."""
    till = Till.make(tmp_path / "repo" / "services")
    top = tmp_path / "repo"
    (top / "pyproject.toml").write_text("[tool.flux]\napp = 'nobody:app'\npython = '/none/python'\n")
    file = till.root / "pyproject.toml"
    file.write_text("[tool.flux]\napp = 'till:app'\n")
    (till.root / "other.py").write_text("import flask\n\napp = flask.Flask(__name__)\n")
    environment = till.root / ".venv"
    (environment / "bin").mkdir(parents=True)
    (environment / "pyvenv.cfg").touch()
    till.python.rename(environment / "bin" / "python")
    (environment / "bin" / "python").write_text((environment / "bin" / "python").read_text())
    id = till.fails()
    till.write(MENDED)
    async with editor(top, store=till.shop.store, options={"workspaceTrusted": True}) as client:
        answer = await client.command("replay", {"id": id})
        [told] = answer["requests"]
        assert (told["outcome"], told["now"]) == ("passing", 200), told
        assert till.has_run, "its own interpreter"
        written = await client.command("writeTest", {"id": id})
        assert written["file"] == (till.root / "tests" / f"test_post_split_{id[:8]}.py").as_uri()
        assert 'importlib.import_module("till")' in written["source"], "and not the application beside it"
        checks = {each["name"]: each for each in (await client.command("doctor", {"id": id}))["checks"]}
        assert checks["project"]["detail"].startswith(f"services/project, run by {environment / 'bin' / 'python'}; "), (
            checks
        )
        assert f"app from pyproject.toml ({file})" in checks["project"]["detail"]
        general = {each["name"]: each for each in (await client.command("doctor"))["checks"]}
        assert f"app from pyproject.toml ({file})" in general["settings"]["detail"]
        assert f"python, app from pyproject.toml ({top / 'pyproject.toml'})" in general["settings"]["detail"]
