"""`:Flux tail`: requests as they finish, in a window that follows them."""

import pytest

from tests.e2e.neovim.conftest import StartNeovim
from tests.e2e.neovim.driver import Neovim
from tests.e2e.neovim.shop import FAULT_LINE, Shop
from tests.telemetry import Raises, http, new_trace_id, span


def open_tail(nvim: Neovim, words: str = "") -> None:
    nvim.command(f"Flux tail {words}")
    nvim.eventually("return vim.bo.filetype == 'flux-tail' and vim.wo.winbar:find('live') ~= nil", what="a live tail")


def wait_for(nvim: Neovim, *ids: str) -> None:
    for id in ids:
        nvim.eventually("return vim.fn.search('req:' .. ..., 'nw') > 0", id[:8], what=f"req:{id[:8]} in the tail")


def test_shows_requests_as_they_finish(nvim: Neovim, shop: Shop) -> None:
    nvim.open(shop.checkout)
    open_tail(nvim)
    assert nvim.lines() == [""]
    good = shop.succeeds("/products", ms=9)
    wait_for(nvim, good)
    bad = shop.fails()
    refused = shop.succeeds("/nowhere", status=404)
    wait_for(nvim, bad, refused)
    first, second, error, third = nvim.lines()
    assert first.split() == ["GET", "/products", "200", "9ms", f"req:{good[:8]}"]
    assert second.split() == ["POST", "/checkout", "500", "44ms", f"req:{bad[:8]}"]
    assert error == "   └─ ZeroDivisionError: division by zero"
    assert third.split()[:3] == ["GET", "/nowhere", "404"]
    groups = nvim.lua(
        "return vim.tbl_map(function(m) return { m[2], m[4].hl_group } end, "
        "vim.api.nvim_buf_get_extmarks(0, vim.api.nvim_create_namespace('flux.view'), 0, -1, { details = true }))"
    )
    assert [0, "FluxOk"] in groups
    assert [1, "FluxFailed"] in groups
    assert [2, "FluxError"] in groups
    assert [3, "FluxRefused"] in groups
    assert nvim.lua("return vim.bo.modifiable") is False
    assert nvim.messages() == ""


@pytest.mark.parametrize(("columns", "path_cells"), [(80, 42), (120, 44), (50, 20)])
def test_ids_and_how_the_stream_is_have_room(nvim: Neovim, shop: Shop, columns: int, path_cells: int) -> None:
    nvim.lua("vim.o.columns = ...", columns)
    nvim.open(shop.checkout)
    open_tail(nvim, "--errors-only")
    bad = shop.fails(path="/long" * 30)
    wait_for(nvim, bad)
    line = nvim.lines()[0]
    assert line.split()[1] == ("/long" * 30)[: path_cells - 1] + "…"
    assert line.endswith(f"req:{bad[:8]}")
    assert len(line) <= max(columns, 58)
    bar = "return vim.api.nvim_eval_statusline(vim.wo.winbar, { winid = 0, use_winbar = true }).str"
    assert nvim.lua(bar).startswith("  Flux tail · errors-only ● live")


def test_begins_with_the_latest(nvim: Neovim, shop: Shop) -> None:
    ids = [shop.succeeds(f"/{number}") for number in range(3)]
    nvim.open(shop.checkout)
    open_tail(nvim)
    wait_for(nvim, *ids)
    assert [line.split()[1] for line in nvim.lines()] == ["/0", "/1", "/2"]


def test_an_empty_tail_says_what_it_waits_for(nvim: Neovim, shop: Shop) -> None:
    nvim.open(shop.checkout)
    open_tail(nvim)
    words = nvim.eventually(
        """
        local marks = vim.api.nvim_buf_get_extmarks(0, -1, 0, -1, { details = true })
        local words = marks[1] and marks[1][4].virt_text[1][1] or ''
        return words:find('Listening') and words
        """
    )
    assert f"Listening on http://127.0.0.1:{shop.endpoint.http_port}. No request yet" in words
    wait_for(nvim, shop.succeeds())
    assert (
        nvim.lua(
            "return #vim.api.nvim_buf_get_extmarks(0, vim.api.nvim_create_namespace('flux.tail.empty'), 0, -1, {})"
        )
        == 0
    )


