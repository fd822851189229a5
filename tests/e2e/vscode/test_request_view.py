"""The request view: spans on a time axis, step by step, with the code beside them."""

from typing import Any

from playwright.sync_api import Frame

from tests.e2e.neovim.shop import FAULT_LINE
from tests.e2e.vscode.panes import Pane, cursor, has_keyboard, page
from tests.e2e.vscode.shop import Shop
from tests.e2e.vscode.window import Window
from tests.telemetry import RECORDER, Raises, http, recorded, row, span, transaction

SPANS = "section.spans"
SNOWFLAKE = 175928847299117063
"""No double holds it."""
HOSTILE = "<img src=x onerror=\"document.title='pwned'\"> [why](command:workbench.action.closeWindow) \u202e🙂"


def opened(window: Window, id: str) -> Frame:
    window.host("await vscode.commands.executeCommand('flux.debug', given[0])", id)
    return page(window, SPANS)


def rows(frame: Frame) -> list[str]:
    found: list[str] = frame.locator(".spans .row").evaluate_all(
        "(rows) => rows.sort((one, other) => one.dataset.index - other.dataset.index)"
        ".map((row) => row.querySelector('.span-name').textContent)"
    )
    return found


def selected(frame: Frame) -> str:
    return str(frame.locator(".spans .row.selected .span-name").inner_text())


def beside(window: Window) -> list[Any]:
    """The lines of code that are marked beside the page."""
    found: list[Any] = window.host(
        "return vscode.window.visibleTextEditors.map((editor) =>"
        " [editor.document.uri.path.split('/').at(-1), editor.selection.active.line + 1])"
    )
    return found


def test_a_request_step_by_step(shop: Shop, window: Window) -> None:
    id = shop.orders(people=0)
    live = Pane(window, "Live Requests").show()
    live.action(f"req:{id[:8]}", "Step through a request")
    frame = page(window, SPANS)
    # It begins where it failed, with the line beside it, and the keyboard in the page.
    window.eventually(lambda: selected(frame) == "per_person", "the step that failed")
    window.expect(frame.locator("h1")).to_contain_text("POST /checkout")
    window.expect(frame.locator(".pill")).to_have_text("500")
    assert rows(frame) == ["POST /checkout", "save_order", "per_person", "transaction"]
    window.eventually(lambda: ["checkout.py", FAULT_LINE] in beside(window), "the line beside it")
    details = frame.locator("section.details")
    window.expect(details.locator("pre.error")).to_have_text("ZeroDivisionError: division by zero")
    window.expect(details.locator(".section", has_text="Locals")).to_contain_text("people")
    assert "shop/checkout.py:5 in per_person" in details.inner_text()
    has_keyboard(window, frame)
    press = window.page.keyboard.press
    press("p")
    window.eventually(lambda: selected(frame) == "save_order", "the step before")
    window.expect(details.locator(".row-change").first).to_contain_text("orders id=42 inserted, rolled back")
    assert [cell.split() for cell in details.locator(".row-change tbody tr").all_inner_texts()] == [
        ["state", "new"],
        ["state", "new", "paid"],
    ]
    window.eventually(lambda: ["checkout.py", 9] in beside(window), "its line")
    window.expect(frame.locator(".position")).to_have_text("step 2 of 4")
    press("e")
    window.eventually(lambda: selected(frame) == "per_person", "the next error")
    press("n")
    window.eventually(lambda: selected(frame) == "transaction", "the step after")
    window.expect(details).to_contain_text("The transaction was rolled back.")
    press("Home")
    window.eventually(lambda: selected(frame) == "POST /checkout", "the first")
    press("ArrowLeft")
    window.eventually(lambda: rows(frame) == ["POST /checkout"], "all folded into it")
    assert frame.locator(".spans .row").get_attribute("aria-expanded") == "false"
    press("e")
    window.eventually(lambda: selected(frame) == "per_person", "what was folded comes out for it")
    window.eventually(lambda: ["checkout.py", FAULT_LINE] in beside(window), "the line beside it")
    assert frame.evaluate("document.hasFocus()"), "the line beside it took the keyboard"
    press("o")
    window.eventually(lambda: cursor(window)[:2] == ["checkout.py", FAULT_LINE], "the keyboard in the code")
    frame.locator("label", has_text="1 span of messages").click()
    window.eventually(lambda: rows(frame)[1] == "connect", "what says nothing of its own")
    frame.locator("button", has_text="Why").click()
    window.page_text("Why did", f"req:{id[:8]}")


