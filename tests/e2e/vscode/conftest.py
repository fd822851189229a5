"""What the VS Code tests share: the packaged extension, one editor and one browser a module, a shop with a store."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.e2e.collector import Collector
from tests.e2e.neovim.shop import Shop
from tests.e2e.runs import unavailable
from tests.e2e.vscode import code_server
from tests.e2e.vscode.code_server import CodeServer
from tests.e2e.vscode.window import Window

OpenWindow = Callable[..., Window]


@pytest.fixture(scope="session", autouse=True)
def _editor_is_installed() -> None:
    if (reason := code_server.missing()) is not None:
        unavailable(reason)


@pytest.fixture(scope="session")
def extensions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of extensions that has the packaged one installed."""
    folder = tmp_path_factory.mktemp("vscode-extensions") / "extensions"
    code_server.install(code_server.packaged(), folder)
    return folder


@pytest.fixture(scope="module")
def editor(extensions: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CodeServer]:
    """One editor for the tests of a module; each opens a folder of its own in it."""
    with CodeServer(tmp_path_factory.mktemp("vscode"), extensions) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with code_server.browser() as started:
        yield started


@pytest.fixture
def own_collector(tmp_path: Path) -> Iterator[Collector]:
    """A collector whose store holds only what the test puts there."""
    folder = tmp_path / "collector"
    folder.mkdir()
    with Collector(folder) as running:
        yield running


@pytest.fixture
def shop(tmp_path: Path, own_collector: Collector) -> Shop:
    made = Shop(tmp_path / "work", own_collector.endpoint)
    configure(made.folder, own_collector)
    return made


def configure(folder: Path, collector: Collector, **settings: Any) -> None:
    """The settings of a folder: where its store is and where its collector listens, and those that are given."""
    told = {
        "flux.store": str(collector.store),
        "flux.otlpHttpPort": collector.endpoint.http_port,
        "flux.otlpGrpcPort": collector.endpoint.grpc_port,
        **settings,
    }
    file = folder / ".vscode" / "settings.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(told, indent=2))


@pytest.fixture
def open_window(
    browser: Browser, editor: CodeServer, shop: Shop, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[OpenWindow]:
    """Opens the shop's folder, or another, in a window; a picture of it stays where a test fails."""
    with ExitStack() as stack:

        def open(file: Path | None = None, *, folder: Path | None = None, **rest: Any) -> Window:
            window = Window(browser, editor, folder or shop.folder, file, **rest)
            stack.callback(window.close)
            stack.callback(lambda: window.screenshot(tmp_path / "window.png"))
            return window

        yield open


@pytest.fixture
def window(open_window: OpenWindow, shop: Shop) -> Window:
    """The shop with its checkout open."""
    return open_window(shop.checkout)
