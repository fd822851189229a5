"""The commit that broke it, in the editor: as an answer, a document, and on the lines that it changed."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from tests.lsp.editors import Editor, able, editor, plain
from tests.lsp.test_replay import shown, whole
from tests.lsp.till import BROKEN, FAULT, MENDED, Till
from tests.telemetry import RECORDER

pytestmark = [pytest.mark.asyncio, pytest.mark.slow]


class History:
    """Four commits, of which the third broke it; the request failed at the last."""

    def __init__(self, folder: Path) -> None:
        self.till = till = Till.make(folder)
        till.write(MENDED)
        self.good = till.commit("Split bills")
        till.write(MENDED.replace("return 1", "return 2"))
        till.commit("Count")
        till.write(BROKEN.replace("return 1", "return 2"))
        self.culprit = till.commit('Trust what guests say é🙂 "quotes"')
        till.write(BROKEN.replace("return 1", "return 3"), 60)
        self.head = till.commit("Count again")
        self.id = till.fails(resource=RECORDER | {"vcs.ref.head.revision": self.head})


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path)


def of_commits(client: Editor, till: Till) -> list[types.Diagnostic]:
    return [each for each in client.diagnostics(till.app) if each.severity == types.DiagnosticSeverity.Information]


@pytest.mark.timeout(180)
async def test_the_first_bad_commit_is_told_shown_and_cleared(history: History) -> None:
    till = history.till

    def content(capabilities: types.ClientCapabilities) -> None:
        able(capabilities, text_document_content=types.TextDocumentContentClientCapabilities())

    before = till.git("status", "--porcelain=v2", "--branch")
    async with editor(till.root, store=till.shop.store, options=till.trusted, capabilities=content) as client:
        uri = await shown(client, till)
        asked = types.ExecuteCommandParams("flux.server.bisect", arguments=[{"id": history.id, "good": history.good}])
        answer = plain(await client.client.workspace_execute_command_async(asked))
        assert answer["first_bad"]["revision"] == history.culprit, answer
        assert answer["uri"] == f"flux://request/{history.id}/bisect?good={history.good}"
        text = answer["text"]
        for told in ("Trust what guests say", "`Ada`", history.culprit[:12], '-    smile = "é🙂"', "in `split`"):
            assert told in text, text
        (found,) = await client.until(lambda: of_commits(client, till), "the commit on its lines")
        assert (found.range.start.line, found.range.end.line) == (FAULT, FAULT)
        assert found.message.startswith(f"first bad commit {history.culprit[:12]} · Ada · ")
        assert found.data["revision"] == history.culprit
        assert found.code_description is not None
        assert found.code_description.href == answer["uri"]
        # It follows the text, and leaves a line that is written anew.
        text_now = till.app.read_text(encoding="utf-8")
        client.edit(uri, 2, whole("# above\n" + text_now))
        await client.until(lambda: [each.range.start.line for each in of_commits(client, till)] == [FAULT + 1], "moved")
        client.edit(uri, 3, whole(text_now))
        await client.until(lambda: [each.range.start.line for each in of_commits(client, till)] == [FAULT], "back")
        # Dismissed, it goes, and restored it comes again.
        await client.command("dismiss", {"fingerprint": found.data["fingerprint"]})
        await client.until(lambda: not client.diagnostics(till.app), "all of it gone")
        await client.command("restore", {"fingerprint": found.data["fingerprint"]})
        await client.until(lambda: of_commits(client, till), "it again")
        # Fixed, it goes.
        client.edit(uri, 4, whole(MENDED))
        till.write(MENDED)
        assert (await client.command("replay", {"id": history.id}))["passing"] == 1
        await client.until(lambda: not client.diagnostics(till.app), "its end")
    till.git("checkout", "-q", "--", ".")
    assert till.git("status", "--porcelain=v2", "--branch") == before
    assert len(till.git("worktree", "list").splitlines()) == 1


async def test_a_command_of_ones_own_tells_good_from_bad(history: History) -> None:
    till = history.till
    async with editor(till.root, store=till.shop.store, options=till.trusted) as client:
        run = "sleep 0.3; grep -q max till.py"  # longer than progress is told apart
        answer = await client.command("bisect", {"run": run, "good": history.good, "jobs": 2}, work_done_token="mine")
        assert answer["first_bad"]["revision"] == history.culprit
        assert answer["uri"].startswith("flux://bisect?run=")
        said = [getattr(each, "message", None) for each in client.client.progress_reports["mine"]]
        assert any(each and "trying" in each for each in said), said
        more = {"firstParent": True, "fresh": True, "timeout": 50}
        of_the_chain = await client.command("bisect", {"run": run, "good": history.good, "jobs": 2, **more})
        assert of_the_chain["first_bad"] == answer["first_bad"]
        assert "start --first-parent" in Path(of_the_chain["log"]).read_text()
        assert of_the_chain["uri"] == f"{answer['uri']}&firstParent=true"
        again = await client.command("bisect", {"run": run, "good": history.good, "latest": True})
        assert again["text"] == answer["text"]


async def test_what_cannot_be_found_says_why(history: History) -> None:
    till = history.till
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "give 'id', the failed request, or 'run', a command"),
        ({"id": history.id, "jobs": 0}, "'jobs' must be from 1 to 64"),
        ({"id": history.id, "timeout": -1}, "'timeout' is in seconds, or 0, not -1"),
        ({"run": "sleep 50", "good": history.good, "timeout": 0.2}, "it took longer than 0.2 s"),
        ({"id": history.id}, "name a revision that was good"),
        ({"id": history.id, "good": "v9"}, "this clone has no revision 'v9'"),
        ({"id": "ffff"}, "no request 'ffff'"),
        ({"run": "exit 0", "good": history.good}, "said to be bad, is good"),
        ({"run": "exit 200", "good": history.good}, "says neither good"),
    ]
    async with editor(till.root, store=till.shop.store, options=till.trusted) as client:
        for given, words in cases:
            with pytest.raises(JsonRpcException, match=words):
                await client.command("bisect", given)


async def test_it_can_be_cancelled(history: History) -> None:
    till = history.till
    async with editor(till.root, store=till.shop.store, options=till.trusted) as client:
        asked = {"run": "sleep 100", "good": history.good}
        running = asyncio.create_task(client.command("bisect", asked))
        await client.until(lambda: any(client.client.progress_reports.values()), "its beginning")
        (token,) = client.client.progress_reports
        client.client.window_work_done_progress_cancel(types.WorkDoneProgressCancelParams(token))
        with pytest.raises(JsonRpcException) as stopped:
            await running
        assert stopped.value.code == types.LSPErrorCodes.RequestCancelled
    assert len(till.git("worktree", "list").splitlines()) == 1
