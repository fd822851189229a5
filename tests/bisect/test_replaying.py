"""The recorded request as what tells good from bad, and what the store knows of revisions."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from msgspec import json

from flux_ls.bisect.asking import Given, ask
from flux_ls.bisect.evidence import recorded
from flux_ls.bisect.oracles import ReplayOracle
from flux_ls.bisect.worktrees import Scratch
from flux_ls.config import Loaded, Settings
from flux_ls.git.repository import Repository
from flux_ls.replay import projects
from flux_ls.source.workspace import Workspace
from flux_ls.store.reader import Reader
from tests.bisect.histories import git
from tests.cli.conftest import Flux, flux
from tests.replay.projects import Project
from tests.telemetry import RECORDER, Raises

__all__ = ["flux"]

APP = """\
from flask import Flask, request

from shop.plans import price

app = Flask(__name__)


@app.post("/signup")
def signup():
    return {"price": price(request.json["plan"])}
"""
PLANS = 'PRICES = {{"pro": {number}}}\n\n\ndef price(plan):\n    {body}\n'
FINE, BROKEN = "return PRICES.get(plan, 0)", "return PRICES[plan]"
SIZE, CULPRIT, RENAMED = 12, 7, 9


def history(project: Project) -> list[str]:
    """A shop whose `price` breaks on the way, and whose file has another name later; one revision does not even start,
    one fails in another way."""
    git(project.root.parent, "init", "-q", "-b", "main", str(project.root))
    ids = []
    for number in range(SIZE):
        body = BROKEN if number >= CULPRIT else FINE
        module = "plans" if number >= RENAMED else "prices"
        if number == RENAMED:
            git(project.root, "rm", "-q", "shop/prices.py")
        project.write(f"shop/{module}.py", PLANS.format(number=number, body="raise OSError()" if number == 3 else body))
        app = APP.replace("shop.plans", f"shop.{module}")
        project.write("shop/app.py", app if number != 5 else "import nothing_of_the_kind\n")
        project.write("shop/__init__.py", "")
        git(project.root, "add", ".")
        git(project.root, "commit", "-qm", f"change {number}")
        ids.append(git(project.root, "rev-parse", "HEAD").strip())
    return ids


def failing(project: Project, revision: str, *, plan: str = "gold", dirty: bool = False) -> str:
    where = (
        (str(project.root / "shop/app.py"), 10, "signup", 'return {"price": price(request.json["plan"])}'),
        (str(project.root / "shop/plans.py"), 5, "price", BROKEN),
    )
    told = {**RECORDER, "vcs.ref.head.revision": revision, "flux.vcs.dirty": dirty}
    return project.add(
        "POST", "/signup", 500, body={"plan": plan}, raises=Raises("KeyError", repr(plan), where), resource=told
    )


def fine(project: Project, revision: str, plan: str) -> str:
    told = {**RECORDER, "vcs.ref.head.revision": revision}
    return project.add("POST", "/signup", 200, body={"plan": plan}, answer={"price": 0}, resource=told)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_what_the_store_knows(project: Project) -> None:
    ids = history(project)
    failing(project, ids[9])
    failing(project, ids[8], dirty=True)
    id = failing(project, ids[11])
    fine(project, ids[6], "gold")
    fine(project, ids[2], "pro")
    fine(project, "f" * 40, "gold")
    with Reader(project.request_store) as reader:
        (issue,) = reader.issues_of(id)
        known = recorded(reader, Repository(project.root), id, issue.failure.fingerprint)
    assert {each.revision: each.verdict for each in known.evidence} == {ids[9]: "bad", ids[11]: "bad", ids[6]: "good"}
    assert known.maybe_good == (ids[2],), "another input proves nothing"
    assert {each.source for each in known.evidence} == {"recorded"}


@pytest.mark.timeout(120)
def test_the_project_of_several_in_a_checkout(project: Project) -> None:
    """Named as seen from it, the application is not found from the checkout's root."""
    git(project.root.parent, "init", "-q", "-b", "main", str(project.root))
    project.write("README", "")
    git(project.root, "add", ".")
    git(project.root, "commit", "-qm", "nothing yet")
    for service in ("one", "two"):
        project.write(f"{service}/pyproject.toml", "")
        project.write(f"{service}/shop/__init__.py", "")
        project.write(f"{service}/shop/app.py", APP)
        project.write(f"{service}/shop/plans.py", PLANS.format(number=service == "two", body=BROKEN))
    git(project.root, "add", ".")
    git(project.root, "commit", "-qm", "two services")
    bad, empty = (git(project.root, "rev-parse", each).strip() for each in ("HEAD", "HEAD~1"))
    where = (
        (str(project.root / "two/shop/app.py"), 10, "signup", 'return {"price": price(request.json["plan"])}'),
        (str(project.root / "two/shop/plans.py"), 5, "price", BROKEN),
    )
    told = {**RECORDER, "vcs.ref.head.revision": bad, "flux.vcs.dirty": False}
    id = project.add(
        "POST", "/signup", 500, body={"plan": "gold"}, raises=Raises("KeyError", "'gold'", where), resource=told
    )
    settings = Settings(store=project.request_store, app="shop.app:app")
    given = Given(id=id, goods=(empty,), bad=None, command=None)
    second = projects.Project(project.root / "two", Loaded(settings, {}), sys.executable)
    repository, oracle, asked, _ = ask(lambda: Reader(project.request_store), Workspace([project.root]), second, given)
    with Scratch(repository, 0) as scratch:
        for commit, *expected in (
            (asked.bad, "bad", "KeyError: 'gold'"),
            (empty, "skip", "it has no folder two"),
        ):
            with scratch.at(commit) as tree:
                said = oracle.ask(tree.folder, threading.Event(), scratch=scratch.folder)
            assert [said.verdict, said.reason] == expected


