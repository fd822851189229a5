"""Fits the weights of a bisect's signs to real regressions: `python -m tests.bench.bisect_weights CLONES CACHE`.

CLONES holds the projects, CACHE what was found out of each case of `bisect_runs`, so that nothing is run twice: what
the searches came to, and the signs of each commit for as long as the code that reads them stays as it is. With names of
projects behind them, of these alone. The searches are gone through again under other weights: those of `signs.WEIGHTS`,
and those fitted to all projects but the one asked about. That a descendant of the culprit is bad is taken for granted.
"""

import hashlib
import os
import random
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from operator import truediv
from pathlib import Path
from statistics import fmean

import msgspec
import numpy
from msgspec import Struct

import flux_ls
from flux_ls.bisect.oracles import CommandOracle
from flux_ls.bisect.prior import Prior
from flux_ls.bisect.runs import Runs
from flux_ls.bisect.search import Found, Graph, Try, Verdict, narrowed, repeats, step
from flux_ls.bisect.shapes import NothingToFind
from flux_ls.bisect.signs import WEIGHTS, likely
from flux_ls.bisect.weights import ran_in
from flux_ls.bisect.worktrees import Scratch
from flux_ls.git.repository import Repository
from tests.bench.bisect_runs import FITTED, UNSEEN, Case, Counted, command_of, measure

_PENALTY = 24.0
"""On half the square of a weight, its sign being scaled to a spread of 1: so few cases make nobody sure."""
_ENOUGH = 1e-6
_MISLED = 5
"""So many culprits at random in a case."""


class Signed(Struct, frozen=True):
    """What a commit of a case changed of what ran; signs that are zero are left out."""

    good: str
    bad: str
    graph: dict[str, tuple[str, ...]]
    signs: dict[str, dict[str, float]]
    """The latest commits come first."""


class Regression(Struct, frozen=True):
    project: str
    counted: Counted
    signed: Signed


class Gone(Struct, frozen=True):
    """What a search took."""

    runs: int
    repeats: int


def recorded(clones: Path, cache: Path, case: Case) -> Regression | None:
    """None, with a word on why, for a case that says nothing of weights."""
    root = (clones / case.repository).resolve()
    name = f"{case.repository}-{hashlib.sha256(msgspec.json.encode(case)).hexdigest()[:12]}"
    counts, signs = cache / f"{name}.runs.json", cache / f"{name}.{_reader()}.signs.json"
    try:
        if not counts.exists():
            _write(counts, measure(clones, case))
        counted = msgspec.json.decode(counts.read_bytes(), type=Counted)
        if not counted.right or counted.suspects > 1:
            raise NothingToFind("the first bad commit is not sure")
        if not signs.exists():
            _write(signs, _signed(root, case))
    except NothingToFind as error:
        print(f"left out: {case.repository} {case.test or case.script.splitlines()[-1]}: {error}", flush=True)
        return None
    return Regression(case.repository, counted, msgspec.json.decode(signs.read_bytes(), type=Signed))


def gone(signed: Signed, culprit: str, skipped: Sequence[str], weights: Mapping[str, float] | None) -> Gone:
    """A bisect of this range under these weights, without a run."""
    broken = _descendants(signed.graph, culprit)
    graph: Graph = signed.graph
    bad = signed.bad
    verdicts: dict[str, Verdict] = {signed.bad: "bad", signed.good: "good"}
    tried, runs = Counter(verdicts.keys()), 0
    while True:
        bad, graph = narrowed(graph, bad, verdicts)
        now = step(graph, bad, verdicts, weights)
        if not isinstance(now, Try):
            assert now == Found(culprit), (now, culprit)
            return Gone(runs, len(repeats(graph, culprit, verdicts, tried)))
        commit = now.commits[0]
        runs += 1
        tried[commit] += 1
        verdicts[commit] = "skip" if commit in skipped else "bad" if commit in broken else "good"


def fitted(regressions: Sequence[Regression]) -> dict[str, float]:
    """The weights under which the culprits are likeliest, large ones being penalized: Newton's method."""
    tables = [_table(each) for each in regressions]
    spread = numpy.sqrt(numpy.mean([table.var(0) for table, _ in tables], 0)) + 1e-3
    penalty = numpy.maximum(_PENALTY * spread**2, 1e-3)

    def at(weights: numpy.ndarray) -> tuple[float, numpy.ndarray, numpy.ndarray]:
        """How good they are, how steeply it rises from there, and how that bends."""
        worth, slope, bend = -(penalty * weights**2).sum() / 2, -penalty * weights, numpy.diag(penalty)
        for table, culprit in tables:
            sums = table @ weights
            total = numpy.logaddexp.reduce(sums)
            chances = numpy.exp(sums - total)
            mean = chances @ table
            worth += sums[culprit] - total
            slope += table[culprit] - mean
            bend += (table * chances[:, None]).T @ table - numpy.outer(mean, mean)
        return worth, slope, bend

    weights = numpy.zeros(len(WEIGHTS))
    worth, slope, bend = at(weights)
    while True:
        way = numpy.linalg.solve(bend, slope)
        while (there := at(weights + way))[0] < worth:
            way = way / 2
        if there[0] - worth < _ENOUGH:
            return dict(zip(WEIGHTS, weights.tolist(), strict=True))
        weights, (worth, slope, bend) = weights + way, there


def left_out_in_turn(regressions: Sequence[Regression]) -> list[Gone]:
    """Each under weights that know nothing of its project."""
    others = {
        project: fitted([each for each in regressions if each.project != project])
        for project in {each.project for each in regressions}
    }
    return [_gone(each, others[each.project]) for each in regressions]


