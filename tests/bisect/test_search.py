"""The search against the truth, against git's rules, and against git itself."""

import random
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_ls.bisect.search import Among, Found, Try, Verdict, Widen, repeats, step
from tests.bisect.histories import World, allowed, as_repository, git_bisect, random_world, search

KINDS = ("linear", "merges", "octopus", "crisscross", "any")
READ = ("sh", "-c", "exit $(cat verdict)")


def prior(chance: random.Random, world: World) -> Mapping[str, float] | None:
    """None, one that is right, one that is useless, or one that is wrong."""
    match chance.randrange(4):
        case 0:
            return None
        case 1:
            return {name: 100.0 if name in world.culprits else 0.05 for name in world.parents}
        case 2:
            return {name: chance.choice((0.01, 0.3, 3, 30, 100)) for name in world.parents}
        case _:
            return {name: 0.001 if name in world.culprits else 50.0 for name in world.parents}


def check_world(seed: int, size: int = 40) -> None:
    chance = random.Random(seed)
    kind = KINDS[seed % len(KINDS)]
    world = random_world(chance, chance.randrange(2, size), kind, skips=chance.choice((0, 0, 0.1, 0.4)))
    known = chance.sample(sorted(world.says), chance.choice((0, 0, 2)) % len(world.says))
    outcome = search(world, prior(chance, world), chance.choice((1, 1, 2, 3)), known)
    (culprit,) = world.culprits
    if "skip" not in world.says.values():
        assert outcome.answer == Found(culprit), seed
    elif isinstance(outcome.answer, Found):
        assert outcome.answer.commit == culprit, seed
    else:
        assert culprit in outcome.answer.commits, seed
    assert known or allowed(world, outcome.answer), seed


def test_random_histories() -> None:
    for seed in range(400):
        check_world(seed)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_thousands_of_random_histories() -> None:
    for seed in range(400, 8_400):
        check_world(seed, size=90)


@given(st.integers(min_value=0))
def test_any_history(seed: int) -> None:
    check_world(seed)


@given(st.integers(min_value=0))
def test_several_culprits_and_mended_ones_end_at_a_change_from_good_to_bad(seed: int) -> None:
    """Where git's assumption does not hold, what is named is still bad with nothing but good parents."""
    chance = random.Random(seed)
    world = random_world(chance, chance.randrange(3, 40), KINDS[seed % len(KINDS)], culprits=chance.randrange(1, 4))
    flipped = dict(world.says)
    for name in world.parents:
        if name != world.bad and name not in world.goods and chance.random() < 0.15:
            flipped[name] = chance.choice(("good", "bad"))
    muddled = World(world.parents, flipped, world.culprits, world.bad, world.goods)
    # `search` checks the verdicts of the commit that is named and of its parents.
    assert isinstance(search(muddled, prior(chance, world)).answer, Found)


