"""One story, by mouse and by keyboard: a request fails, its line says so, one asks why, mends it, sees the proof."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.e2e.collector import Collector
from tests.e2e.vscode.bills import FAULT, MENDED, Bills
from tests.e2e.vscode.code_server import CodeServer
from tests.e2e.vscode.test_hints import hint, marks
from tests.e2e.vscode.window import Window


@pytest.fixture
def story(extensions: Path, browser: Browser, tmp_path: Path) -> Iterator[tuple[Window, Bills]]:
    """The service runs under the recorder, a collector listens, and the file is open in an editor."""
    for name in ("collector", "work", "editor"):
        (tmp_path / name).mkdir()
    with (
        Collector(tmp_path / "collector") as collector,
        Bills(tmp_path / "work", collector.environment) as bills,
        CodeServer(tmp_path / "editor", extensions, env=collector.environment) as editor,
    ):
        window = Window(browser, editor, bills.folder, bills.file)
        window.ready()
        yield window, bills
        window.screenshot(tmp_path / "window.png")
        window.close()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """They stay, whatever comes of the test."""
    return tmp_path_factory.mktemp("pictures")


def test_by_mouse(story: tuple[Window, Bills], pictures: Path) -> None:
    window, bills = story
    bills.evening()
    window.lens("1 failure · last").wait_for()
    window.eventually(lambda: "ZeroDivisionError" in hint(window, FAULT), "the hint")
    window.eventually(lambda: marks(window) == 1, "a mark")
    window.screenshot(pictures / "1-hint.png")
    window.click_lens("1 failure · last", "Root cause", "division by zero")
    window.screenshot(pictures / "2-why.png")
    window.tab("bills.py").click()
    window.text(FAULT).dblclick()
    window.in_code()
    window.page.keyboard.press("Home")
    window.page.keyboard.press("Shift+End")
    window.page.keyboard.type(f"return {MENDED}")
    window.page.keyboard.press("Control+S")
    is_saved(window, bills)
    window.screenshot(pictures / "3-mended.png")
    window.click_lens("replay", "replayed", "1 passing")
    window.screenshot(pictures / "4-replayed.png")
    window.tab("bills.py").click()
    window.eventually(lambda: window.lens("fixed: replay of req:").is_visible(), "the lens to say that it is fixed")
    window.eventually(lambda: marks(window) == 0 and not hint(window, MENDED), "no hint")
    window.screenshot(pictures / "5-fixed.png")


def back(window: Window) -> None:
    """To the file, as one goes to any; a page leaves F1 to the editor."""
    window.typed_after_f1("bills.py", "bills.py")
    window.text("def share").wait_for()
    window.in_code()


def is_saved(window: Window, bills: Bills) -> None:
    """A replay that begins while the editor writes may run another text than it began with, and proves nothing."""
    window.eventually(lambda: MENDED in bills.file.read_text(encoding="utf-8"), "the mend to be saved")


def test_by_keyboard(story: tuple[Window, Bills], pictures: Path) -> None:
    window, bills = story
    keys = window.page.keyboard
    bills.evening()
    window.lens("1 failure · last").wait_for()
    window.eventually(lambda: window.squiggles() == 1, "the problem")
    window.page.locator(".editor-instance .native-edit-context, .editor-instance textarea").first.focus()
    keys.press("F8")  # The next problem.
    window.expect(window.page.locator(".zone-widget")).to_contain_text("ZeroDivisionError")
    keys.press("Escape")
    window.expect(window.page.locator(".zone-widget")).to_have_count(0)
    window.in_code()
    keys.press("Control+Alt+W")
    window.page_text("Root cause", "division by zero")
    back(window)
    keys.press("End")
    keys.press("Shift+Home")
    keys.type(f"return {MENDED}")
    keys.press("Control+S")
    window.text(MENDED).wait_for()
    is_saved(window, bills)
    keys.press("Control+Alt+R")
    window.page_text("replayed", "1 passing")
    back(window)
    window.eventually(lambda: window.lens("fixed: replay of req:").is_visible(), "the lens to say that it is fixed")
    window.screenshot(pictures / "by-keyboard.png")
