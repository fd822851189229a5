"""The palette: which request is meant, what is typed, and what comes of it."""

import re
from pathlib import Path

from tests.e2e.neovim.shop import CHECKOUT_CALL
from tests.e2e.neovim.till import BROKEN, MENDED, Till
from tests.e2e.vscode.shop import Shop
from tests.e2e.vscode.window import Window


def test_everything_that_is_contributed_is_there(window: Window) -> None:
    missing = """
    const { commands } = vscode.extensions.getExtension("flux-ls.flux").packageJSON.contributes;
    const known = new Set(await vscode.commands.getCommands(true));
    return commands.map((each) => each.command).filter((id) => !known.has(id));
    """
    assert window.host(missing) == []


def test_at_the_cursor_nothing_is_asked(shop: Shop, window: Window) -> None:
    id = shop.fails()
    shop.fails("get_greeting({})", path="/greeting")
    window.failure(id)
    window.text("return smile, share").click()
    window.command("Flux: Trace of a request")
    window.page_text("Next error", f"req:{id[:8]}")


def test_elsewhere_a_request_is_chosen_the_newest_first(shop: Shop, window: Window) -> None:
    for number in range(60):
        shop.succeeds(f"/products/{number}")
    id = shop.fails()
    window.failure(id)
    window.text('"""Splits a bill."""').click()
    window.command("Flux: Trace of a request")
    window.quick_input_title("The spans of which request?")
    # What failed took longer, so it began a moment before the last of the others.
    window.eventually(
        lambda: any(row.startswith("GET /products/59") for row in window.quick_picks()[:10]), "the requests"
    )
    failed = re.compile(rf"500 44ms req:{id[:8]} (just now|\d+ s ago) ZeroDivisionError: division by zero")
    assert failed.search(" ".join(window.quick_picks()))
    # What is further back comes on demand, and an id need not be in the list.
    window.quick_input().fill("Older")
    window.pick("Older requests")
    window.quick_input().fill("products/3")
    window.eventually(lambda: any(row.startswith("GET /products/3200") for row in window.quick_picks()), "older ones")
    window.quick_input().fill(f"req:{id[:6]}")
    window.eventually(lambda: _first(window).startswith("POST /checkout"), "the one that is typed")
    window.page.keyboard.press("Enter")
    window.page_text("Next error", f"req:{id[:8]}")


def _first(window: Window) -> str:
    return next(iter(window.quick_picks()), "")


def test_an_id_that_nothing_has_is_said_and_one_of_several_is_chosen(shop: Shop, window: Window) -> None:
    shop.succeeds()
    window.eventually(lambda: window.host("return flux.status?.last_request !== null"), "the request")
    window.command("Flux: Trace of a request")
    window.quick_input_title("The spans of which request?")
    window.quick_input().fill("dead")
    window.pick("req:dead")
    window.toast("dead").wait_for()
    window.host("await vscode.commands.executeCommand('notifications.clearAll')")
    one, other = "abcd1" + "0" * 26 + "1", "abcd2" + "0" * 26 + "2"
    shop.fails(trace_id=one)
    shop.fails("get_greeting({})", path="/greeting", trace_id=other)
    window.failure(other)
    window.host("void vscode.commands.executeCommand('flux.trace', 'abcd')")
    window.pick("/greeting")
    window.page_text("Next error", "req:abcd2000")


def test_two_requests_are_compared(shop: Shop, window: Window) -> None:
    good, bad = shop.orders(), shop.orders(0)
    window.failure(bad)
    window.text("share =").click()
    window.command("Flux: Compare two requests")
    window.pick("The last good one")
    window.page_text("REGRESSED", f"req:{good[:8]}", f"req:{bad[:8]}")


def test_rows_are_chosen_by_table_and_key(shop: Shop, window: Window) -> None:
    long = 2**53 + 1
    shop.orders(id=42)
    shop.orders(id=long)
    window.eventually(lambda: window.host("return flux.status?.last_request?.path") == "/checkout", "the requests")
    window.command("Flux: Who wrote what a row holds?")
    window.pick("orders")
    window.eventually(lambda: {"42", str(long)} <= set(window.quick_picks()), "the rows")
    window.pick(str(long))
    window.page_text("Who wrote", f"orders id={long}")
    window.host("await vscode.commands.executeCommand('workbench.action.closeAllEditors')")
    window.command("Flux: What happened to a row?")
    window.pick("orders")
    window.pick("Another key")
    # The list has the same title.
    window.expect(window.page.locator(".quick-input-message")).to_contain_text("The primary key")
    window.quick_input().fill("42")
    window.page.keyboard.press("Enter")
    window.page_text("orders", "paid")


