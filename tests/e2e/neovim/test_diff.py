"""`:Flux diff`: two requests side by side in Neovim's diff mode."""

from typing import Any

import pytest

from flux_ls.analysis.diff.paths import written
from tests.e2e.neovim.driver import Neovim
from tests.e2e.neovim.shop import FAULT_LINE, Shop
from tests.e2e.neovim.test_debug import said
from tests.telemetry import http, recorded, span

SIDE = """
local side = ...
for _, window in ipairs(vim.api.nvim_tabpage_list_wins(0)) do
  local bufnr = vim.api.nvim_win_get_buf(window)
  if vim.endswith(vim.api.nvim_buf_get_name(bufnr), '/' .. side) then
    local lines = {}
    vim.api.nvim_win_call(window, function()
      for number, text in ipairs(vim.api.nvim_buf_get_lines(bufnr, 0, -1, false)) do
        local differs = side ~= 'verdict' and vim.fn.diff_hlID(number, 1) ~= 0
        lines[number] = { text, differs, vim.fn.diff_filler(number) }
      end
    end)
    return { lines = lines, diff = vim.wo[window].diff, bar = vim.wo[window].winbar }
  end
end
"""


def diff(nvim: Neovim, words: str = "") -> None:
    nvim.command(f"Flux diff {words}")
    nvim.eventually(
        "return vim.bo.filetype == 'flux-diff' and vim.wo.diff and #vim.api.nvim_tabpage_list_wins(0) == 3",
        what="two texts in diff mode",
    )


def text(nvim: Neovim, side: str) -> list[str]:
    return [line for line, _, _ in nvim.lua(SIDE, side)["lines"]]


def marked(nvim: Neovim, side: str) -> list[str]:
    """The lines that diff mode marks as different, without their indentation."""
    return [line.strip() for line, differs, _ in nvim.lua(SIDE, side)["lines"] if differs]


def test_a_fix_is_marked_and_nothing_else(nvim: Neovim, shop: Shop) -> None:
    bad, good = shop.orders(0, id=42), shop.orders(0, id=43, mended=True)
    nvim.open(shop.checkout)
    diff(nvim, f"{bad[:8]} {good[:8]}")
    before, after = nvim.lua(SIDE, "before"), nvim.lua(SIDE, "after")
    assert before["diff"] is after["diff"] is True
    assert f"req:{bad[:8]}" in before["bar"]
    assert "500" in before["bar"]
    assert f"req:{good[:8]}" in after["bar"]
    verdict = " ".join(text(nvim, "verdict"))
    assert "✔ FIXED  " in verdict
    assert "per_person succeeds instead of failing with ZeroDivisionError" in verdict
    assert "left out (--all shows them)" in verdict
    assert sorted(marked(nvim, "before")) == [
        "err  HTTP 500",
        "err  ZeroDivisionError: division by zero",
        'out  body.error: "try again"',
        "out  status: 500",
        "row  orders  inserted  (rolled back)",
        "row  orders  updated  (rolled back)",
    ]
    assert sorted(marked(nvim, "after")) == [
        "out  45",
        "out  body.id: 43",
        "out  status: 201",
        "row  orders  inserted  (committed)",
        "row  orders  updated  (committed)",
    ]
    # What is the same is there, and what differs by chance is not.
    both = text(nvim, "after")
    assert [line for line in both if line.strip() in ('in   note: "no hurry"', "in   body.total: 90")]
    assert [line for line in both if line.strip() in ("in   order.people: 0", "in   body.people: 0")]
    assert not any("host" in line or "43" in line for line in both if "body.id" not in line)
    assert nvim.lua("return vim.wo.wrap") is False
    assert nvim.messages() == ""


def test_spans_that_are_new_or_gone_leave_a_gap(nvim: Neovim, shop: Shop) -> None:
    def request(*names: str) -> str:
        children = [span(name, start_ms=2 * at, ms=1) for at, name in enumerate(names)]
        return shop.send(http("GET", "/x", route="/x", children=children))

    before, after = request("first", "old", "last"), request("first", "fresh", "also fresh", "last")
    nvim.open(shop.checkout)
    diff(nvim, f"{before} {after}")
    assert set(marked(nvim, "before")) <= {"old"}
    assert "also fresh" in marked(nvim, "after")
    fillers = [filler for _, _, filler in nvim.lua(SIDE, "before")["lines"]]
    assert sum(fillers) == len(text(nvim, "after")) - len(text(nvim, "before"))
    assert "~ CHANGED" in text(nvim, "verdict")[0]


def test_one_is_compared_with_the_last_good_one(nvim: Neovim, shop: Shop) -> None:
    good, bad = shop.orders(2), shop.orders(0)
    nvim.open(shop.checkout)
    diff(nvim, bad)
    assert f"req:{good[:8]}" in nvim.lua(SIDE, "before")["bar"]
    assert f"req:{bad[:8]}" in nvim.lua(SIDE, "after")["bar"]
    verdict = " ".join(text(nvim, "verdict"))
    assert "✘ REGRESSED" in verdict
    assert f"req:{good[:8]} is the last good request of this route" in verdict


def test_without_an_id_it_is_the_last_failure(nvim: Neovim, shop: Shop) -> None:
    shop.orders(2)
    bad = shop.orders(0)
    nvim.open(shop.checkout, FAULT_LINE)
    nvim.eventually("return #vim.diagnostic.get(0) > 0")
    diff(nvim)
    assert f"req:{bad[:8]}" in nvim.lua(SIDE, "after")["bar"]


