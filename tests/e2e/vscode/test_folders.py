"""A workspace of several folders: one server for all, settings of each, and a folder that is added later."""

import json
import sys
from pathlib import Path

from tests.e2e.neovim.till import Till
from tests.e2e.vscode.conftest import OpenWindow
from tests.e2e.vscode.shop import Shop
from tests.e2e.vscode.test_hints import hint


def test_a_folder_that_is_added_is_served_and_trusted_like_the_others(open_window: OpenWindow, tmp_path: Path) -> None:
    store = tmp_path / "data" / "flux.db"
    till, shop = Till(Shop(tmp_path / "till", store)), Shop(tmp_path / "shop", store)
    workspace = tmp_path / "both.code-workspace"
    workspace.write_text(json.dumps({"folders": [{"path": "till"}], "settings": {"flux.store": str(store)}}))
    env = {"FLUX_COLLECTOR": "false"}
    window = open_window(workspace, till.app, env=env, settings={"flux.python": sys.executable})
    window.ready()
    till.fails()
    window.lens("replay").wait_for()
    pid = window.host("return flux.server.client.serverProcess.pid")
    window.host("vscode.workspace.updateWorkspaceFolders(1, 0, { uri: vscode.Uri.file(given[0]) })", str(shop.folder))
    shop.fails()
    window.open(shop.checkout)
    window.eventually(lambda: "ZeroDivisionError" in hint(window, "share ="), "the hint in the other folder")
    window.open(till.app)
    # Of a folder that nobody spoke of, nothing would run.
    window.click_lens("replay", "replayed", "1 still failing")
    assert window.host("return flux.server.client.serverProcess.pid") == pid
