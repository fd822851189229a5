"""From no server to a server with one click: what is missing is said, and pip puts the bundled wheel where one says."""

import os
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pygls
import pytest
from playwright.sync_api import Browser

from tests.e2e.vscode.code_server import CodeServer
from tests.e2e.vscode.shop import Shop
from tests.e2e.vscode.window import Window

# It installs the server twice.
pytestmark = pytest.mark.timeout(480)


@pytest.fixture
def bare(extensions: Path, browser: Browser, tmp_path: Path) -> Iterator[tuple[Window, Shop]]:
    """A machine with a Python and no Flux. What Flux depends on is there, so that pip need not download it."""
    packages = tmp_path / "packages"
    packages.mkdir()
    for each in Path(pygls.__file__).parent.parent.iterdir():
        if "flux" not in each.name and not each.name.startswith(("_virtualenv", "distutils")):
            (packages / each.name).symlink_to(each)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "python3").symlink_to(Path(sys.executable).resolve())
    (tmp_path / "editor").mkdir()
    shop = Shop(tmp_path / "work", tmp_path / "data" / "flux.db")
    env = {
        "PATH": f"{programs}{os.pathsep}/usr/bin{os.pathsep}/bin",
        "PYTHONPATH": str(packages),
        "PIP_NO_INDEX": "1",
        "FLUX_COLLECTOR": "false",
        "FLUX_STORE": str(shop.store),
    }
    with CodeServer(tmp_path / "editor", extensions, env=env) as editor:
        window = Window(browser, editor, shop.folder, shop.checkout)
        yield window, shop
        window.screenshot(tmp_path / "window.png")
        window.close()


def test_one_click_installs_the_server_that_the_extension_carries(bare: tuple[Window, Shop], tmp_path: Path) -> None:
    window, shop = bare
    toast = window.toast("flux-ls is not installed: it is not on PATH.")
    toast.wait_for()
    window.status_item("Flux: no server").wait_for()
    # Asked while there is none, a command says the same.
    window.command("Flux: What fails?")
    window.eventually(lambda: window.page.locator(".notification-toast", has_text="not installed").count() > 0, "it")
    toast.locator("a, button", has_text="Install Flux").first.click()
    window.pick("Into a place of its own")
    window.ready(within=180)
    assert window.host("return flux.server.life.candidate.source") == "installed"
    shop.fails()
    window.lens("1 failure · last").wait_for()

    # With an interpreter selected, it goes where the service runs, if one says so.
    python = tmp_path / "project" / "bin" / "python"
    venv.create(tmp_path / "project", with_pip=False)
    window.host("(await vscode.extensions.getExtension('ms-python.python').activate()).select(given[0])", str(python))
    window.command("Flux: Install the language server")
    window.pick("Into the selected interpreter")
    source = "return flux.server.life.candidate?.source"
    window.eventually(lambda: window.host(source) == "interpreter", "the server of the interpreter", within=180)
    window.ready()
    assert (python.parent / "flux").exists()