@pytest.mark.parametrize(("timeout_s", "seconds"), [(None, 30), (5.0, 5), (0.0, 7 * 24 * 60 * 60)])
def test_how_long_a_run_of_the_request_may_take(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, timeout_s: float | None, seconds: float
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    left = tmp_path / ("flux-replay-" + "9" * 12 + "-of-a-killed-one")
    left.mkdir()
    ids = history(project)
    id = failing(project, ids[11])
    given = Given(id=id, goods=(ids[0],), bad=None, command=None, timeout_s=timeout_s)
    settings = Settings(store=project.request_store)
    asked_of = projects.Project(project.root, Loaded(settings, {}), "python3")
    _, oracle, _, _ = ask(lambda: Reader(project.request_store), Workspace([project.root]), asked_of, given)
    assert isinstance(oracle, ReplayOracle)
    assert oracle.conditions.timeout_s == seconds, "0 is no limit"
    assert not left.exists()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_recorded_request_finds_the_commit_that_broke_it(
    project: Project, flux: Flux, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = history(project)
    id = failing(project, ids[11])
    fine(project, ids[0], "pro")
    before = subprocess.check_output(["git", "status", "--porcelain=v2"], cwd=project.root)
    monkeypatch.setenv("FLUX_STORE", str(project.request_store))
    monkeypatch.chdir(project.root)
    ran = flux("bug", "bisect", id[:8], "--json")
    assert ran.code == 0, ran.err
    answer = json.decode(ran.out)
    assert answer["first_bad"]["subject"] == f"change {CULPRIT}"
    assert (answer["bad"], answer["good"], answer["request_id"]) == (ids[11], [ids[0]], id)
    (hunk,) = [each for each in answer["hunks"] if each["failing"]]
    assert (hunk["path"], hunk["function"]) == ("shop/prices.py", "price")
    assert f"+    {BROKEN}" in hunk["diff"]
    assert subprocess.check_output(["git", "status", "--porcelain=v2"], cwd=project.root) == before
    whole = flux("bug", "bisect", id[:8], "--good", ids[2], "--bad", ids[6])
    assert whole.code == 1
    assert "said to be bad, is good" in whole.err
    skipped = flux("bug", "bisect", id[:8], "--good", ids[3], "--bad", ids[11])
    assert skipped.code == 1
    assert "it fails in another way: OSError" in skipped.err
    unstarted = flux("bug", "bisect", id[:8], "--good", ids[5], "--bad", ids[11])
    assert "cannot be tried: it could not be replayed" in unstarted.err
