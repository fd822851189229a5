"""`:Flux debug`: a request step by step, and the code that follows it."""

from typing import Any

import pytest

from tests.e2e.neovim.conftest import StartNeovim
from tests.e2e.neovim.driver import Neovim
from tests.e2e.neovim.shop import FAULT_LINE, Shop
from tests.telemetry import RECORDER, Raises, http, recorded, row, span, transaction

MARKED = """
local namespace = vim.api.nvim_create_namespace('flux.follow')
local found = {}
for _, bufnr in ipairs(vim.api.nvim_list_bufs()) do
  for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(bufnr, namespace, 0, -1, { details = true })) do
    local words = mark[4].virt_text and mark[4].virt_text[1][1] or ''
    found[#found + 1] = { vim.fs.basename(vim.api.nvim_buf_get_name(bufnr)), mark[2] + 1, vim.trim(words) }
  end
end
return found
"""
SHOWN = """
return vim.tbl_map(function(window)
  return vim.fs.basename(vim.api.nvim_buf_get_name(vim.api.nvim_win_get_buf(window)))
end, vim.api.nvim_tabpage_list_wins(0))
"""


def debug(nvim: Neovim, words: str = "") -> None:
    nvim.command(f"Flux debug {words}")
    nvim.eventually(
        "return vim.bo.filetype == 'flux-debug' and vim.wo.winbar:find('Step') ~= nil "
        "and vim.startswith(vim.b.flux_request, ...)",
        words,
        what="the steps",
    )


def step(nvim: Neovim) -> tuple[str, list[str]]:
    """The line of the current step, and what is told below it."""
    lines = nvim.lines()
    (at,) = [number for number, line in enumerate(lines) if line.startswith("▶")]
    told = []
    for line in lines[at + 1 :]:
        if not line.startswith("      ") or "⋯" in line:
            break
        told.append(" ".join(line.split()))
    return " ".join(lines[at].split()), told


def said(nvim: Neovim, words: str) -> None:
    nvim.eventually("return vim.api.nvim_exec2('messages', { output = true }).output:find(..., 1, true) ~= nil", words)


def test_each_step_tells_what_went_in_and_out_and_how_the_rows_were(nvim: Neovim, shop: Shop) -> None:
    request = shop.orders(0)
    nvim.open(shop.checkout)
    debug(nvim, request[:8])
    text = nvim.lines()
    assert text[0].split()[:4] == ["POST", "/checkout", "500", "60ms"]
    assert f"req:{request[:8]}" in text[0]
    assert step(nvim) == (
        "▶ 1/4 POST /checkout 60ms ✘",
        [
            "in POST /checkout {people: 0, total: 90}",
            'out 500 {error: "try again"}',
            "err HTTP 500",
        ],
    )
    assert nvim.lua("return vim.wo.winbar").startswith("%#FluxTitle#  Step 1 of 4 ")
    nvim.keys("n")
    assert step(nvim) == (
        "▶ 2/4 save_order 8ms",
        [
            'in note="no hurry"',
            "out {id: 42}",
            "row orders id=42 inserted state: new (rolled back)",
            "row orders id=42 state: new → paid (rolled back)",
            'now orders id=42 state="paid" (not committed, and rolled back later)',
            "at shop/checkout.py:9 in receipt",
        ],
    )
    nvim.keys("n")
    head, told = step(nvim)
    assert head == "▶ 3/4 per_person 20ms ✘"
    assert told == [
        "in order={people: 0, total: 90}",
        "err ZeroDivisionError: division by zero",
        "var order={people: 0, total: 90}",
        'now orders id=42 state="paid" (not committed, and rolled back later)',
        f"at shop/checkout.py:{FAULT_LINE} in per_person",
    ]
    nvim.keys("n")
    assert step(nvim) == (
        "▶ 4/4 transaction 50ms",
        ["out (rolled back)", "now orders id=42 does not exist (rolled back)"],
    )
    nvim.keys("n")
    said(nvim, "this is the last step")
    nvim.keys("ppp")
    assert step(nvim)[0].startswith("▶ 1/4")
    nvim.keys("p")
    said(nvim, "this is the first step")
    assert nvim.lua("return vim.bo.modifiable") is False


def test_a_good_run_says_what_is_committed_and_what_is_not_yet(nvim: Neovim, shop: Shop) -> None:
    request = shop.orders(2)
    nvim.open(shop.checkout)
    debug(nvim, request)
    told = []
    for _ in range(4):
        told += [line for line in step(nvim)[1] if line.startswith("now")]
        nvim.keys("n")
    assert told == [
        'now orders id=42 state="paid" (not committed yet)',
        'now orders id=42 state="paid" (not committed yet)',
        'now orders id=42 state="paid" (committed)',
    ]


