"""A folder that nobody trusts: failures are shown, nothing of it runs, and that changes when it is trusted."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.e2e.neovim.till import Till
from tests.e2e.vscode.code_server import CodeServer
from tests.e2e.vscode.shop import Shop
from tests.e2e.vscode.test_hints import hint
from tests.e2e.vscode.test_server import script
from tests.e2e.vscode.window import Window


@pytest.fixture
def restricted(extensions: Path, browser: Browser, tmp_path: Path) -> Iterator[tuple[Window, Till, Path]]:
    """A window with a folder that names a server and a store of its own, opened without trust."""
    (tmp_path / "editor").mkdir()
    till = Till(Shop(tmp_path / "work", tmp_path / "data" / "flux.db"))
    proof = tmp_path / "proof"
    evil = script(tmp_path / "work" / "flux-ls", f"touch {proof}; exit 1")
    (till.shop.folder / ".vscode").mkdir()
    told = {
        "flux.server.path": str(evil),
        "flux.python": str(evil),
        "flux.store": str(tmp_path / "elsewhere.db"),
        "flux.explainUrl": "https://collect.example",
    }
    (till.shop.folder / ".vscode" / "settings.json").write_text(json.dumps(told))
    settings = {"security.workspace.trust.startupPrompt": "never", "flux.python": sys.executable}
    env = {"FLUX_COLLECTOR": "false", "FLUX_STORE": str(tmp_path / "data" / "flux.db")}
    with CodeServer(tmp_path / "editor", extensions, env=env, settings=settings, trust=True) as editor:
        window = Window(browser, editor, till.shop.folder, till.app)
        yield window, till, proof
        window.screenshot(tmp_path / "window.png")
        window.close()


def test_nothing_of_the_folder_runs_until_it_is_trusted(restricted: tuple[Window, Till, Path]) -> None:
    window, till, proof = restricted
    window.ready()
    till.fails()
    window.eventually(lambda: "ZeroDivisionError" in hint(window, "share ="), "the hint")
    window.lens("1 failure · last just now").wait_for()
    assert window.lenses() == ["1 failure · last just now · why"]
    assert window.host("return flux.server.life.candidate.source") == "path"
    assert window.host("return flux.status.store.path").endswith("data/flux.db")
    window.palette()
    for title, there in (("Trace of a request", True), ("Replay a request", False), ("Run a service", False)):
        window.quick_input().fill(f">Flux: {title}")
        window.eventually(lambda: any(title in row for row in window.quick_picks()) is there, title)  # noqa: B023
    window.page.keyboard.press("Escape")
    # Asked for by other ways than the palette, which does not offer it.
    window.host("void vscode.commands.executeCommand('flux.server.replay', { id: given[0], show: true })", till.fails())
    toast = window.toast("which is not trusted")
    toast.wait_for()
    assert not proof.exists()

    # What the folder names is of no account either, once that was its server.
    toast.locator("a, button", has_text="Manage Workspace Trust").click()
    window.set("server.path", sys.executable, user=True)
    window.host(
        "for (const name of given) await vscode.workspace.getConfiguration('flux').update(name, undefined, false)",
        "server.path",
        "python",
        "store",
    )
    window.page.locator(".workspace-trust-editor a, .workspace-trust-editor button", has_text="Trust").first.click()
    window.eventually(lambda: window.host("return vscode.workspace.isTrusted"), "the trust")
    window.ready()
    window.open(till.app)
    window.lens("replay").wait_for()
    assert not proof.exists()
    till.write(till.app.read_text().replace('/ order["people"]', '/ max(order["people"], 1)'))
    window.click_lens("replay", "replayed", "1 passing")
