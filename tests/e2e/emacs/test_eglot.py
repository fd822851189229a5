"""Emacs with eglot, and nothing but the settings of the page: all that the protocol can carry is there."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.launch import BIN
from tests.e2e.runs import unavailable
from tests.lsp.till import FAULT, Till

HERE = Path(__file__).parent
PAGE = HERE.parents[2] / "editors" / "README.md"

LINE = 'smile = "é🙂"; share = order["total"] / order["people"]'

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module", autouse=True)
def _is_installed() -> None:
    if shutil.which("emacs") is None:
        unavailable("emacs is not installed (Debian: emacs-nox elpa-eglot)")


def settings() -> str:
    """The block of the page that users copy."""
    (block,) = re.findall(r"^```elisp\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return str(block)


def emacs(till: Till, folder: Path, *, trusted: Path, **environment: str) -> dict[str, Any]:
    """What it tells."""
    (folder / "page.el").write_text(settings(), encoding="utf-8")
    till.git("init", "-q")
    told = folder / "told.json"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FLUX_", "OTEL_"))}
    ran = subprocess.run(
        ["emacs", "-Q", "--batch", "-l", str(HERE / "driver.el")],
        cwd=till.root,
        env=kept
        | {
            "PATH": f"{BIN}{os.pathsep}{kept['PATH']}",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "FLUX_STORE": str(till.shop.store),
            "FLUX_COLLECTOR": "false",
            "FLUX_PYTHON": str(till.python),
            "PAGE": str(folder / "page.el"),
            "FILE": str(till.app),
            "TRUSTED": str(trusted),
            "TOLD": str(told),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=150,
    )
    answer: dict[str, Any] = json.loads(told.read_text()) if told.exists() else {}
    assert ran.returncode == 0, (answer, ran.stdout[-3000:], ran.stderr[-3000:])
    return answer


@pytest.fixture
def till(tmp_path: Path) -> Till:
    return Till.make(tmp_path)


def test_what_is_shown_and_mended(till: Till, tmp_path: Path) -> None:
    id = till.fails()
    told = emacs(till, tmp_path, trusted=till.root, MENDS="1")
    assert told["server"] == "flux-ls"
    (hint,) = told["diagnostics"]
    assert hint["line"] == FAULT + 1
    assert hint["range"] == LINE
    assert "ZeroDivisionError: division by zero" in hint["text"]
    assert "division by zero" in told["hover"]
    assert [title.split(" ")[0] for title in told["actions"]][:5] == ["Say", "Why?", "Steps", "Trace", "Compare"]
    assert f"Replay req:{id[:8]} with the code as it is now" in told["actions"]
    assert "ZeroDivisionError" in told["message"]
    for name in ("why", "trace", "errors", "tail"):
        assert "division by zero" in told[name] or "ZeroDivisionError" in told[name], name
    assert "1 still failing" in told["replay"]
    # What it replaces stands behind a character that UTF-16 counts twice.
    assert told["suggested"] == f'    {LINE} if order["people"] else 0'
    assert told["after the mend"] == []
    assert told["ended"] is True


def test_an_untrusted_project_runs_nothing(till: Till, tmp_path: Path) -> None:
    till.fails()
    told = emacs(till, tmp_path, trusted=tmp_path / "elsewhere")
    assert not any(title.startswith(("Replay", "Find the commit")) for title in told["actions"])
    assert "trusted" in told["refused"]
    assert told["after dismissing"] == []
    assert not till.has_run
