"""Which commits to try next, or which one is the first bad commit: pure, from a graph, weights and verdicts so far.

Good means that the ancestors are good too; a bad commit says nothing of its descendants. That is what `git bisect`
takes for granted, and the answer is the one that it gives. The weights only choose among the questions: nothing is
ever ruled out by them, and the first bad commit and its parents have verdicts of their own before it is named.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal

from msgspec import Struct

Verdict = Literal["good", "bad", "skip"]
Graph = Mapping[str, Sequence[str]]
"""Each commit with its parents, parents before children. A parent that has no entry lies behind a good commit."""

_NEARLY = 1024
"""Of so many commits, git takes one more or less for no difference."""
_WARY = 20
"""A commit that is as far from a skipped one as this part of the candidates is half as likely to be like it."""


class Try(Struct, frozen=True):
    """Commits that want a verdict, the most telling first."""

    commits: tuple[str, ...]
    left: int
    """How many commits may still be the first bad one."""
    about: int
    """How many runs it may take."""
    deciding: bool = False
    """The suspect's parents, of which all speaks for good but a run of their own."""


class Found(Struct, frozen=True):
    """The first bad commit."""

    commit: str


class Among(Struct, frozen=True):
    """Where skipped commits hide it: one of these, the last one surely bad."""

    commits: tuple[str, ...]


class Widen(Struct, frozen=True):
    """A commit behind a good one turned out bad: the graph has to hold its ancestors."""

    commit: str


Step = Try | Found | Among | Widen
_TWICE = 2
"""So often a verdict is asked for that decides."""


def step(
    graph: Graph,
    bad: str,
    verdicts: Mapping[str, Verdict],
    weights: Mapping[str, float] | None = None,
    at_once: int = 1,
    pending: Collection[str] = (),
) -> Step:
    """What to do now. `bad` is a bad commit of the graph; weights are above zero, 1 where there is none.

    Runs that are `pending` are reckoned with, and not asked for again; their commits are candidates.
    """
    if bad not in graph:
        return Widen(bad)
    suspect, candidates = _suspected(graph, bad, verdicts)
    skipped = [each for each in candidates if verdicts.get(each) == "skip" and each != suspect]
    closed = {*skipped, suspect, *pending}
    if len(candidates) - len(skipped) > 1:
        weighed = [weights.get(each, 1.0) if weights else 1.0 for each in candidates]
        about = max(1, math.ceil(_entropy(weighed) - 0.01))
        count = min(at_once, sum(each not in closed for each in candidates))
        chosen = _chosen(graph, candidates, weighed, closed, set(skipped), count, pending)
        return Try(chosen, len(candidates), about)
    if skipped:
        return Among(tuple(candidates))
    return _decided(graph, suspect, verdicts, weights, at_once)


def undecided(graph: Graph, bad: str, verdicts: Mapping[str, Verdict]) -> frozenset[str]:
    """The commits whose verdicts would still tell something: of the candidates, or of the suspect's parents."""
    suspect, candidates = _suspected(graph, bad, verdicts)
    if len(candidates) > 1:
        return frozenset(each for each in candidates if each != suspect and each not in verdicts)
    return frozenset(each for each in graph[suspect] if each not in verdicts)


def repeats(graph: Graph, commit: str, verdicts: Mapping[str, Verdict], tried: Mapping[str, int]) -> tuple[str, ...]:
    """What is to be run until the first bad commit and its parents have been tried twice, given how often they were.

    Were one verdict wrong, all later ones lead to it: to the first bad commit if it was bad, to a parent if it was
    good. So these tell it, and no others have to be run again; each is, once at the least.
    """
    deciding = (commit, *(each for each in graph[commit] if verdicts.get(each) != "skip"))
    return tuple(each for each in deciding for _ in range(_TWICE - min(_TWICE, tried.get(each, 0))))


def narrowed(graph: Graph, bad: str, verdicts: Mapping[str, Verdict]) -> tuple[str, Graph]:
    """The bad commit to go on from, and what of the graph is left: the same question, and quicker to answer."""
    suspect, candidates = _suspected(graph, bad, verdicts)
    return suspect, {each: graph[each] for each in candidates}


