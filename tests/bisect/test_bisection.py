"""The whole of it on real repositories, with an oracle that answers as a history says."""

import base64
import os
import random
import sys
import threading
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from flux_ls.bisect import course
from flux_ls.bisect.bisection import Asked, bisect
from flux_ls.bisect.journal import Evidence
from flux_ls.bisect.oracles import Aborted, Cancelled, CommandOracle, Said
from flux_ls.bisect.runs import Runs
from flux_ls.bisect.search import Verdict
from flux_ls.bisect.shapes import Bisect, NothingToFind, NotPossible, Progress, in_words
from flux_ls.bisect.weights import RAN, Ran
from flux_ls.bisect.worktrees import Scratch, unsuited
from flux_ls.git.asking import GitError
from flux_ls.git.repository import Repository
from tests.bisect.histories import World, as_repository, git, random_world

CODES = {"0": "good", "1": "bad", "125": "skip"}


class Reads:
    """Says what stands in the checkout's file; `flips` are commits that answer otherwise at each second run."""

    def __init__(self, flips: tuple[str, ...] = (), stop_after: int | None = None) -> None:
        self.asked: list[str] = []
        self._flips = flips
        self._stop_after = stop_after
        self._guard = threading.Lock()
        self.turned: frozenset[str] = frozenset()

    def ask(self, folder: Path, stop: threading.Event, *, scratch: Path, trace: bool = False) -> Said:
        name = (folder / "name").read_text()
        with self._guard:
            self.asked.append(name)
            if self._stop_after is not None and len(self.asked) > self._stop_after:
                raise Cancelled
            again = self.asked.count(name) % 2 == 0
        assert sorted(each.name for each in folder.iterdir()) == [".git", "name", "verdict"], "something of another run"
        (folder / "name").write_text("x" * len(name))
        (folder / "left").mkdir()
        (folder / "left" / "over").touch()
        (folder / "verdict").rename(folder / "verdict.old")
        verdict = CODES[(folder / "verdict.old").read_text()]
        if name in self.turned or (name in self._flips and again):
            verdict = "good" if verdict == "bad" else "bad"
        return Said(verdict)  # type: ignore[arg-type]


def line(culprit: int, size: int = 40) -> World:
    names = [f"c{at}" for at in range(size)]
    parents = {name: tuple(names[max(0, at - 1) : at]) for at, name in enumerate(names)}
    says = {name: "bad" if at >= culprit else "good" for at, name in enumerate(names)}
    return World(parents, says, frozenset({names[culprit]}), names[-1], (names[0],))  # type: ignore[arg-type]


class Project:
    def __init__(self, tmp_path: Path, world: World) -> None:
        self.root = tmp_path / "project"
        self.ids = as_repository(world, self.root)
        self.names = {id: name for name, id in self.ids.items()}
        self.world = world
        self.logs = tmp_path / "logs"

    def bisect(self, oracle: Reads, report: Callable[[Progress], None] = lambda _: None, **more: object) -> Bisect:
        goods = tuple(self.ids[each] for each in self.world.goods)
        asked = Asked(**{"bad": self.ids[self.world.bad], "goods": goods, **more})  # type: ignore[arg-type]
        return bisect(Repository(self.root), oracle, asked, logs=self.logs, report=report)

    def first_bad(self, answer: Bisect) -> str | None:
        return self.names[answer.first_bad.revision] if answer.first_bad is not None else None