def test_the_next_error_goes_around(nvim: Neovim, shop: Shop) -> None:
    request = shop.orders(0)
    nvim.open(shop.checkout)
    debug(nvim, request)
    for expected in ("3/4", "1/4", "3/4"):
        nvim.keys("e")
        assert step(nvim)[0].split()[1] == expected
    good = shop.orders(2)
    debug(nvim, good)
    nvim.keys("e")
    said(nvim, "no step has an error")
    assert step(nvim)[0].split()[1] == "1/4"


def test_what_says_nothing_is_folded_with_its_count(nvim: Neovim, shop: Shop) -> None:
    request = shop.orders(0)
    nvim.open(shop.checkout)
    debug(nvim, request)
    assert [line.strip() for line in nvim.lines() if "⋯" in line] == ["⋯ 1 span of messages, connections and drivers"]
    assert not any("connect " in line for line in nvim.lines())
    nvim.keys("a")
    assert nvim.lua("return vim.wo.winbar").startswith("%#FluxTitle#  Step 1 of 5 ")
    nvim.keys("n")
    assert step(nvim)[0] == "▶ 2/5 connect 1ms"
    # What is folded again cannot stay the current step.
    nvim.keys("a")
    assert step(nvim)[0].startswith("▶ 1/4")


def test_the_source_window_follows_and_none_is_opened(nvim: Neovim, shop: Shop) -> None:
    request = shop.orders(0)
    nvim.open(shop.folder / "shop" / "web.py")
    debug(nvim, request)
    assert nvim.lua(MARKED) == []
    assert nvim.lua(SHOWN) == ["web.py", "debug"]
    nvim.keys("n")
    assert nvim.lua(MARKED) == [["checkout.py", 9, ""]]
    assert nvim.lua(SHOWN) == ["checkout.py", "debug"]
    assert nvim.lua("return vim.bo.filetype") == "flux-debug"
    assert nvim.lua("return vim.api.nvim_win_get_cursor(vim.fn.win_getid(vim.fn.winnr('#')))[1]") == 9
    nvim.keys("n")
    assert nvim.lua(MARKED) == [["checkout.py", FAULT_LINE, ""]]
    # A transaction has no place: the source stays where it is, and nothing is marked.
    nvim.keys("n")
    assert nvim.lua(MARKED) == []
    assert nvim.lua(SHOWN) == ["checkout.py", "debug"]
    nvim.keys("p")
    assert nvim.lua(MARKED) == [["checkout.py", FAULT_LINE, ""]]
    nvim.keys("q")
    assert nvim.lua(MARKED) == []
    assert nvim.place()[:2] == ("checkout.py", FAULT_LINE)
    nvim.keys("<C-o>")
    assert nvim.place()[0] == "web.py"


def test_without_a_source_window_nothing_is_opened(nvim: Neovim, shop: Shop) -> None:
    request = shop.orders(0)
    nvim.lua("vim.bo.buftype = 'nofile'")
    debug(nvim, request)
    nvim.keys("e")
    assert step(nvim)[0].startswith("▶ 3/4")
    assert nvim.lua(MARKED) == []
    assert len(nvim.lua(SHOWN)) == 2


def test_a_window_that_is_tied_to_its_file_stays(nvim: Neovim, shop: Shop) -> None:
    request = shop.orders(0)
    nvim.open(shop.folder / "shop" / "web.py")
    nvim.lua("vim.wo.winfixbuf = true")
    debug(nvim, request)
    nvim.keys("e")
    assert nvim.lua(SHOWN) == ["web.py", "debug"]
    assert nvim.lua(MARKED) == []
    assert nvim.messages() == ""


def test_only_places_that_are_in_the_workspace_are_followed(nvim: Neovim, shop: Shop) -> None:
    elsewhere = Raises("Timeout", "no answer", (("/srv/other/pay.py", 3, "pay", "send()"),))
    request = shop.send(http("POST", "/pay", 500, raises=elsewhere))
    nvim.open(shop.checkout)
    debug(nvim, request)
    assert "at /srv/other/pay.py:3 in pay" in step(nvim)[1]
    assert any(line.startswith("not found in this workspace") for line in step(nvim)[1])
    assert nvim.lua(MARKED) == []
    nvim.keys("o")
    said(nvim, "/srv/other/pay.py:3 is not a file of this workspace")
    assert nvim.lua("return vim.bo.filetype") == "flux-debug"


