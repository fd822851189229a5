"""Two requests compared: the verdict on top, then what differs, with what differs by chance muted."""

from playwright.sync_api import Frame

from tests.e2e.vscode.panes import Pane, has_keyboard, page
from tests.e2e.vscode.shop import Shop
from tests.e2e.vscode.window import Window

DIFFERENCES = '[aria-label="Differences"]'


def lines(frame: Frame) -> list[list[str]]:
    """What is in sight: the name, before, after."""
    found: list[list[str]] = frame.locator(f"{DIFFERENCES} .row").evaluate_all(
        "(rows) => rows.sort((one, other) => one.dataset.index - other.dataset.index).map((row) =>"
        " [(row.querySelector('.span-name, .field-name') ?? row.querySelector('.label')).textContent,"
        " ...[...row.querySelectorAll('.cell')].map((cell) => cell.textContent)])"
    )
    return found


def test_two_selected_rows(shop: Shop, window: Window) -> None:
    bad, good = shop.orders(people=0), shop.orders(people=0, mended=True)
    live = Pane(window, "Live Requests").show()
    live.select(f"req:{good[:8]}", f"req:{bad[:8]}")
    live.context(f"req:{bad[:8]}", "Compare")
    frame = page(window, DIFFERENCES)
    window.expect(frame.locator(".verdict")).to_have_text("Fixed")
    window.expect(frame.locator(".summary")).to_contain_text("Fix verified")
    # The earlier one is before the later one, whichever was selected first.
    window.expect(frame.locator(".side.before")).to_contain_text(f"req:{bad[:8]}")
    window.expect(frame.locator(".side.after")).to_contain_text(f"req:{good[:8]}")
    window.eventually(lambda: lines(frame), "the differences")
    told = lines(frame)
    assert ["output.status", "500", "201"] in told
    assert ["error", "ZeroDivisionError: division by zero", "null"] in told
    assert any(line[0].startswith("orders id=42") for line in told)
    few = len(told)
    frame.locator("label", has_text="Show all differences").click()
    window.eventually(lambda: len(lines(frame)) > few, "what differs by chance, too")
    frame.locator(".side.before button").click()
    assert page(window, "section.spans").locator("h1").inner_text().startswith("POST /checkout")


def test_with_the_last_good_one_and_with_one_that_is_chosen(shop: Shop, window: Window) -> None:
    good, other = shop.orders(people=2), shop.orders(people=3, id=7, note="🙂")
    bad = shop.orders(people=0)
    live = Pane(window, "Live Requests").show()
    live.context(f"req:{bad[:8]}", "Compare with the last good one")
    frame = page(window, DIFFERENCES)
    window.expect(frame.locator(".verdict")).to_have_text("Regressed")
    window.expect(frame.locator("header")).to_contain_text(f"req:{other[:8]} is the last good request of this route")
    # By keyboard: from span to span, and a value in full below.
    has_keyboard(window, frame)
    window.page.keyboard.press("n")
    window.page.keyboard.press("ArrowDown")
    window.expect(frame.locator("section.details .whole").first).to_be_visible()
    window.host("await vscode.commands.executeCommand('workbench.action.closeAllEditors')")
    live.action(f"req:{bad[:8]}", "Compare")
    window.quick_input_title(f"Compare req:{bad[:8]} with which other?")
    window.quick_input().fill(good[:8])
    window.page.keyboard.press("Enter")
    frame = page(window, DIFFERENCES)
    # As they were named: what failed, then what did not.
    window.expect(frame.locator(".verdict")).to_have_text("Fixed")
    window.expect(frame.locator("header")).to_contain_text(f"req:{good[:8]}")


def test_to_open_what_a_replay_came_to_runs_nothing(shop: Shop, window: Window) -> None:
    id = shop.orders(people=0)
    window.failure(id)
    # A link that something recorded, or somebody sent, may name.
    window.host("void vscode.commands.executeCommand('flux.openPage', given[0])", f"flux://request/{id}/replay")
    window.toast("it has not been replayed here").wait_for()
