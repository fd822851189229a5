"""Made-up histories: what is good in them, the answers that git's rules allow, and the same as a real repository."""

import random
import subprocess
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flux_ls.bisect.search import Among, Found, Try, Verdict, Widen, step

GOOD, BAD, SKIP = 0, 1, 125
CODES: Mapping[Verdict, int] = {"good": GOOD, "bad": BAD, "skip": SKIP}


@dataclass(frozen=True)
class World:
    """A history, parents first, with what a test says of each commit. `bad` and `goods` are what the user knows."""

    parents: Mapping[str, Sequence[str]]
    says: Mapping[str, Verdict]
    culprits: frozenset[str]
    bad: str
    goods: tuple[str, ...]


@dataclass
class Outcome:
    answer: Found | Among
    runs: list[str] = field(default_factory=list)
    deciding: list[str] = field(default_factory=list)


def ancestors(parents: Mapping[str, Sequence[str]], *commits: str) -> set[str]:
    found, ahead = set(commits), list(commits)
    while ahead:
        for parent in parents.get(ahead.pop(), ()):
            if parent not in found:
                found.add(parent)
                ahead.append(parent)
    return found


def random_parents(chance: random.Random, size: int, kind: str) -> dict[str, tuple[str, ...]]:
    """`linear`, `merges`, `octopus`, `crisscross` or `any`: one root, one last commit that has all others behind it."""
    names = [f"c{at}" for at in range(size)]
    parents: dict[str, tuple[str, ...]] = {names[0]: ()}
    for at in range(1, size):
        before = names[:at]
        recent = before[-chance.choice((1, 2, 4, 8)) :]
        if kind == "linear":
            chosen = [before[-1]]
        elif kind == "merges":
            chosen = chance.sample(recent, min(len(recent), chance.choice((1, 1, 1, 2))))
        elif kind == "octopus":
            chosen = chance.sample(recent, min(len(recent), chance.choice((1, 1, 2, 3, 5))))
        elif kind == "crisscross":
            # Two lines that merge each other's last commits.
            mine, other = names[max(0, at - 2)], names[max(0, at - 1)]
            chosen = [mine, other] if chance.random() < 0.4 and mine != other else [mine]
        else:
            chosen = chance.sample(before, min(len(before), chance.choice((1, 1, 2, 3))))
        parents[names[at]] = tuple(dict.fromkeys(chosen))
    heads = [name for name in names if not any(name in each for each in parents.values())]
    if len(heads) > 1:
        parents[f"c{size}"] = tuple(heads)
    return parents


