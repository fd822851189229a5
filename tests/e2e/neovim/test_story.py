"""The whole way in a real terminal: a request fails, and at the end the commit that broke it is on the screen."""

import sys
from pathlib import Path

import pytest

from tests.e2e.capture.screen import Screen, available
from tests.e2e.collector import Collector
from tests.e2e.neovim import story
from tests.e2e.runs import unavailable


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_from_the_failure_to_the_commit(own_collector: Collector, tmp_path: Path) -> None:
    if not available():
        unavailable("tmux is not installed")
    shown: dict[str, str] = {}
    folder = tmp_path / "till"
    folder.mkdir()

    def shot(name: str, screen: Screen) -> None:
        shown[name] = screen.text()

    # The server that outlives its terminal for a moment must not start a collector for the one that just ended.
    story.tell(folder, own_collector.environment | {"FLUX_COLLECTOR": "false"}, sys.executable, shot)
    lines = {name: text.splitlines() for name, text in shown.items()}
    # The terminal below shows the line too, in the traceback.
    fault = next(line for line in lines["hint"] if "smile =" in line)
    assert "é🙂" in fault
    assert "● ZeroDivisionError: division by zero" in fault
    assert any("def share_of" in line for line in lines["hint"])
    assert f"  till.py:{story.FAULT}  in share_of" in "\n".join(lines["why"])
    assert any("order={" in line and "people: 0" in line for line in lines["debug"])
    assert "0 pass" not in shown["fixed"]
    (mended,) = [line for line in lines["fixed"] if "smile =" in line]
    assert "●" not in mended, "no hint is left on the line"
    assert any(story.CULPRIT in line for line in lines["bisect"])
    assert any('+    smile = "é🙂"; share = order["total"] / order["people"]' in line for line in lines["bisect"])
