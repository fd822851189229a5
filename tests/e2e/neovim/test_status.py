"""`require('flux').statusline()`, and what is said when the server, the collector or the store has gone wrong."""

import os
import signal
import socket
import sqlite3
import sys
from pathlib import Path

import pytest

from tests.e2e.collector import Collector, end_collector
from tests.e2e.neovim.conftest import StartNeovim
from tests.e2e.neovim.driver import Neovim, until
from tests.e2e.neovim.shop import Shop

WORDS = "return require('flux').statusline()"
SERVERS = "return vim.api.nvim_get_proc_children(vim.fn.getpid())"


def says(nvim: Neovim, words: str, within: float = 40) -> None:
    nvim.eventually(
        "return require('flux').statusline() == ...",
        words,
        within=within,
        what=f"{words} in place of {nvim.lua(WORDS)}",
    )


def said(nvim: Neovim, words: str, within: float = 40) -> None:
    nvim.eventually(
        "return vim.api.nvim_exec2('messages', { output = true }).output:find(..., 1, true) ~= nil",
        words,
        within=within,
        what=words,
    )


def kill(nvim: Neovim) -> int:
    """Ends the server as the kernel does that runs out of memory."""
    (server,) = nvim.lua(SERVERS)
    os.kill(server, signal.SIGKILL)
    return int(server)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_nothing_where_there_is_no_server(start_neovim: StartNeovim) -> None:
    nvim = start_neovim()
    loaded = "return vim.tbl_filter(function(name) return name:find('^flux') end, vim.tbl_keys(package.loaded))"
    before = nvim.lua(loaded)
    assert nvim.lua(WORDS) == ""
    assert set(nvim.lua(loaded)) - set(before) == {"flux"}, "asked for its words, it loads nothing more"


def test_it_follows_what_fails_and_is_drawn_when_it_changes(nvim: Neovim, shop: Shop) -> None:
    nvim.lua(
        """
        vim.o.laststatus = 2
        vim.o.statusline = "%t %{v:lua.require'flux'.statusline()}"
        _G.changes = 0
        vim.api.nvim_create_autocmd('User', {
          pattern = 'FluxStatus',
          callback = function() _G.changes = _G.changes + 1 end,
        })
        """
    )
    nvim.open(shop.checkout)
    says(nvim, "flux …")
    shop.succeeds()
    says(nvim, "flux ✓")
    before = nvim.lua("return _G.changes")
    shop.fails()
    says(nvim, "flux 1✗")
    shop.fails("get_greeting({})", path="/greeting")
    says(nvim, "flux 2✗")
    assert nvim.lua("return _G.changes") > before
    drawn = nvim.lua("return vim.api.nvim_eval_statusline(vim.o.statusline, {}).str")
    assert drawn == "checkout.py flux 2✗"
    assert nvim.messages() == ""


def test_a_server_that_dies_comes_back_and_shows_what_it_showed(nvim: Neovim, shop: Shop) -> None:
    shop.fails()
    nvim.open(shop.checkout)
    nvim.eventually("return #vim.diagnostic.get(0) == 1", what="the hint")
    nvim.command("Flux tail")
    nvim.eventually("return vim.wo.winbar:find('live') ~= nil")
    # It may be over before anybody looks.
    nvim.lua(
        """
        _G.told = {}
        vim.api.nvim_create_autocmd('User', {
          pattern = 'FluxStatus',
          callback = function() _G.told[require('flux').statusline()] = true end,
        })
        """
    )
    dead = kill(nvim)
    nvim.eventually("return _G.told['flux ⚠ restarting']", what="what is done about it")
    nvim.eventually("return not vim.list_contains(vim.api.nvim_get_proc_children(vim.fn.getpid()), ...)", dead)
    nvim.eventually("return vim.wo.winbar:find('live') ~= nil", what="the tail to be live again")
    says(nvim, "flux 1✗")
    nvim.command("wincmd p")
    nvim.attached()
    nvim.eventually("return #vim.diagnostic.get(0) == 1", what="the hint again, and one")
    assert len(nvim.lua(SERVERS)) == 1


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_server_that_dies_again_and_again_is_left_alone(nvim: Neovim, shop: Shop) -> None:
    nvim.open(shop.checkout)
    for _ in range(3):
        dead = kill(nvim)
        nvim.eventually(
            "local all = vim.api.nvim_get_proc_children(vim.fn.getpid()) return #all == 1 and all[1] ~= ...",
            dead,
            within=25,
            what="the next server",
        )
        nvim.attached()
    kill(nvim)
    says(nvim, "flux ⚠ server died")
    said(nvim, "the server died 4 times within 3 minutes. Its log: ")
    assert ":Flux restart starts it again" in nvim.messages()
    nvim.command("Flux restart")
    nvim.attached()
    says(nvim, "flux …")


