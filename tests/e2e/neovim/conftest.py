"""What the Neovim tests share: an editor, and a shop whose telemetry reaches a collector."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.collector import Collector, quick
from tests.e2e.editor import neovim
from tests.e2e.neovim.driver import Neovim
from tests.e2e.neovim.shop import Shop
from tests.e2e.runs import unavailable
from tests.lsp import nursery

StartNeovim = Callable[..., Neovim]


@pytest.fixture(scope="session", autouse=True)
def _editor_is_installed() -> None:
    if neovim() is None:
        unavailable("nvim is not installed (the test dependency group has it)")


@pytest.fixture
def own_collector(tmp_path: Path) -> Iterator[Collector]:
    """A collector whose store holds only what the test puts there. It starts quickly, as the editors' servers do."""
    folder = tmp_path / "collector"
    folder.mkdir()
    with Collector(folder, quick()) as running:
        yield running


@pytest.fixture
def shop(tmp_path: Path, own_collector: Collector) -> Shop:
    return Shop(tmp_path / "work", own_collector.endpoint)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PATH whose `flux-ls` starts quickly. The tests of applications start that of the environment."""
    return nursery.script(tmp_path_factory.mktemp("bin"))


@pytest.fixture
def start_neovim(shop: Shop, own_collector: Collector, servers: Path) -> Iterator[StartNeovim]:
    """Starts an editor in the shop's folder."""
    path = {"PATH": f"{servers}{os.pathsep}{own_collector.environment['PATH']}"}
    with ExitStack() as stack:

        def start(*words: str, env: dict[str, str] | None = None, settings: dict[str, Any] | None = None) -> Neovim:
            environment = own_collector.environment | path | (env or {})
            return stack.enter_context(Neovim(shop.folder, *words, env=environment, settings=settings))

        yield start


@pytest.fixture
def nvim(start_neovim: StartNeovim) -> Neovim:
    return start_neovim()
