"""A failure stays on its line in Neovim, whatever becomes of the text: the story from the fault to its mend."""

import os
import subprocess
import time
from typing import Any

import pytest

from tests.e2e.neovim.driver import Neovim
from tests.e2e.neovim.shop import FAULT_LINE, Shop

HINTS = """
return vim.tbl_map(function(d)
  return { line = d.lnum + 1, severity = vim.diagnostic.severity[d.severity], text = d.message,
           marked = vim.api.nvim_buf_get_text(0, d.lnum, d.col, d.end_lnum, d.end_col, {})[1] }
end, vim.diagnostic.get(0))
"""
UNVERIFIED = "unverified since your edit"
MEND = 'order["people"] or 1'


def commit(shop: Shop) -> str:
    """Puts what is on disk into a commit; its id."""
    name = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    words: tuple[str, ...]
    for words in (("init", "-q"), ("add", "."), (*name, "commit", "-qm", "As it ran"), ("rev-parse", "HEAD")):
        told = subprocess.run(["git", *words], cwd=shop.folder, check=True, capture_output=True, text=True).stdout
    return told.strip()


def hint(nvim: Neovim, line: int, severity: str, *, unverified: bool = False) -> dict[str, Any]:
    """The one hint of the buffer, once it is so."""
    nvim.eventually(
        "local d = vim.diagnostic.get(0)[1] local line, severity, unverified = ... "
        f"return d and d.lnum + 1 == line and vim.diagnostic.severity[d.severity] == severity "
        f"and (d.message:find('{UNVERIFIED}', 1, true) ~= nil) == unverified",
        line,
        severity,
        unverified,
        what=f"a hint on line {line}, {severity}",
    )
    (found,) = nvim.lua(HINTS)
    return dict(found)


@pytest.mark.parametrize("versioned", [True, False], ids=["with its revision", "by function and text"])
def test_a_hint_moves_fades_follows_its_file_and_clears(nvim: Neovim, shop: Shop, versioned: bool) -> None:
    told = {"resource": {"vcs.ref.head.revision": commit(shop)}} if versioned else {}
    # Long enough before the mend that the file's time tells which came first.
    shop.orders(people=0, at_ns=time.time_ns() - 10_000_000_000, **told)
    nvim.open(shop.checkout)
    assert hint(nvim, FAULT_LINE, "ERROR")["marked"].endswith('/ order["people"]')

    # Lines that come and go above move it, and it is as sure as before.
    nvim.keys("ggO# é🙂 one more<CR># and another<Esc>")
    assert hint(nvim, FAULT_LINE + 2, "ERROR")["marked"].endswith('/ order["people"]')
    nvim.keys("ggdd")
    hint(nvim, FAULT_LINE + 1, "ERROR")

    # An edit of the line fades it; taken back, it is sure again.
    nvim.keys(f"{FAULT_LINE + 1}GA  # hm<Esc>")
    faded = hint(nvim, FAULT_LINE + 1, "HINT", unverified=True)
    assert "ZeroDivisionError: division by zero" in faded["text"]
    nvim.keys("u")
    hint(nvim, FAULT_LINE + 1, "ERROR")

    # An edit beside it in the function is told, and fades nothing.
    nvim.keys(f"{FAULT_LINE + 1}Gojunk = 1<Esc>")
    nvim.eventually("local d = vim.diagnostic.get(0)[1] return d and d.message:find('edited since', 1, true) ~= nil")
    hint(nvim, FAULT_LINE + 1, "ERROR")
    nvim.keys("dd:silent write<CR>")
    hint(nvim, FAULT_LINE + 1, "ERROR")

    if versioned:
        # The file gets another name: the hint goes with it.
        moved = shop.checkout.with_name("billing.py")
        shop.checkout.rename(moved)
        nvim.lua("vim.cmd('silent bdelete')")
        nvim.open(moved)
        hint(nvim, FAULT_LINE + 1, "ERROR")

    # The mend fades it, and a good run of the same route on the newer code clears it.
    nvim.keys(f'{FAULT_LINE + 1}G:s/order\\["people"\\]/{MEND}/<CR>:silent write<CR>')
    hint(nvim, FAULT_LINE + 1, "HINT", unverified=True)
    file = nvim.lua("return vim.api.nvim_buf_get_name(0)")
    edited = time.time() - 1
    os.utime(file, (edited, edited))
    shop.orders(people=0, mended=True, **told)
    nvim.eventually("return #vim.diagnostic.get(0) == 0", what="the hint to clear")
