"""Answers as pages: each in a tab with a title of its own, told anew when asked for; what was recorded is only text."""

import re
from typing import Any

from playwright.sync_api import Frame

from tests.e2e.neovim.shop import FAULT_LINE
from tests.e2e.vscode.panes import has_keyboard, page
from tests.e2e.vscode.shop import Shop
from tests.e2e.vscode.window import Window
from tests.telemetry import Raises, http

HOSTILE = (
    "</code></pre><img src=x onerror=\"document.title='pwned'\"><script>document.title = 'pwned'</script>\n"
    "# pwned\n```\n</pre><style>* { display: none }</style> [why](command:workbench.action.closeWindow) \u202e🙂"
)


def shown(window: Window, command: str, *given: Any) -> None:
    window.host("await vscode.commands.executeCommand(...given)", command, *given)


def with_heading(window: Window, heading: str) -> Frame:
    frame = page(window, f"h1:has-text('{heading}')")
    # It can be read before its script is there.
    window.eventually(lambda: frame.evaluate("document.readyState") == "complete", "all of the page")
    return frame


def titles(window: Window) -> list[str]:
    found: list[str] = window.host(
        "return vscode.window.tabGroups.all.flatMap((group) => group.tabs)"
        ".filter((tab) => tab.input.viewType === 'flux.page').map((tab) => tab.label)"
    )
    return found


def test_each_has_a_tab_with_its_title(shop: Shop, window: Window) -> None:
    one, other = shop.orders(people=0), shop.orders(people=0)
    window.failure(other, "2 failures · last")
    for id in (one, other, one):
        shown(window, "flux.why", id)
        window.page_text("Root cause", f"req:{id[:8]}")
    shown(window, "flux.errors")
    window.page_text("What fails")
    assert sorted(titles(window)) == sorted(
        ["What fails", f"Why did req:{one[:8]} fail?", f"Why did req:{other[:8]} fail?"]
    )
    # Asked for again, it reads as things are now.
    shop.fails("get_greeting({})", path="/greeting")
    window.eventually(lambda: window.host("return flux.status.failing") == 2, "the other kind")
    assert "KeyError" not in window.page_text("What fails")
    shown(window, "flux.errors")
    window.page_text("What fails", "KeyError")
    assert len(titles(window)) == 3


def test_it_is_there_after_a_reload(shop: Shop, window: Window) -> None:
    id = shop.orders(people=0)
    shown(window, "flux.why", id)
    frame = with_heading(window, "Why did")
    frame.evaluate(
        "new Promise((done) => { window.addEventListener('scroll', done, { once: true }); window.scrollTo(0, 120); })"
    )
    # How far it was read reaches the editor before a key does that is pressed after it.
    has_keyboard(window, frame)
    window.palette()
    window.page.keyboard.press("Escape")
    window.open(shop.checkout)
    window.eventually(frame.is_detached, "the page to be hidden")
    window.tab(f"Why did req:{id[:8]} fail?").click()
    frame = with_heading(window, "Why did")
    window.eventually(lambda: frame.evaluate("window.scrollY") == 120, "it to be where it was")
    window.reload()
    window.expect(with_heading(window, "Why did").locator("main")).to_contain_text("ZeroDivisionError")
    window.tab(f"Why did req:{id[:8]} fail?").wait_for()


def test_what_was_recorded_is_only_text(shop: Shop, window: Window) -> None:
    frame_of = (str(shop.checkout), FAULT_LINE, "per_person", "share")
    id = shop.send(http("GET", f"/{HOSTILE}", 500, raises=Raises("Boom", HOSTILE, (frame_of,)), ms=3))
    shown(window, "flux.why", id)
    frame = with_heading(window, "Why did")
    window.expect(frame.locator("main")).to_contain_text("<img src=x")
    assert frame.locator("main").locator("img, script, style").count() == 0
    links = frame.locator("main a").evaluate_all(
        "(all) => all.map((each) => [each.textContent, each.getAttribute('href')])"
    )
    assert {text for text, _ in links} == {f"{shop.checkout.relative_to(shop.folder)}:{FAULT_LINE}"}
    assert all(re.fullmatch(r"#flux-place-\d+", href) for _, href in links)
    assert frame.locator("h1").count() == 1
    assert frame.evaluate("document.title") == "Flux"
    policy = str(frame.locator('meta[http-equiv="Content-Security-Policy"]').get_attribute("content"))
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_a_place_leads_to_its_line(shop: Shop, window: Window) -> None:
    id = shop.orders(people=0)
    shown(window, "flux.why", id)
    frame = with_heading(window, "Why did")
    place = frame.locator("main a", has_text=f"{shop.checkout.name}:{FAULT_LINE}").first
    editor = "const editor = vscode.window.activeTextEditor"

    def is_there() -> bool:
        told = window.host(f"{editor}; return [editor?.document.uri.path, editor?.selection.active.line]")
        return bool(told == [str(shop.checkout), FAULT_LINE - 1])

    window.again(place.click, is_there, "the line")
    # The page stays beside it, and knows of no place that it does not show.
    assert titles(window) == [f"Why did req:{id[:8]} fail?"]


def test_what_cannot_be_answered_opens_nothing(shop: Shop, window: Window) -> None:
    shop.succeeds()
    window.eventually(lambda: window.host("return flux.status?.last_request !== null"), "the request")
    window.host("void vscode.commands.executeCommand('flux.openPage', 'flux://request/dead/why')")
    window.toast("dead").wait_for()
    assert titles(window) == []