def test_a_server_that_only_the_project_has_is_named_and_not_run(
    start_neovim: StartNeovim, shop: Shop, tmp_path: Path
) -> None:
    quiet = start_neovim(settings={"cmd": ["no-such-flux-ls"]})
    quiet.lua("vim.cmd.edit(...)", str(shop.checkout))
    quiet.lua("vim.wait(200)")
    assert quiet.messages() == "", "who has no Flux is left in peace"
    program = shop.folder / ".venv" / "bin" / "flux-ls"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\ntouch {tmp_path / 'ran'}\n")
    program.chmod(0o755)
    nvim = start_neovim(settings={"cmd": ["no-such-flux-ls"]})
    nvim.lua("vim.cmd.edit(...)", str(shop.checkout))
    said(nvim, "no-such-flux-ls is not on PATH, but this project has it: activate its environment, or set")
    assert str(program) in nvim.messages()
    assert nvim.lua(SERVERS) == []
    assert not (tmp_path / "ran").exists()


def test_a_server_that_cannot_start_is_said_once(start_neovim: StartNeovim, shop: Shop, tmp_path: Path) -> None:
    program = tmp_path / "broken-ls"
    program.write_text(f"#!{sys.executable}\nimport no_such_module_of_flux\n")
    program.chmod(0o755)
    nvim = start_neovim(settings={"cmd": [str(program)]})
    nvim.lua("vim.cmd.edit(...)", str(shop.checkout))
    said(nvim, "the server died while it was starting. Its log: ")
    says(nvim, "flux ⚠ server died")
    nvim.lua("vim.wait(1000)")
    assert nvim.messages().count("died") == 1


def test_a_collector_that_dies_is_replaced(nvim: Neovim, shop: Shop, own_collector: Collector) -> None:
    shop.fails()
    nvim.open(shop.checkout)
    says(nvim, "flux 1✗")
    own_collector.process.popen.send_signal(signal.SIGKILL)
    own_collector.process.popen.wait(10)
    nvim.command("Flux tail")

    nvim.eventually("return vim.wo.winbar:find('live') ~= nil")
    try:
        until(lambda: listens(shop.endpoint.http_port), 30, lambda: f"another collector\n{nvim.state()}")
        request = shop.succeeds("/after")
        nvim.eventually("return vim.fn.search('req:' .. ..., 'nw') > 0", request[:8], what="the tail to go on")
        says(nvim, "flux 1✗")
    finally:
        nvim.quit()
        end_collector(own_collector.store)


def test_a_port_that_somebody_else_has_is_named_with_its_mend(
    start_neovim: StartNeovim, shop: Shop, own_collector: Collector, tmp_path: Path
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        nvim = start_neovim(env={"FLUX_OTLP_HTTP_PORT": str(port), "FLUX_STORE": str(tmp_path / "own.db")})
        nvim.open(shop.checkout)
        nvim.eventually("return require('flux').statusline():find('⚠') ~= nil", within=30)
        assert nvim.lua(WORDS) in ("flux ⚠ port taken", "flux ⚠ no collector")
        nvim.command("Flux tail")
        words = nvim.eventually(
            """
            local marks = vim.api.nvim_buf_get_extmarks(0, -1, 0, -1, { details = true })
            local words = vim.bo.filetype == 'flux-tail' and marks[1] and marks[1][4].virt_text[1][1] or ''
            return words:find('Flux doctor') and words
            """
        )
        assert str(port) in words
        nvim.keys("q")
        nvim.command("Flux doctor")
        nvim.eventually("return vim.bo.filetype == 'flux-doctor'")
        text = "\n".join(nvim.lines())
        assert "✘" in text
        assert str(port) in text
        assert "otlp" in text.lower(), "the setting's name"


def test_a_store_of_a_newer_version_is_said_everywhere(
    start_neovim: StartNeovim, shop: Shop, own_collector: Collector
) -> None:
    request = shop.fails()
    own_collector.process.kill()
    with sqlite3.connect(own_collector.store) as store:
        store.execute("PRAGMA user_version = 9999")
    store.close()
    nvim = start_neovim(env={"FLUX_COLLECTOR": "false"})
    nvim.open(shop.checkout)
    nvim.eventually("return require('flux').statusline():find('⚠') ~= nil", within=30)
    nvim.command(f"Flux why {request}")
    said(nvim, "newer")
    assert "Traceback" not in nvim.messages()
    nvim.command("Flux doctor")
    nvim.eventually("return vim.bo.filetype == 'flux-doctor'")
    assert "newer" in "\n".join(nvim.lines())
