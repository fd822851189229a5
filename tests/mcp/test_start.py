"""How it starts: only when it is asked for, with what it needs, and with words to the point where that is missing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lsp.shop import Shop
from tests.mcp.agents import FLUX, agent, environment

BLOCKED = """\
import sys
sys.modules["mcp"] = None
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "mcp" else find(name, *rest)
from flux_ls.cli.main import main
main(["mcp"])
"""


def run(*command: str, folder: Path, store: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env=environment(store),
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )


def test_without_the_extra(shop: Shop) -> None:
    ran = run(sys.executable, "-c", BLOCKED, folder=shop.root, store=shop.store)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "pip install 'flux-ls[mcp]'" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("words", [("--help",), ("mcp", "--help"), ("why", "ffff"), ("mcp", "--allow-run")])
def test_nothing_else_imports_the_protocol(shop: Shop, words: tuple[str, ...]) -> None:
    program = (
        f"import sys\nfrom flux_ls.cli.main import run\nrun({list(words)!r})\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('mcp', 'mcp_types', 'pydantic', 'anyio')])"
    )
    ran = run(sys.executable, "-c", program, folder=shop.root, store=shop.store)
    assert ran.stdout.endswith("[]\n"), ran


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--allow-run",), "give --allow-bisect as well"),
        (("--project", "/no/such/folder"), "does not exist"),
        (("--python",), "requires an argument"),
    ],
)
def test_wrong_use(shop: Shop, words: tuple[str, ...], said: str) -> None:
    ran = run(*FLUX, *words, folder=shop.root, store=shop.store)
    assert ran.returncode == 2
    assert said in ran.stderr


def test_a_client_that_never_speaks(shop: Shop) -> None:
    ran = run(*FLUX, folder=shop.root, store=shop.store)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


@pytest.mark.asyncio
async def test_a_project_elsewhere(shop: Shop, tmp_path: Path) -> None:
    bad = shop.fail()
    (tmp_path / "elsewhere").mkdir()
    async with agent(tmp_path / "elsewhere", shop.store) as asking:
        assert (await asking.data("why", id=bad))["location"]["anchor"] == "unmapped"
    async with agent(tmp_path / "elsewhere", shop.store, "--project", str(shop.root)) as asking:
        assert (await asking.data("why", id=bad))["location"]["path"] == "shop/payments.py"


def test_what_is_no_message_does_not_end_it(shop: Shop) -> None:
    client = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    said = [
        "not json",
        "[]",
        '{"jsonrpc": "2.0", "id": 7}',
        "\udcff",
        json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": client}),
    ]
    ran = subprocess.run(
        FLUX,
        cwd=shop.root,
        env=environment(shop.store),
        input="\n".join(said).encode(errors="surrogateescape") + b"\n",
        capture_output=True,
        timeout=60,
    )
    assert ran.returncode == 0
    answers = [json.loads(line) for line in ran.stdout.splitlines()]
    assert any(each.get("id") == 1 and each["result"]["serverInfo"]["name"] == "flux" for each in answers), answers