def test_follows_until_the_cursor_goes_up(nvim: Neovim, shop: Shop) -> None:
    nvim.open(shop.checkout)
    open_tail(nvim)
    for number in range(3):
        wait_for(nvim, shop.succeeds(f"/{number}"))
    assert nvim.place()[1] == 3
    nvim.keys("gg")
    wait_for(nvim, shop.succeeds("/4"))
    assert nvim.place()[1] == 1
    nvim.keys("G")
    wait_for(nvim, shop.succeeds("/5"))
    assert nvim.place()[1] == 5


def test_filters(nvim: Neovim, shop: Shop) -> None:
    nvim.open(shop.checkout)
    open_tail(nvim, "--errors-only")
    assert "errors-only" in nvim.lua("return vim.wo.winbar")
    good, bad = shop.succeeds(), shop.fails()
    wait_for(nvim, bad)
    assert good[:8] not in "\n".join(nvim.lines())
    # Another filter takes this one's place, in the same window.
    open_tail(nvim, "--fn products")
    other = shop.succeeds("/products")
    wait_for(nvim, other)
    assert bad[:8] not in "\n".join(nvim.lines())
    assert nvim.lua("return #vim.api.nvim_list_wins()") == 2


def test_the_filter_is_changed_while_it_runs(nvim: Neovim, shop: Shop) -> None:
    nvim.open(shop.checkout)
    open_tail(nvim)
    goods = [shop.succeeds(f"/{number}") for number in range(15)]
    bad = shop.fails()
    wait_for(nvim, *goods, bad)
    nvim.lua(
        "local words = ... vim.ui.input = function(options, done) _G.asked = options done(words) end", "--errors-only"
    )
    nvim.keys("f")
    nvim.eventually("return vim.wo.winbar:find('errors%-only ') ~= nil")
    wait_for(nvim, bad)
    assert goods[-1][:8] not in "\n".join(nvim.lines())
    refused = shop.succeeds("/nowhere", status=404)
    wait_for(nvim, refused)
    # It begins with what is in force; what cannot be understood changes nothing.
    nvim.lua("vim.ui.input = function(options, done) _G.asked = options done('--loud') end")
    nvim.keys("f")
    assert nvim.lua("return _G.asked.default") == "--errors-only"
    nvim.eventually(
        "return vim.api.nvim_exec2('messages', { output = true }).output:find('no option --loud', 1, true) ~= nil"
    )
    completed = nvim.lua("return require('flux.commands.tail').complete('--s', '--errors-only --s', 17)")
    assert completed == ["--service", "--since", "--slow"]
    nvim.lua("vim.ui.input = function(_, done) done(nil) end")
    nvim.keys("f")
    assert "errors-only" in nvim.lua("return vim.wo.winbar")
    # And back: what went by meanwhile is there, and what was on the screen before.
    nvim.keys("F")
    wait_for(nvim, refused, bad, goods[-1])
    assert "errors-only" not in nvim.lua("return vim.wo.winbar")
    live = shop.succeeds("/live")
    wait_for(nvim, live)
    assert nvim.lua("return #vim.api.nvim_list_wins()") == 2


def test_since_brings_back_what_was(nvim: Neovim, shop: Shop) -> None:
    ids = [shop.succeeds(f"/{number}") for number in range(20)]
    nvim.open(shop.checkout)
    open_tail(nvim, "--since 1h")
    wait_for(nvim, *ids)
    live = shop.succeeds("/live")
    wait_for(nvim, live)
    assert [line.split()[1] for line in nvim.lines()] == [*(f"/{number}" for number in range(20)), "/live"]


def test_an_age_that_is_none_is_said_in_the_window(nvim: Neovim, shop: Shop) -> None:
    nvim.open(shop.checkout)
    nvim.command("Flux tail --since banana")
    nvim.eventually("return vim.bo.filetype == 'flux-tail' and vim.wo.winbar:find('disconnected') ~= nil")
    assert "banana" in nvim.lua(
        "return vim.api.nvim_buf_get_extmarks(0, -1, 0, -1, { details = true })[1][4].virt_text[1][1]"
    )
    open_tail(nvim, "--since 1h")


def test_recorded_text_is_spelled_out(nvim: Neovim, shop: Shop) -> None:
    nvim.open(shop.checkout)
    open_tail(nvim)
    raised = Raises("ValueError", "\x1b[31mno\u202eon", ((str(shop.checkout), FAULT_LINE, "per_person", ""),))
    hostile = shop.send(http("GET", "/\x1b]\u202ec", 500, raises=raised))
    wait_for(nvim, hostile)
    first, second = nvim.lines()
    assert r"/\x1b]\u202ec" in first
    assert second == r"   └─ ValueError: \x1b[31mno\u202eon"
    nvim.keys("w")
    nvim.eventually("return vim.bo.filetype == 'flux-why'")
    why = "\n".join(nvim.lines())
    assert r"/\x1b]\u202ec" in why
    assert r"ValueError: \x1b[31mno\u202eon" in why


