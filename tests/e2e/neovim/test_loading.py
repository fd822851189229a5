"""How the plugin is loaded: before the editor is up, after it is, by a plugin manager that waits for a need."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.collector import Collector
from tests.e2e.launch import BIN
from tests.e2e.neovim.conftest import StartNeovim
from tests.e2e.neovim.driver import PLUGIN, Neovim
from tests.e2e.neovim.shop import FAULT_LINE, Shop

MANAGER = """
-- What a plugin manager does that loads a plugin when it is needed, and hands it its options.
vim.o.swapfile = false
_G.load = function(options)
  if _G.loads then
    return
  end
  _G.loads = true
  pcall(vim.api.nvim_del_user_command, 'Flux')
  vim.opt.runtimepath:append(vim.env.FLUX_TEST_PLUGIN)
  vim.cmd.source(vim.fs.joinpath(vim.env.FLUX_TEST_PLUGIN, 'plugin/flux.lua'))
  require('flux').setup(options)
end
"""
CLIENTS = """
return vim.tbl_map(function(client)
  local buffers = #vim.tbl_keys(client.attached_buffers)
  return { cmd = client.config.cmd, store = client.config.settings.flux.store, buffers = buffers }
end, vim.lsp.get_clients({ name = 'flux', _uninitialized = true }))
"""
StartManaged = Callable[..., Neovim]


@pytest.fixture
def managed(shop: Shop, own_collector: Collector, tmp_path: Path) -> Iterator[StartManaged]:
    """An editor whose plugin manager has not loaded the plugin yet, and a server that only its options name."""
    init = tmp_path / "manager.lua"
    init.write_text(MANAGER)
    # A server that started before the options are known would find nothing.
    elsewhere = {
        "PATH": f"{BIN}:/usr/bin:/bin",
        "FLUX_STORE": str(tmp_path / "elsewhere.db"),
        "FLUX_COLLECTOR": "false",
    }
    with ExitStack() as stack:

        def start(*words: str) -> Neovim:
            environment = own_collector.environment | elsewhere
            return stack.enter_context(Neovim(shop.folder, *words, env=environment, init=init))

        yield start


def options(collector: Collector) -> dict[str, object]:
    return {"cmd": [str(BIN / "flux-ls")], "settings": {"store": str(collector.store)}}


def hinted(nvim: Neovim) -> None:
    nvim.eventually(
        "local d = vim.diagnostic.get(0) return #d == 1 and d[1].lnum == ...", FAULT_LINE - 1, what="the hint"
    )


def test_loaded_for_a_file_type_the_options_hold_from_the_first_server_on(
    managed: StartManaged, shop: Shop, own_collector: Collector
) -> None:
    shop.fails()
    nvim = managed()
    nvim.lua(
        "local options = ... vim.api.nvim_create_autocmd('FileType', { pattern = 'python', once = true, "
        "callback = function() _G.load(options) end })",
        options(own_collector),
    )
    nvim.open(shop.checkout)
    hinted(nvim)
    (client,) = nvim.lua(CLIENTS)
    assert client == {"cmd": [str(BIN / "flux-ls")], "store": str(own_collector.store), "buffers": 1}
    assert nvim.messages() == ""


def test_loaded_for_the_command_it_serves_the_files_that_are_open(
    managed: StartManaged, shop: Shop, own_collector: Collector
) -> None:
    id = shop.fails()
    nvim = managed(str(shop.checkout))
    nvim.lua(
        "local options = ... vim.api.nvim_create_user_command('Flux', function(told) "
        "_G.load(options) vim.cmd('Flux ' .. told.args) end, { nargs = '*' })",
        options(own_collector),
    )
    assert nvim.lua(CLIENTS) == []
    nvim.command(f"Flux why {id}")
    nvim.eventually("return vim.bo.filetype == 'flux-why'", what="why")
    nvim.keys("q")
    hinted(nvim)
    (client,) = nvim.lua(CLIENTS)
    assert client["cmd"] == [str(BIN / "flux-ls")]
    assert nvim.messages() == ""


def test_options_that_switch_the_server_off_start_none(managed: StartManaged, shop: Shop) -> None:
    nvim = managed(str(shop.checkout))
    nvim.lua("_G.load({ enable = false, cmd = { 'no-such-flux-ls' } })")
    nvim.lua("vim.wait(100)")
    assert nvim.lua(CLIENTS) == []
    assert nvim.lua("return vim.lsp.is_enabled('flux')") is False
    assert nvim.messages() == ""


def test_a_file_in_no_project_has_a_server_too(start_neovim: StartNeovim, tmp_path: Path) -> None:
    alone = tmp_path / "alone" / "script.py"
    alone.parent.mkdir()
    alone.write_text("x = 1\n")
    nvim = start_neovim()
    nvim.open(alone)
    assert nvim.messages() == ""
    nvim.command("Flux trust")
    nvim.eventually("return #vim.api.nvim_exec2('messages', { output = true }).output > 0")
    assert "no folder is open here" in nvim.messages()


def test_neovims_own_manager_loads_it_from_its_folder_of_a_repository(
    shop: Shop, own_collector: Collector, servers: Path, tmp_path: Path
) -> None:
    repository = tmp_path / "flux"
    ignored = shutil.ignore_patterns("node_modules", "media")
    shutil.copytree(PLUGIN, repository / "editors" / "neovim", ignore=ignored)
    name = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    for words in (("init", "-q", "-b", "main"), ("add", "."), (*name, "commit", "-qm", "Begin")):
        subprocess.run(["git", *words], cwd=repository, check=True, capture_output=True)
    (block,) = re.findall(r"^(vim\.pack\.add\(.*?^\}\))$", (PLUGIN / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    # Nobody is there to be asked.
    block = block.replace("/path/to/flux", str(repository)).replace("}, {", "}, { confirm = false,")
    init = tmp_path / "init.lua"
    init.write_text(f"vim.o.swapfile = false\nif vim.pack then\n{block}\nend\n")
    environment = own_collector.environment | {
        "PATH": f"{servers}:{own_collector.environment['PATH']}",
        **{f"XDG_{kind}_HOME": str(tmp_path / kind.lower()) for kind in ("DATA", "STATE", "CACHE", "CONFIG")},
    }
    environment["FLUX_STORE"] = str(own_collector.store)
    shop.fails()
    with Neovim(shop.folder, env=environment, init=init) as nvim:
        if not nvim.lua("return vim.pack ~= nil"):
            pytest.skip("vim.pack came with Neovim 0.12")
        nvim.eventually("return vim.v.vim_did_enter == 1", what="the end of the installation")
        nvim.open(shop.checkout)
        hinted(nvim)
        assert nvim.lua("return vim.api.nvim_get_runtime_file('lua/flux/init.lua', true)") == [
            str(tmp_path / "data/nvim/site/pack/core/opt/flux/editors/neovim/lua/flux/init.lua")
        ]
        assert "rror" not in nvim.messages()