def _suspected(graph: Graph, bad: str, verdicts: Mapping[str, Verdict]) -> tuple[str, list[str]]:
    """The bad commit with the fewest candidates behind it, and these, it being the last one."""
    candidates = _candidates(graph, bad, verdicts)
    within = set(candidates)
    others = [each for each in candidates if verdicts.get(each) == "bad" and each != bad]
    behind = {each: _ancestors(graph, each, within) for each in others}
    suspect = min(behind, key=lambda each: len(behind[each]), default=bad)
    if suspect in behind:
        candidates = [each for each in candidates if each in behind[suspect]]
    return suspect, candidates


def _decided(
    graph: Graph, suspect: str, verdicts: Mapping[str, Verdict], weights: Mapping[str, float] | None, at_once: int
) -> Step:
    """All but the suspect are ruled out: its parents may have been so by a descendant alone."""
    parents = list(dict.fromkeys(graph[suspect]))
    for parent in parents:
        if verdicts.get(parent) == "bad":
            # Something was mended beside it: it is not the suspect that broke it.
            return step(graph, parent, verdicts, weights, at_once)
    untold = tuple(parent for parent in parents if parent not in verdicts)
    return Try(untold, 1, len(untold), deciding=True) if untold else Found(suspect)


def _candidates(graph: Graph, bad: str, verdicts: Mapping[str, Verdict]) -> list[str]:
    """The ancestors of the bad commit that no good commit has among its own, parents first."""
    reached = _ancestors(graph, bad)
    goods = [commit for commit, verdict in verdicts.items() if verdict == "good" and commit in graph and commit != bad]
    cleared: set[str] = set()
    for good in goods:
        if good in cleared:
            continue
        behind = _ancestors(graph, good, beyond=cleared)
        # One that has the bad commit behind it is where that was mended, and says nothing of what is before.
        if bad not in behind:
            cleared |= behind
    return [commit for commit in graph if commit in reached and commit not in cleared]


def _ancestors(
    graph: Graph, commit: str, within: Collection[str] | None = None, beyond: Collection[str] = ()
) -> set[str]:
    """The commit and those before it, of `within` alone; those of `beyond` are not entered."""
    found = {commit}
    ahead = [commit]
    while ahead:
        for parent in graph[ahead.pop()]:
            if (
                parent in found
                or parent not in graph
                or parent in beyond
                or (within is not None and parent not in within)
            ):
                continue
            found.add(parent)
            ahead.append(parent)
    return found


def _chosen(
    graph: Graph,
    candidates: Sequence[str],
    weights: Sequence[float],
    closed: Collection[str],
    skipped: Collection[str],
    count: int,
    pending: Collection[str],
) -> tuple[str, ...]:
    """The commits whose verdicts tell most; `closed` are those that need none."""
    if not count:
        return ()
    behind = _behind(graph, candidates, weights)
    total = math.fsum(weights)
    positions = [at for at, commit in enumerate(candidates) if commit not in closed]
    testable = _testable(candidates, skipped)
    if count == 1 and not pending:
        if not skipped and len(set(weights)) == 1:
            return (candidates[_halfway(positions, behind, len(candidates), weights[0])],)
        best = max(positions, key=lambda at: (testable[at] * _bits(behind[at] / total), -at))
        return (candidates[best],)
    by_share = [
        max(positions, key=lambda at, share=share: (testable[at] * -abs(behind[at] / total - share), -at))  # type: ignore[misc]
        for share in (number / (count + len(pending) + 1) for number in range(1, count + len(pending) + 1))
    ]
    chosen = tuple(dict.fromkeys(candidates[at] for at in by_share))
    return _filled(graph, candidates, weights, chosen, [candidates[at] for at in positions], count, pending)