def test_an_incomplete_request_is_corrected_in_place(nvim: Neovim, shop: Shop) -> None:
    nvim.open(shop.checkout)
    open_tail(nvim)
    trace_id = new_trace_id()
    root = http("POST", "/late", 500, route="/late", ms=30, children=[span("early", ms=5, start_ms=1)])
    shop.send(root, trace_id, only=["early"])
    wait_for(nvim, trace_id)
    after = shop.succeeds("/after")
    wait_for(nvim, after)
    assert "incomplete" in nvim.lines()[0]
    shop.send(root, trace_id, without=["early"])
    nvim.eventually("return vim.api.nvim_buf_get_lines(0, 0, 1, false)[1]:find('/late') ~= nil")
    text = nvim.lines()
    assert "incomplete" not in text[0]
    assert sum(trace_id[:8] in line for line in text) == 1
    assert after[:8] in text[-1]


def test_keys_lead_on(nvim: Neovim, shop: Shop) -> None:
    nvim.open(shop.folder / "shop" / "web.py")
    open_tail(nvim)
    good, bad = shop.succeeds(), shop.fails()
    wait_for(nvim, good, bad)
    nvim.lua("vim.fn.search('ZeroDivisionError')")
    nvim.keys("<CR>")
    nvim.eventually("return vim.api.nvim_buf_get_name(0):find('checkout.py') ~= nil")
    assert nvim.place()[:2] == ("checkout.py", FAULT_LINE)
    for key, search, filetype in (("w", bad, "flux-why"), ("t", bad, "flux-trace"), ("<CR>", good, "flux-trace")):
        open_tail(nvim)
        nvim.lua("vim.fn.search(...)", f"req:{search[:8]}")
        nvim.keys(key)
        nvim.eventually("return vim.bo.filetype == ...", filetype)
        assert search[:8] in nvim.lines()[0]


def test_commands_mean_the_request_under_the_cursor(nvim: Neovim, shop: Shop) -> None:
    nvim.open(shop.folder / "shop" / "web.py")
    first, second = shop.fails(), shop.fails("get_greeting({})", path="/greeting")
    for command, name in (("why", "flux-why"), ("trace", "flux-trace"), ("debug", "flux-debug")):
        open_tail(nvim)
        wait_for(nvim, first, second)
        nvim.lua("vim.fn.search(...)", f"req:{first[:8]}")
        nvim.command(f"Flux {command}")
        nvim.eventually("return vim.bo.filetype == ...", name)
        assert first[:8] in nvim.lines()[0]
        nvim.keys("q")


def test_closing_ends_the_stream(nvim: Neovim, shop: Shop) -> None:
    nvim.open(shop.checkout)
    open_tail(nvim)
    nvim.lua("vim.lsp.get_clients({ name = 'flux' })[1].handlers['flux/tail'] = function() _G.came = true end")
    shop.succeeds()
    nvim.eventually("return _G.came")
    nvim.keys("q")
    assert nvim.place()[0] == "checkout.py"
    # The answer to what is asked after `unsubscribeTail` comes after it took effect.
    assert nvim.lua(
        "local client = vim.lsp.get_clients({ name = 'flux' })[1] "
        "local told = client:request_sync('flux/status', vim.empty_dict(), 30000) _G.came = false return told ~= nil"
    )
    shop.fails()
    nvim.eventually("return #vim.diagnostic.get(0) > 0")
    assert nvim.lua("return _G.came") is False


def test_stays_bounded(start_neovim: StartNeovim, shop: Shop) -> None:
    nvim = start_neovim(settings={"tail": {"limit": 5}})
    nvim.open(shop.checkout)
    open_tail(nvim)
    for number in range(8):
        if number % 2:
            shop.fails(path=f"/{number}")
        else:
            shop.succeeds(f"/{number}")
    nvim.eventually("return vim.fn.search('/7 ', 'nw') > 0")
    text = nvim.lines()
    assert [line.split()[1] for line in text if "req:" in line] == ["/3", "/4", "/5", "/6", "/7"]
    assert len(text) == 8


