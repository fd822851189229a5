"""The views in the side bar: requests as they finish, and what fails by how it stands with it."""

import re
import time
from pathlib import Path

from flux_ls.collector.ingest import Ingest
from tests.e2e.neovim.shop import FAULT_LINE
from tests.e2e.vscode.panes import Pane, cursor
from tests.e2e.vscode.shop import Shop
from tests.e2e.vscode.window import Window
from tests.telemetry import RaisesInNode, http, traces

RED, YELLOW = "rgb(241, 76, 76)", "rgb(204, 167, 0)"
MS = 1_000_000


def selected(window: Window) -> list[str]:
    """What is selected in a view, by its first words."""
    rows = window.page.locator(".pane .monaco-list-row.selected .label-name")
    return [text.replace("\xa0", " ") for text in rows.all_inner_texts()]


def test_requests_show_as_they_finish(shop: Shop, window: Window) -> None:
    good = shop.succeeds()
    live = Pane(window, "Live Requests").show()
    live.wait([f"GET /products  200 · 9ms · req:{good[:8]}"], "what is stored")
    live.select("200")
    assert selected(window) == ["GET /products"]
    bad = shop.fails()
    refused = shop.succeeds("/é🙂", status=404)
    live.wait(
        [
            f"GET /é🙂  404 · 9ms · req:{refused[:8]}",
            f"POST /checkout  500 · 44ms · req:{bad[:8]} · ZeroDivisionError: division by zero",
            "GET /products  200",
        ],
        "what came",
    )
    assert selected(window) == ["GET /products"], "what came moved the selection"
    icons = [("warning", YELLOW), ("error", RED)]
    window.eventually(lambda: [live.icon(text) for text in ("404", "500")] == icons, "what did not go well")
    assert live.icon("200")[0] == "pass"
    # A failing one has its error and its line below it.
    live.click("500", lambda: cursor(window)[:2] == ["checkout.py", FAULT_LINE], "the line")
    live.in_it()
    window.page.keyboard.press("ArrowRight")
    live.row("shop/checkout.py:5  in per_person").wait_for()
    live.row("shop/checkout.py:5  in per_person").click()
    live.action("500", "Why did this fail?")
    window.page_text("Why did", f"req:{bad[:8]}")
    live.context("404", "Copy request id")
    window.eventually(
        lambda: window.host("return vscode.env.clipboard.readText()") == f"req:{refused[:8]}", "the id in the clipboard"
    )


def test_a_column_is_counted_as_the_editor_does(shop: Shop, window: Window) -> None:
    file = shop.folder / "shop" / "split.js"
    file.write_text('const smile = "é🙂🙂"; share(0);\n', encoding="utf-8")
    column = len('const smile = "é🙂🙂"; '.encode("utf-16-le")) // 2 + 1
    raises = RaisesInNode("RangeError", "nobody", ((str(file), 1, "share", ""),))
    shop.send(http("GET", "/split", 500, raises=_At(raises.type, raises.message, raises.frames, column)))
    live = Pane(window, "Live Requests").show()
    live.click("GET /split", lambda: cursor(window) == ["split.js", 1, column], "the very character")


class _At(RaisesInNode):
    """In another column than the fifth."""

    def __init__(self, type: str, message: str, frames: tuple[tuple[str, int, str, str], ...], column: int) -> None:
        super().__init__(type, message, frames)
        object.__setattr__(self, "column", column)

    @property
    def stacktrace(self) -> str:
        return super().stacktrace.replace(":5)", f":{vars(self)['column']})")


def test_only_what_is_wanted_is_shown(shop: Shop, window: Window) -> None:
    shop.succeeds(ms=300)
    shop.fails()
    live = Pane(window, "Live Requests").show()
    live.wait(["POST /checkout", "GET /products"], "both")
    live.title_action("Show only errors in live requests").click()
    live.wait(["POST /checkout"], "errors alone")
    window.expect(live.element.locator(".pane-header .description")).to_have_text("errors only")
    # It begins before the next one does, however fast the two are sent.
    shop.succeeds("/fine", ms=90)
    shop.fails(path="/again")
    live.wait(["POST /again", "POST /checkout"], "an error that came")
    live.title_action("Clear the filter of live requests").click()
    live.wait(["POST /again", "GET /fine", "POST /checkout", "GET /products"], "all again")
    window.command("Flux: Filter live requests")
    window.pick("Slower than")
    window.quick_input_title("Only requests that took longer")
    window.quick_input().fill("fast")
    window.page.keyboard.press("Enter")
    window.expect(window.page.locator(".quick-input-message")).to_contain_text("Milliseconds, such as 200")
    window.quick_input().fill("200")
    window.page.keyboard.press("Enter")
    live.wait(["GET /products"], "the slow one")
    window.command("Flux: Filter live requests")
    window.pick("Function, route or path")
    window.quick_input_title("Only requests through a function")
    window.quick_input().fill("nobody")
    window.page.keyboard.press("Enter")
    live.element.get_by_text("No request passes the filter.").wait_for()
    live.element.get_by_text("Clear the filter").click()
    live.wait(["POST /again", "GET /fine", "POST /checkout", "GET /products"], "all again")


