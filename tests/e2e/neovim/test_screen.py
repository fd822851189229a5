"""What a user sees: Neovim in a terminal, with the hint, the lens and the tail on the screen."""

from pathlib import Path

import pytest

from tests.e2e.capture.screen import Screen, available
from tests.e2e.collector import Collector
from tests.e2e.editor import neovim
from tests.e2e.neovim.driver import PLUGIN
from tests.e2e.neovim.shop import FAULT_LINE, Shop
from tests.e2e.runs import unavailable


@pytest.fixture(autouse=True)
def _tmux_is_installed() -> None:
    if not available():
        unavailable("tmux is not installed")


def test_the_failure_is_on_the_screen(shop: Shop, own_collector: Collector, tmp_path: Path) -> None:
    request = shop.fails()
    nvim = neovim()
    assert nvim is not None
    argv = [nvim, "--clean", "-n", "--cmd", f"set runtimepath^={PLUGIN}", f"+{FAULT_LINE}", "shop/checkout.py"]
    # The server that outlives its terminal for a moment must not start a collector for the one that just ended.
    environment = own_collector.environment | {"FLUX_COLLECTOR": "false"}
    with Screen(argv, folder=shop.folder, env=environment, columns=120, rows=30) as screen:
        screen.until("●", "· why")
        rows = screen.text().splitlines()
        (fault,) = [row for row in rows if "smile =" in row]
        (head,) = [number for number, row in enumerate(rows) if "def per_person" in row]
        assert "é🙂" in fault
        assert "● ZeroDivisionError: division by zero · 1 failure" in fault
        # Neovim 0.12 has lenses above their line, 0.11 at its end.
        assert "1 failure · last " in rows[head] + rows[head - 1]
        screen.type(":Flux tail\r")
        screen.until("Flux tail", "● live", f"req:{request[:8]}", "└─ ZeroDivisionError: division by zero")
        screen.type("w")
        screen.until("ROOT CAUSE", f"shop/checkout.py:{FAULT_LINE}")
        screen.press("Enter")
        screen.type("iHERE ")
        screen.until("HERE smile =")
