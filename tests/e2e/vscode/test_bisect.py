"""A bisect from the palette, on a real history: how far it is, calling it off and going on, the commit, its lines."""

import subprocess
from pathlib import Path

import pytest

from tests.e2e.neovim.till import BROKEN, MENDED, Till
from tests.e2e.vscode.shop import Shop
from tests.e2e.vscode.test_hints import hint, marks
from tests.e2e.vscode.window import Window

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

TITLE = "Flux: Find the commit that broke it"
PROGRESS = "looking for the commit that broke it"


class History:
    """Nine commits, of which the sixth broke it; between the first and the last, each says which one it is."""

    def __init__(self, shop: Shop) -> None:
        self.till = Till(shop)
        self.till.write(MENDED)
        self.good = self.till.commit("Mend it")
        for number in range(7):
            text = MENDED if number < 4 else BROKEN
            self.till.write(f"{text}# {number}\n")
            made = self.till.commit(f"Number {number}")
            if number == 4:
                self.culprit = made
        self.till.write(BROKEN, ago_s=60)
        self.till.culprit = self.till.commit("As it runs")
        self.id = self.till.fails()

    def git(self, *words: str) -> str:
        folder = self.till.shop.folder
        return subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout

    def worktrees(self) -> int:
        return len(self.git("worktree", "list").splitlines())


@pytest.fixture
def history(shop: Shop) -> History:
    return History(shop)


def typed(window: Window, title: str, text: str) -> None:
    """Into the box with that title."""
    window.quick_input_title(title)
    window.quick_input().fill(text)
    window.page.keyboard.press("Enter")


def test_of_the_failure_at_the_cursor(history: History, window: Window, tmp_path: Path) -> None:
    till = history.till
    before = history.git("status", "--porcelain=v2", "--branch")
    window.open(till.app)
    window.failure(history.id)
    window.text("share =").click()
    window.command(TITLE)
    typed(window, "A revision that was good", history.good[:12])
    toast = window.toast(PROGRESS)
    window.toasted(PROGRESS, "commits left, about")
    window.screenshot(tmp_path / "progress.png")
    window.expect(toast).to_be_hidden(timeout=90_000)
    told = window.page_text("First bad commit")
    window.screenshot(tmp_path / "found.png")
    assert history.culprit[:12] in told
    assert "Number 4" in told
    assert "in split" in told
    # The commit stands on the lines that it changed, beside the failure.
    window.open(till.app)
    window.eventually(lambda: window.squiggles("info") == 1, "the lines of the commit")
    found = f"first bad commit {history.culprit[:12]} · Ada · "
    window.eventually(lambda: found in hint(window, "share ="), "the commit at the end of its line")
    window.eventually(lambda: "ZeroDivisionError" in hint(window, "share ="), "the failure beside it")
    window.eventually(lambda: marks(window) >= 1, "a mark")
    window.screenshot(tmp_path / "lines.png")
    # From there, a link leads back to what was found, and runs nothing.
    shown = window.hover("share =", "people", history.culprit[:12])
    window.host("await vscode.commands.executeCommand('notifications.clearAll')")
    shown.locator("a.code-link", has_text=history.culprit[:12]).click()
    window.page_text("First bad commit", "Number 4")
    assert window.page.locator(".notification-toast").count() == 0
    assert history.git("status", "--porcelain=v2", "--branch") == before
    assert history.worktrees() == 1


def test_called_off_it_goes_on_where_it_was(history: History, window: Window, tmp_path: Path) -> None:
    """By a command, which waits in the revisions between the first and the last until it may go on."""
    gate = tmp_path / "gate"
    window.eventually(lambda: window.host("return flux.status?.failing") == 1, "the failure")
    run = f"if grep -q '^# ' till.py; then until [ -e {gate} ]; do sleep 0.05; done; fi; grep -q max till.py"
    window.command(TITLE)
    window.pick("By a command")
    typed(window, "by a command", run)
    typed(window, "A revision that was good", history.good)
    toast = window.toast(PROGRESS)
    # The first and the last are known then, and it is within the others.
    window.expect(toast).to_contain_text("8 commits left, about 3 runs", timeout=60_000)
    window.expect(toast).to_contain_text("trying ")
    toast.locator("a, button", has_text="Cancel").click()
    window.expect(toast).to_be_hidden(timeout=40_000)
    assert window.host("return vscode.window.tabGroups.all.flatMap((group) => group.tabs).length") == 1
    window.eventually(lambda: history.worktrees() == 1, "no checkout of it")
    gate.touch()
    window.command(TITLE)
    window.pick("By a command")
    typed(window, "by a command", run)
    typed(window, "A revision that was good", history.good)
    told = window.page_text("First bad commit")
    assert history.culprit[:12] in told
    assert "goes on where it was stopped: 2 verdicts are known" in told
    assert history.worktrees() == 1


def test_what_cannot_be_found_is_said(history: History, window: Window) -> None:
    window.eventually(lambda: window.host("return flux.status?.failing") == 1, "the failure")
    window.host("void vscode.commands.executeCommand('flux.bisect', given[0])", history.id)
    typed(window, "A revision that was good", "v9")
    window.toast("this clone has no revision 'v9'").wait_for()


def test_how_it_goes_is_behind_the_gear(history: History, window: Window, tmp_path: Path) -> None:
    """Every run leaves a line: what was known is run again when the search begins anew."""
    window.eventually(lambda: window.host("return flux.status?.failing") == 1, "the failure")
    ran = tmp_path / "ran"
    run = f"echo >> {ran}; grep -q max till.py"
    asked = {"run": run, "good": history.good}
    window.host("void vscode.commands.executeCommand('flux.bisect', given[0])", asked)
    assert history.culprit[:12] in window.page_text("First bad commit")
    first = len(ran.read_text().splitlines())
    window.command(TITLE)
    window.pick("By a command")
    typed(window, "by a command", run)
    window.page.locator(".quick-input-titlebar .codicon-settings-gear").click()
    window.expect(window.page.locator(".quick-input-title")).to_contain_text("How the search goes")
    for label in ("Begin anew", "First parents only", "Several revisions at once"):
        window.page.locator(".quick-input-list .monaco-list-row", has_text=label).click()
    window.screenshot(tmp_path / "gear.png")
    window.page.locator(".quick-input-action .monaco-button", has_text="OK").click()
    typed(window, "How many revisions at once?", "2")
    box = window.page.locator(".quick-input-message")
    window.expect(box).to_contain_text("begins anew, first parents only, 2 at once")
    keeps = "flux.show = (name, asked) => { flux.asked = asked; return (flux.shown = whole(name, asked)); }"
    window.host(f"const whole = flux.show.bind(flux); {keeps}")
    typed(window, "A revision that was good", history.good)
    window.eventually(
        lambda: len(ran.read_text().splitlines()) >= 2 * first - 1, "the runs of a search from the beginning"
    )
    expected = {"run": run, "good": history.good, "jobs": 2, "firstParent": True, "fresh": True}
    assert window.host("return flux.asked") == expected
    # Whoever comes next has the folder for itself.
    window.host("await flux.shown; delete flux.show", within=90)