def test_it_stands_still_when_told_to(shop: Shop, window: Window) -> None:
    shop.succeeds("/first")
    live = Pane(window, "Live Requests").show()
    live.wait(["GET /first"], "one")
    live.title_action("Pause live requests").click()
    window.expect(live.element.locator(".pane-header .description")).to_have_text("paused")
    shop.succeeds("/second")
    live.wait(["1 new request", "GET /first"], "what waits")
    live.row("1 new request").click()
    live.wait(["GET /second", "GET /first"], "what came")


def test_failures_by_how_it_stands_with_them(shop: Shop, window: Window) -> None:
    failures = Pane(window, "Failures").show()
    failures.element.get_by_text("Nothing fails.").wait_for()
    first, second = shop.fails(), shop.fails()
    told = r"ZeroDivisionError: division by zero  2 times · (just now|\d+ s ago) · shop/checkout\.py:5"
    failures.wait(["Failing  1", re.compile(told)], "it")
    badge = window.page.locator('.activitybar .action-item:has([aria-label^="Flux"]) .badge-content')
    window.expect(badge).to_have_text("1")
    failures.click("ZeroDivisionError", lambda: cursor(window)[:2] == ["checkout.py", FAULT_LINE], "the line")
    failures.in_it()
    window.page.keyboard.press("ArrowRight")
    failures.wait(
        ["Failing", "ZeroDivisionError", f"req:{second[:8]}", f"req:{first[:8]}"], "the latest requests of it"
    )
    failures.action("ZeroDivisionError", "Dismiss a failure")
    failures.row("Dismissed").wait_for()
    failures.row("ZeroDivisionError").wait_for()
    window.expect(badge).to_be_hidden()
    window.eventually(lambda: failures.icon("ZeroDivisionError")[0] == "eye-closed", "what is not shown")
    failures.action("ZeroDivisionError", "Show a dismissed failure again")
    failures.row("Failing").wait_for()
    window.expect(badge).to_have_text("1")
    # A greeting without a name fails in another way, on another line.
    shop.fails("get_greeting({})", path="/greeting")
    window.expect(badge).to_have_text("2")
    window.expect(failures.row("KeyError")).to_contain_text("shop/checkout.py:14")


def test_ten_thousand_requests(shop: Shop, window: Window, tmp_path: Path) -> None:
    count, apart_ms = 10_000, 10
    start_ns = time.time_ns() - (count + 100) * apart_ms * MS
    shop.store = tmp_path / "many" / "flux.db"
    sink = Ingest(shop.store)
    for begin in range(0, count, 1000):
        numbers = range(begin, begin + 1000)
        roots = (http("GET", f"/é🙂/{number}", route="/é🙂", start_ms=number * apart_ms, ms=5) for number in numbers)
        sink.traces(traces(*roots, at_ns=start_ns))
    sink.close()
    failed = shop.fails()
    window.tidy({"store": str(shop.store)})
    live, page = Pane(window, "Live Requests"), window.page
    live.show().row(f"req:{failed[:8]}").wait_for()
    # What it takes to show them does not grow with what is stored: one page, and a row for what is older.
    assert live.row(f"req:{failed[:8]}").get_attribute("aria-setsize") == "201"
    live.show().row("/é🙂/9999 ").wait_for()
    # By keyboard alone: to the failure, and to its line.
    live.in_it()
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    window.eventually(lambda: cursor(window)[:2] == ["checkout.py", FAULT_LINE], "the line")
    live.in_it()
    # To the oldest that is held, and on from there, back through the store.
    for newest in (9800, 9300, 8800, 8300):
        page.keyboard.press("End")
        live.row("Load older").wait_for()
        page.keyboard.press("Enter")
        live.row(f"/é🙂/{newest} ").wait_for()
        window.eventually(lambda newest=newest: selected(window) == [f"GET /é🙂/{newest}"], "the next one selected")
    # More than are ever held: the newest were left behind, and it stands still.
    window.expect(live.element.locator(".pane-header .description")).to_have_text("paused")
    assert live.row("/é🙂/8300 ").get_attribute("aria-setsize") == "2001"
    live.title_action("Resume live requests").click()
    live.row(f"req:{failed[:8]}").wait_for()
    window.command("Flux: Filter live requests")
    window.pick("Function, route or path")
    window.quick_input_title("Only requests through a function")
    window.quick_input().fill("*/7")
    page.keyboard.press("Enter")
    live.wait(["GET /é🙂/7 "], "the one of ten thousand that passes")
