"""What a run says: exit statuses as git reads them, what could not be imported, what a run may see."""

import os
import sys
import threading
import time
from pathlib import Path
from venv import EnvBuilder

import pytest

from flux_ls.bisect.importing import unimportable
from flux_ls.bisect.installed import installed_from
from flux_ls.bisect.oracles import Aborted, Cancelled, CommandOracle, Said, environment, only_in_checkout, roots
from tests.collector.processes import alive
from tests.e2e.processes import eventually

PYTHON = sys.executable


def ask(
    tmp_path: Path, command: str, *, timeout_s: float = 20, trace: bool = False, stop: threading.Event | None = None
) -> Said:
    folder, scratch = tmp_path / "tree", tmp_path / "scratch"
    for each in (folder, scratch):
        each.mkdir(exist_ok=True)
    oracle = CommandOracle(command, timeout_s, tmp_path / "checkout", os.environ)
    return oracle.ask(folder, stop or threading.Event(), scratch=scratch, trace=trace)


@pytest.mark.parametrize(
    ("command", "verdict", "reason"),
    [
        ("exit 0", "good", None),
        ("echo oh no; exit 1", "bad", "exit status 1: oh no"),
        ("echo the password=hunter2hunter2; exit 1", "bad", "exit status 1: the password=[redacted]"),
        ("exit 126", "bad", "exit status 126"),
        ("exit 127", "bad", "exit status 127"),
        ("exit 125", "skip", "exit status 125"),
        ("exit 124", "skip", "exit status 124, which is what `timeout` ends with"),
        ("cat; exit 3", "bad", "exit status 3"),
        (f"{PYTHON} -c 'import no_such_thing'", "skip", "a dependency is missing: no_such_thing"),
        (f"{PYTHON} -c 'from os import nothing_of_it'", "skip", "it could not be imported: ImportError: cannot import"),
        (f"{PYTHON} -c 'def f('", "skip", "it could not be imported: SyntaxError"),
        (f"{PYTHON} -m no_such_thing", "skip", "it could not be imported: No module named no_such_thing"),
        (f"{PYTHON} -c 'assert 1 == 2'", "bad", "exit status 1: AssertionError"),
    ],
)
def test_what_a_command_says(tmp_path: Path, command: str, verdict: str, reason: str | None) -> None:
    said = ask(tmp_path, command)
    assert said.verdict == verdict
    assert (said.reason or "").startswith(reason or "")


@pytest.mark.parametrize("command", ["exit 128", "exit 255", "kill -9 $$"])
def test_what_git_aborts_on_ends_the_search(tmp_path: Path, command: str) -> None:
    with pytest.raises(Aborted, match="neither good"):
        ask(tmp_path, command)


def test_a_run_that_takes_too_long_is_skipped_with_all_that_it_started(tmp_path: Path) -> None:
    child = tmp_path / "child"
    # A machine that has no time for it starts nothing in half a second.
    for timeout_s in (0.5, 5, 30):
        said = ask(tmp_path, f"sleep 60 & echo $! > {child}.new; mv {child}.new {child}; wait", timeout_s=timeout_s)
        assert (said.verdict, said.reason) == ("skip", f"it took longer than {timeout_s:g} s (--timeout)")
        if child.exists():
            break
    eventually(lambda: not alive(int(child.read_text())), within=30, what="the end of what it started")


def test_a_cancelled_run_ends_at_once(tmp_path: Path) -> None:
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        ask(tmp_path, "sleep 60", stop=stop)
    assert time.monotonic() - began < 45, "it waited for its end"


TREE = Path("/tree")
FRAME = '  File "{}", line 3, in {}\n    x\n'
HEAD = "Traceback (most recent call last):\n"
MODULE = "/tree/shop/models.py"
BY_SCRIPT = FRAME.format("/home/me/check.py", "<module>")
BY_MODULE = FRAME.format(MODULE, "<module>")
BY_CHECK = FRAME.format("/tree/check.py", "<module>")


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("fine", None),
        (
            HEAD + BY_SCRIPT + "ModuleNotFoundError: No module named 'yaml'",
            "a dependency is missing: yaml",
        ),
        (
            HEAD + BY_SCRIPT + BY_MODULE + "ImportError: cannot import name 'a'",
            "it could not be imported: ImportError: cannot import name 'a'",
        ),
        # The API of a dependency changed.
        (
            HEAD + BY_SCRIPT + BY_MODULE + "AttributeError: no attribute 'Mapping'",
            "it could not be imported: AttributeError: no attribute 'Mapping'",
        ),
        # The code under test ran, and imports as it goes.
        (
            HEAD + BY_SCRIPT + FRAME.format(MODULE, "load") + "ImportError: cannot import name 'a'",
            None,
        ),
        (HEAD + BY_SCRIPT + FRAME.format(MODULE, "total") + "TypeError: no", None),
        # A program of the checkout that finds something wrong.
        (HEAD + BY_CHECK + "AssertionError", None),
        (HEAD + BY_CHECK + "ValueError: 3", None),
        (HEAD + BY_CHECK + BY_MODULE + "AssertionError", None),
        # Among several, the last one ended it.
        (
            HEAD + BY_MODULE + "ImportError: a\n\nDuring handling of the above exception, another "
            "exception occurred:\n\n" + HEAD + FRAME.format(MODULE, "total") + "ValueError: b",
            None,
        ),
        (
            "ERROR collecting tests/test_a.py ____\nImportError while importing test module '/tree/tests/test_a.py'.\n"
            "E   ModuleNotFoundError: No module named 'yaml'\n",
            "a dependency is missing: yaml",
        ),
        (
            HEAD + BY_SCRIPT + BY_MODULE + "ValueError: no postgres://shop:hunter2hunter2@db/shop",
            "it could not be imported: ValueError: no postgres://shop:[redacted]@db/shop",
        ),
        ("E   ImportError: cannot import name 'a'\nFAILED tests/test_a.py::test_a - ImportError", None),
    ],
)
def test_what_could_not_be_imported(output: str, said: str | None) -> None:
    assert unimportable(output, TREE) == said


