"""`flux demo`: a newcomer breaks the playground, sees the line, mends it, and sees that it is mended."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.collector.processes import ended

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with ended(tmp_path / "playground" / ".flux" / "flux.db"):
        yield tmp_path / "playground"


def demo(folder: Path, **more: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("FLUX_", "OTEL_"))} | more
    return subprocess.run(
        [sys.executable, "-m", "flux_ls.cli", "demo", str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


def test_break_see_mend_see(folder: Path) -> None:
    # The settings of somebody's own services have no say in the playground.
    elsewhere = str(folder.parent / "elsewhere.db")
    broken = demo(folder, FLUX_STORE=elsewhere, OTEL_TRACES_EXPORTER="none")
    assert "env -u FLUX_STORE nvim" in broken.stdout
    assert not Path(elsewhere).exists()
    assert broken.returncode == 0, broken.stderr
    faulty = folder / "shop" / "payments.py"
    (line,) = (number for number, text in enumerate(faulty.read_text().splitlines(), 1) if "RATES[currency]" in text)
    tail, _, why = broken.stdout.partition("$ flux why")
    why, _, editor = why.partition("$ nvim")
    assert "POST /checkout" in tail
    assert "└─ KeyError: 'CHF'" in tail
    assert "404" in tail
    assert "KeyError: 'CHF'" in why
    assert f"shop/payments.py : line {line}  in charge" in why
    assert f"{line} │     rate = RATES[currency]" in editor
    assert "■ KeyError: 'CHF'" in editor
    assert "\x1b" not in broken.stdout

    faulty.write_text(faulty.read_text().replace("RATES[currency]", "RATES.get(currency, 1.0)"))
    mended = demo(folder)
    assert mended.returncode == 0, mended.stderr
    assert "Nothing failed" in mended.stdout


def test_the_playground_has_a_history_of_its_own(folder: Path) -> None:
    from flux_ls.demo.project import write_playground

    assert write_playground(folder)
    log = subprocess.run(
        ["git", "log", "--format=%an: %s"], cwd=folder, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert log[0] == "Ben Okafor: Offer a discount on ten or more"
    assert "Alice Moreau: Charge in the customer's currency" in log
    assert len(log) == 5
    status = subprocess.run(["git", "status", "--porcelain"], cwd=folder, capture_output=True, text=True, check=True)
    assert status.stdout == ""
    assert not write_playground(folder)


def test_a_folder_with_something_else_in_it_is_left_alone(folder: Path) -> None:
    folder.mkdir()
    (folder / "thesis.txt").write_text("mine")
    refused = demo(folder)
    assert refused.returncode == 2
    assert "not empty" in refused.stderr
    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]
