"""Long work: progress as the client wants it, cancelled from the progress, ended in order."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from flux_ls.lsp.jobs import REPORT_EVERY_S, SHOW_AFTER_S
from tests.lsp.editors import Editor, without
from tests.lsp.shop import Shop
from tests.lsp.test_protocol import slow_editor

pytestmark = [pytest.mark.asyncio, pytest.mark.slow]


def kinds(reports: Sequence[object]) -> list[str]:
    return [type(report).__name__.removeprefix("WorkDoneProgress") for report in reports]


def reported(client: Editor) -> int:
    """How often it was told how far it is."""
    return sum(kinds(reports).count("Report") for reports in client.client.progress_reports.values())


async def test_long_work_shows_progress_and_gives_its_result(shop: Shop, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    async with slow_editor(shop) as slow:
        began = time.monotonic()
        running = asyncio.create_task(slow.command("sleep", {"seconds": 60, "until": str(gate)}))
        await slow.until(lambda: reported(slow) >= 5, "how far it is")
        gate.touch()
        assert (await running)["slept"] == 60
        (reports,) = slow.client.progress_reports.values()
        await slow.until(lambda: kinds(reports)[-1:] == ["End"], "the end of the progress")
        took = time.monotonic() - began
        begin, *rest = list[Any](reports)
        assert (begin.title, begin.cancellable) == ("Flux: Sleep", True)
        assert {each.message for each in rest if isinstance(each, types.WorkDoneProgressReport)} == {"sleeping"}
        # The last is told at the end, whenever that comes.
        assert reported(slow) <= 2 + took / REPORT_EVERY_S, "reports are paced"


async def test_short_work_shows_none(shop: Shop) -> None:
    async with slow_editor(shop) as slow:
        took = SHOW_AFTER_S
        # Where the machine had no time for it, it was not short.
        while took >= SHOW_AFTER_S:
            slow.client.progress_reports.clear()
            began = time.monotonic()
            await slow.command("sleep", {"seconds": 0.05})
            took = time.monotonic() - began
        await slow.command("status")
        assert slow.client.progress_reports == {}


@pytest.mark.filterwarnings("ignore:Unknown progress token")
async def test_the_clients_own_token_is_used_at_once(shop: Shop) -> None:
    async with slow_editor(shop) as slow:
        await slow.command("sleep", {"seconds": 0.1}, work_done_token=7)
        await slow.until(lambda: kinds(slow.client.progress_reports.get(7, []))[-1:] == ["End"], "its end")
        assert kinds(slow.client.progress_reports[7])[0] == "Begin"
        assert list(slow.client.progress_reports) == [7]


async def test_a_client_without_progress_gets_none(shop: Shop) -> None:
    async with slow_editor(shop, capabilities=without("window")) as slow:
        await slow.command("sleep", {"seconds": 0.6})
        assert slow.client.progress_reports == {}


async def test_cancelling_the_progress_stops_the_work(shop: Shop, tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    async with slow_editor(shop) as slow:
        running = asyncio.create_task(slow.command("sleep", {"seconds": 60, "diary": str(diary)}))
        await slow.until(lambda: any(slow.client.progress_reports.values()), "its beginning")
        (token,) = slow.client.progress_reports
        slow.client.window_work_done_progress_cancel(types.WorkDoneProgressCancelParams(token))
        with pytest.raises(JsonRpcException) as refused:
            await running
        assert refused.value.code == types.LSPErrorCodes.RequestCancelled
        assert diary.read_text() == "stopped"
        await slow.until(lambda: kinds(slow.client.progress_reports[token])[-1:] == ["End"], "its end")
        assert slow.client.messages == []


async def test_other_requests_are_answered_meanwhile(shop: Shop, tmp_path: Path) -> None:
    shop.fail()
    gate = tmp_path / "gate"
    async with slow_editor(shop) as slow:
        asked = {"seconds": 60, "until": str(gate)}
        running = [asyncio.create_task(slow.command("sleep", asked)) for _ in range(8)]
        uri = slow.open(shop.payments)
        await slow.until(lambda: slow.diagnostics(shop.payments), "a diagnostic while all workers are busy")
        assert await slow.hover(uri, 12) is not None
        assert not any(each.done() for each in running)
        gate.touch()
        assert len(await asyncio.gather(*running)) == 8