def test_older_ones_are_brought_above(start_neovim: StartNeovim, shop: Shop) -> None:
    roots = [http("GET", f"/{number}", 200, ms=3) for number in range(450)]
    shop.send_all(roots)
    failed = shop.fails()
    nvim = start_neovim(settings={"tail": {"height": 5, "limit": 20}})
    nvim.open(shop.checkout)
    open_tail(nvim)
    wait_for(nvim, failed)
    first = len([line for line in nvim.lines() if "req:" in line])
    assert first <= 6
    nvim.keys("gg")
    under = nvim.lua("return vim.api.nvim_get_current_line()")
    for expected in (200, 400, 450):
        nvim.keys("o")
        nvim.eventually(
            "return #vim.tbl_filter(function(l) return l:find('req:') ~= nil end, "
            "vim.api.nvim_buf_get_lines(0, 0, -1, false)) >= ...",
            expected,
            what="older ones",
        )
        assert nvim.lua("return vim.api.nvim_get_current_line()") == under, "the cursor stays on its request"
    paths = [line.split()[1] for line in nvim.lines() if "req:" in line]
    assert paths == [*(f"/{number}" for number in range(450)), "/checkout"]
    nvim.eventually("return vim.api.nvim_exec2('messages', { output = true }).output:find('all that are kept') ~= nil")
    # What comes takes no room from what was brought, and a correction finds its line below it.
    live = shop.succeeds("/live")
    nvim.eventually("return vim.fn.search('/live ', 'nw') > 0")
    assert nvim.lines()[0].split()[1] == "/0"
    assert live[:8] in nvim.lines()[-1]
    nvim.lua("vim.fn.search('ZeroDivisionError')")
    nvim.keys("<CR>")
    nvim.eventually("return vim.api.nvim_buf_get_name(0):find('checkout.py') ~= nil")


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_ten_thousand_requests_neither_stop_the_editor_nor_cost_more_and_more(nvim: Neovim, shop: Shop) -> None:
    nvim.open(shop.checkout)
    open_tail(nvim)
    # In time of the processor, which does not depend on who else runs.
    nvim.lua(
        """
        local function spent()
          local used = vim.uv.getrusage()
          return (used.utime.sec + used.stime.sec) * 1e3 + (used.utime.usec + used.stime.usec) / 1e3
        end
        local view = require('flux.view')
        local write = view.write
        _G.writes = {}
        view.write = function(bufnr, first, last, lines)
          local before = spent()
          write(bufnr, first, last, lines)
          _G.writes[#_G.writes + 1] = { spent() - before, #lines }
        end
        _G.turn, _G.all = 0, spent()
        local at = spent()
        vim.uv.new_timer():start(0, 5, vim.schedule_wrap(function()
          local now = spent()
          _G.turn, at = math.max(_G.turn, now - at), now
        end))
        _G.spent = spent
        """
    )
    for batch in range(20):
        roots = [http("GET", f"/{batch * 500 + number}", 200, ms=3) for number in range(500)]
        last = shop.send_all(roots)[-1]
        wait_for(nvim, last)
    nvim.eventually("return vim.api.nvim_buf_line_count(0) == 2000", what="the limit")
    assert [line.split()[1] for line in nvim.lines()] == [f"/{number}" for number in range(8000, 10000)]
    assert nvim.place()[1] == 2000, "it follows"
    told = nvim.lua("return { writes = _G.writes, turn = _G.turn, all = _G.spent() - _G.all }")
    written = [(ms, lines) for ms, lines in told["writes"] if lines]
    assert sum(lines for _, lines in written) == 10000
    assert len(written) < 1000, "many in one write"
    third = len(written) // 3
    early, late = (sum(ms for ms, _ in part) / sum(n for _, n in part) for part in (written[:third], written[-third:]))
    print(
        f"{len(written)} writes, {early * 1000:.0f} µs a line at first and {late * 1000:.0f} at last; "
        f"in all {told['all'] / 10:.0f} µs a request, the longest turn {told['turn']:.0f} ms"
    )
    assert late < 3 * early
    assert told["turn"] < 250
    assert nvim.messages() == ""


def test_a_busy_service_does_not_flood_the_editor(nvim: Neovim, shop: Shop) -> None:
    nvim.open(shop.checkout)
    open_tail(nvim)
    for _ in range(300):
        last = shop.succeeds()
    wait_for(nvim, last)
    nvim.eventually("return vim.api.nvim_buf_line_count(0) == 300")
    assert nvim.place()[1] == 300
    assert nvim.messages() == ""
