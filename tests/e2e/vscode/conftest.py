"""What the VS Code tests share: the packaged extension, and one window that is put in order again.

To open a window takes longer than most tests, so they share it: `shop` has files and a store of its own for each test,
and `window` shows them, with nothing left of the test before.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.e2e.launch import clean_environment
from tests.e2e.runs import unavailable
from tests.e2e.vscode import code_server
from tests.e2e.vscode.code_server import CodeServer
from tests.e2e.vscode.shop import Shop
from tests.e2e.vscode.window import Window
from tests.lsp import nursery

HERE = Path(__file__).parent
OpenWindow = Callable[..., Window]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(240))


@pytest.fixture(scope="session", autouse=True)
def _editor_is_installed() -> None:
    if (reason := code_server.missing()) is not None:
        unavailable(reason)


@pytest.fixture(scope="session")
def extensions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of extensions that has the packaged one installed, and those of the tests."""
    folder = tmp_path_factory.mktemp("vscode-extensions")
    ours = (code_server.probe(folder), code_server.zipped(HERE / "python", folder))
    code_server.install([code_server.packaged(), *ours], folder / "extensions")
    return folder / "extensions"


@pytest.fixture(scope="package")
def editor(extensions: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CodeServer]:
    """No collector is started: what the tests send is in the store at once. Its servers start quickly; those of windows
    of their own, and that a setting or an interpreter names, are the environment's."""
    folder = tmp_path_factory.mktemp("vscode")
    servers = nursery.script(tmp_path_factory.mktemp("bin"))
    path = f"{servers}{os.pathsep}{clean_environment()['PATH']}"
    with CodeServer(folder, extensions, env={"FLUX_COLLECTOR": "false", "PATH": path}) as running:
        yield running


# Not of the session: its event loop would be in the way of other tests.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with code_server.browser() as started:
        yield started


@pytest.fixture(scope="package")
def shared(editor: CodeServer, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    """The window that the tests share."""
    folder = tmp_path_factory.mktemp("workspace") / "work"
    Shop(folder, folder)
    window = Window(browser, editor, folder)
    yield window
    window.close()


@pytest.fixture
def shop(shared: Window, tmp_path: Path) -> Shop:
    return Shop(shared.folder, tmp_path / "data" / "flux.db")


@pytest.fixture
def window(shared: Window, shop: Shop, tmp_path: Path) -> Iterator[Window]:
    """The shop with its checkout open; a picture of how it ended stays where a test fails."""
    shared.tidy({"store": str(shop.store)})
    shared.open(shop.checkout)
    shared.asked_hosts.clear()
    yield shared
    shared.screenshot(tmp_path / "window.png")


@pytest.fixture
def open_window(browser: Browser, extensions: Path, tmp_path: Path) -> Iterator[OpenWindow]:
    """Opens a folder in an editor of its own, with an environment and settings of its own."""
    with ExitStack() as stack:

        def open(folder: Path, file: Path | None = None, **rest: Any) -> Window:
            own = tmp_path / "editor"
            own.mkdir()
            editor = stack.enter_context(CodeServer(own, extensions, **rest))
            window = Window(browser, editor, folder, file)
            stack.callback(window.close)
            stack.callback(lambda: window.screenshot(tmp_path / "window.png"))
            return window

        yield open
