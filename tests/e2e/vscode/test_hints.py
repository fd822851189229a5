"""What stands in the code: squiggles, lenses, hovers, the hint at the end of the line and the mark beside it."""

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from playwright.sync_api import Error

from tests.e2e.neovim.shop import FAULT_LINE
from tests.e2e.vscode.shop import Shop
from tests.e2e.vscode.window import Window
from tests.telemetry import Raises, http

DIAGNOSTICS = """
const uri = vscode.Uri.file(given[0]);
const document = await vscode.workspace.openTextDocument(uri);
return vscode.languages.getDiagnostics(uri).filter((each) => each.source === "flux").map((each) => ({
  line: each.range.start.line + 1, text: document.getText(each.range), message: each.message, severity: each.severity,
}));
"""


def diagnostics(window: Window, file: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = window.host(DIAGNOSTICS, str(file))
    return found


def hint(window: Window, line: str) -> str:
    """The words behind a line of code: they stand in a style of the browser's, not in the text."""
    read = (
        "(line) => !line.isConnected ? null :"
        " [...line.querySelectorAll('span')].map((each) => getComputedStyle(each, '::after').content)"
        ".filter((content) => content !== 'none' && content !== 'normal').join('')"
    )
    # A line that is drawn anew says nothing about what there is.
    while (words := window.text(line).evaluate(read)) is None:
        pass
    return str(words).strip('"').replace("\xa0", " ")


def marks(window: Window) -> int:
    """How many lines have a mark in the gutter."""
    return window.page.locator(".glyph-margin-widgets .cgmr").count()


def test_a_failure_is_on_its_line_in_every_way(shop: Shop, window: Window, tmp_path: Path) -> None:
    window.failure(shop.fails())
    assert window.lenses() == ["1 failure · last just now · why"]
    window.eventually(lambda: "ZeroDivisionError: division by zero · 1 failure" in hint(window, "share ="), "the hint")
    window.eventually(lambda: marks(window) == 1, "a mark")
    assert window.squiggles("error") == 1
    # Characters beyond ASCII, and one beyond the first plane, stand before what is responsible.
    (found,) = diagnostics(window, shop.checkout)
    assert (found["line"], found["text"]) == (FAULT_LINE, 'smile = "é🙂"; share = order["total"] / order["people"]')
    window.hover("share = order", "people", "ZeroDivisionError")
    assert window.asked_hosts == set()
    window.screenshot(tmp_path / "hover.png")


def test_it_fades_when_the_line_is_edited_and_goes_with_it(shop: Shop, window: Window) -> None:
    shop.fails()
    window.eventually(lambda: hint(window, "share ="), "the hint")
    window.text("share =").click()
    window.page.keyboard.press("End")
    window.page.keyboard.type("  # checked")
    window.eventually(lambda: "unverified since your edit" in hint(window, "share ="), "a faded hint")
    # While it is drawn anew, it is not there.
    faded = (
        "(line) => [...line.querySelectorAll('span')].map((each) => getComputedStyle(each, '::after'))"
        ".some((style) => style.content.includes('unverified') && style.fontStyle === 'italic')"
    )
    window.eventually(lambda: window.text("share =").evaluate(faded), "it in italics")
    window.eventually(lambda: marks(window) == 1, "a mark")
    window.in_code()
    window.page.keyboard.press("Control+A")
    window.page.keyboard.press("Delete")
    window.eventually(lambda: marks(window) == 0, "no mark")
    window.eventually(lambda: window.squiggles("hint") == 0, "no squiggle")


def test_a_file_that_is_opened_later_has_its_hints_at_once(shop: Shop, window: Window) -> None:
    window.failure(shop.fails())
    window.host("await vscode.commands.executeCommand('workbench.action.closeAllEditors')")
    window.open(shop.checkout)
    window.eventually(lambda: "ZeroDivisionError" in hint(window, "share ="), "the hint")


def test_each_can_be_switched_off(shop: Shop, window: Window) -> None:
    shop.fails()
    window.eventually(lambda: hint(window, "share ="), "the hint")
    window.set("hints.endOfLine", False)
    window.eventually(lambda: not hint(window, "share ="), "no hint")
    window.eventually(lambda: marks(window) == 1, "a mark")
    window.set("hints.gutter", False)
    window.eventually(lambda: marks(window) == 0, "no mark")
    window.set("hints.statusBar", False)
    window.expect(window.status_item("failing")).to_be_hidden()
    window.set("hints.endOfLine", None)
    window.eventually(lambda: hint(window, "share ="), "the hint again")


HOSTILE = (
    "[why](command:workbench.action.closeWindow) `[steps](flux://request/x/why)` <img src=x onerror=alert(1)>\n"
    "[why](flux://request/550e8400/why)\n```\n[steps](flux://request/550e8400/debug)\n"
)


def test_recorded_text_is_no_link_and_no_markup(shop: Shop, window: Window) -> None:
    frame = (str(shop.checkout), FAULT_LINE, "per_person", "share")
    window.failure(shop.send(http("POST", "/checkout", 500, raises=Raises("ValueError", HOSTILE, (frame,)), ms=3)))
    # Of both parts: the problem, and what the server tells.
    shown = window.hover("share = order", "people", re.compile("ValueError.*trace", re.DOTALL))
    window.expect(shown.locator("a", has_text="trace").first).to_be_visible()
    links = shown.locator("a[data-href]").evaluate_all("(all) => all.map((each) => each.dataset.href)")
    commands = [link for link in links if link.startswith("command:")]
    assert [link.partition("?")[0] for link in commands] == ["command:flux.openPage"] * 3
    assert all(link.startswith(("command:flux.openPage", "#")) for link in links), links
    assert shown.locator("img").count() == 0


def test_the_links_of_a_hover_open_the_request(shop: Shop, window: Window) -> None:
    id = shop.fails()
    window.failure(id)
    window.hover("share = order", "people", "trace").locator("a", has_text="trace").first.click()
    window.page_text("Next error", f"req:{id[:8]}")


def test_quick_fixes_stand_on_the_line(shop: Shop, window: Window) -> None:
    window.failure(shop.fails())
    window.text("share =").click()
    menu = window.page.locator(".action-widget").first

    def asked() -> bool:
        # A little after the cursor came, or what is there changed, the editor asks for the sake of its light bulb, and
        # forgets who asked before.
        window.page.keyboard.press("Control+.")
        with suppress(Error):
            menu.wait_for(timeout=5000)
        return menu.is_visible()

    window.eventually(asked, "the menu")
    window.expect(menu).to_contain_text("Why? ZeroDivisionError")
    window.expect(menu).to_contain_text("Dismiss ZeroDivisionError")
    window.page.keyboard.type("Dismiss")
    window.page.keyboard.press("Enter")
    window.eventually(lambda: window.squiggles("error") == 0, "nothing")