def test_the_revisions_modules_come_before_all_others(tmp_path: Path) -> None:
    folder, checkout = tmp_path / "tree", tmp_path / "checkout"
    (folder / "src" / "shop").mkdir(parents=True)
    (folder / "src" / "shop" / "__init__.py").write_text("WHERE = 'tree'")
    (folder / "lib").mkdir()
    assert roots(folder) == [folder / "src", folder]
    given = {
        "PYTHONPATH": f"{checkout}/src{os.pathsep}/elsewhere",
        "GIT_DIR": "/x",
        "GIT_INDEX_FILE": "/y",
        "HOME": "/h",
    }
    told = environment(given, checkout, folder, tmp_path)
    assert told["PYTHONPATH"].split(os.pathsep) == [str(folder / "src"), str(folder), "/elsewhere"]
    assert not [name for name in told if name.startswith("GIT_")]
    assert (told["HOME"], told["PYTHONDONTWRITEBYTECODE"]) == ("/h", "1")


def test_what_is_installed_from_the_checkout_is_the_revisions(tmp_path: Path) -> None:
    """Projects in folders of it, installed with `pip install -e`: by a path, and by a module that maps names."""
    folder, checkout = tmp_path / "tree", tmp_path / "checkout"
    for top, where in ((folder, "tree"), (checkout, "checkout")):
        for file in ("libs/clock/src/clock.py", "services/gate/gate/__init__.py"):
            (top / file).parent.mkdir(parents=True)
            (top / file).write_text(f"WHERE = '{where}'")
    EnvBuilder().create(checkout / ".venv")
    python = checkout / ".venv" / "bin" / "python"
    (site,) = (checkout / ".venv" / "lib").glob("python*/site-packages")
    (site / "__editable__.clock-0.pth").write_text(f"{checkout}/libs/clock/src\n")
    (site / "__editable___gate_finder.py").write_text(f"MAPPING = {{'gate': '{checkout}/services/gate/gate'}}\n")
    (site / "__editable__.gate-0.pth").write_text("import __editable___gate_finder\n/elsewhere\n")
    installed = installed_from(checkout, str(python), os.environ)
    assert sorted(installed) == ["libs/clock/src", "services/gate"]
    command = f"{python} -c 'import clock, gate; raise SystemExit(clock.WHERE + gate.WHERE)'"
    for known, told in ((installed, "exit status 1: treetree"), ((), "a dependency is missing: gate")):
        oracle = CommandOracle(command, 30, checkout, os.environ, known)
        assert oracle.ask(folder, threading.Event(), scratch=tmp_path).reason == told
    assert installed_from(checkout, str(tmp_path / "nobody"), os.environ) == ()


def test_a_file_that_is_in_no_revision_is_named(tmp_path: Path) -> None:
    for name in ("check.py", "tracked.py"):
        (tmp_path / name).touch()
    assert only_in_checkout("python check.py -x", tmp_path, ["tracked.py"]) == "check.py"
    assert only_in_checkout("python tracked.py", tmp_path, ["tracked.py"]) is None
    assert only_in_checkout(f"python {tmp_path}/check.py", tmp_path, []) is None
    assert only_in_checkout("echo 'not closed", tmp_path, []) is None


@pytest.mark.parametrize("users", [None, "import sys; sys.stderr.write('mine')"], ids=["none of their own", "one"])
def test_a_trace_says_nothing_itself(tmp_path: Path, users: str | None) -> None:
    """What a run printed last is the reason that is shown."""
    tree = tmp_path / "tree"
    tree.mkdir()
    if users is not None:
        (tree / "sitecustomize.py").write_text(users)
    said = ask(tmp_path, f"{PYTHON} -c 'raise SystemExit(1)'", trace=True)
    assert said.reason == ("exit status 1" if users is None else "exit status 1: mine")


def test_a_trace_tells_what_ran_what_raised_and_what_came_from_elsewhere(tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    (folder / "src" / "shop").mkdir(parents=True)
    (folder / "src" / "shop" / "__init__.py").write_text("from shop.cart import total\n")
    (folder / "src" / "shop" / "cart.py").write_text(
        "def price(item):\n    return item['price']\n\n"
        "def total(items):\n    return sum(price(i) for i in items)\n\n"
        "def idle():\n    pass\n"
    )
    command = f"{PYTHON} -c \"import shop; shop.total([{{'price': 1}}, {{'price': 2}}]); shop.total([{{}}])\""
    said = ask(tmp_path, command, trace=True)
    assert said.verdict == "bad"
    traced = said.traced
    assert traced is not None
    calls = {(place.path, place.name): count for place, count in traced.calls.items()}
    assert (calls["src/shop/cart.py", "price"], calls["src/shop/cart.py", "total"]) == (3, 2)
    assert ("src/shop/cart.py", "idle") not in calls
    assert {place.name for place in traced.fatal} == {"price", "total", "<genexpr>"}
    assert traced.imported == {"src/shop/__init__.py", "src/shop/cart.py"}
    assert traced.elsewhere == {}
    assert ask(tmp_path, "exit 1", trace=True).traced is None
