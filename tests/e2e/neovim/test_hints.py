"""Hints and lenses from the failure to the proof that it is mended, in a real Neovim with the real server."""

import time

from tests.e2e.neovim.driver import Neovim
from tests.e2e.neovim.shop import FAULT_LINE, Shop
from tests.e2e.neovim.test_editing import DIAGNOSTICS, LENSES, VIRTUAL_TEXT, wait_for_hint
from tests.telemetry import http

DEF_LINE = 4
TICK_NS = 20_000_000
"""More than the time of a file may be behind."""


def mend(nvim: Neovim) -> None:
    nvim.lua(
        "local row, text = ... vim.api.nvim_buf_set_lines(0, row, row + 1, true, { text }) vim.cmd.write()",
        FAULT_LINE - 1,
        '    smile = "é🙂"; share = order["total"] / max(order["people"], 1)',
    )


def goes_well(shop: Shop) -> str:
    """The same route, after what was written by now; the id of the request."""
    return shop.send(http("POST", "/checkout", 201, route="/checkout"), at_ns=time.time_ns() + TICK_NS)


def test_a_failure_that_was_mended_goes_and_the_lens_says_by_which_run(nvim: Neovim, shop: Shop) -> None:
    failed = shop.fails()
    nvim.open(shop.checkout)
    wait_for_hint(nvim)
    nvim.eventually("return #lenses() > 0", what="a lens")
    shop.send(http("POST", "/checkout", 201, route="/checkout"), at_ns=time.time_ns())
    mend(nvim)
    nvim.eventually(
        "local d = vim.diagnostic.get(0)[1] return d ~= nil and d.message:find('since') ~= nil", what="the edit"
    )
    good = goes_well(shop)
    nvim.eventually("return #vim.diagnostic.get(0) == 0", what="the hint to go")
    title = f"fixed: req:{good[:8]} 201"
    nvim.eventually("local l = lenses() return #l == 1 and l[1].command.title == ...", title, what="the proof")
    assert nvim.lua(LENSES) == [[DEF_LINE, title]]
    on_screen = f"local shown = (function() {VIRTUAL_TEXT} end)()['{DEF_LINE}'] return shown ~= nil and shown:find("
    nvim.eventually(f"{on_screen}..., 1, true) ~= nil", title, what="the proof on the screen")
    # What is edited later takes nothing back, nor does a server that starts anew.
    nvim.lua("vim.api.nvim_buf_set_lines(0, -1, -1, false, { '', '# more' }) vim.cmd.write()")
    before = nvim.lua("return vim.lsp.get_clients({ name = 'flux' })[1].id")
    nvim.command("Flux restart")
    # Until it has gone, its lenses are there and run nothing.
    nvim.eventually("return vim.lsp.get_client_by_id(...) == nil", before, what="the end of the old server")
    nvim.eventually("return vim.lsp.get_clients({ name = 'flux' })[1] ~= nil", what="the new server")
    nvim.attached()
    nvim.eventually("local l = lenses() return #l == 1 and l[1].command.title == ...", title, what="the proof again")
    assert nvim.lua(DIAGNOSTICS) == []
    nvim.command("Flux errors --all")
    nvim.eventually("return vim.bo.buftype == 'quickfix'")
    (entry,) = nvim.lua("return vim.tbl_map(function(e) return e.text end, vim.fn.getqflist())")
    assert f"(once, {title}, req:{failed[:8]})" in entry
    nvim.command("cclose")
    nvim.lua(f"vim.api.nvim_win_set_cursor(0, {{ {DEF_LINE}, 0 }}) vim.lsp.codelens.run()")
    nvim.eventually("return vim.fn.tabpagenr('$') == 2", what="the two compared")
    assert "FIXED" in nvim.eventually(
        """
        for _, window in ipairs(vim.api.nvim_tabpage_list_wins(0)) do
          local text = table.concat(vim.api.nvim_buf_get_lines(vim.api.nvim_win_get_buf(window), 0, -1, false), '\\n')
          if text:find('FIXED') then
            return text
          end
        end
        """,
        what="the verdict",
    )
    nvim.command("tabonly | tabfirst")