def _halfway(positions: Sequence[int], behind: Sequence[float], count: int, weight: float) -> int:
    """As git chooses where all weigh the same: the first that is near enough to the middle, or the nearest."""
    sizes = {at: round(behind[at] / weight) for at in positions}
    off = {at: abs(2 * size - count) for at, size in sizes.items()}
    for at in positions:
        if sizes[at] > 1 and (off[at] <= 1 or off[at] < count // _NEARLY):
            return at
    return min(positions, key=lambda at: (off[at], at))


def _filled(
    graph: Graph,
    candidates: Sequence[str],
    weights: Sequence[float],
    chosen: tuple[str, ...],
    offered: Sequence[str],
    count: int,
    pending: Collection[str],
) -> tuple[str, ...]:
    """The chosen ones in the order of what they tell, with more of them where shares of branches fell together."""
    within = set(candidates)
    cells = [dict(zip(candidates, weights, strict=True))]
    for each in pending:
        cells = _parted(cells, _ancestors(graph, each, within))
    told: list[str] = []
    while len(told) < count:
        split = {each: _ancestors(graph, each, within) for each in chosen if each not in told}
        if not split:
            rest = [each for each in offered if each not in told]
            # The few that stand at even distances are as telling as all of them.
            split = {each: _ancestors(graph, each, within) for each in rest[:: max(1, len(rest) // 32)]}
        best = max(split, key=lambda each: _entropy(_split(cells, split[each])))
        told.append(best)
        cells = _parted(cells, split[best])
    return tuple(told)


def _parted(cells: Iterable[Mapping[str, float]], behind: Collection[str]) -> list[dict[str, float]]:
    """Each cell in two: what is behind a commit, and what is not."""
    return [
        part
        for cell in cells
        for part in (
            {each: weight for each, weight in cell.items() if each in behind},
            {each: weight for each, weight in cell.items() if each not in behind},
        )
        if part
    ]


def _split(cells: Iterable[Mapping[str, float]], behind: Collection[str]) -> list[float]:
    """The weights of the cells, each parted in two."""
    parted: list[float] = []
    for cell in cells:
        inside = math.fsum(weight for commit, weight in cell.items() if commit in behind)
        parted += [inside, math.fsum(cell.values()) - inside]
    return parted


def _behind(graph: Graph, candidates: Sequence[str], weights: Sequence[float]) -> list[float]:
    """For each candidate, the weight of it and of the candidates before it."""
    position = {commit: at for at, commit in enumerate(candidates)}
    parents = [[position[each] for each in dict.fromkeys(graph[commit]) if each in position] for commit in candidates]
    children = [0] * len(candidates)
    for each in parents:
        for parent in each:
            children[parent] += 1
    alike: dict[float, int] = {}
    for at, weight in enumerate(weights):
        alike[weight] = alike.get(weight, 0) | 1 << at
    sets: dict[int, int] = {}
    sums: list[float] = []
    for at, before in enumerate(parents):
        bits = 1 << at
        for parent in before:
            bits |= sets[parent]
            children[parent] -= 1
            if not children[parent]:
                del sets[parent]
        if children[at]:
            sets[at] = bits
        if len(before) < 2:
            sums.append(weights[at] + (sums[before[0]] if before else 0))
        else:
            sums.append(math.fsum(weight * (bits & mask).bit_count() for weight, mask in alike.items()))
    return sums


def _testable(candidates: Sequence[str], skipped: Collection[str]) -> list[float]:
    """How likely each gets a verdict: the neighbours of a skipped commit are often as broken as it is."""
    if not skipped:
        return [1.0] * len(candidates)
    far = len(candidates)
    distance = [far] * len(candidates)
    for positions in (range(len(candidates)), range(len(candidates) - 1, -1, -1)):
        since = far
        for at in positions:
            since = 0 if candidates[at] in skipped else since + 1
            distance[at] = min(distance[at], since)
    half = far / _WARY + 1
    return [1 - 0.5 ** (each / half) for each in distance]


def _bits(share: float) -> float:
    """What a yes or no tells that is yes with this probability."""
    if not 0 < share < 1:
        return 0
    return -share * math.log2(share) - (1 - share) * math.log2(1 - share)


def _entropy(weights: Iterable[float]) -> float:
    parts = [weight for weight in weights if weight > 0]
    total = math.fsum(parts)
    return -math.fsum(part / total * math.log2(part / total) for part in parts) if total else 0
