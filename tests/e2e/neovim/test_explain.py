"""`:Flux explain`, `:Flux test` and `:Flux run`: what leaves the editor, what becomes a file, and what runs in it."""

import sys
from pathlib import Path

import pytest

from tests.e2e.launch import BIN
from tests.e2e.neovim.conftest import StartNeovim
from tests.e2e.neovim.driver import Neovim
from tests.e2e.neovim.shop import FAULT_LINE, Shop
from tests.e2e.neovim.test_replay import CHOOSE, SETTINGS, Till, said
from tests.explain.model import ANSWER, running

INPUT = "local words = ... vim.ui.input = function(_, done) done(words) end"


def hinted(nvim: Neovim) -> None:
    nvim.eventually("return #vim.diagnostic.get(0) > 0", what="the hint")


def explained(nvim: Neovim) -> list[str]:
    nvim.eventually("return vim.bo.filetype == 'flux-explain' and vim.fn.search('The prompt', 'nw') > 0")
    return nvim.lines()


def test_explain_shows_what_would_be_asked_and_sends_nothing(nvim: Neovim, shop: Shop) -> None:
    shop.orders(0, note="Bearer aaaaaaaaaaaaaaaaaaaaaaaaaaaa 🙂")
    nvim.open(shop.checkout, FAULT_LINE)
    hinted(nvim)
    nvim.command("Flux explain")
    text = explained(nvim)
    assert text[0] == "# What a model would be asked"
    assert text[2].endswith(" bytes. Nothing was sent.")
    assert "ZeroDivisionError" in "\n".join(text)
    assert "aaaaaaaaaaaa" not in "\n".join(text)
    assert nvim.lua("return vim.bo.modifiable") is False
    assert nvim.lua("return vim.treesitter.highlighter.active[vim.api.nvim_get_current_buf()] ~= nil")
    assert nvim.lua("return vim.wo.winbar").endswith("s send  w why  t trace  q close ")
    nvim.keys("w")
    nvim.eventually("return vim.bo.filetype == 'flux-why'")
    assert nvim.messages() == ""


def test_explain_sends_when_it_is_told_to(start_neovim: StartNeovim, shop: Shop) -> None:
    id = shop.orders(0)
    with running() as model:
        settings = {"explainProvider": "openai", "explainModel": "some-model", "explainUrl": f"{model.url}/v1"}
        nvim = start_neovim(env={"OPENAI_API_KEY": "test-key-0123456789"}, settings={"settings": settings})
        nvim.open(shop.checkout)
        nvim.command(f"Flux explain {id[:8]}")
        text = explained(nvim)
        nvim.lua(CHOOSE, 2)
        nvim.keys("s")
        assert model.prompts == []
        nvim.lua(CHOOSE, 1)
        nvim.keys("s")
        nvim.eventually("return vim.fn.getline(1) == '# What the model says'", what="the answer")
        assert nvim.lines()[2 : 2 + len(ANSWER.splitlines())] == ANSWER.splitlines()
        (prompt,) = model.prompts
        assert "\n".join(text[text.index("## The prompt") + 2 :]).rstrip() == prompt.rstrip()
        assert "s send" not in nvim.lua("return vim.wo.winbar")
        # Told so in the command, it does not ask.
        nvim.keys("q")
        nvim.command(f"Flux explain {id[:8]} --send")
        nvim.eventually("return vim.fn.getline(1) == '# What the model says'", what="the answer")
        assert len(model.prompts) == 2


def test_explain_without_a_provider_says_what_to_set(nvim: Neovim, shop: Shop) -> None:
    id = shop.orders(0)
    nvim.open(shop.checkout)
    nvim.command(f"Flux explain {id[:8]} --send")
    said(nvim, "explain_provider")
    assert nvim.place()[0] == "checkout.py"


def test_a_test_is_a_file_that_its_reader_saves(start_neovim: StartNeovim, till: Till) -> None:
    id = till.fails()
    nvim = start_neovim(settings=SETTINGS)
    nvim.open(till.app)
    hinted(nvim)
    nvim.command("Flux why")
    nvim.eventually("return vim.bo.filetype == 'flux-why'")
    nvim.command("Flux test")
    nvim.eventually("return vim.fn.bufname():find('test_post_split') ~= nil", what="the file's window")
    file = Path(nvim.lua("return vim.api.nvim_buf_get_name(0)"))
    assert file.name == f"test_post_split_{id[:8]}.py"
    assert nvim.lua("return #vim.api.nvim_list_wins()") == 2, "where the source was, not in the window of why"
    assert not file.exists()
    said(nvim, "not saved yet: :write keeps it")
    nvim.lua("vim.api.nvim_buf_set_lines(0, 0, 0, false, { '# mine' })")
    nvim.command(f"Flux test {id[:8]}")
    said(nvim, "this is the test that is not saved yet")
    assert nvim.lines()[0] == "# mine"
    nvim.command("write")
    nvim.eventually("return vim.bo.modified == false")
    written = file.read_text()
    assert written.startswith("# mine\n")
    assert "def test_post_split" in written
    # What is saved stays as it is: the next one is another file.
    nvim.command(f"Flux test {id[:8]}")
    nvim.eventually("return vim.fn.bufname():find('_2.py') ~= nil")
    assert file.read_text() == written


def test_a_request_that_makes_no_test_says_why(nvim: Neovim, shop: Shop) -> None:
    id = shop.fails()
    nvim.open(shop.checkout)
    nvim.command(f"Flux test {id[:8]}")
    said(nvim, f"req:{id[:8]} makes no test: ")


JOB = """
import sys
from shop import web

if "quietly" not in sys.argv:
    print("said:", sys.argv[1:], flush=True)
web.post_checkout({"total": 90, "people": int(sys.argv[1])})
"""


@pytest.fixture
def till(shop: Shop) -> Till:
    return Till(shop)


@pytest.mark.slow
def test_run_records_in_a_terminal_below(start_neovim: StartNeovim, shop: Shop) -> None:
    (shop.folder / "job.py").write_text(JOB)
    nvim = start_neovim(settings={"cmd": [str(BIN / "flux-ls")]})
    nvim.open(shop.checkout)
    nvim.command(f"Flux run {sys.executable} job.py 0 'two words' --loud")
    nvim.eventually("return #vim.diagnostic.get(0) == 1 and vim.diagnostic.get(0)[1].lnum == ...", FAULT_LINE - 1)
    assert nvim.place()[0] == "checkout.py", "the cursor stays in the code"
    output = """
    for _, window in ipairs(vim.api.nvim_list_wins()) do
      local bufnr = vim.api.nvim_win_get_buf(window)
      if vim.bo[bufnr].buftype == 'terminal' then
        return table.concat(vim.api.nvim_buf_get_lines(bufnr, 0, -1, false), '\\n')
      end
    end
    """
    assert "said: ['0', 'two words', '--loud']" in nvim.lua(output)
    # What ended makes room for the next.
    nvim.eventually(
        "local runs = vim.tbl_filter(function(b) return vim.bo[b].buftype == 'terminal' end, vim.api.nvim_list_bufs()) "
        "return vim.fn.jobwait({ vim.bo[runs[1]].channel }, 0)[1] ~= -1",
        within=30,
        what="the end of the run",
    )
    nvim.lua(INPUT, f"{sys.executable} job.py 2")
    nvim.command("Flux run")
    nvim.eventually(f"return (function() {output} end)():find([[said: .'2'.]]) ~= nil", within=30)
    assert nvim.lua("return #vim.api.nvim_list_wins()") == 2
    assert "ZeroDivisionError" not in nvim.lua(output)