def test_a_failure_after_the_proof_shows_again(nvim: Neovim, shop: Shop) -> None:
    shop.fails()
    nvim.open(shop.checkout)
    wait_for_hint(nvim)
    raised = shop.raised("post_checkout({'total': 90, 'people': 0})")
    nvim.lua("vim.api.nvim_buf_set_lines(0, -1, -1, false, { '', '# mended, they say' }) vim.cmd.write()")
    goes_well(shop)
    nvim.eventually("return #vim.diagnostic.get(0) == 0", what="the hint to go")
    nvim.eventually("local l = lenses()[1] return l ~= nil and l.command.title:find('^fixed') ~= nil")
    again = shop.send(
        http("POST", "/checkout", 500, route="/checkout", raises=raised), at_ns=time.time_ns() + 2 * TICK_NS
    )
    wait_for_hint(nvim)
    (found,) = nvim.lua(DIAGNOSTICS)
    assert (found["line"], found["code"]) == (FAULT_LINE, again[:8])
    nvim.eventually("local l = lenses()[1] return l ~= nil and l.command.title:find('failure') ~= nil")


def test_kinds_on_one_line_are_one_hint_and_dismissed_one_by_one(nvim: Neovim, shop: Shop) -> None:
    zero = shop.fails()
    missing = shop.fails("post_checkout({'total': 90})")
    nvim.open(shop.checkout, FAULT_LINE)
    found = nvim.eventually(
        "local d = vim.diagnostic.get(0) return #d == 1 and d[1].message:find('other kind', 1, true) and d[1].message",
        what="one hint for both",
    )
    assert found.startswith("KeyError: 'people' · 1 failure · and 1 other kind here · ")
    nvim.lua("vim.ui.select = function(items, options) _G.asked = vim.tbl_map(options.format_item, items) end")
    nvim.command("Flux why")
    asked = nvim.eventually("return _G.asked", what="the question which one")
    assert [each.split(" · ")[0] for each in asked] == [
        f"{FAULT_LINE}: KeyError: 'people'",
        f"{FAULT_LINE}: ZeroDivisionError: division by zero",
    ]
    nvim.command("Flux dismiss")
    nvim.eventually(
        "local d = vim.diagnostic.get(0) return #d == 1 and d[1].code == ...", zero[:8], what="the next one"
    )
    nvim.command("Flux dismiss")
    nvim.eventually("return #vim.diagnostic.get(0) == 0", what="both to go")
    nvim.command(f"Flux restore {missing[:8]}")
    nvim.eventually("local d = vim.diagnostic.get(0) return #d == 1 and d[1].code == ...", missing[:8])


def test_a_lens_does_not_go_while_failures_come_and_while_somebody_types(nvim: Neovim, shop: Shop) -> None:
    shop.fails()
    nvim.open(shop.checkout)
    nvim.eventually("return #lenses() > 0", what="a lens")
    nvim.lua(
        """
        _G.missing, _G.widths = 0, {}
        local timer = vim.uv.new_timer()
        timer:start(0, 10, vim.schedule_wrap(function()
          local lenses = lenses()
          _G.missing = _G.missing + (#lenses == 1 and 0 or 1)
          for _, lens in ipairs(lenses) do
            _G.widths[tostring(vim.fn.strdisplaywidth(lens.command.title))] = true
          end
        end))
        """
    )
    for number in range(6):
        shop.fails()
        nvim.lua("vim.api.nvim_win_set_cursor(0, { 4, 0 })")
        nvim.keys("A # " + "x" * number + "<Esc>")
    nvim.keys("u")
    nvim.eventually("return lenses()[1].command.title:find('^7 failures') ~= nil")
    assert nvim.lua("return _G.missing") == 0
    assert len(nvim.lua("return _G.widths")) <= 2, "one failure, and several"
