"""`:Flux` and its windows, with the real server: what they show, and where their keys go."""

import pytest

from tests.e2e.neovim.conftest import StartNeovim
from tests.e2e.neovim.driver import Neovim
from tests.e2e.neovim.shop import FAULT_LINE, Shop
from tests.telemetry import Raises, http, span

ELSEWHERE = Raises("Timeout", "no answer\nfrom shop/checkout.py:1", (("/srv/other/pay.py", 3, "pay", "send()"),))


CHOOSE = """
local number = ...
vim.ui.select = function(items, options, choose)
  _G.offered = vim.tbl_map(options.format_item, items)
  choose(items[number])
end
"""


def test_why_names_cause_and_location_and_goes_there(nvim: Neovim, shop: Shop) -> None:
    request = shop.fails()
    nvim.open(shop.checkout, FAULT_LINE)
    nvim.eventually("return #vim.diagnostic.get(0) > 0")
    nvim.lua("vim.cmd.edit('pyproject.toml')")
    nvim.command(f"Flux why {request[:6]}")
    nvim.eventually("return vim.bo.filetype == 'flux-why'")
    text = nvim.lines()
    assert text[0].split()[:4] == ["POST", "/checkout", "500", "44ms"]
    assert f"req:{request[:8]}" in text[0]
    assert text[text.index("  ROOT CAUSE") + 1] == "  ZeroDivisionError: division by zero"
    assert text[text.index("  LOCATION") + 1] == f"  shop/checkout.py:{FAULT_LINE}  in per_person"
    assert text[text.index("  LOCATION") + 2].endswith('share = order["total"] / order["people"]')
    path = text.index("  PATH")
    assert [line.split()[0] for line in text[path + 1 : path + 4]] == [
        "shop/web.py:7",
        "shop/checkout.py:10",
        f"shop/checkout.py:{FAULT_LINE}",
    ]
    assert nvim.lua("return vim.bo.modifiable") is False
    assert nvim.lua("return vim.wo.winbar").endswith("<CR> open  t trace  d debug  c compare  q close ")
    # On a line without a place: to the line responsible.
    nvim.keys("gg<CR>")
    assert nvim.place()[:2] == ("checkout.py", FAULT_LINE)
    # On a place: there.
    nvim.command(f"Flux why {request[:6]}")
    nvim.eventually("return vim.bo.filetype == 'flux-why'")
    nvim.lua("vim.fn.search([[web\\.py:7]])")
    nvim.keys("<CR>")
    assert nvim.place() == ("web.py", 7, 5)
    nvim.keys("<C-o>")
    assert nvim.place()[0] == "checkout.py"
    # Asked again, the same window shows it, keys and all.
    nvim.command(f"Flux why {request[:6]}")
    nvim.eventually("return vim.bo.filetype == 'flux-why'")
    assert nvim.lua("return vim.wo.winbar").endswith("<CR> open  t trace  d debug  c compare  q close ")
    assert nvim.lua("return #vim.api.nvim_list_wins()") == 2
    assert nvim.messages() == ""


def test_why_tells_what_was_recorded(nvim: Neovim, shop: Shop) -> None:
    for people in [2] * 8 + [0] * 6:
        request = shop.orders(people)
    nvim.open(shop.folder / "shop" / "web.py")
    nvim.command(f"Flux why {request}")
    nvim.eventually("return vim.bo.filetype == 'flux-why'")
    text = nvim.lines()
    assert text[text.index("  LOCALS") + 1] == "  order = {people: 0, total: 90}"
    rows = text.index("  DATA CHANGES")
    assert text[rows + 1 : rows + 3] == [
        "  orders id=42  inserted  state: new  (rolled back)",
        "  orders id=42  state: new → paid  (rolled back)",
    ]
    received = text[text.index("  INPUT") :]
    assert "  body" in received
    assert "    people = 0" in received
    assert "  1 header" in received
    common = text[text.index("  IN COMMON") + 1]
    assert common.startswith("  people ")
    assert common.endswith(": 6/6 failures, 0/8 successes")
    nvim.lua("vim.fn.search('state: new →')")
    nvim.keys("<CR>")
    assert nvim.place()[:2] == ("checkout.py", 9)


