"""A real Neovim with the real server, on the files of a service that fails."""

import pytest

from tests.e2e.collector import Collector
from tests.e2e.neovim.conftest import StartNeovim
from tests.e2e.neovim.driver import Neovim
from tests.e2e.neovim.shop import FAULT_LINE, Shop

DIAGNOSTICS = """
return vim.tbl_map(function(d)
  return { line = d.lnum + 1, first = d.col, last = d.end_col, text = d.message, source = d.source, code = d.code,
           severity = vim.diagnostic.severity[d.severity] }
end, vim.diagnostic.get(0))
"""
VIRTUAL_TEXT = """
local lines = vim.empty_dict()
for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(0, -1, 0, -1, { details = true })) do
  local chunks = vim.list_extend({}, mark[4].virt_text or {})
  for _, above in ipairs(mark[4].virt_lines or {}) do -- What Neovim 0.12 shows lenses by.
    vim.list_extend(chunks, above)
  end
  for _, chunk in ipairs(chunks) do
    local line = tostring(mark[2] + 1)
    lines[line] = (lines[line] or '') .. chunk[1]
  end
end
return lines
"""
LENSES = "return vim.tbl_map(function(l) return { l.range.start.line + 1, l.command.title } end, lenses())"


def wait_for_hint(nvim: Neovim) -> None:
    nvim.eventually("return #vim.diagnostic.get(0) > 0", what="a diagnostic")


def test_a_failure_shows_on_its_line_while_the_file_is_open(nvim: Neovim, shop: Shop) -> None:
    nvim.open(shop.checkout)
    assert nvim.lua(DIAGNOSTICS) == []
    request = shop.fails()
    wait_for_hint(nvim)
    (found,) = nvim.lua(DIAGNOSTICS)
    text = shop.checkout.read_text(encoding="utf-8").splitlines()[FAULT_LINE - 1]
    assert (found["line"], found["severity"], found["source"]) == (FAULT_LINE, "ERROR", "flux")
    assert found["text"].startswith("ZeroDivisionError: division by zero")
    assert request.startswith(found["code"])
    # Columns are bytes in Neovim: an é and an emoji stand before the end of what is marked.
    marked = text.encode()[found["first"] : found["last"]].decode()
    assert marked.endswith('order["people"]')
    assert nvim.messages() == ""


def test_the_words_stand_at_the_end_of_the_line_without_any_configuration(nvim: Neovim, shop: Shop) -> None:
    shop.fails()
    nvim.open(shop.checkout)
    wait_for_hint(nvim)
    shown = nvim.eventually(f"local shown = (function() {VIRTUAL_TEXT} end)() return shown['{FAULT_LINE}'] and shown")
    assert "● ZeroDivisionError: division by zero" in shown[str(FAULT_LINE)]
    assert nvim.lua("return vim.diagnostic.config().virtual_text") is False


def test_the_words_can_be_switched_off(start_neovim: StartNeovim, shop: Shop) -> None:
    shop.fails()
    nvim = start_neovim(settings={"hints": {"virtual_text": False}, "lenses": False})
    nvim.open(shop.checkout)
    wait_for_hint(nvim)
    nvim.lua("vim.cmd.redraw()")
    assert nvim.lua(VIRTUAL_TEXT) == {}


def test_the_users_own_style_of_diagnostics_wins(nvim: Neovim, shop: Shop) -> None:
    shop.fails()
    nvim.lua("vim.diagnostic.config({ virtual_text = { prefix = '>>' } })")
    nvim.open(shop.checkout)
    wait_for_hint(nvim)
    assert ">> ZeroDivisionError" in nvim.lua(VIRTUAL_TEXT)[str(FAULT_LINE)]


