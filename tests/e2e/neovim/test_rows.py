"""`:Flux history` and `:Flux blame`: what happened to rows, and who wrote what they hold."""

import pytest

from tests.e2e.neovim.driver import Neovim
from tests.e2e.neovim.shop import Shop
from tests.e2e.neovim.test_debug import said
from tests.e2e.neovim.test_views import CHOOSE
from tests.telemetry import RECORDER, http, row, span, transaction


def show(nvim: Neovim, words: str) -> None:
    """Opens a window that was not there."""
    nvim.lua(
        "for _, bufnr in ipairs(vim.api.nvim_list_bufs()) do "
        "if vim.startswith(vim.api.nvim_buf_get_name(bufnr), 'flux://') then "
        "vim.api.nvim_buf_delete(bufnr, { force = true }) end end"
    )
    nvim.command(f"Flux {words}")
    nvim.eventually("return vim.bo.filetype == ...", f"flux-{words.split()[0]}")


def written(shop: Shop, table: str, key: dict[str, object]) -> str:
    """A request that wrote a row, nobody knows where."""
    rows = transaction("committed", row(table, key, after={"state": "new"}, at_ms=2, by="save"))
    return shop.send(http("POST", "/x", children=[span("save"), rows]), resource=RECORDER)


def test_history_tells_every_change_the_newest_first(nvim: Neovim, shop: Shop) -> None:
    good, bad = shop.orders(2), shop.orders(0)
    nvim.open(shop.folder / "shop" / "web.py")
    show(nvim, "history orders 42")
    text = nvim.lines()
    assert text[0] == "  orders id=42  4 changes"
    assert [line.split("  req:")[0] for line in text if "req:" in line] == [
        "  updated  (rolled back)",
        "  inserted (rolled back)",
        "  updated  (committed)",
        "  inserted (committed)",
    ]
    assert [line.split("req:")[1][:8] for line in text if "req:" in line] == [bad[:8], bad[:8], good[:8], good[:8]]
    assert "    state : new → paid" in text
    assert "    shop/checkout.py:9  in receipt" in text
    groups = nvim.lua(
        "return vim.tbl_map(function(m) return m[4].hl_group end, "
        "vim.api.nvim_buf_get_extmarks(0, vim.api.nvim_create_namespace('flux.view'), 0, -1, { details = true }))"
    )
    assert {"FluxTitle", "FluxHandled", "FluxOk", "FluxId", "FluxLocation"} <= set(groups)
    nvim.lua("vim.fn.search('state : new →')")
    nvim.keys("<CR>")
    assert nvim.place()[:2] == ("checkout.py", 9)


def test_a_change_without_a_place_leads_to_its_request(nvim: Neovim, shop: Shop) -> None:
    request = written(shop, "users", {"id": 7})
    nvim.open(shop.checkout)
    show(nvim, "history users 7")
    nvim.lua("vim.fn.search('req:')")
    nvim.keys("<CR>")
    nvim.eventually("return vim.bo.filetype == 'flux-why'")
    assert f"req:{request[:8]}" in nvim.lines()[0]
    nvim.keys("q")
    for key, filetype in (("w", "flux-why"), ("t", "flux-trace"), ("d", "flux-debug")):
        show(nvim, "history users 7")
        nvim.lua("vim.fn.search('req:')")
        nvim.keys(key)
        nvim.eventually("return vim.bo.filetype == ... and vim.b.flux_request ~= nil", filetype)
        nvim.keys("q")


def test_blame_names_the_last_committed_writer_of_each_column(nvim: Neovim, shop: Shop) -> None:
    good, bad = shop.orders(2), shop.orders(0)
    nvim.open(shop.folder / "shop" / "web.py")
    show(nvim, "blame orders 42")
    text = nvim.lines()
    assert text[0] == "  orders id=42"
    (state,) = [line for line in text if line.startswith("  state : ")]
    assert state.split("  ")[1:3] == ["state : paid", f"req:{good[:8]}"]
    assert "shop/checkout.py:9  in receipt" in state
    attempts = text[text.index("  ATTEMPTS  later, and not lasting") + 1 :]
    assert [line.split("  req:")[0] for line in attempts] == [
        "  orders id=42  state: new → paid  (rolled back)",
        "  orders id=42  inserted  state: new  (rolled back)",
    ]
    assert all(f"req:{bad[:8]}" in line for line in attempts)
    nvim.lua("vim.fn.search('^  state')")
    nvim.keys("<CR>")
    assert nvim.place()[:2] == ("checkout.py", 9)


def test_blame_of_a_table_tells_of_its_rows(nvim: Neovim, shop: Shop) -> None:
    shop.orders(2, id=1)
    shop.orders(2, id=2)
    nvim.open(shop.checkout)
    show(nvim, "blame orders")
    text = nvim.lines()
    assert text[0] == "  orders"
    assert [line for line in text if line.startswith("  state : paid") and " id=2 " in line]
    latest = text[text.index("  LATEST  rows that changed last") + 1 :]
    assert [line.split("  ")[1] for line in latest] == ["orders id=2", "orders id=1"]


