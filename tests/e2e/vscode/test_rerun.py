"""`Flux: Replay a request` from the palette: the one at the cursor, one that is typed, and all of a time."""

from pathlib import Path

import pytest

from tests.e2e.neovim.till import MENDED, Till
from tests.e2e.vscode.panes import page
from tests.e2e.vscode.shop import Shop
from tests.e2e.vscode.test_bisect import typed
from tests.e2e.vscode.test_compare import DIFFERENCES
from tests.e2e.vscode.window import Window

pytestmark = pytest.mark.slow

TITLE = "Flux: Replay a request"


def test_at_the_cursor_it_is_compared_with_how_it_was(shop: Shop, window: Window) -> None:
    till = Till(shop)
    id = till.fails()
    window.open(till.app)
    window.failure(id)
    till.write(MENDED)
    window.text("share =").click()
    window.command(TITLE)
    frame = page(window, DIFFERENCES)
    window.expect(frame.locator(".verdict")).to_have_text("Fixed")
    window.expect(frame.locator("header")).to_contain_text("1 replayed · 1 passing")
    window.expect(frame.locator("header")).to_contain_text("side effects were off")


def test_all_of_a_time(shop: Shop, window: Window, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    wait = f"import os, time\nwhile not os.path.exists({str(gate)!r}):\n    time.sleep(0.05)\n"
    till = Till(shop)
    ids = [till.fails() for _ in range(3)]
    window.eventually(lambda: window.host("return flux.status?.failing") == 1, "the failure")
    till.write(wait + MENDED)
    window.command(TITLE)
    window.pick("All of a time")
    typed(window, "Run all requests of a time again", "10m")
    window.toasted("running it again")
    gate.touch()
    window.page_text("3 replayed", "3 passing", *(f"req:{id[:8]}" for id in ids))
    # The same page again does not run them again, and another run tells it anew.
    window.host("await vscode.commands.executeCommand('workbench.action.closeAllEditors')")
    till.write(MENDED.replace("max(", "min("))
    window.command(TITLE)
    window.pick("All of a time")
    typed(window, "Run all requests of a time again", "10m")
    window.page_text("3 replayed", "3 still failing")


def test_a_time_without_requests_is_said(shop: Shop, window: Window) -> None:
    Till(shop).fails()
    window.eventually(lambda: window.host("return flux.status?.failing") == 1, "the failure")
    window.command(TITLE)
    window.pick("All of a time")
    typed(window, "Run all requests of a time again", "00:00..00:01")
    window.eventually(lambda: window.page.locator(".notification-toast").count() > 0, "words about it")


def test_one_that_is_typed(shop: Shop, window: Window) -> None:
    till = Till(shop)
    id = till.fails()
    window.eventually(lambda: window.host("return flux.status?.failing") == 1, "the failure")
    till.write(MENDED)
    window.command(TITLE)
    typed(window, "Run which request again?", f"req:{id[:8]}")
    frame = page(window, DIFFERENCES)
    window.expect(frame.locator(".side.before")).to_contain_text(f"req:{id[:8]}")