def test_why_finds_the_failure_of_the_line_and_of_the_function(nvim: Neovim, shop: Shop) -> None:
    shop.fails()
    shop.fails("get_greeting({})", path="/greeting")
    nvim.open(shop.checkout, FAULT_LINE)
    nvim.eventually("return #vim.diagnostic.get(0) == 2")
    for line, wanted in ((FAULT_LINE, "ZeroDivisionError"), (4, "ZeroDivisionError"), (13, "KeyError")):
        nvim.lua("vim.api.nvim_win_set_cursor(0, { ..., 0 })", line)
        nvim.command("Flux why")
        nvim.eventually("return vim.bo.filetype == 'flux-why'")
        assert wanted in "\n".join(nvim.lines())
        nvim.keys("q")
        assert nvim.place()[0] == "checkout.py"


def test_why_asks_when_several_failures_fit(nvim: Neovim, shop: Shop) -> None:
    shop.fails()
    shop.fails("get_greeting({})", path="/greeting")
    nvim.open(shop.checkout, 1)
    nvim.eventually("return #vim.diagnostic.get(0) == 2")
    nvim.lua(CHOOSE, 2)
    nvim.command("Flux why")
    nvim.eventually("return vim.bo.filetype == 'flux-why'")
    assert [words.split(":")[0] for words in nvim.lua("return _G.offered")] == [str(FAULT_LINE), "14"]
    assert "  KeyError: 'name'" in nvim.lines()


def test_an_ambiguous_id_is_asked_about(nvim: Neovim, shop: Shop) -> None:
    shop.fails(trace_id="abcd1111" + "0" * 24)
    shop.fails(trace_id="abcd2222" + "0" * 24)
    nvim.open(shop.checkout)
    nvim.lua(CHOOSE, 1)
    nvim.command("Flux why abcd")
    nvim.eventually("return vim.bo.filetype == 'flux-why'")
    offered = nvim.lua("return _G.offered")
    assert len(offered) == 2
    assert all(words.startswith("POST /checkout  500") for words in offered)
    assert offered[0].split("req:")[1][:8] in nvim.lines()[0]


@pytest.mark.parametrize(("typed", "said"), [("Flux why 0123456789", "0123456789"), ("Flux trace zz", "zz")])
def test_an_id_that_is_none_is_said(nvim: Neovim, shop: Shop, typed: str, said: str) -> None:
    shop.succeeds()
    nvim.open(shop.checkout)
    nvim.command(typed)
    nvim.eventually("return vim.api.nvim_exec2('messages', { output = true }).output ~= ''")
    assert "flux: " in nvim.messages()
    assert said in nvim.messages()


def test_text_of_a_trace_is_only_text(nvim: Neovim, shop: Shop) -> None:
    """A message that looks like a place is none: only the answer's own frames can be gone to."""
    request = shop.send(http("POST", "/pay", 500, raises=ELSEWHERE))
    nvim.open(shop.folder / "shop" / "web.py")
    nvim.command(f"Flux why {request}")
    nvim.eventually("return vim.bo.filetype == 'flux-why'")
    nvim.lua("vim.fn.search('from shop/checkout')")
    nvim.keys("<CR>")
    assert "/srv/other/pay.py:3 is not a file of this workspace" in nvim.messages()
    assert nvim.lua("return vim.bo.filetype") == "flux-why"


