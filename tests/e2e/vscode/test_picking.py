"""The list of requests that a command offers goes back page by page, as far as there are any."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from flux_ls.collector.ingest import Ingest
from tests.e2e.vscode.shop import Shop
from tests.e2e.vscode.window import Window
from tests.telemetry import SpanNode, http, traces

SPY = """
globalThis.fluxAsked = [];
const execute = flux.execute;
globalThis.fluxAsksAgain = () => { flux.execute = execute; };
flux.execute = (name, parameters, token) => {
  if (name === "tail") { globalThis.fluxAsked.push(parameters); }
  return execute.call(flux, name, parameters, token);
};
"""


def sent(shop: Shop, roots: Sequence[SpanNode]) -> None:
    """Many requests, the last of them the newest."""
    sink = Ingest(shop.store)
    try:
        sink.traces(traces(*roots))
    finally:
        sink.close()


@pytest.fixture
def spied(window: Window) -> Iterator[Window]:
    """The window, where what is asked for by the list is noted."""
    window.host(SPY)
    yield window
    window.host("globalThis.fluxAsksAgain()")


def asked(window: Window) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = window.host("return globalThis.fluxAsked")
    return found


def older(window: Window) -> None:
    """Takes the last row, by keyboard."""
    window.page.keyboard.press("Control+End")
    row = window.page.locator(".quick-input-widget .monaco-list-row.focused")
    window.expect(row).to_contain_text("Older requests")
    window.page.keyboard.press("Enter")


def test_only_what_is_older_is_asked_for(shop: Shop, spied: Window) -> None:
    window = spied
    sent(shop, [http("GET", f"/products/{number}", 200, ms=1) for number in range(300)])
    window.command("Flux: Trace of a request")
    window.quick_input_title("The spans of which request?")
    window.eventually(lambda: len(window.quick_picks()) > 5, "the requests")
    focused = window.page.locator(".quick-input-widget .monaco-list-row.focused")
    older(window)
    window.eventually(lambda: len(asked(window)) == 2, "a page of older ones")
    # It goes on with the first of them.
    window.expect(focused).to_contain_text("GET /products/249")
    older(window)
    window.eventually(lambda: len(asked(window)) == 3, "another page of older ones")
    window.expect(focused).to_contain_text("GET /products/49")
    window.page.keyboard.press("Control+End")
    window.expect(focused).to_contain_text("GET /products/0")
    first, *rest = asked(window)
    assert "before" not in first
    assert len({page["before"] for page in rest}) == 2
    window.page.keyboard.press("Escape")


def test_what_was_refused_does_not_stand_in_the_way_of_what_failed(shop: Shop, spied: Window) -> None:
    window = spied
    id = shop.fails()
    sent(shop, [http("GET", f"/missing/{number}", 404, ms=1) for number in range(120)])
    window.failure(id)
    window.text('"""Splits a bill."""').click()
    window.command("Flux: Why did this fail?")
    window.eventually(lambda: any(f"req:{id[:8]}" in row for row in window.quick_picks()), "the one that failed")
    assert len(window.quick_picks()) == 1
    assert len(asked(window)) == 3
    window.page.keyboard.press("Escape")