def misled(regressions: Sequence[Regression]) -> list[int]:
    """How many runs the weights cost where the culprit is any commit at all."""
    chance, cost = random.Random(3), list[int]()
    for each in regressions:
        graph, weights = each.signed.graph, likely(each.signed.signs)
        lone = [commit for commit in graph if len(graph[commit]) == 1]
        for culprit in chance.sample(lone, min(_MISLED, len(lone))):
            if each.signed.bad in _descendants(graph, culprit):
                with_them, without = (gone(each.signed, culprit, (), told).runs for told in (weights, None))
                cost.append(with_them - without)
    return cost


def _signed(root: Path, case: Case) -> Signed:
    """Both ends run, traced, and the commits between them held against what ran, as a bisect does it."""
    repository = Repository(root)
    good, bad = repository.resolve(case.good), repository.resolve(case.bad)
    with tempfile.TemporaryDirectory(prefix="flux-bench-") as own:
        oracle = CommandOracle(command_of(root, case, Path(own) / "case"), 120, root, os.environ)
        with (
            Scratch(repository, repository.tree(bad).bytes, 1) as scratch,
            Runs(scratch, oracle, 1, threading.Event()) as runs,
        ):
            for commit in (bad, good):
                runs.start(commit, trace=True)
            ended = {each.commit: each for _ in range(2) if (each := runs.next()) is not None}
    after, before = ended[bad], ended[good]
    if after.executed is None or not after.executed.anything:
        raise NothingToFind("the bad run told of nothing that ran")
    ran = ran_in(after.executed, before.executed)
    graph = repository.graph(bad, [good])
    prior = Prior(repository, repository.changes(bad, [good]), ran, 0, first_parent=False)
    signs = {
        commit: {sign: value for sign, value in each.items() if value}
        for commit, each in prior.signs(bad, [good], graph).items()
    }
    return Signed(good, bad, {commit: tuple(parents) for commit, parents in graph.items()}, signs)


def _table(regression: Regression) -> tuple[numpy.ndarray, int]:
    """The signs of all commits, a row each, and which row is the culprit's."""
    signs = regression.signed.signs
    rows = [[each.get(sign, 0.0) for sign in WEIGHTS] for each in signs.values()]
    return numpy.array(rows), list(signs).index(regression.counted.culprit)


def _gone(each: Regression, weights: Mapping[str, float] = WEIGHTS) -> Gone:
    return gone(each.signed, each.counted.culprit, each.counted.skipped, likely(each.signed.signs, weights))


def _descendants(graph: Graph, commit: str) -> set[str]:
    found = {commit}
    for each in graph:  # Parents come before their children.
        if not found.isdisjoint(graph[each]):
            found.add(each)
    return found


def _reader() -> str:
    """Names the code that makes signs of a run."""
    package = Path(flux_ls.__file__).parent
    files = sorted(file for part in ("bisect", "git", "source") for file in (package / part).rglob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]


def _write(file: Path, told: Struct) -> None:
    half = file.with_suffix(".half")
    half.write_bytes(msgspec.json.encode(told))
    half.replace(file)


def _print(name: str, regressions: Sequence[Regression], searches: Sequence[Gone]) -> None:
    git, limited = [each.counted.git for each in regressions], [each.counted.limited for each in regressions]
    projects = len({each.project for each in regressions})
    print(f"{name}: {len(regressions)} regressions of {projects} projects")
    print(f"  mean runs: git {fmean(git):.2f}, limited to files {fmean(limited):.2f}")
    for what, flux in (
        ("Flux", [each.runs for each in searches]),
        ("with the repeats", [each.runs + each.repeats for each in searches]),
    ):
        against = (
            f"{fmean(flux) / fmean(theirs):.2f} (mean of the ratios {fmean(map(truediv, flux, theirs)):.2f})"
            for theirs in (git, limited)
        )
        print(f"  {what} {fmean(flux):.2f}: against git {next(against)}, limited to files {next(against)}")


def _several(clones: Path, cache: Path, cases: Sequence[Case], known: set[tuple[str, str]]) -> list[Regression]:
    """One for each culprit of a range."""
    found = list[Regression]()
    for case in cases:
        each = recorded(clones, cache, case) if (clones / case.repository).exists() else None
        if each is not None and (key := (each.counted.culprit, f"{each.signed.good}..{each.signed.bad}")) not in known:
            known.add(key)
            found.append(each)
    return found


def main(words: Sequence[str] = ()) -> None:
    if len(words) < 2:
        print("bisect weights: give a folder of clones and one for what is found out of them")
        return
    clones, cache, wanted = Path(words[0]), Path(words[1]), words[2:]
    cache.mkdir(parents=True, exist_ok=True)
    known = set[tuple[str, str]]()
    seen, unseen = (
        _several(clones, cache, [case for case in cases if not wanted or case.repository in wanted], known)
        for cases in (FITTED, UNSEEN)
    )
    if len({each.project for each in seen}) < 2:
        print(f"bisect weights: {clones} has to hold two projects of the cases, or there is none to leave out")
        return
    _print("under weights fitted without the project asked about", seen, left_out_in_turn(seen))
    _print("under signs.WEIGHTS, which knows them: too good", seen, [_gone(each) for each in seen])
    if unseen:
        _print("under signs.WEIGHTS, which was not fitted to them", unseen, [_gone(each) for each in unseen])
    cost = misled(seen)
    print(f"{len(cost)} culprits at random: the weights cost {fmean(cost):.2f} runs, {max(cost)} at the most")
    print("fitted to all of them, and what signs.WEIGHTS has:")
    for sign, weight in fitted(seen).items():
        print(f"  {sign:28} {weight:6.2f} {WEIGHTS[sign]:6.2f}")


if __name__ == "__main__":
    main(sys.argv[1:])