def test_a_line_that_was_edited_is_marked_as_unsure(nvim: Neovim, shop: Shop) -> None:
    request = shop.orders(0)
    nvim.open(shop.checkout, FAULT_LINE)
    nvim.eventually("return #vim.diagnostic.get(0) > 0")
    nvim.lua("vim.api.nvim_buf_set_lines(0, 4, 5, false, { '    smile, share = 1, order[\"total\"]' })")
    nvim.eventually("local d = vim.diagnostic.get(0)[1] return d ~= nil and d.severity == vim.diagnostic.severity.HINT")
    debug(nvim, request)
    nvim.keys("e")
    assert nvim.lua(MARKED) == [["checkout.py", FAULT_LINE, "unverified: the code was edited since"]]


@pytest.mark.parametrize("key", ["o", "<CR>"])
def test_a_key_opens_the_line_of_the_step_under_the_cursor(nvim: Neovim, shop: Shop, key: str) -> None:
    request = shop.orders(0)
    nvim.open(shop.folder / "shop" / "web.py")
    debug(nvim, request)
    nvim.keys(key)
    said(nvim, 'telemetry does not say where "POST /checkout" is in the code')
    nvim.lua("vim.fn.search('per_person')")
    nvim.keys(key)
    assert nvim.place()[:2] == ("checkout.py", FAULT_LINE)


def test_without_an_id_it_is_the_failure_under_the_cursor(nvim: Neovim, shop: Shop) -> None:
    request = shop.orders(0)
    shop.fails("get_greeting({})", path="/greeting")
    nvim.open(shop.checkout, FAULT_LINE)
    nvim.eventually("return #vim.diagnostic.get(0) == 2")
    debug(nvim)
    assert f"req:{request[:8]}" in nvim.lines()[0]


def test_without_a_failure_in_the_buffer_it_is_the_last_request_that_failed(nvim: Neovim, shop: Shop) -> None:
    nvim.lua("vim.cmd.edit('pyproject.toml')")
    nvim.command("Flux debug")
    said(nvim, "no request has failed")
    shop.fails()
    request = shop.orders(0)
    shop.succeeds("/nowhere", status=404)
    shop.succeeds()
    debug(nvim)
    assert f"req:{request[:8]}" in nvim.lines()[0]


def test_recorded_text_only_shows(nvim: Neovim, shop: Shop) -> None:
    note = "é🙂 \x1b[31mred\x1b[0m\n\u202eturned\u0085 " + "long " * 2000
    request = shop.orders(0, note=note)
    nvim.open(shop.checkout)
    debug(nvim, request)
    nvim.keys("n")
    told = step(nvim)[1][0]
    assert told.startswith(r'in note="é🙂 \x1b[31mred\x1b[0m\n\u202eturned\x85 long long')
    assert told.endswith('…"')
    assert len(told) < 320
    named = shop.send(http("GET", "/x", children=[span("a\x1b]0;title\x07\nb 🙂" + "n" * 500)]))
    debug(nvim, named)
    nvim.keys("n")
    (line,) = [line for line in nvim.lines() if line.startswith("▶")]
    assert r"a\x1b]0;title\x07\nb 🙂nnn" in line
    assert nvim.lua("return vim.fn.strdisplaywidth(...) <= 80", line)
    assert nvim.messages() == ""


def test_plain_telemetry_tells_what_it_knows(nvim: Neovim, shop: Shop) -> None:
    query = span("SELECT", kind="client", attributes={"db.query.text": "SELECT *\n  FROM users"})
    call = span(
        "GET",
        kind="client",
        failed=True,
        attributes={"http.request.method": "GET", "url.full": "https://x.y/z", "http.response.status_code": 404},
    )
    request = shop.send(http("GET", "/products", children=[query, call]))
    nvim.open(shop.checkout)
    debug(nvim, request)
    told = []
    for _ in range(3):
        told.append(step(nvim))
        nvim.keys("n")
    assert told == [
        ("▶ 1/3 GET /products 10ms", ["in GET /products", "out 200"]),
        ("▶ 2/3 SELECT 10ms", ["in SELECT * FROM users"]),
        ("▶ 3/3 GET 10ms !", ["in GET https://x.y/z", "err HTTP 404"]),
    ]