def test_trace_is_a_tree_that_leads_to_code(nvim: Neovim, shop: Shop) -> None:
    request = shop.fails()
    nvim.open(shop.folder / "shop" / "web.py")
    nvim.command(f"Flux trace {request}")
    nvim.eventually("return vim.bo.filetype == 'flux-trace'")
    text = nvim.lines()
    (root,) = [line for line in text[1:] if line.startswith("  POST /checkout")]
    (work,) = [line for line in text if "└─ work" in line]
    assert root.split()[2] == "44ms"
    assert work.split()[2] == "43ms"
    assert "━━━━" in work
    assert text[text.index(work) + 1].strip() == "ZeroDivisionError: division by zero"
    nvim.lua("vim.fn.search('work')")
    nvim.keys("<CR>")
    assert nvim.place()[0] == "checkout.py"
    nvim.command(f"Flux trace {request}")
    nvim.eventually("return vim.bo.filetype == 'flux-trace'")
    nvim.keys("w")
    nvim.eventually("return vim.bo.filetype == 'flux-why'")
    nvim.keys("t")
    nvim.eventually("return vim.bo.filetype == 'flux-trace'")


@pytest.mark.parametrize(
    ("columns", "view", "name_cells"), [(80, "split", 30), (140, "split", 44), (140, "vsplit", 20), (120, "float", 44)]
)
def test_a_trace_has_as_much_room_for_names_as_its_window(
    start_neovim: StartNeovim, shop: Shop, columns: int, view: str, name_cells: int
) -> None:
    long = "a-span-of-a-very-long-name-that-nobody-reads-to-its-end"
    request = shop.send(http("GET", "/x", children=[span(long, start_ms=1, ms=4)]))
    nvim = start_neovim(settings={"view": view})
    nvim.lua("vim.o.columns = ...", columns)
    nvim.command(f"Flux trace {request}")
    nvim.eventually("return vim.bo.filetype == 'flux-trace'")
    (line,) = [line for line in nvim.lines() if "└─ a-span" in line]
    assert line.startswith(f"  └─ {long}"[: name_cells + 1] + "…")
    assert line.split()[2] == "4ms"


def test_a_column_counts_code_points(nvim: Neovim, shop: Shop) -> None:
    nvim.open(shop.folder / "shop" / "web.py")
    text = shop.checkout.read_text(encoding="utf-8").splitlines()[FAULT_LINE - 1]
    frame = {"path": "shop/checkout.py", "line": FAULT_LINE, "column": text.index("order") + 1, "anchor": "exact"}
    assert nvim.lua("return require('flux.location').jump(...)", frame, [str(shop.folder)]) is True
    assert nvim.place() == ("checkout.py", FAULT_LINE, text.encode().index(b"order") + 1)


def test_errors_fill_the_quickfix_list(nvim: Neovim, shop: Shop) -> None:
    request = shop.fails()
    shop.send(http("POST", "/pay", 500, raises=ELSEWHERE))
    nvim.open(shop.folder / "shop" / "web.py")
    nvim.command("Flux errors")
    nvim.eventually("return vim.bo.buftype == 'quickfix'")
    entries = nvim.lua(
        "return vim.tbl_map(function(e) return { e.valid, e.lnum, e.type, e.text, "
        "e.bufnr > 0 and vim.fs.basename(vim.api.nvim_buf_get_name(e.bufnr)) or '' } end, vim.fn.getqflist())"
    )
    by_type = {entry[3].split(":")[0]: entry for entry in entries}
    assert by_type["ZeroDivisionError"][:3] == [1, FAULT_LINE, "E"]
    assert by_type["ZeroDivisionError"][4] == "checkout.py"
    assert f"(once, req:{request[:8]})" in by_type["ZeroDivisionError"][3]
    assert by_type["Timeout"][0] == 0
    assert "at /srv/other/pay.py:3" in by_type["Timeout"][3]
    assert nvim.lua("return vim.fn.getqflist({ title = 1 }).title") == "Flux errors"
    # The first that has a place.
    nvim.command("cnext")
    nvim.eventually("return vim.api.nvim_buf_get_name(0):find('checkout.py') ~= nil")
    assert nvim.place()[1] == FAULT_LINE