@pytest.mark.parametrize("at_once", [1, 2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_real_repositories(tmp_path: Path, seed: int, at_once: int) -> None:
    chance = random.Random(seed)
    world = random_world(chance, 25, ("merges", "octopus", "crisscross", "any")[seed], skips=0.2 * (seed % 2))
    project = Project(tmp_path, world)
    answer = project.bisect(Reads(), at_once=at_once)
    (culprit,) = world.culprits
    if answer.first_bad is not None:
        assert project.first_bad(answer) == culprit
    else:
        assert culprit in {project.names[each.revision] for each in answer.among}
        assert answer.reason is not None


@pytest.mark.parametrize("seed", range(6))
def test_what_was_foreseen_is_what_would_have_been_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    world = random_world(random.Random(seed), 30, ("merges", "linear", "any")[seed % 3], skips=0.2 * (seed % 2))
    project, ahead, step_by_step = Project(tmp_path, world), Reads(), Reads()
    monkeypatch.setattr(Runs, "checkout_s", -1.0)
    answer = project.bisect(ahead)
    monkeypatch.setattr(course, "_FORESEEN", 0)
    assert project.bisect(step_by_step).first_bad == answer.first_bad
    assert ahead.asked == step_by_step.asked


def test_the_deciding_runs_are_repeated(tmp_path: Path) -> None:
    project, oracle = Project(tmp_path, line(17)), Reads()
    answer = project.bisect(oracle)
    assert project.first_bad(answer) == "c17"
    assert (oracle.asked.count("c16"), oracle.asked.count("c17")) == (2, 2)
    assert answer.runs == len(oracle.asked)
    assert [each.purpose for each in answer.evidence][:2] == ["end", "end"]


def test_verdicts_that_do_not_last_withhold_the_answer(tmp_path: Path) -> None:
    answer = Project(tmp_path, line(17)).bisect(Reads(flips=("c16",)))
    assert answer.first_bad is None
    assert "the verdicts do not last" in (answer.reason or "")
    assert "3 times good, 2 times bad" in (answer.reason or "")
    assert len(answer.unsteady) == 1


def test_recorded_verdicts_need_no_run(tmp_path: Path) -> None:
    project, oracle = Project(tmp_path, line(17)), Reads()
    evidence = [
        Evidence(project.ids[name], verdict, "recorded", "told")  # type: ignore[arg-type]
        for name, verdict in (("c15", "good"), ("c19", "bad"))
    ]
    answer = project.bisect(oracle, evidence=tuple(evidence), goods=(project.ids["c15"],))
    assert project.first_bad(answer) == "c17"
    assert set(oracle.asked) == {"c39", "c16", "c17"} or set(oracle.asked) == {"c39", "c16", "c17", "c18"}
    assert [each.source for each in answer.evidence[:2]] == ["recorded", "recorded"]


def test_a_recorded_verdict_is_confirmed_by_one_run(tmp_path: Path) -> None:
    """It was run before, by whoever sent the request."""
    project = Project(tmp_path, line(17))
    known = (("c16", "good"), ("c17", "bad"))
    evidence = tuple(Evidence(project.ids[name], verdict, "recorded", "told") for name, verdict in known)  # type: ignore[arg-type]
    for lies in ((), ("c16",), ("c17",)):
        oracle = Reads()
        oracle.turned = frozenset(lies)
        answer = project.bisect(oracle, evidence=evidence, fresh=True)
        assert oracle.asked[2:4] == ["c17", "c16"]
        assert project.first_bad(answer) == (None if lies else "c17")
        assert len(oracle.asked) == 4 + 3 * len(lies)
        assert [project.names[each] for each in answer.unsteady] == list(lies)
        assert all("recorded as" in (answer.reason or "") for _ in lies)


@pytest.mark.parametrize("runs", [1, 2, 3, 4, 6])
def test_what_was_stopped_goes_on_and_runs_nothing_again(tmp_path: Path, runs: int) -> None:
    project, first, whole = Project(tmp_path, line(17)), Reads(stop_after=runs), Reads()
    project.bisect(whole)
    told = (Evidence(project.ids["c30"], "bad", "recorded", "told"),)
    expected = Reads()
    project.bisect(expected, evidence=told, fresh=True)
    with pytest.raises(Cancelled):
        project.bisect(first, evidence=told)
    oracle = Reads()
    answer = project.bisect(oracle, evidence=told)
    assert project.first_bad(answer) == "c17"
    # The last one was stopped, and told nothing.
    assert sorted((*first.asked[:-1], *oracle.asked)) == sorted(expected.asked)
    assert {"c39", "c0"}.isdisjoint(oracle.asked) or runs == 1, "the ends are what they are said to be"
    assert sum(each.source == "recorded" for each in answer.evidence) == 1, "what is recorded is told once"
    known = "1 verdict is known" if runs == 1 else f"{runs} verdicts are known"
    assert any(known in note for note in answer.notes)
    oracle = Reads()
    project.bisect(oracle)
    assert oracle.asked == whole.asked, "what came to its end begins anew"


def test_what_was_skipped_is_tried_again(tmp_path: Path) -> None:
    """A dependency was missing, say, or the time too short: that is why somebody stops it."""

    class LacksSomething(Reads):
        def ask(self, folder: Path, stop: threading.Event, *, scratch: Path, trace: bool = False) -> Said:
            said = super().ask(folder, stop, scratch=scratch, trace=trace)
            return said if trace else Said("skip", "a dependency is missing")

    project, oracle = Project(tmp_path, line(17)), Reads()
    with pytest.raises(Cancelled):
        project.bisect(LacksSomething(stop_after=6))
    answer = project.bisect(oracle)
    assert project.first_bad(answer) == "c17"
    assert {each.verdict for each in answer.evidence} == {"good", "bad"}


PYTHON_RUN = f"{sys.executable} -c 'import calc; assert calc.total([1, 2]) == 3'"
CALC = """\
def price(item):
    return item


def total(items):
    return sum({prices})
"""


class StoppedAfter(CommandOracle):
    """Cancelled instead of one more run."""

    def __init__(self, root: Path, runs: int) -> None:
        super().__init__(PYTHON_RUN, 60, root, os.environ)
        self.runs, self._most = 0, runs

    def ask(self, folder: Path, stop: threading.Event, *, scratch: Path, trace: bool = False) -> Said:
        if self.runs == self._most:
            raise Cancelled
        self.runs += 1
        return super().ask(folder, stop, scratch=scratch, trace=trace)


def test_what_one_end_told_is_compared_with_the_other_after_a_stop(tmp_path: Path) -> None:
    """The bad one dies of what the good one runs as well, and otherwise."""
    root, logs = tmp_path / "project", tmp_path / "logs"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    for number in range(8):
        prices = "price(each) for each in items" if number < 5 else "price(each) for each in items[1:]"
        (root / "calc.py").write_text(CALC.format(prices=prices))
        (root / "notes").write_text(str(number))
        git(root, "add", ".")
        git(root, "commit", "-qm", f"change {number}")
    repository = Repository(root)
    asked = Asked(bad=repository.resolve("HEAD"), goods=(repository.resolve("HEAD~7"),))
    whole = bisect(repository, StoppedAfter(root, 99), asked, logs=tmp_path / "others")
    with pytest.raises(Cancelled):
        bisect(repository, StoppedAfter(root, 1), asked, logs=logs)
    oracle = StoppedAfter(root, 99)
    answer = bisect(repository, oracle, asked, logs=logs)
    assert oracle.runs == whole.runs - 1
    assert answer.hunks == whole.hunks
    assert [(each.function, each.failing) for each in answer.hunks] == [("total", True)]
    (log,) = logs.glob("*.log")
    assert b"items[1:]" not in b"".join(zlib.decompress(base64.b64decode(each)) for each in _packed(log))


def _packed(log: Path) -> list[str]:
    found = [line.removeprefix("# flux end: ") for line in log.read_text().splitlines() if "flux end:" in line]
    assert len(found) == 2
    return found


@pytest.mark.parametrize(("lies", "stopped_after"), [("bad", 2), ("good", 2)])
def test_ends_that_were_not_as_they_are_said_to_be_are_tried_again(
    tmp_path: Path, lies: str, stopped_after: int
) -> None:
    """What was wrong may have been wrong with both: a service that was not there, say."""
    project, oracle = Project(tmp_path, line(17)), Reads()
    other = project.ids["c5" if lies == "bad" else "c20"]
    ends = {"bad": project.ids["c39"], "goods": (project.ids["c0"],)} | (
        {"bad": other} if lies == "bad" else {"goods": (other,)}
    )
    for _ in range(2):
        oracle = Reads()
        with pytest.raises(NothingToFind):
            project.bisect(oracle, **ends)
        assert len(set(oracle.asked)) == stopped_after


def test_a_fresh_start_forgets_what_was_stopped(tmp_path: Path) -> None:
    project = Project(tmp_path, line(17))
    with pytest.raises(Cancelled):
        project.bisect(Reads(stop_after=4))
    oracle, whole = Reads(), Reads()
    answer = project.bisect(oracle, fresh=True)
    assert project.first_bad(answer) == "c17"
    assert not any("goes on" in note for note in answer.notes)
    project.bisect(whole)
    assert oracle.asked == whole.asked


def test_the_log_is_one_that_git_replays(tmp_path: Path) -> None:
    project = Project(tmp_path, line(17))
    answer = project.bisect(Reads())
    assert f"{project.ids['c17']} is the first bad commit" in git(project.root, "bisect", "replay", str(answer.log))


@pytest.mark.parametrize(
    ("bad", "good", "error", "words"),
    [
        ("c10", "c0", NothingToFind, "said to be bad, is good"),
        ("c39", "c20", NothingToFind, "said to be good, is bad as well; name another"),
        ("c17", "c16", None, ""),
    ],
)
def test_ends_that_are_not_what_they_are_said_to_be(
    tmp_path: Path, bad: str, good: str, error: type[Exception] | None, words: str
) -> None:
    project = Project(tmp_path, line(17))
    ends = {"bad": project.ids[bad], "goods": (project.ids[good],)}
    if error is None:
        assert project.first_bad(project.bisect(Reads(), **ends)) == "c17"
        return
    with pytest.raises(error, match=words):
        project.bisect(Reads(), **ends)


class MindsTheTrace(Reads):
    """Says of some commits something else where it is traced."""

    def __init__(self, minds: Mapping[str, Verdict]) -> None:
        super().__init__()
        self._minds = minds

    def ask(self, folder: Path, stop: threading.Event, *, scratch: Path, trace: bool = False) -> Said:
        name = (folder / "name").read_text()
        said = super().ask(folder, stop, scratch=scratch)
        return Said(self._minds.get(name, said.verdict), "it took too long") if trace else said


@pytest.mark.parametrize(
    "minds",
    [{"c39": "skip"}, {"c39": "good"}, {"c0": "skip"}, {"c0": "bad"}, {"c39": "skip", "c0": "skip"}],
)
def test_ends_that_are_otherwise_when_they_are_traced(tmp_path: Path, minds: dict[str, Verdict]) -> None:
    project, oracle = Project(tmp_path, line(17)), MindsTheTrace(minds)
    answer = project.bisect(oracle)
    assert project.first_bad(answer) == "c17"
    assert answer.runs == len(oracle.asked)
    assert [oracle.asked.count(end) for end in ("c39", "c0")] == [1 + (end in minds) for end in ("c39", "c0")]


@pytest.mark.parametrize(
    ("culprit", "minds", "runs"),
    [(39, {}, (2, 2)), (39, {"c39": "good"}, (3, 2)), (1, {}, (2, 2)), (1, {"c0": "skip"}, (2, 3))],
)
def test_an_end_that_decides_is_run_twice_as_it_is(
    tmp_path: Path, culprit: int, minds: dict[str, Verdict], runs: tuple[int, int]
) -> None:
    """What it says when it is traced, and otherwise, confirms nothing."""
    oracle, deciding = MindsTheTrace(minds), (f"c{culprit}", f"c{culprit - 1}")
    assert (project := Project(tmp_path, line(culprit))).first_bad(project.bisect(oracle)) == f"c{culprit}"
    assert tuple(oracle.asked.count(each) for each in deciding) == runs


def beside(base: str) -> World:
    """A good branch beside the bad one; `base` is what their common commit says."""
    parents = {"root": (), "base": ("root",), "good": ("base",), "x": ("base",), "bad": ("x",), "end": ("bad", "good")}
    says = {"root": base, "base": base, "good": "good", "x": base, "bad": "bad", "end": "bad"}
    return World(parents, says, frozenset({"bad"}), "bad", ("good",))  # type: ignore[arg-type]


def test_a_good_revision_beside_the_bad_one_has_its_base_tried(tmp_path: Path) -> None:
    project, oracle = Project(tmp_path, beside("good")), Reads()
    assert project.first_bad(project.bisect(oracle)) == "bad"
    assert "base" in oracle.asked


def test_what_was_mended_on_the_good_side_is_no_regression(tmp_path: Path) -> None:
    with pytest.raises(NothingToFind, match="is bad: it was mended on the way to"):
        Project(tmp_path, beside("bad")).bisect(Reads())


def test_a_base_that_is_known_to_be_bad_need_not_be_tried(tmp_path: Path) -> None:
    project = Project(tmp_path, beside("bad"))
    told = (Evidence(project.ids["base"], "bad", "recorded", "told"),)
    for evidence, runs in ((told, 2), ((), 3), ((), 0)):
        oracle = Reads()
        with pytest.raises(NothingToFind, match="is bad: it was mended on the way to"):
            project.bisect(oracle, evidence=evidence, fresh=bool(runs))
        assert len(oracle.asked) == runs


def test_good_and_bad_the_wrong_way_round(tmp_path: Path) -> None:
    world = line(30)
    upside_down = World(
        world.parents, dict.fromkeys(world.says, "bad") | {"c39": "good"}, world.culprits, "c5", ("c39",)
    )
    with pytest.raises(NotPossible, match="the right way round"):
        Project(tmp_path, upside_down).bisect(Reads())


def test_first_parent_blames_the_merge(tmp_path: Path) -> None:
    parents = {"a": (), "b": ("a",), "side": ("a",), "merge": ("b", "side"), "end": ("merge",)}
    says = {"a": "good", "b": "good", "side": "bad", "merge": "bad", "end": "bad"}
    project = Project(tmp_path, World(parents, says, frozenset({"side"}), "end", ("a",)))  # type: ignore[arg-type]
    assert project.first_bad(project.bisect(Reads())) == "side"
    assert project.first_bad(project.bisect(Reads(), first_parent=True)) == "merge"


def test_a_run_that_aborts_ends_it(tmp_path: Path) -> None:
    class Aborts(Reads):
        def ask(self, folder: Path, stop: threading.Event, *, scratch: Path, trace: bool = False) -> Said:
            raise Aborted("status 255")

    with pytest.raises(Aborted):
        Project(tmp_path, line(3)).bisect(Aborts())


def test_a_run_that_nobody_asks_about_any_more_ends_nothing(tmp_path: Path) -> None:
    class EndsAllWhenStopped:
        def ask(self, folder: Path, stop: threading.Event, *, scratch: Path, trace: bool = False) -> Said:
            assert stop.wait(30)
            raise Aborted("it was ended by a signal")

    project = Project(tmp_path, line(2, 4))
    asking, never = EndsAllWhenStopped(), threading.Event()
    with Scratch(Repository(project.root), 0) as scratch, Runs(scratch, asking, 2, never) as runs:
        runs.start(project.ids["c1"])
        runs.drop({project.ids["c1"]})
        assert runs.next() is None


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (Progress(0, 0, 0, ()), ""),
        (Progress(1, 1, 3, ("a" * 40,)), "1 commit left, about 1 run · trying aaaaaaaaaaaa"),
        (
            Progress(1200, 11, 2, ("a" * 40, "b" * 40)),
            "1,200 commits left, about 11 runs · trying " + "a" * 12 + ", " + "b" * 12,
        ),
        (Progress(0, 0, 2, (), doing="reading"), "reading …"),
    ],
)
def test_progress_in_words(progress: Progress, words: str) -> None:
    assert in_words(progress) == words


