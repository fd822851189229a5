"""The id behind a problem leads to the request, to its replay, or to the commit, wherever VS Code shows it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator

from tests.e2e.neovim.shop import CHECKOUT, FAULT_LINE
from tests.e2e.neovim.till import Till
from tests.e2e.vscode.panes import page
from tests.e2e.vscode.shop import Shop
from tests.e2e.vscode.test_compare import DIFFERENCES
from tests.e2e.vscode.test_request_view import SPANS, selected
from tests.e2e.vscode.window import Window
from tests.telemetry import Raises, http

HOSTILE = "[why](command:workbench.action.closeWindow) flux://request/x/why command:workbench.action.closeWindow"


@pytest.fixture(autouse=True)
def _the_panel_is_closed(window: Window) -> Iterator[None]:
    """It takes half of the window from whoever comes next."""
    yield
    window.host("await vscode.commands.executeCommand('workbench.action.closePanel')")


def in_problems(window: Window, id: str) -> Locator:
    """The id in the panel of problems, under the editor."""
    window.host("await vscode.commands.executeCommand('workbench.actions.view.problems')")
    return window.page.locator(".markers-panel .marker-code", has_text=id[:8]).first


def at_the_line(window: Window, id: str) -> Locator:
    """The id in the peek of the next problem."""
    window.text("share =").click()
    window.in_code()
    window.page.keyboard.press("F8")
    return window.page.locator(".zone-widget a.code-link", has_text=id[:8]).first


def in_hover(window: Window, id: str) -> Locator:
    return window.hover("share =", "people", id[:8]).locator("a.code-link", has_text=id[:8]).first


@pytest.mark.parametrize("where", [in_problems, at_the_line, in_hover])
def test_it_opens_the_request(shop: Shop, window: Window, where: object) -> None:
    id = shop.orders(people=0)
    window.failure(id)
    assert callable(where)
    link = where(window, id)
    link.wait_for()
    if where is in_problems:
        # The id stands once in it: that is the link.
        [told] = window.page.locator(".markers-panel .monaco-list-row", has_text="ZeroDivisionError").all_inner_texts()
        assert told.count(id[:8]) == 1, told
    link.click()
    frame = page(window, SPANS)
    window.eventually(lambda: selected(frame) == "per_person", "the step that failed")
    window.tab(f"POST /checkout · req:{id[:8]}").wait_for()
    # It is the same panel, however it is asked for.
    window.host("await vscode.commands.executeCommand('flux.debug', given[0])", id)
    panels = "return vscode.window.tabGroups.all.flatMap((group) => group.tabs).filter((tab) => tab.input.viewType)"
    assert window.host(f"{panels}.length") == 1


def test_of_what_was_replayed_it_opens_the_comparison(shop: Shop, window: Window) -> None:
    till = Till(shop)
    id = till.fails()
    window.open(till.app)
    window.failure(id)
    window.host("await vscode.commands.executeCommand('flux.replay', given[0])", id, within=60)
    page(window, DIFFERENCES)
    window.host("await vscode.commands.executeCommand('workbench.action.closeAllEditors')")
    link = in_problems(window, id)
    window.expect(window.page.locator(".markers-panel")).to_contain_text("still fails in a replay")
    link.click()
    frame = page(window, DIFFERENCES)
    window.expect(frame.locator("header")).to_contain_text("1 replayed · 1 still failing")


def test_a_comparison_is_as_it_was_after_a_reload(shop: Shop, window: Window) -> None:
    good, bad = shop.orders(people=2), shop.orders(people=0)
    window.host("await vscode.commands.executeCommand('flux.openPage', given[0])", f"flux://request/{bad}/diff")
    frame = page(window, DIFFERENCES)
    frame.locator("label", has_text="Show all differences").click()
    window.reload()
    again = page(window, DIFFERENCES)
    window.expect(again.locator(".verdict")).to_have_text("Regressed")
    window.expect(again.locator("header")).to_contain_text(f"req:{good[:8]}")
    assert again.locator("input[type=checkbox]").is_checked()


def test_what_was_recorded_is_no_link(shop: Shop, window: Window) -> None:
    frame = (str(shop.checkout), FAULT_LINE, "per_person", CHECKOUT.splitlines()[FAULT_LINE - 1].strip())
    failing = http("POST", "/checkout", 500, raises=Raises("ValueError", HOSTILE, (frame,)), ms=3)
    id = shop.send(failing)
    window.failure(id)
    shown = window.hover("share =", "people", id[:8])
    window.expect(shown.locator(".marker a.code-link")).to_have_attribute("href", f"flux://request/{id}/debug")
    # The other link of the problem is the place in the code.
    assert [text for text in shown.locator(".marker a").all_inner_texts() if text != id[:8]] == ["checkout.py(5, 5): "]
    in_problems(window, id).wait_for()
    links = window.page.locator(".markers-panel a[href]")
    told = links.evaluate_all("(all) => all.map((each) => each.getAttribute('href'))")
    assert set(told) == {f"flux://request/{id}/debug"}