def random_world(chance: random.Random, size: int, kind: str, skips: float = 0.0, culprits: int = 1) -> World:
    parents = random_parents(chance, size, kind)
    names = list(parents)
    wrong = frozenset(chance.sample(names[1:], min(culprits, len(names) - 1)))
    says: dict[str, Verdict] = {name: "bad" if ancestors(parents, name) & wrong else "good" for name in names}
    bad = chance.choice([name for name in names if says[name] == "bad"][-3:])
    good_ones = [name for name in ancestors(parents, bad) if says[name] == "good"]
    goods = tuple(
        dict.fromkeys([names[0], *chance.sample(sorted(good_ones), min(len(good_ones), chance.choice((0, 0, 1, 2))))])
    )
    if skips:
        at = chance.randrange(size)
        width = chance.randrange(1, max(2, size // 3))
        for number, name in enumerate(names):
            broken = chance.random() < skips or (chance.random() < 0.8 and at <= number < at + width)
            if broken and name != bad and name not in goods:
                says[name] = "skip"
    return World(parents, says, wrong, bad, goods)


def search(
    world: World, weights: Mapping[str, float] | None = None, at_once: int = 1, known: Collection[str] = ()
) -> Outcome:
    """Runs the search to its end, all of its questions answered as the world has it."""
    verdicts: dict[str, Verdict] = {world.bad: "bad", **dict.fromkeys(world.goods, "good")}
    verdicts |= {each: world.says[each] for each in known}
    outcome = Outcome(Found(world.bad))
    while True:
        match step(world.parents, world.bad, verdicts, weights, at_once):
            case Try(commits=commits, deciding=deciding):
                assert commits
                assert not set(commits) & verdicts.keys(), "asked again"
                assert deciding or len(commits) <= at_once
                (outcome.deciding if deciding else outcome.runs).extend(commits)
                verdicts |= {each: world.says[each] for each in commits}
            case Widen():
                raise AssertionError("the graph is whole")
            case answer:
                outcome.answer = answer
                break
    if isinstance(outcome.answer, Found):
        found = outcome.answer.commit
        assert verdicts[found] == "bad"
        assert all(verdicts[each] in ("good", "skip") for each in world.parents[found])
    return outcome


def allowed(world: World, answer: Found | Among) -> bool:
    """Whether git's rules allow the answer; with one way through the skipped commits, there is only one."""
    suspects = {answer.commit} if isinstance(answer, Found) else set(answer.commits)
    says = world.says
    bads = [name for name in suspects if says[name] == "bad"]
    if len(bads) != 1:
        return False
    behind = ancestors(world.parents, bads[0])
    all_good = ancestors(world.parents, *(n for n in ancestors(world.parents, world.bad) if says[n] == "good"))
    own_good = ancestors(world.parents, *world.goods, *(name for name in behind if says[name] == "good"))
    if any(says[name] == "bad" for name in behind - own_good - {bads[0]}):
        return False
    return behind - all_good <= suspects <= behind - own_good


def as_repository(world: World, root: Path) -> dict[str, str]:
    """Writes the history with git; the ids of its commits. Each has a file that says what a test's exit status is."""
    root.mkdir(parents=True)
    lines: list[str] = []
    marks = {name: number for number, name in enumerate(world.parents, start=1)}
    for name, number in marks.items():
        lines += ["commit refs/heads/all", f"mark :{number}", f"committer A <a@b> {1700000000 + number} +0000"]
        lines += ["data 0", ""]
        before = [f":{marks[each]}" for each in world.parents[name]]
        lines += [f"{word} {mark}" for word, mark in zip(["from", *["merge"] * len(before)], before, strict=False)]
        lines += ["deleteall"]
        for path, text in (("verdict", str(CODES[world.says[name]])), ("name", name)):
            lines += [f"M 100644 inline {path}", f"data {len(text)}", text]
        lines += [""]
    git(root, "init", "-q", "-b", "main")
    (root / "marks").touch()
    subprocess.run(
        ["git", "fast-import", "--quiet", "--force", "--export-marks=marks"],
        cwd=root,
        input="\n".join(lines).encode(),
        check=True,
    )
    told = dict(line.split() for line in (root / "marks").read_text().splitlines())
    (root / "marks").unlink()
    ids = {name: told[f":{number}"] for name, number in marks.items()}
    git(root, "checkout", "-q", "--detach", ids[world.bad])
    return ids


def git(root: Path, *words: str, fine: Collection[int] = (0,)) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=A", "-c", "user.email=a@b", *words],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in fine, done.stdout + done.stderr
    return done.stdout


def git_bisect(
    root: Path,
    bad: str,
    goods: Sequence[str],
    command: Sequence[str],
    *,
    first_parent: bool = False,
    paths: Sequence[str] = (),
) -> tuple[tuple[str, ...], int]:
    """What `git bisect run` says, with the suspects' ids, and in how many runs."""
    options = ["--first-parent"] if first_parent else []
    git(root, "bisect", "start", *options, bad, *goods, *(("--", *paths) if paths else ()))
    told = git(root, "bisect", "run", *command, fine=(0, 2))
    log = git(root, "bisect", "log")
    git(root, "bisect", "reset", bad)
    runs = sum(line.startswith("git bisect ") for line in log.splitlines()) - sum(
        line.startswith("git bisect start") for line in log.splitlines()
    )
    lines = told.splitlines()
    if any("first bad commit could be any of" in line for line in lines):
        at = next(i for i, line in enumerate(lines) if "first bad commit could be any of" in line)
        found = tuple(line for line in lines[at + 1 :] if len(line) == 40)
        return found, runs
    return next((line.split()[0],) for line in lines if line.endswith("is the first bad commit")), runs
