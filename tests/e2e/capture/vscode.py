"""The pictures of VS Code: a service that failed, its line, why, and the proof that it is mended."""

import tempfile
from pathlib import Path

from tests.e2e.collector import Collector
from tests.e2e.vscode import code_server
from tests.e2e.vscode.bills import FAULT, MENDED, Bills
from tests.e2e.vscode.code_server import EXTENSION, CodeServer
from tests.e2e.vscode.window import Window

MEDIA = EXTENSION / "media"
SETTINGS = {
    "workbench.layoutControl.enabled": False,
    "workbench.activityBar.location": "default",
    "editor.fontSize": 14,
    "breadcrumbs.enabled": False,
    "explorer.openEditors.visible": 0,
}


def draw(out: Path) -> list[Path]:
    """Writes the pictures; where they are."""
    if (reason := code_server.missing()) is not None:
        raise SystemExit(f"no pictures of VS Code: {reason}")
    made = [out / name for name in ("hint.png", "why.png", "walkthrough/hint.png", "walkthrough/fixed.png")]
    hint, why, failing, fixed = made
    with tempfile.TemporaryDirectory(prefix="flux-captures-") as scratch:
        folder = Path(scratch)
        for name in ("collector", "bills", "editor"):
            (folder / name).mkdir()
        code_server.install([code_server.packaged(), code_server.probe(folder)], folder / "extensions")
        with (
            Collector(folder / "collector") as collector,
            Bills(folder / "bills", collector.environment) as bills,
            CodeServer(
                folder / "editor", folder / "extensions", env=collector.environment, settings=SETTINGS
            ) as editor,
            code_server.browser() as browser,
        ):
            window = Window(browser, editor, bills.folder, bills.file, size=(1440, 600), scale=2)
            window.ready()
            bills.evening()
            window.host("await vscode.commands.executeCommand('workbench.view.extension.flux')")
            window.lens("1 failure · last").wait_for()
            window.still()
            window.screenshot(hint)
            window.screenshot(failing, of=window.page.locator(".editor-instance").first)
            window.lens("1 failure · last").click()
            window.eventually(lambda: window.page.locator(".tab").count() == 2, "why")
            window.still()
            window.screenshot(why)
            window.tab("bills.py").click()
            bills.file.write_text(bills.file.read_text().replace(FAULT, MENDED))
            window.open(bills.file)
            window.host("await vscode.commands.executeCommand('workbench.action.files.revert')")
            window.lens("replay").click()
            window.page_text("replayed")
            window.tab("bills.py").click()
            window.lens("fixed: replay of req:").wait_for()
            window.still()
            window.screenshot(fixed, of=window.page.locator(".editor-instance").first)
            window.close()
    return made