def test_many_row_changes_are_counted(nvim: Neovim, shop: Shop) -> None:
    rows = [row("orders", {"id": number}, after={"state": "new"}, at_ms=2, by="import") for number in range(25)]
    root = http(
        "POST", "/import", children=[span("import", start_ms=1, ms=5), transaction("committed", *rows, start_ms=2)]
    )
    request = shop.send(root, resource=RECORDER)
    nvim.open(shop.checkout)
    debug(nvim, request)
    nvim.lua("while not vim.wo.winbar:find('Step 2') do vim.cmd.normal('n') end")
    told = [line for line in step(nvim)[1] if line.startswith("row")]
    assert len(told) == 21
    assert told[-1] == "row … 5 more changes"


def test_keys_lead_to_the_steps_and_can_be_the_users_own(start_neovim: StartNeovim, shop: Shop) -> None:
    request = shop.orders(0)
    nvim = start_neovim()
    nvim.lua(
        "vim.api.nvim_create_autocmd('FileType', { pattern = 'flux-debug', callback = function() "
        "vim.keymap.set('n', '<Tab>', '<Plug>(flux-next)', { buffer = true }) end })"
    )
    nvim.open(shop.checkout)
    nvim.command(f"Flux why {request}")
    nvim.eventually("return vim.bo.filetype == 'flux-why'")
    nvim.keys("d")
    nvim.eventually("return vim.bo.filetype == 'flux-debug' and vim.wo.winbar:find('Step') ~= nil")
    assert nvim.lua("return vim.fn.maparg('n', 'n')") == ""
    assert "n next" not in nvim.lua("return vim.wo.winbar")
    nvim.keys("<Tab>")
    assert step(nvim)[0].startswith("▶ 2/4")
    nvim.keys("w")
    nvim.eventually("return vim.bo.filetype == 'flux-why'")


@pytest.mark.parametrize("view", ["vsplit", "float", "tab"])
def test_it_opens_where_the_user_likes_it(start_neovim: StartNeovim, shop: Shop, view: str) -> None:
    request = shop.orders(0)
    nvim = start_neovim(settings={"view": view})
    nvim.open(shop.folder / "shop" / "web.py")
    debug(nvim, request)
    nvim.keys("e")
    # In a tab page of its own there is no source window.
    marked: list[Any] = [] if view == "tab" else [["checkout.py", FAULT_LINE, ""]]
    assert nvim.lua(MARKED) == marked
    nvim.keys("o")
    assert nvim.place()[:2] == ("checkout.py", FAULT_LINE)


def test_asked_again_it_starts_anew_in_the_same_window(nvim: Neovim, shop: Shop) -> None:
    request = shop.orders(0)
    nvim.open(shop.checkout)
    debug(nvim, request)
    nvim.keys("nn")
    nvim.lua("vim.cmd.wincmd('p')")
    nvim.command(f"Flux debug {request}")
    nvim.eventually("return vim.bo.filetype == 'flux-debug' and vim.wo.winbar:find('Step 1') ~= nil")
    nvim.keys("n")
    assert step(nvim)[0].startswith("▶ 2/4")
    assert len(nvim.lua(SHOWN)) == 2


def test_a_step_without_anything_says_so(nvim: Neovim, shop: Shop) -> None:
    attributes = recorded(input={})
    request = shop.send(http("GET", "/x", children=[span("empty"), span("called", start_ms=5, attributes=attributes)]))
    nvim.open(shop.checkout)
    debug(nvim, request)
    nvim.keys("n")
    assert step(nvim) == ("▶ 2/3 empty 10ms", ["nothing else was recorded of it"])
    nvim.keys("n")
    assert step(nvim) == ("▶ 3/3 called 10ms", ["in (nothing)"])


def test_nothing_that_was_recorded_is_lost_on_the_way(nvim: Neovim, shop: Shop) -> None:
    values = {"plan": None, "email": "alice@example.com", "account": 2**60 + 1, "rate": 1.0, "tags": {}}
    change = row("users", {"id": 7}, before={"plan": "free"}, after={"plan": None}, at_ms=2, by="create")
    create = span("create", start_ms=1, ms=5, attributes=recorded(values))
    root = http("POST", "/signup", children=[create, transaction("committed", change, start_ms=2, ms=20)], ms=30)
    request = shop.send(root, resource=RECORDER)
    nvim.open(shop.checkout)
    debug(nvim, request)
    nvim.keys("n")
    assert step(nvim)[1] == [
        'in plan=null, email="alice@example.com", account=1152921504606846977, rate=1.0, tags={}',
        "row users id=7 plan: free → null (committed)",
        "now users id=7 plan=null (not committed yet)",
    ]