def test_a_lens_says_how_often_and_opens_why(nvim: Neovim, shop: Shop) -> None:
    shop.fails()
    nvim.open(shop.checkout)
    nvim.eventually("return #lenses() > 0", what="a lens")
    ((line, title),) = nvim.lua(LENSES)
    assert line == 4
    assert title.startswith("1 failure · last ")
    assert title.endswith("why")
    nvim.eventually(f"return ((function() {VIRTUAL_TEXT} end)())['4'] ~= nil", what="the lens on the screen")
    # Telemetry that arrives later changes the lens without any event in the editor.
    shop.fails()
    nvim.eventually("local l = lenses()[1] return l ~= nil and l.command.title:find('^2 failures') ~= nil")
    nvim.lua("vim.api.nvim_win_set_cursor(0, { 4, 0 }) vim.lsp.codelens.run()")
    nvim.eventually("return vim.bo.filetype == 'flux-why'")
    assert "  ROOT CAUSE" in nvim.lines()
    nvim.keys("q")
    nvim.eventually(f"return ((function() {VIRTUAL_TEXT} end)())['4'] ~= nil", what="the lens after it was run")


def test_lenses_follow_edits(nvim: Neovim, shop: Shop) -> None:
    shop.fails()
    nvim.open(shop.checkout)
    nvim.eventually("return #lenses() > 0", what="a lens")
    nvim.keys("ggO# one more line<Esc>")
    nvim.eventually("local l = lenses()[1] return l ~= nil and l.range.start.line == 4")
    nvim.eventually(f"local d = vim.diagnostic.get(0)[1] return d ~= nil and d.lnum == {FAULT_LINE}")
    nvim.eventually(f"return ((function() {VIRTUAL_TEXT} end)())['5'] ~= nil", what="the lens on its new line")


def test_hover_tells_the_failure(nvim: Neovim, shop: Shop) -> None:
    shop.fails()
    nvim.open(shop.checkout, FAULT_LINE)
    wait_for_hint(nvim)
    nvim.lua("vim.lsp.buf.hover()")
    text = nvim.eventually(
        """
        for _, window in ipairs(vim.api.nvim_list_wins()) do
          if vim.api.nvim_win_get_config(window).relative ~= '' then
            return table.concat(vim.api.nvim_buf_get_lines(vim.api.nvim_win_get_buf(window), 0, -1, false), '\\n')
          end
        end
        """,
        what="a float",
    )
    assert "ZeroDivisionError" in text
    assert "division by zero" in text


INLAY_HINTS = """
return vim.tbl_map(function(h)
  return { h.inlay_hint.position.line + 1, h.inlay_hint.label }
end, vim.lsp.inlay_hint.get({ bufnr = 0 }))
"""


def test_inlay_hints_show_recorded_values_when_asked_for(start_neovim: StartNeovim, shop: Shop) -> None:
    shop.orders(0)
    nvim = start_neovim(settings={"settings": {"inlayHints": True}})
    nvim.open(shop.checkout)
    nvim.lua("vim.lsp.inlay_hint.enable(true)")
    wait_for_hint(nvim)
    nvim.eventually(f"return #(function() {INLAY_HINTS} end)() > 0", what="an inlay hint")
    ((line, label),) = nvim.lua(INLAY_HINTS)
    assert line == FAULT_LINE
    assert label.startswith("order = {")
    assert "people: 0" in label


def test_a_code_action_opens_why(nvim: Neovim, shop: Shop) -> None:
    shop.fails()
    nvim.open(shop.checkout, FAULT_LINE)
    wait_for_hint(nvim)
    nvim.lua("vim.lsp.buf.code_action({ apply = true, filter = function(a) return a.title:find('^Why') ~= nil end })")
    nvim.eventually("return vim.bo.filetype == 'flux-why'")


def test_a_dismissed_failure_goes_and_comes_back(nvim: Neovim, shop: Shop) -> None:
    request = shop.fails()
    nvim.open(shop.checkout, FAULT_LINE)
    wait_for_hint(nvim)
    nvim.command("Flux dismiss")
    nvim.eventually("return #vim.diagnostic.get(0) == 0", what="the diagnostic to go")
    nvim.command(f"Flux restore {request[:8]}")
    wait_for_hint(nvim)
    assert "dismissed. :Flux restore" in nvim.messages()