def test_recorded_text_is_only_text(shop: Shop, window: Window) -> None:
    frame_of = (str(shop.checkout), FAULT_LINE, "per_person", "share")
    values = {
        "id": SNOWFLAKE,
        HOSTILE: HOSTILE,
        "long": "🙂" + "x" * 3000,
        "deep": {"a": {"b": [1, {"$cut": "cut", "length": 9000}]}},
    }
    changed = row("users", {"id": HOSTILE}, before={"name": HOSTILE}, after={"name": None}, at_ms=1, by=HOSTILE)
    inner = span(HOSTILE, ms=5, raises=Raises("Boom", HOSTILE, (frame_of,)), attributes=recorded(values, values))
    children = [inner, transaction("committed", changed, ms=3)]
    id = shop.send(http("GET", f"/{HOSTILE}", 500, ms=9, children=children), resource=RECORDER)
    frame = opened(window, id)
    details = frame.locator("section.details")
    window.expect(details.locator("pre.error")).to_contain_text("<img src=x")
    assert frame.locator("img").count() == 0
    assert frame.locator("a").count() == 0
    assert frame.evaluate("document.title") == "Flux"
    policy = str(frame.locator('meta[http-equiv="Content-Security-Policy"]').get_attribute("content"))
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    # What a page could be made to do by a script in it: nothing.
    refused = "new Promise((done) => { document.addEventListener('securitypolicyviolation', () => done(true));"
    refused += " const made = document.createElement('script'); made.textContent = 'document.title = 1';"
    refused += " document.body.append(made); setTimeout(() => done(false), 2000); })"
    assert frame.evaluate(refused) is True
    window.expect(details.locator(".section", has_text="Input").locator(".leaf").first).to_have_text(f"id{SNOWFLAKE}")
    long = details.locator(".section", has_text="Input").locator("button", has_text="show all").first
    long.click()
    window.expect(details.locator(".section", has_text="Input")).to_contain_text("x" * 2900)
    window.expect(details.locator(".section", has_text="Input")).to_contain_text("(9.0 KB)")
    assert details.locator(".row-change td.before").inner_text().startswith("<img")


def test_two_thousand_spans_scroll(shop: Shop, window: Window) -> None:
    failing = Raises("Boom", "late", ((str(shop.checkout), FAULT_LINE, "per_person", "share"),))
    children = [span(f"é🙂 {number}", start_ms=number, ms=1) for number in range(2000)]
    children.append(span("last", start_ms=2000, ms=1, raises=failing))
    id = shop.send(http("GET", "/many", 500, ms=2001, raises=failing, children=children))
    frame = opened(window, id)
    window.eventually(lambda: selected(frame) == "last", "the step that failed, far below")
    assert frame.locator(".spans .row").count() < 120
    assert frame.locator(".spans .row.selected").get_attribute("aria-setsize") == "2002"
    active = str(frame.locator(".spans .list").get_attribute("aria-activedescendant"))
    assert "last" in frame.locator(f"#{active}").inner_text()
    has_keyboard(window, frame)
    window.page.keyboard.press("Home")
    window.eventually(lambda: rows(frame)[0] == "GET /many", "the first")
    frame.locator(".spans .list").evaluate("(list) => { list.scrollTop = 1000 * 24 }")
    window.eventually(lambda: any(name == "é🙂 1000" for name in rows(frame)), "the middle")
    window.page.keyboard.press("e")
    window.eventually(lambda: selected(frame) == "last", "the next error")


def test_it_is_as_it_was_after_a_reload(shop: Shop, window: Window) -> None:
    id = shop.orders(people=0)
    frame = opened(window, id)
    window.eventually(lambda: selected(frame) == "per_person", "the step that failed")
    frame.locator("label", has_text="1 span of messages").click()
    window.eventually(lambda: rows(frame)[1] == "connect", "all of them")
    frame.locator(".spans .list").focus()
    has_keyboard(window, frame)
    window.page.keyboard.press("p")
    window.eventually(lambda: selected(frame) == "save_order", "another step")
    # What the page keeps has then reached the editor, too.
    window.eventually(lambda: ["checkout.py", 9] in beside(window), "its line")
    window.reload()
    again = page(window, SPANS)
    window.eventually(lambda: selected(again) == "save_order", "the same step")
    assert rows(again) == ["POST /checkout", "connect", "save_order", "per_person", "transaction"]
    assert again.locator("input[type=checkbox]").is_checked()