def test_tables_and_keys_are_completed(nvim: Neovim, shop: Shop) -> None:
    shop.orders(2, id=41)
    shop.orders(2, id=42)
    written(shop, "users", {"id": 7})
    written(shop, "items", {"order_id": 7, "position": 2})
    written(shop, "notes", {"title": "two words"})
    nvim.open(shop.checkout)

    def complete(typed: str) -> list[str]:
        return list(nvim.lua("return vim.fn.getcompletion(..., 'cmdline')", typed))

    # A server that has just started may take longer than completion waits for it.
    nvim.eventually("return #vim.fn.getcompletion('Flux history ', 'cmdline') > 0", what="the server to answer at once")
    assert set(complete("Flux history ")) == {"orders", "users", "items", "notes"}
    assert complete("Flux blame o") == ["orders"]
    assert complete("Flux history orders ") == ["42", "41"]
    assert complete("Flux blame orders 41") == ["41"]
    assert complete("Flux history items ") == ["order_id=7,position=2"]
    assert complete("Flux history notes ") == []
    assert complete("Flux history nothing ") == []
    assert complete("Flux history orders 42 ") == []
    assert len(complete("Flux diff ")) == 5
    assert complete("Flux diff abcd abcd ") == []
    show(nvim, "history items order_id=7,position=2")
    assert nvim.lines()[0] == "  items order_id=7, position=2  1 change"
    show(nvim, "history notes two words")
    assert nvim.lines()[0].startswith('  notes title="two words"')


def test_what_is_missing_is_asked_for(nvim: Neovim, shop: Shop) -> None:
    shop.orders(2, id=41)
    shop.orders(2, id=42)
    nvim.open(shop.checkout)
    nvim.lua(CHOOSE.replace("options.format_item", "options.format_item or tostring"), 1)
    show(nvim, "history")
    assert nvim.lua("return _G.offered") == ["42", "41"]
    assert nvim.lines()[0] == "  orders id=42  2 changes"
    show(nvim, "blame")
    assert nvim.lua("return _G.offered") == ["orders"]
    assert nvim.lines()[0] == "  orders"


def test_a_table_that_may_be_several_is_asked_about(nvim: Neovim, shop: Shop) -> None:
    written(shop, "audit.users", {"id": 7})
    written(shop, "public.users", {"id": 7})
    nvim.open(shop.checkout)
    nvim.lua(
        "vim.ui.select = function(items, options, choose) "
        "_G.offered = { options.prompt, items } choose('public.users') end"
    )
    show(nvim, "history users 7")
    prompt, offered = nvim.lua("return _G.offered")
    assert prompt == "Which table?"
    assert set(offered) == {"audit.users", "public.users"}
    assert nvim.lines()[0].startswith("  public.users id=7")


def test_each_of_two_ambiguous_ids_is_asked_about(nvim: Neovim, shop: Shop) -> None:
    ids = [shop.orders(2, id=number, trace_id=f"abcd{number}111" + "0" * 24) for number in (1, 2)]
    nvim.open(shop.checkout)
    nvim.lua(
        "_G.asked = 0 vim.ui.select = function(items, options, choose) "
        "_G.asked = _G.asked + 1 "
        "table.sort(items, function(a, b) return a.id < b.id end) choose(items[_G.asked]) end"
    )
    nvim.command("Flux diff abcd abcd")
    nvim.eventually("return vim.bo.filetype == 'flux-diff' and vim.wo.diff")
    assert nvim.lua("return _G.asked") == 2
    bars = nvim.lua("return vim.tbl_map(function(w) return vim.wo[w].winbar end, vim.api.nvim_tabpage_list_wins(0))")
    assert f"req:{ids[0][:8]}" in bars[1]
    assert f"req:{ids[1][:8]}" in bars[2]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("history order 42", "no changes of a table 'order' are recorded: did you mean orders?"),
        ("blame products", "there are changes of orders"),
        ("history orders 999", "no change of orders '999' is recorded: the rows that changed last are id=42"),
        ("debug 0123456789", "no request '0123456789' is recorded"),
        ("diff zz", "'zz' is not a request id"),
    ],
)
def test_what_is_not_there_is_said_with_what_is(nvim: Neovim, shop: Shop, typed: str, words: str) -> None:
    shop.orders(2)
    nvim.open(shop.checkout)
    nvim.command(f"Flux {typed}")
    said(nvim, words)
    assert nvim.messages().startswith("flux: ")
    assert "stack traceback" not in nvim.messages()
    assert len(nvim.lua("return vim.api.nvim_list_wins()")) == 1


def test_no_recorded_row_is_said(nvim: Neovim, shop: Shop) -> None:
    shop.succeeds()
    nvim.open(shop.checkout)
    nvim.command("Flux history")
    said(nvim, "no row change is recorded")
