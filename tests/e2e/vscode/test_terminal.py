"""What belongs into a terminal is not started in a folder that nobody trusts, by whatever way it is asked for."""

from pathlib import Path

from tests.e2e.neovim.till import Till
from tests.e2e.vscode.test_trust import restricted  # noqa: F401, a fixture
from tests.e2e.vscode.window import Window


def test_none_is_opened_in_a_folder_that_is_not_trusted(restricted: tuple[Window, Till, Path]) -> None:  # noqa: F811
    window, _, proof = restricted
    window.ready()
    # As the buttons of an empty view do.
    for name in ("run", "demo"):
        window.host("void vscode.commands.executeCommand(given[0])", f"flux.{name}")
        toast = window.toast("a terminal here would run code of this workspace, which is not trusted")
        window.expect(toast.locator("a, button", has_text="Manage Workspace Trust")).to_be_visible()
        window.host("await vscode.commands.executeCommand('notifications.clearAll')")
        window.expect(toast).to_be_hidden()
    assert window.host("return vscode.window.terminals.length") == 0
    assert not proof.exists()
