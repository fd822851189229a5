"""The story of a failure as a user of Neovim lives it: from the request that fails to the commit that broke it."""

import json
import os
import subprocess
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.error import HTTPError

from tests.e2e.capture.screen import Screen
from tests.e2e.editor import REPOSITORY, neovim
from tests.e2e.processes import free_ports

PLUGIN = REPOSITORY / "editors" / "neovim"
MENDED = """\
import flask

app = flask.Flask(__name__)


def share_of(order):
    smile = "é🙂"; share = order["total"] / max(order["people"], 1)
    return {"share": share, "note": smile}


@app.post("/split")
def split():
    return share_of(flask.request.get_json())
"""
BROKEN = MENDED.replace('max(order["people"], 1)', 'order["people"]')
FAULT = 7
"""Characters beyond ASCII and beyond the first plane stand before what is responsible."""
CULPRIT = "Trust what guests say"
COLUMNS, ROWS = 110, 32
LOOK = "set termguicolors background=dark laststatus=0 noruler noshowcmd number shortmess+=F fillchars=eob:\\ "

Shot = Callable[[str, Screen], None]


def begin(folder: Path) -> str:
    """Writes the application and its history, whose last commit broke it; the good revision."""
    good = ""
    for text, subject in (
        (MENDED, "Split bills"),
        (BROKEN, CULPRIT),
        (BROKEN + "\n# vim: et\n", "Say how it is typed"),
    ):
        (folder / "till.py").write_text(text, encoding="utf-8")
        told = _git(folder, subject)
        good = good or told
    # As old as code is when it runs.
    os.utime(folder / "till.py", (1_700_000_000,) * 2)
    return good


def _git(folder: Path, subject: str) -> str:
    name = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    told = ""
    for words in (("init", "-q"), ("add", "."), (*name, "commit", "-qm", subject), ("rev-parse", "HEAD")):
        told = subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True).stdout
    return told.strip()


def _ask(port: int, people: int) -> int:
    body = json.dumps({"total": 90, "people": people}).encode()
    post = urllib.request.Request(f"http://127.0.0.1:{port}/split", body, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(post, timeout=20) as answer:
            return int(answer.status)
    except HTTPError as error:
        error.close()
        return error.code


def tell(folder: Path, environment: Mapping[str, str], python: str, shot: Shot) -> None:
    """Lives it, in a folder that is empty yet; `shot` is given the screen at each turn, by name."""
    good = begin(folder)
    [port] = free_ports(1)
    nvim = neovim()
    assert nvim is not None
    settings = f"lua vim.g.flux = {{ settings = {{ python = [[{python}]] }} }}"
    argv = [nvim, "--clean", "-n", "--cmd", f"set runtimepath^={PLUGIN}", "--cmd", LOOK, "--cmd", settings]
    with Screen([*argv, f"+{FAULT}", "till.py"], folder=folder, env=environment, columns=COLUMNS, rows=ROWS) as screen:
        screen.until("def share_of")
        screen.type(f":Flux run flask --app till run --port {port}\r")
        screen.until(f"Running on http://127.0.0.1:{port}", within=40)
        assert (_ask(port, 2), _ask(port, 0)) == (200, 500)
        screen.until("● ZeroDivisionError: division by zero", "1 failure · last", within=40)
        shot("hint", screen)
        screen.type(":wincmd j | hide\r")
        screen.type(":Flux why\r")
        screen.until("ROOT CAUSE", f"till.py:{FAULT}", "people: 0", within=40)
        shot("why", screen)
        screen.type("d")
        screen.until("share_of", "n next", within=40)
        screen.type("e")
        screen.until("ZeroDivisionError", "order={", within=40)
        shot("debug", screen)
        screen.type("q")
        screen.type("c")
        screen.until("REGRESSED", within=40)
        shot("diff", screen)
        screen.type("q")
        screen.until("ROOT CAUSE", within=40)
        screen.type("q")
        screen.type(f':{FAULT}s/order\\["people"]/max(order["people"], 1)/ | nohlsearch | write\r')
        screen.until('max(order["people"], 1)', "written", within=40)
        screen.type(":Flux replay\r")
        screen.until("Run code of", "1: Trust it", within=40)
        screen.type("1\r")
        screen.until("1 replayed · 1 passing", "fixed: replay of req:", within=40)
        shot("fixed", screen)
        screen.type("q")
        screen.type(f":Flux bisect --good {good[:12]}\r")
        screen.until("FIRST BAD COMMIT", CULPRIT, "Ada", within=120)
        shot("bisect", screen)
        screen.type(":qall!\r")
        screen.ended()