@pytest.mark.parametrize("renaming", ["saveas shop/other.py", "file shop/other.py"])
def test_a_file_under_another_name_has_nothing_of_the_old_one(nvim: Neovim, shop: Shop, renaming: str) -> None:
    shop.fails()
    nvim.open(shop.checkout)
    wait_for_hint(nvim)
    nvim.eventually("return #lenses() > 0", what="a lens")
    nvim.command(renaming)
    nvim.eventually("return vim.fn.expand('%:t') == 'other.py'")
    nvim.eventually("return #vim.diagnostic.get(0) == 0", what="the hint to go")
    nvim.eventually("return #lenses() == 0", what="the lens to go")
    nvim.attached()
    # What fails meanwhile is in the file of the old name, which shows it when it is there again.
    shop.fails()
    nvim.eventually("return require('flux').statusline() == 'flux 1✗'")
    assert nvim.lua(DIAGNOSTICS) == []
    nvim.command("edit! shop/checkout.py")
    nvim.eventually("return vim.fn.expand('%:t') == 'checkout.py'")
    wait_for_hint(nvim)
    nvim.eventually("return #lenses() > 0", what="the lens again")
    assert "Error" not in nvim.messages()


def test_the_server_is_restarted(nvim: Neovim, shop: Shop) -> None:
    shop.fails()
    nvim.open(shop.checkout)
    wait_for_hint(nvim)
    first = nvim.lua("return vim.lsp.get_clients({ name = 'flux' })[1].id")
    nvim.command("Flux restart")
    nvim.eventually("local c = vim.lsp.get_clients({ name = 'flux' })[1] return c ~= nil and c.id ~= ...", first)
    nvim.attached()
    wait_for_hint(nvim)
    nvim.eventually("return #vim.lsp.get_clients() == 1", what="the end of the old server")
    nvim.eventually("return #vim.diagnostic.get(0) == 1", what="one hint")
    nvim.eventually("return #lenses() == 1", what="the lens of the new server")
    nvim.eventually(
        f"local shown = (function() {VIRTUAL_TEXT} end)() "
        "return select(2, (shown['4'] or ''):gsub('1 failure', '')) == 1",
        what="one lens on the screen",
    )
    nvim.eventually(
        "return vim.api.nvim_exec2('messages', { output = true }).output:find('the server is running') ~= nil"
    )


def test_a_killed_server_is_said_and_comes_back_by_restart(nvim: Neovim, shop: Shop) -> None:
    shop.fails()
    nvim.open(shop.checkout)
    wait_for_hint(nvim)
    nvim.command("Flux tail")
    nvim.eventually("return vim.wo.winbar:find('live') ~= nil")
    nvim.lua("vim.lsp.get_clients({ name = 'flux' })[1].rpc.terminate()")
    nvim.eventually("return vim.wo.winbar:find('disconnected') ~= nil")
    nvim.command("Flux restart")
    nvim.eventually("return vim.wo.winbar:find('live') ~= nil", what="the tail to be live again")
    request = shop.succeeds("/after")
    nvim.eventually("return vim.fn.search(..., 'nw') > 0", request[:8], what="the tail to go on")


def test_settings_reach_the_server(start_neovim: StartNeovim, shop: Shop, own_collector: Collector) -> None:
    shop.fails()
    environment = {"FLUX_STORE": str(shop.folder / "elsewhere.db")}
    nvim = start_neovim(env=environment, settings={"settings": {"store": str(own_collector.store)}})
    nvim.open(shop.checkout)
    wait_for_hint(nvim)


def test_health_is_good(nvim: Neovim, shop: Shop) -> None:
    shop.fails()
    nvim.open(shop.checkout)
    wait_for_hint(nvim)
    nvim.command("checkhealth flux")
    nvim.eventually("return vim.bo.filetype == 'checkhealth' and vim.fn.search('paths: ', 'nw') > 0")
    text = "\n".join(nvim.lines())
    assert "ERROR" not in text
    assert "WARNING" not in text
    assert "flux-ls (flux-ls " in text
    assert "attached to 1 buffer" in text
    assert "collector: " in text


def test_health_starts_a_server_to_ask_it(nvim: Neovim, shop: Shop) -> None:
    shop.succeeds()
    nvim.command("checkhealth flux")
    nvim.eventually("return vim.bo.filetype == 'checkhealth' and vim.fn.search('store: ', 'nw') > 0")
    assert "not running yet" in "\n".join(nvim.lines())


def test_leaving_ends_the_server(nvim: Neovim, shop: Shop) -> None:
    nvim.open(shop.checkout)
    assert len(nvim.lua("return vim.api.nvim_get_proc_children(vim.fn.getpid())")) == 1
    # Waits for the server's end too.
    assert nvim.quit() == 0
