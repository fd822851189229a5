"""`:Flux replay`, `:Flux bisect` and `:Flux trust`: run what is saved, once the folder is trusted."""

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.neovim.conftest import StartNeovim
from tests.e2e.neovim.driver import Neovim
from tests.e2e.neovim.shop import Shop
from tests.e2e.neovim.till import FAULT, MENDED, Till
from tests.telemetry import row

pytestmark = pytest.mark.slow

SETTINGS = {"settings": {"python": sys.executable}}
LENSES = "local lenses = vim.tbl_map(function(lens) return lens.command and lens.command.title or '' end, lenses())"
CHOOSE = (
    "local choice = ... "
    "vim.ui.select = function(items, options, done) _G.asked = options.prompt done(items[choice]) end"
)


@pytest.fixture
def till(shop: Shop) -> Till:
    return Till(shop)


def answered(nvim: Neovim, kind: str, within: float = 30) -> list[str]:
    """The text of the result's window."""
    nvim.eventually(
        "local name = ... return vim.bo.filetype == name and vim.fn.search('replayed\\\\|COMMIT', 'nw') > 0",
        f"flux-{kind}",
        within=within,
        what=f"the result of :Flux {kind}",
    )
    return nvim.lines()


def said(nvim: Neovim, words: str) -> None:
    nvim.eventually(
        "return vim.api.nvim_exec2('messages', { output = true }).output:find(..., 1, true) ~= nil", words, what=words
    )


@pytest.mark.timeout(150)
def test_trusted_once_a_fix_is_proved(start_neovim: StartNeovim, till: Till) -> None:
    id = till.fails()
    nvim = start_neovim(settings=SETTINGS)
    nvim.open(till.app, FAULT)
    nvim.eventually("return #vim.diagnostic.get(0) > 0", what="the hint")
    # What is not wanted is neither done nor remembered: it is asked about each time.
    for kind in ("replay", "bisect"):
        nvim.lua("_G.asked = nil")
        nvim.lua(CHOOSE, 2)
        nvim.command(f"Flux {kind}")
        asked = nvim.eventually("return _G.asked", what="the question")
        assert asked == f"Run code of {till.shop.folder.resolve()}?"
        assert nvim.lua("return #vim.api.nvim_list_wins()") == 1
    nvim.lua(CHOOSE, 1)
    nvim.command("Flux replay")
    lines = answered(nvim, "replay")
    assert lines[0] == "  1 replayed · 0 passing · 1 still failing"
    assert f"✘ req:{id[:8]}  POST /split  500" in "\n".join(lines)
    nvim.keys("c")
    nvim.eventually("return vim.wo.diff and #vim.api.nvim_tabpage_list_wins(0) == 3", what="the comparison")
    nvim.keys("q")
    nvim.keys("q")
    nvim.eventually("return vim.bo.filetype == 'python'")
    nvim.eventually(
        "return vim.iter(vim.diagnostic.get(0)):any(function(each) "
        "return vim.startswith(each.message, 'still fails in a replay') end)",
        what="the hint of the replay",
    )
    # An unsaved fix is not run, and the result says so; a saved one is.
    nvim.lua("vim.api.nvim_buf_set_lines(0, 0, -1, false, vim.split(..., '\\n', { trimempty = true }))", MENDED)
    nvim.command("Flux replay " + id[:8])
    assert "  what is saved was run; not saved: till.py" in answered(nvim, "replay")
    nvim.keys("q")
    nvim.command("write")
    nvim.command("Flux replay " + id[:8])
    nvim.eventually("return vim.fn.search('1 passing', 'nw') > 0", within=30, what="the fix")
    assert f"✔ req:{id[:8]}  POST /split  200" in "\n".join(nvim.lines())
    nvim.keys("q")
    nvim.eventually("return #vim.diagnostic.get(0) == 0", what="the hint's end")
    nvim.eventually(
        f"{LENSES} return vim.deep_equal(lenses, {{ ... }})",
        f"fixed: replay of req:{id[:8]} 200",
    )
    nvim.quit()
    # It is remembered: in Neovim's state, and not in the folder.
    again = start_neovim(settings=SETTINGS)
    again.open(till.app, FAULT)
    again.command("Flux replay " + id[:8])
    assert answered(again, "replay")[0] == "  1 replayed · 1 passing · 0 still failing"
    state = Path(again.lua("return vim.fn.stdpath('state')")) / "flux" / "trusted"
    assert state.read_text().splitlines() == [str(till.shop.folder.resolve())]
    assert not list(till.shop.folder.rglob("*trusted*"))
    again.command("Flux trust --forget")
    said(again, "is not trusted any more")
    again.lua(CHOOSE, 2)
    again.command("Flux replay " + id[:8])
    again.eventually("return _G.asked", what="the question")
    assert state.read_text().strip() == ""
    again.lua(CHOOSE, 1)
    again.command("Flux trust")
    said(again, "is trusted. :Flux trust --forget takes it back")


