"""What stands in the code: squiggles, lenses, hovers, the hint at the end of the line and the mark beside it."""

from tests.e2e.neovim.shop import Shop
from tests.e2e.vscode.window import Window


def test_a_failure_shows_on_its_line(shop: Shop, window: Window) -> None:
    shop.fails()
    window.eventually(lambda: window.squiggles("error") == 1, "a squiggle")
    window.lens("1 failure · last").wait_for()
    shown = window.hover("share = order", "people")
    window.expect(shown).to_contain_text("ZeroDivisionError")
    assert window.asked_hosts == set()