def test_progress_tells_what_is_left(tmp_path: Path) -> None:
    told: list[Progress] = []
    Project(tmp_path, line(17)).bisect(Reads(), report=told.append)
    left = [each.left for each in told if each.about]
    assert left[0] == 39
    assert left == sorted(left, reverse=True)
    assert all(each.trying for each in told if each.about and each.latest is None)


def test_submodules_and_lfs_are_said(tmp_path: Path) -> None:
    root = tmp_path / "project"
    as_repository(line(1, 2), root)
    (root / ".gitattributes").write_text("*.bin filter=lfs diff=lfs\n")
    git(root, "add", ".gitattributes")
    git(root, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},vendor/lib")
    git(root, "commit", "-qm", "x")
    repository = Repository(root)
    said = unsuited(repository, repository.resolve("HEAD"))
    assert said[0] == "submodules stay empty in the checkouts: vendor/lib"
    assert "Git LFS" in said[1]


class NotToBeRead(Repository):
    """What its commits changed takes git too long."""

    def __init__(self, root: Path, lacking: str) -> None:
        super().__init__(root)
        self._lacking = lacking

    def changes(self, *words: Any, **more: Any) -> Any:
        self._take("changes")
        return super().changes(*words, **more)

    def patches(self, *words: Any, **more: Any) -> Any:
        self._take("patches")
        return super().patches(*words, **more)

    def _take(self, what: str) -> None:
        if what == self._lacking:
            raise GitError("git could not answer (Timeout): 'git status' in that checkout may tell more")


@pytest.mark.parametrize(
    ("lacking", "said"),
    [
        ("changes", ["what the commits changed cannot be told", "what it changed cannot be shown"]),
        ("patches", []),
    ],
)
def test_what_only_makes_it_quicker_does_not_end_it(tmp_path: Path, lacking: str, said: list[str]) -> None:
    project = Project(tmp_path, line(17))
    ran = Ran({("name", "f"): RAN}, frozenset(("name",)), frozenset())
    asked = Asked(bad=project.ids["c39"], goods=(project.ids["c0"],), ran=ran)
    answer = bisect(NotToBeRead(project.root, lacking), Reads(), asked, logs=project.logs)
    assert project.first_bad(answer) == "c17"
    assert [each.partition(":")[0].partition(",")[0] for each in answer.notes] == said