WITH_ROWS = """\
import sqlite3

import flask

app = flask.Flask(__name__)


@app.post("/split")
def split():
    with sqlite3.connect("bills.db") as bills:
        count = bills.execute("SELECT count(*) FROM bills").fetchone()[0]
    order = flask.request.get_json()
    return {"share": order["total"] / order["people"], "bills": count}
"""


@pytest.mark.timeout(150)
def test_rows_that_were_put_back_are_told(start_neovim: StartNeovim, till: Till) -> None:
    """And which were not, and why: what the run met depends on it."""
    till.write(WITH_ROWS)
    with closing(sqlite3.connect(till.shop.folder / "bills.db")) as bills:
        bills.executescript("CREATE TABLE bills (id INTEGER PRIMARY KEY, total INTEGER)")
        bills.executescript("INSERT INTO bills VALUES (7, 90), (8, 91)")
        bills.commit()
    # Of two bills that it is recorded to have made, one has been changed by nobody knows whom.
    id = till.fails(rows=(row("bills", {"id": 7}, after={"total": 90}), row("bills", {"id": 8}, after={"total": 90})))
    nvim = start_neovim(settings=SETTINGS | {"trusted": [str(till.shop.folder)]})
    nvim.open(till.app)
    nvim.command("Flux replay " + id[:8])
    told = "  rows put back: 1; not put back: bills id=8, changed since (total)"
    assert told in answered(nvim, "replay"), nvim.lines()


@pytest.mark.timeout(150)
def test_bisect_names_the_commit_and_its_lines(start_neovim: StartNeovim, till: Till) -> None:
    id = till.fails()
    nvim = start_neovim(settings=SETTINGS | {"trusted": [str(till.shop.folder)]})
    nvim.open(till.app, FAULT)
    nvim.eventually("return #vim.diagnostic.get(0) > 0", what="the hint")
    nvim.eventually(
        f"{LENSES} return vim.deep_equal({{ lenses[2], lenses[3] }}, {{ 'replay', 'bisect' }})", what="what may be run"
    )
    nvim.command(f"Flux bisect --good {till.good}")
    shown: Any = answered(nvim, "bisect", within=90)
    assert shown[0] == "  FIRST BAD COMMIT"
    assert shown[1] == f"  {till.culprit[:12]}  Trust what guests say"
    assert shown[2].startswith("  Ada, ")
    assert any(line.startswith("  till.py:") and line.endswith("in split") for line in shown), shown
    assert any(line.startswith("    +    smile") for line in shown), shown
    nvim.keys("/till.py<CR><CR>")
    assert nvim.place()[0] == "till.py"
    found = nvim.eventually(
        "local all = vim.diagnostic.get(0, { severity = vim.diagnostic.severity.INFO }) return #all == 1 and all[1]",
        what="the commit on its lines",
    )
    assert found["lnum"] == FAULT - 1
    assert found["message"].startswith(f"first bad commit {till.culprit[:12]} · Ada · ")
    assert id[:8] in found["message"]


def test_what_runs_can_be_cancelled(start_neovim: StartNeovim, till: Till) -> None:
    nvim = start_neovim(settings=SETTINGS | {"trusted": [str(till.shop.folder)]})
    till.fails()
    nvim.open(till.app)
    nvim.lua("vim.cmd(...)", f"Flux bisect --good {till.good} --run 'sleep 100'")
    nvim.eventually("return vim.fn.search('trying', 'nw') > 0", what="how far it is")
    assert nvim.lines()[0] == "  Bisect"
    nvim.keys("x")
    said(nvim, "bisect was cancelled")
    assert nvim.lua("return vim.bo.filetype") == "python"


def test_a_regression_test_opens_in_a_window(start_neovim: StartNeovim, till: Till) -> None:
    id = till.fails()
    nvim = start_neovim(settings=SETTINGS)
    nvim.open(till.app, FAULT)
    nvim.eventually("return #vim.diagnostic.get(0) > 0", what="the hint")
    nvim.lua(
        "vim.lsp.buf.code_action({ apply = true, filter = function(action) "
        "return vim.startswith(action.title, 'Create a regression test') end })"
    )
    nvim.eventually("return vim.fn.bufname():find('test_post_split') ~= nil", what="the file's window")
    assert nvim.lua("return vim.fn.expand('%:t')") == f"test_post_split_{id[:8]}.py"
    text = "\n".join(nvim.lines())
    assert "def test_post_split" in text
    assert json.dumps({"total": 90})[1:-1] in text