def check_against_git(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    kind = KINDS[seed % len(KINDS)]
    world = random_world(chance, chance.randrange(3, 30), kind, skips=chance.choice((0, 0.1, 0.4)))
    ids = as_repository(world, tmp_path / str(seed))
    names = {id: name for name, id in ids.items()}
    first_parent = chance.random() < 0.3 and all(ids)
    theirs, runs = git_bisect(
        tmp_path / str(seed), ids[world.bad], [ids[each] for each in world.goods], READ, first_parent=first_parent
    )
    suspects = tuple(names[id] for id in theirs)
    if first_parent:
        chain = {name: tuple(parents[:1]) for name, parents in world.parents.items()}
        reachable = World(chain, world.says, world.culprits, world.bad, world.goods)
        mine = search(reachable).answer
        ours = {mine.commit} if isinstance(mine, Found) else set(mine.commits)
        assert ours == set(suspects), seed
        return
    answer = Found(suspects[0]) if len(suspects) == 1 else Among(suspects)
    assert allowed(world, answer), (seed, "git's rules are not what the model takes them for")
    outcome = search(world)
    assert allowed(world, outcome.answer), seed
    if "skip" not in world.says.values():
        assert outcome.answer == answer, seed
    if kind == "linear":
        assert "skip" in world.says.values() or len(outcome.runs) <= runs, seed
        mine = outcome.answer
        assert ({mine.commit} if isinstance(mine, Found) else set(mine.commits)) == set(suspects), seed


def test_git_itself(tmp_path: Path) -> None:
    for seed in range(10):
        check_against_git(tmp_path, seed)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_git_itself_on_hundreds_of_histories(tmp_path: Path) -> None:
    for seed in range(10, 210):
        check_against_git(tmp_path, seed)


def git_runs(count: int, culprit: int) -> int:
    """How many runs git takes on a line of `count` commits after a good one; checked against git above."""
    low, runs = 0, 0
    while count > 1:
        near = (size for size in range(2, count + 1) if abs(2 * size - count) <= max(1, count // 1024 - 1))
        tried = next(near) if count > 2 else 1
        runs += 1
        if culprit < low + tried:
            count = tried
        else:
            low, count = low + tried, count - tried
    return runs


@pytest.mark.parametrize("count", [*range(1, 40), 100, 1000])
def test_a_line_without_a_prior_takes_no_more_runs_than_git(count: int) -> None:
    chance = random.Random(count)
    names = [f"c{at}" for at in range(count + 1)]
    parents = {name: tuple(names[max(0, at - 1) : at]) for at, name in enumerate(names)}
    for culprit in range(count) if count < 40 else chance.sample(range(count), 12):
        says = {name: "bad" if at > culprit else "good" for at, name in enumerate(names)}
        world = World(parents, says, frozenset({names[culprit + 1]}), names[-1], (names[0],))  # type: ignore[arg-type]
        outcome = search(world)
        assert outcome.answer == Found(names[culprit + 1])
        assert len(outcome.runs) + len(outcome.deciding) <= git_runs(count, culprit)


@pytest.mark.slow
def test_a_long_line_without_a_prior_takes_no_more_runs_than_git(tmp_path: Path) -> None:
    """Of so many commits git is content with one near the middle."""
    count = 5000
    names = [f"c{at}" for at in range(count + 1)]
    parents = {name: tuple(names[max(0, at - 1) : at]) for at, name in enumerate(names)}
    good = dict.fromkeys(names, "good")
    ids = as_repository(World(parents, good, frozenset(), names[-1], (names[0],)), tmp_path / "line")  # type: ignore[arg-type]
    for culprit in random.Random(1).sample(range(count), 12):
        says = {name: "bad" if at > culprit else "good" for at, name in enumerate(names)}
        world = World(parents, says, frozenset({names[culprit + 1]}), names[-1], (names[0],))  # type: ignore[arg-type]
        read = ("sh", "-c", f"test $(tail -c +2 name) -le {culprit}")
        _, runs = git_bisect(tmp_path / "line", ids[world.bad], [ids[names[0]]], read)
        assert runs == git_runs(count, culprit)
        assert len(search(world).runs) <= runs


def test_a_prior_that_is_right_finds_it_in_two_runs_and_a_wrong_one_still_finds_it() -> None:
    names = [f"c{at}" for at in range(1001)]
    parents = {name: tuple(names[max(0, at - 1) : at]) for at, name in enumerate(names)}
    says = {name: "bad" if at >= 700 else "good" for at, name in enumerate(names)}
    world = World(parents, says, frozenset({"c700"}), "c1000", ("c0",))  # type: ignore[arg-type]
    right = search(world, {name: 1e6 if name == "c700" else 1.0 for name in names})
    assert (right.answer, set(right.runs)) == (Found("c700"), {"c699", "c700"})
    wrong = search(world, {name: 100.0 if name == "c20" else 0.05 for name in names})
    assert wrong.answer == Found("c700")
    assert len(wrong.runs) <= 13


def test_two_at_once_take_fewer_rounds() -> None:
    names = [f"c{at}" for at in range(729)]
    parents = {name: tuple(names[max(0, at - 1) : at]) for at, name in enumerate(names)}
    verdicts = {"c728": "bad", "c0": "good"}
    first = step(parents, "c728", verdicts, at_once=2)  # type: ignore[arg-type]
    assert isinstance(first, Try)
    assert sorted(first.commits) == ["c243", "c486"] or sorted(first.commits) == ["c243", "c485"]


def test_a_bad_parent_behind_a_good_commit_wants_its_history() -> None:
    #   a bad line and its mended side meet in a bad merge
    graph = {"merge": ("side", "mended")}
    assert step(graph, "merge", {"merge": "bad"}) == Try(("side", "mended"), 1, 2, deciding=True)
    assert step(graph, "merge", {"merge": "bad", "side": "bad", "mended": "good"}) == Widen("side")


@pytest.mark.parametrize(
    ("tried", "verdicts", "expected"),
    [
        ({}, {}, ("merge", "merge", "main", "main", "side", "side")),
        ({"merge": 1, "main": 2, "side": 1}, {}, ("merge", "side")),
        ({"merge": 2, "main": 3, "side": 2}, {}, ()),
        ({"merge": 1, "main": 1, "side": 1}, {"side": "skip"}, ("merge", "main")),
    ],
    ids=["known without a run", "tried once", "tried often", "a parent that cannot be tried"],
)
def test_what_decides_is_tried_twice(
    tried: Mapping[str, int], verdicts: Mapping[str, Verdict], expected: tuple[str, ...]
) -> None:
    assert repeats({"merge": ("main", "side")}, "merge", verdicts, tried) == expected