def test_nothing_to_compare_with_is_said(nvim: Neovim, shop: Shop) -> None:
    bad = shop.orders(0)
    nvim.open(shop.checkout)
    nvim.command(f"Flux diff {bad}")
    said(nvim, "no other good request of POST /checkout is in the store")
    assert nvim.lua("return vim.fn.tabpagenr('$')") == 1


def test_noise_is_shown_when_asked_for(nvim: Neovim, shop: Shop) -> None:
    before, after = shop.orders(2, id=42), shop.orders(2, id=43)
    nvim.open(shop.checkout)
    diff(nvim, f"{before} {after}")
    assert marked(nvim, "after") == []
    assert "= IDENTICAL" in text(nvim, "verdict")[0]
    nvim.keys("q")
    diff(nvim, f"--all {before} {after}")
    assert "out  body.id: 43" in marked(nvim, "after")
    assert "out  body.id: 42" in marked(nvim, "before")
    assert not any("left out" in line for line in text(nvim, "verdict"))


@pytest.mark.parametrize("how", ["q", "<C-w>hq", "<C-w>kq", ":quit<CR>", ":tabclose<CR>"])
def test_both_are_closed(nvim: Neovim, shop: Shop, how: str) -> None:
    before, after = shop.orders(0), shop.orders(2)
    nvim.open(shop.checkout, 3)
    diff(nvim, f"{before} {after}")
    nvim.keys(how)
    nvim.eventually("return vim.fn.tabpagenr('$') == 1", what="the tab page to close")
    assert nvim.place()[:2] == ("checkout.py", 3)
    assert nvim.lua("return vim.wo.diff") is False
    left = nvim.lua("return vim.tbl_map(vim.api.nvim_buf_get_name, vim.api.nvim_list_bufs())")
    assert not [name for name in left if "flux://diff" in name]
    assert nvim.messages() == ""


def test_it_comes_again_and_disturbs_no_other_diff(nvim: Neovim, shop: Shop) -> None:
    before, after = shop.orders(0), shop.orders(2)
    nvim.open(shop.checkout)
    nvim.lua("vim.cmd('diffthis')")
    diff(nvim, f"{before} {after}")
    nvim.lua("vim.cmd('tabprevious')")
    assert nvim.lua("return vim.wo.diff") is True
    nvim.command(f"Flux diff {before} {after}")
    nvim.eventually("return vim.bo.filetype == 'flux-diff' and vim.wo.diff")
    nvim.eventually("return vim.fn.tabpagenr('$') == 2")
    assert "err  ZeroDivisionError: division by zero" in marked(nvim, "before")
    nvim.keys("q")
    assert nvim.place()[0] == "checkout.py"


def test_a_span_leads_to_its_code(nvim: Neovim, shop: Shop) -> None:
    before, after = shop.orders(0), shop.orders(2)
    nvim.open(shop.folder / "shop" / "web.py")
    diff(nvim, f"{before} {after}")
    nvim.keys("<CR>")
    said(nvim, 'telemetry does not say where "POST /checkout" is in the code')
    assert nvim.lua("return vim.fn.tabpagenr()") == 2
    nvim.lua("vim.cmd.wincmd('h') vim.fn.search('err  Zero')")
    nvim.keys("<CR>")
    assert nvim.place()[:2] == ("checkout.py", FAULT_LINE)
    assert nvim.lua("return vim.fn.tabpagenr()") == 1
    # The comparison is still there.
    nvim.keys("gt")
    assert nvim.lua("return vim.bo.filetype") == "flux-diff"


def test_long_texts_show_where_they_differ(nvim: Neovim, shop: Shop) -> None:
    start = "é🙂 the same \x1b " * 500
    before, after = shop.orders(2, note=start + "old end"), shop.orders(2, note=start + "new end")
    nvim.open(shop.checkout)
    diff(nvim, f"{before} {after}")
    (old,), (new,) = marked(nvim, "before"), marked(nvim, "after")
    assert old.startswith('in   note: "…')
    assert old.endswith('old end"')
    assert new.endswith('new end"')
    assert r"\x1b" in new
    assert len(new) < 220


def test_items_headers_and_odd_names_are_told_by_path(nvim: Neovim, shop: Shop) -> None:
    def request(price: int, agent: str) -> str:
        body = {"items": [{"price": 1}, {"price": price}], "a b": {'"': price, "é\n": price}}
        told = {"method": "POST", "path": "/x", "headers": {"x-plan": agent, "host": "shop"}, "body": body}
        return shop.send(http("POST", "/x", route="/x", attributes=recorded(told)))

    before, after = request(2, "free"), request(3, "pro")
    nvim.open(shop.checkout)
    diff(nvim, f"{before} {after}")
    assert sorted(marked(nvim, "after")) == sorted(
        [
            'in   headers.x-plan: "pro"',
            "in   body.items[1].price: 3",
            r'in   body["a b"]["\""]: 3',
            r'in   body["a b"]["\u00e9\n"]: 3',
        ]
    )
    assert not any("host" in line for line in text(nvim, "after"))


@pytest.mark.parametrize(
    "path",
    [
        ("body", "items", 3, "price"),
        ("attributes", "http.route"),
        ("a b",),
        ("é🙂", '"', "\\", "\n\t\x1f", "x-y", "$cut", "9"),
        (0, "x"),
    ],
)
def test_paths_are_written_as_the_server_writes_them(nvim: Neovim, path: tuple[Any, ...]) -> None:
    steps = [step + 1 if isinstance(step, int) else step for step in path]
    made = nvim.lua(
        "local path = '' "
        "for _, step in ipairs(...) do path = require('flux.comparison').below(path, step) end return path",
        steps,
    )
    assert made == written(path)
