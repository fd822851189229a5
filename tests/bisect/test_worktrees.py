"""Throw-away checkouts: whole whatever happened in them before, made ready ahead, and no more than there may be."""

import subprocess
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from flux_ls.bisect.worktrees import Scratch
from flux_ls.git.asking import GitError
from flux_ls.git.checkouts import Checkout
from flux_ls.git.repository import Repository
from tests.bisect.histories import World, as_repository, git

NAMES = [f"c{at}" for at in range(12)]
WORLD = World(
    {name: tuple(NAMES[max(0, at - 1) : at]) for at, name in enumerate(NAMES)},
    dict.fromkeys(NAMES, "good"),
    frozenset(),
    "c11",
    ("c0",),
)


class Puts:
    """Every checkout that is made, and a door that some of them wait at."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, names: Mapping[str, str]) -> None:
        self.made: list[str] = []
        self.waiting = threading.Semaphore(0)
        self.door = threading.Event()
        self.held: set[str] = set()
        self.broken: set[str] = set()
        whole = Checkout.put

        def put(checkout: Checkout, commit: str) -> None:
            name = names[commit]
            self.made.append(name)
            if name in self.held:
                self.waiting.release()
                assert self.door.wait(30)
            if name in self.broken:
                (checkout.folder / "half").mkdir()
                (checkout.folder / "half" / "file").touch()
                (checkout.folder / "name").write_text("half")
                raise GitError("it took too long")
            whole(checkout, commit)

        monkeypatch.setattr(Checkout, "put", put)


class Three:
    """A scratch folder for three checkouts at most."""

    def __init__(self, scratch: Scratch, ids: Mapping[str, str], puts: Puts) -> None:
        self.scratch, self.ids, self.puts = scratch, ids, puts

    def prepare(self, *names: str) -> None:
        self.scratch.want([self.ids[name] for name in names])
        for name in names:
            self.scratch.prepare(self.ids[name])

    def run(self, name: str) -> Path:
        """One that leaves things behind, as runs do."""
        with self.scratch.at(self.ids[name]) as tree:
            assert sorted(each.name for each in tree.folder.iterdir()) == [".git", "name", "verdict"]
            assert (tree.folder / "name").read_text() == name
            (tree.folder / "left").touch()
            (tree.folder / "name").write_text("x")
            return tree.folder

    def folders(self) -> int:
        return sum(each.name != "git" for each in self.scratch.folder.iterdir())


@pytest.fixture
def three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Three]:
    ids = as_repository(WORLD, tmp_path / "project")
    puts = Puts(monkeypatch, {id: name for name, id in ids.items()})
    with Scratch(Repository(tmp_path / "project"), 0, 3) as scratch:
        scratch.line_up(ids.values())
        yield Three(scratch, ids, puts)


def test_what_was_made_ready_is_not_made_again(three: Three) -> None:
    three.prepare("c5", "c7")
    three.prepare("c7", "c5")
    three.run("c7")
    three.run("c5")
    assert three.puts.made == ["c5", "c7"]
    three.run("c5")
    assert three.puts.made == ["c5", "c7", "c5"], "what ran in it may have changed anything"


def test_what_is_about_to_be_ready_is_waited_for(three: Three) -> None:
    three.puts.held = {"c5"}
    ahead = threading.Thread(target=three.prepare, args=("c5",))
    ahead.start()
    assert three.puts.waiting.acquire(timeout=30)
    run = threading.Thread(target=three.run, args=("c5",))
    run.start()
    three.scratch.want(())
    three.puts.door.set()
    for each in (ahead, run):
        each.join(30)
        assert not each.is_alive()
    assert three.puts.made == ["c5"]
    assert three.folders() == 1


def test_what_nobody_wants_any_more_is_not_begun(three: Three) -> None:
    three.scratch.want([three.ids["c5"]])
    three.scratch.prepare(three.ids["c7"])
    three.scratch.want(())
    three.scratch.prepare(three.ids["c5"])
    assert three.puts.made == []


def test_a_run_has_a_folder_however_many_wait_for_one(three: Three) -> None:
    for at in range(0, 10, 2):
        three.prepare(f"c{at}", f"c{at + 1}")
        three.run(f"c{at + 1}")
    three.prepare("c9", "c10", "c11")
    with three.scratch.at(three.ids["c3"]) as tree:
        assert (tree.folder / "name").read_text() == "c3"
    assert three.folders() == 3


def test_the_nearest_folder_is_taken(three: Three) -> None:
    three.prepare("c1", "c6", "c10")
    places = {name: three.run(name) for name in ("c10", "c1", "c6")}
    assert three.run("c9") == places["c10"]
    assert three.run("c5") == places["c6"]
    assert three.run("c0") == places["c1"]
    assert three.folders() == 3


@pytest.mark.parametrize(
    "does",
    [
        "git checkout -qb mine; git tag mine",
        "git commit -qam mine; git update-ref refs/stash HEAD",
        "git sparse-checkout set nothing",
        "git config core.autocrlf true; git config --worktree core.sparseCheckout true",
        "echo '* ident' > $(git rev-parse --git-path info/attributes)",
        "touch $(git rev-parse --git-path index.lock) $(git rev-parse --git-path HEAD.lock)",
        "echo broken > $(git rev-parse --git-path index); touch new",
        "echo broken > $(git rev-parse --git-path index)",
        "rm $(git rev-parse --git-path index); touch new",
        "echo /nowhere > $(git rev-parse --git-path objects/info/alternates)",
        "rm .git; git init -q; git commit -q --allow-empty -m mine",
        "rm .git; ln -s /nowhere .git",
        "git rm -qrf .; mkdir -p sub/.git; touch sub/file",
        "git gc -q --prune=now; git worktree add -q ../mine",
    ],
)
def test_what_a_run_did_to_git_does_not_meet_the_next_one(three: Three, does: str) -> None:
    shell = (
        "sh",
        "-c",
        f"export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@b; {does}",
    )
    folders, seen = set[Path](), list[str]()
    for name in ("c3", "c8", "c3"):
        with three.scratch.at(three.ids[name]) as tree:
            folders.add(tree.folder)
            assert sorted(each.name for each in tree.folder.iterdir()) == [".git", "name", "verdict"]
            assert (tree.folder / "name").read_text() == name
            assert git(tree.folder, "rev-parse", "HEAD").strip() == three.ids[name]
            seen.append(git(tree.folder, "status", "--porcelain") + git(tree.folder, "for-each-ref"))
            subprocess.run(shell, cwd=tree.folder, capture_output=True, check=False)
    assert len(folders) == 1
    assert seen == ["", "", ""]


@pytest.mark.parametrize("how", ["ahead", "for a run"])
def test_what_was_half_made_is_made_whole(three: Three, how: str) -> None:
    three.run("c2")
    three.puts.broken = {"c4"}
    with pytest.raises(GitError, match="it took too long"):
        three.prepare("c4") if how == "ahead" else three.run("c4")
    three.puts.broken = set()
    three.scratch.want(())
    three.run("c4")
    three.run("c3")
    assert three.folders() == 1
