"""What lies in a checkout and in no revision is there for the application of a replay, and stays as it is."""

import sqlite3
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from flux_ls.bisect.asking import Given, ask
from flux_ls.bisect.beside import Beside, lay_out, lies_beside
from flux_ls.bisect.worktrees import Scratch
from flux_ls.config import Loaded, Settings
from flux_ls.replay import projects
from flux_ls.source.workspace import Workspace
from flux_ls.store.reader import Reader
from tests.bisect.histories import git
from tests.replay.projects import Project
from tests.telemetry import RECORDER, Raises

APP = """\
import os
import sqlite3
from pathlib import Path

from flask import Flask

HERE = Path(__file__).resolve().parent
(HERE / "instance").mkdir(exist_ok=True)
app = Flask(__name__)


@app.post("/signup")
def signup():
    database = sqlite3.connect(os.environ["SHOP_DB"])
    (prices,) = database.execute("SELECT count(*) FROM price").fetchone()
    database.execute("INSERT INTO price VALUES (3)")
    database.commit()
    return {"part": 1 // (prices - 2)}
"""


def made(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()


def test_what_lies_beside(tmp_path: Path) -> None:
    tracked = ("shop/app.py", "shop/seed.db", "docs/a.md", ".env.example")
    made(tmp_path, *tracked, "shop.db", "shop.db-wal", "notes.txt", ".env", "shop/.flaskenv", "shop/media/up/a.png")
    made(tmp_path, "shop/fresh/code.py", "shop/fresh/x.sqlite3", "docs/new/a.md", ".git/x.db", ".venv/lib/x.db")
    made(tmp_path, "env/pyvenv.cfg", "env/x.db", "node_modules/x.db", "other/.git", "other/x.db", "shop.egg-info/x.db")
    (tmp_path / "shop" / "instance").mkdir()
    (tmp_path / "link").symlink_to(tmp_path.parent)
    found = lies_beside(tmp_path, tracked)
    assert set(found.files) == {".env", "shop.db", "shop/.flaskenv", "shop/fresh/x.sqlite3"}
    assert set(found.folders) == {"docs/new", "shop/instance", "shop/media", "shop/media/up"}
    assert lies_beside(tmp_path / "nowhere", ()) == Beside()


def test_what_a_revision_has_stays(tmp_path: Path) -> None:
    checkout, folder, elsewhere = tmp_path / "checkout", tmp_path / "tree", tmp_path / "elsewhere"
    made(checkout, "a.db", "b.db", "data/c.db", "logs/d.db", "file/e.db")
    made(folder, "b.db", "file")
    elsewhere.mkdir()
    (folder / "logs").symlink_to(elsewhere)
    for _ in range(2):
        lay_out(Beside(("a.db", "b.db", "data/c.db", "logs/d.db", "file/e.db"), ("empty/deep",)), checkout, folder)
    links = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink()}
    assert links == {"a.db", "data/c.db", "logs"}
    assert (folder / "a.db").resolve() == checkout / "a.db"
    assert list((folder / "empty" / "deep").iterdir()) == list(elsewhere.iterdir()) == []


@pytest.mark.timeout(120)
def test_the_application_finds_its_database_and_its_settings(project: Project) -> None:
    git(project.root.parent, "init", "-q", "-b", "main", str(project.root))
    project.write(".gitignore", "*.db\n.env\ninstance/\n")
    project.write("shop/__init__.py", "")
    file = project.write("shop/app.py", APP)
    git(project.root, "add", ".")
    git(project.root, "commit", "-qm", "shop")
    (project.root / "shop" / "instance").mkdir()
    project.write(".env", "SHOP_DB=shop.db\n")
    with closing(sqlite3.connect(project.root / "shop.db")) as database:
        database.executescript("CREATE TABLE price (cents); INSERT INTO price VALUES (1), (2)")
    before = (project.root / "shop.db").read_bytes()
    where = ((str(file), 18, "signup", 'return {"part": 1 // (prices - 2)}'),)
    raises = Raises("ZeroDivisionError", "integer division or modulo by zero", where)
    told = {**RECORDER, "vcs.ref.head.revision": git(project.root, "rev-parse", "HEAD").strip()}
    id = project.add("POST", "/signup", 500, raises=raises, resource=told)
    repository, oracle, asked, _ = ask(
        lambda: Reader(project.request_store),
        Workspace([project.root]),
        projects.Project(project.root, Loaded(Settings(store=project.request_store), {}), sys.executable),
        Given(id=id, goods=("HEAD",), bad=None, command=None),
    )
    with Scratch(repository, 0) as scratch, scratch.at(asked.bad) as tree:
        said = oracle.ask(tree.folder, threading.Event(), scratch=scratch.folder)
        assert (said.verdict, said.reason) == ("bad", "ZeroDivisionError: integer division or modulo by zero")
        assert (tree.folder / "shop.db").is_symlink()
    assert (project.root / "shop.db").read_bytes() == before
    assert git(project.root, "status", "--porcelain").strip() == ""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)
