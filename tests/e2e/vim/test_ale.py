"""Vim with ALE, and nothing but the settings of the page, in a real terminal."""

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.e2e.capture.screen import Screen, available
from tests.e2e.launch import BIN
from tests.e2e.runs import unavailable
from tests.lsp.till import FAULT, Till

PAGE = Path(__file__).parents[3] / "editors" / "README.md"
ALE = Path("/usr/share/vim/vimfiles/pack/dist-bundle/opt/ale")

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(autouse=True)
def _is_installed() -> None:
    if shutil.which("vim") is None or not ALE.is_dir():
        unavailable("vim and ALE are not installed (Debian: vim vim-ale)")
    if not available():
        unavailable("tmux is not installed")


def settings() -> str:
    """The block of the page that users copy."""
    blocks = re.findall(r"^```vim\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    (block,) = [block for block in blocks if "ale#linter#Define" in block]
    return str(block)


def test_what_is_shown_and_asked(tmp_path: Path) -> None:
    till = Till.make(tmp_path)
    id = till.fails()
    till.git("init", "-q")
    (tmp_path / "vimrc").write_text(settings(), encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FLUX_", "OTEL_"))}
    environment = kept | {
        "PATH": f"{BIN}{os.pathsep}{kept['PATH']}",
        "HOME": str(tmp_path),
        "FLUX_STORE": str(till.shop.store),
        "FLUX_COLLECTOR": "false",
        "FLUX_PYTHON": str(till.python),
    }
    argv = ["vim", "-N", "-n", "-u", tmp_path / "vimrc", f"+{FAULT + 1}", till.app]
    with Screen(argv, folder=till.root, env=environment, columns=120, rows=40) as screen:
        screen.until(f"{id[:8]}: ZeroDivisionError: division by zero", within=60)
        screen.type(":ALECodeAction\r")
        screen.until("Why? ZeroDivisionError", f"Replay req:{id[:8]} with the code as it is now", "Type number")
        (number,) = re.findall(r"^ *(\d+)\) Why\?", screen.text(), re.MULTILINE)
        screen.type(f"{number}\r")
        screen.until(f"# Why did `req:{id[:8]}` fail?", "division by zero", "## Location", "ALEPreviewWindow")
        screen.type(":qall!\r")
        screen.ended()