def test_nothing_fails_is_said(nvim: Neovim, shop: Shop) -> None:
    shop.succeeds()
    nvim.open(shop.checkout)
    nvim.command("Flux errors")
    nvim.eventually("return vim.api.nvim_exec2('messages', { output = true }).output ~= ''")
    assert "nothing fails" in nvim.messages()


def test_doctor_lists_the_chain(nvim: Neovim, shop: Shop) -> None:
    shop.fails()
    nvim.open(shop.checkout)
    nvim.command("Flux doctor")
    nvim.eventually("return vim.bo.filetype == 'flux-doctor'")
    marks = {line.split()[1]: line.split()[0] for line in nvim.lines() if line.strip()[:1] in "✔✘"}
    assert marks["collector"] == marks["store"] == marks["spans"] == "✔"
    nvim.keys("r")
    nvim.eventually("return vim.bo.filetype == 'flux-doctor'")


@pytest.mark.parametrize("view", ["split", "vsplit", "float", "tab"])
def test_views_open_where_the_user_likes_them(start_neovim: StartNeovim, shop: Shop, view: str) -> None:
    request = shop.fails()
    nvim = start_neovim(settings={"view": view})
    nvim.open(shop.checkout)
    nvim.command(f"Flux why {request}")
    nvim.eventually("return vim.bo.filetype == 'flux-why'")
    assert nvim.lua("return vim.api.nvim_win_get_config(0).relative") == ("editor" if view == "float" else "")
    assert nvim.lua("return vim.fn.tabpagenr('$')") == (2 if view == "tab" else 1)
    nvim.keys("t")
    nvim.eventually("return vim.bo.filetype == 'flux-trace'")
    nvim.keys("q")
    if view != "float":
        nvim.keys("q")
    assert nvim.place()[0] == "checkout.py"
    assert nvim.lua("return #vim.api.nvim_list_wins()") == 1


def test_keys_can_be_the_users_own(start_neovim: StartNeovim, shop: Shop) -> None:
    request = shop.fails()
    nvim = start_neovim()
    nvim.lua(
        "vim.api.nvim_create_autocmd('FileType', { pattern = 'flux-*', callback = function() "
        "vim.keymap.set('n', 'o', '<Plug>(flux-open)', { buffer = true }) end })"
    )
    nvim.open(shop.folder / "shop" / "web.py")
    nvim.command(f"Flux why {request}")
    nvim.eventually("return vim.bo.filetype == 'flux-why'")
    assert nvim.lua("return vim.fn.maparg('<CR>', 'n')") == ""
    assert "<CR>" not in nvim.lua("return vim.wo.winbar")
    nvim.keys("o")
    assert nvim.place()[:2] == ("checkout.py", FAULT_LINE)


def test_recent_ids_are_completed(nvim: Neovim, shop: Shop) -> None:
    older = shop.succeeds(ms=500)
    newer = shop.succeeds(ms=1)
    nvim.open(shop.checkout)
    # A server that has just started, or a machine that is busy, may take longer than completion waits.
    for typed, ids in (("Flux why ", [newer[:8], older[:8]]), (f"Flux trace {older[:4]}", [older[:8]])):
        completed = nvim.eventually(
            "local found = vim.fn.getcompletion(..., 'cmdline') return #found > 0 and found",
            typed,
            what="the server to answer at once",
        )
        assert completed == ids


def test_a_command_needs_no_open_file(nvim: Neovim, shop: Shop) -> None:
    request = shop.fails()
    nvim.command(f"Flux why {request}")
    nvim.eventually("return vim.bo.filetype == 'flux-why'")
    nvim.keys("<CR>")
    assert nvim.place()[:2] == ("checkout.py", FAULT_LINE)
    nvim.attached()
    assert nvim.lua("return #vim.lsp.get_clients({ name = 'flux' })") == 1