def test_a_failure_is_dismissed_and_restored(shop: Shop, window: Window) -> None:
    id = shop.fails()
    window.failure(id)
    window.text("share =").click()
    window.command("Flux: Dismiss a failure")
    window.eventually(lambda: window.squiggles() == 0, "no squiggle")
    window.toast("dismissed").locator("a, button", has_text="Undo").click()
    window.failure(id)
    window.eventually(lambda: window.squiggles() == 1, "it again")
    window.command("Flux: Dismiss a failure")
    window.eventually(lambda: window.squiggles() == 0, "no squiggle")
    window.command("Flux: Show a dismissed failure again")
    window.pick("ZeroDivisionError")
    window.eventually(lambda: window.squiggles() == 1, "it again")


def test_what_a_model_would_be_asked_is_shown_and_sending_is_asked_first(shop: Shop, window: Window) -> None:
    id = shop.fails()
    window.failure(id)
    window.text("share =").click()
    window.command("Flux: What would a model be asked?")
    window.page_text("What a model would be asked", "Nothing was sent.")
    window.open(shop.checkout)
    window.text("share =").click()
    window.command("Flux: Ask a model about a failure")
    dialog = window.page.locator(".monaco-dialog-box")
    window.expect(dialog).to_contain_text(f"Send what was recorded of req:{id[:8]}")
    window.expect(dialog).to_contain_text("bytes, secrets taken out")
    dialog.locator("a, button", has_text="Cancel").click()


def test_a_service_is_run_in_a_terminal(shop: Shop, window: Window, tmp_path: Path) -> None:
    window.host("void vscode.commands.executeCommand('flux.run')")
    window.quick_input_title("Run a service under the recorder")
    window.quick_input().fill(" ")
    window.expect(window.page.locator(".quick-input-message")).to_contain_text("Which command?")
    proof = tmp_path / "proof"
    window.quick_input().fill(f"python -c \"open('{proof}', 'w').write('ran')\"")
    window.page.keyboard.press("Enter")
    window.eventually(lambda: proof.exists() and proof.read_text() == "ran", "the command to run")
    window.host("for (const each of vscode.window.terminals) each.dispose()")


def test_what_is_typed_wrong_is_not_taken(shop: Shop, window: Window) -> None:
    window.failure(shop.fails(CHECKOUT_CALL))
    window.text('"""Splits a bill."""').click()
    window.command("Flux: Replay a request")
    window.pick("All of a time")
    window.quick_input_title("Run all requests of a time again")
    window.quick_input().fill("yesterday")
    message = window.page.locator(".quick-input-message")
    window.expect(message).to_contain_text(re.compile("30m, 2h or 14:00"))
    window.page.keyboard.press("Escape")
    window.command("Flux: Find the commit that broke it")
    window.pick("By a command")
    window.quick_input_title("by a command")
    window.quick_input().fill("true")
    window.page.keyboard.press("Enter")
    window.quick_input_title("A revision that was good")
    window.quick_input().fill("--exec=rm")
    window.expect(message).to_contain_text("cannot be a revision")
    window.page.keyboard.press("Escape")


def test_a_replay_can_be_called_off(shop: Shop, window: Window) -> None:
    till = Till(shop)
    id = till.fails()
    window.eventually(lambda: window.host("return flux.status?.failing") == 1, "the failure")
    till.write(BROKEN.replace("    order =", "    import time\n    time.sleep(300)\n    order ="))
    window.host("void vscode.commands.executeCommand('flux.replay', given[0])", id)
    toast = window.toast("running it again")
    toast.locator("a, button", has_text="Cancel").click()
    window.expect(toast).to_be_hidden(timeout=40_000)
    assert window.host("return vscode.window.tabGroups.all.flatMap((group) => group.tabs).length") == 1
    # The server is free for the next one.
    till.write(MENDED)
    window.host("void vscode.commands.executeCommand('flux.replay', given[0])", id)
    window.page_text("replayed", "1 passing")
