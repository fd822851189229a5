"""Contrast: what went into failing requests of one group and not into good ones of the same route.

Each condition is one question about one path of the inputs (is it None, is it missing, of which type, equal to what,
above or below what, how long), true for the request that is asked about. Of all that could be asked by chance something
always fits, so only what the exact test of Fisher finds unlikely for that many questions is told; and nothing that
merely names the request: ids, times, values that never come twice.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import pairwise
from math import exp, lgamma
from typing import Any, Final

from msgspec import Struct

from flux_ls.analysis.facts import PARTLY, Fact, Facts
from flux_ls.record.wire import REDACTED

MOST: Final = 3
_FEWEST_PASSING: Final = 5
_SEPARATION: Final = 0.4
_CHANCE: Final = 0.01
"""How likely it may be that one of all the questions asked fits by chance."""
_OF_THE_FAILING: Final = 0.3
"""A condition that holds for fewer of them is not what they have in common."""
_UNIQUE: Final = 0.8
"""Distinct values among the passing, as a part of them, from which on a value names its request."""
_EPOCH: Final = (9e8, 5e9)
_NAMES_ONE = re.compile(
    r"""(?:^|[_\W]|(?<=[a-z0-9])(?=[A-Z]))
    (?:id|ids|uuid|guid|key|token|nonce|hash|digest|etag|signature|session|email|phone|time|timestamp|date|created|
    updated|expires|at|ts|now|seq|sequence|serial|version|password|secret|csrf)$""",
    re.IGNORECASE | re.VERBOSE,
)
_NAMING_VALUE = re.compile(
    r"[0-9a-f]{16,}|[0-9a-f]{8}-[0-9a-f]{4}-.*|\d{4}-\d\d-\d\d(?:[T ].*)?|\d{9,}|(?=.*\d)(?=.*[A-Za-z])[\w-]{20,}",
    re.IGNORECASE,
)
_MISSING: Any = object()
_TYPES = {str: "a string", bool: "a boolean", int: "a number", float: "a number", type(None): "None"}
_KINDS = {"str": "a string", "list": "a list", "dict": "an object"}
_HEADS = ("body", "query", "params", "args", "kwargs", "form", "json")


class Condition(Struct, frozen=True):
    """What holds for failing requests and not for passing ones, in words and in numbers."""

    condition: str
    """`plan is None`."""
    where: str
    """What took it in: `request body`, `request query`, `create_user()`."""
    failing: int
    failing_total: int
    passing: int
    passing_total: int

    @property
    def separation(self) -> float:
        return self.failing / self.failing_total - self.passing / self.passing_total


class _Question(Struct, frozen=True):
    rank: int
    """Of two that tell as much, the plainer one first."""
    words: str
    holds: Callable[[Any], bool]
    names: bool = False
    """It speaks of the very value, which may be one that only names the request."""


def contrast(
    own: Facts, failing: Sequence[Facts], passing: Sequence[Facts], places: Iterable[str] | None = None
) -> tuple[Condition, ...]:
    """At most three conditions, the one that tells failing and passing apart best first.

    `own` are the facts of the request that is asked about, `places` those whose inputs may have led to its failure:
    what a function was called with afterwards only follows from it.
    """
    allowed = set(own) if places is None else set(places)
    asked = 0
    found: list[tuple[tuple[object, ...], Condition, str]] = []
    order = 0
    for place, paths in _paths(own, failing, passing, allowed).items():
        mine_there, here_there, passing_there = (_reached(side, place) for side in ((own,), failing, passing))
        if not mine_there or len(here_there) < 2 or len(passing_there) < _FEWEST_PASSING:
            continue
        for path in paths:
            order += 1
            mine = _column(mine_there, path).values
            here, there = _column(here_there, path), _column(passing_there, path)
            if not mine or len(here.values) < 2 or len(there.values) < _FEWEST_PASSING:
                continue
            for question in _questions(mine[0], here, there):
                asked += 1
                condition = _judged(question, place, path, here, there)
                if condition is not None and not (question.names and _names_one(path, here, there)):
                    found.append(((-round(condition.separation, 3), question.rank, order), condition, path))
    found.sort(key=lambda each: each[0])
    likely = [each for each in found if _by_chance(each[1]) * asked <= _CHANCE]
    return tuple(_different(likely))


class _Column:
    """What several requests have at one path, the latest first; every different value once with its count."""

    def __init__(self, values: list[Fact]) -> None:
        self.values = values

    @cached_property
    def counted(self) -> list[tuple[Fact, int]]:
        # With its type: True is no 1 here.
        keyed = [(type(value), tuple(value) if isinstance(value, list) else value) for value in self.values]
        return [
            (list(value) if isinstance(value, tuple) else value, count) for (_, value), count in Counter(keyed).items()
        ]

    def holding(self, question: "_Question") -> int:
        return sum(count for value, count in self.counted if question.holds(value))


def _paths(
    own: Facts, failing: Sequence[Facts], passing: Sequence[Facts], allowed: set[str]
) -> dict[str, dict[str, Fact]]:
    """The paths to ask about by place, those of the request itself first: the others are missing in it."""
    seen: dict[str, dict[str, Fact]] = {}
    for facts in (own, *failing, *passing):
        for place, of_place in facts.items():
            if place in allowed and place != PARTLY:
                seen.setdefault(place, {}).update(of_place)
    return seen


def _reached(requests: Iterable[Facts], place: str) -> list[tuple[dict[str, Fact], bool]]:
    """What went into a place in each request that came that far, and whether that is all of it."""
    return [(facts[place], PARTLY not in facts) for facts in requests if place in facts]


def _column(reached: list[tuple[dict[str, Fact], bool]], path: str) -> _Column:
    """What is there; nothing at all where only a part is known, or where something else stands in its place."""
    values = [of_place.get(path, _MISSING) for of_place, _ in reached]
    if any(value is _MISSING for value in values):
        parents = _parents(path)
        values = [
            value
            for value, (of_place, whole) in zip(values, reached, strict=True)
            if value is not _MISSING or (whole and not any(parent in of_place for parent in parents))
        ]
    return _Column(values)


def _parents(path: str) -> list[str]:
    """`user.name` is not missing where `user` is None: that has no fields."""
    return [path[: match.start()] for match in re.finditer(r"[.\[]", path) if match.start()]


def _questions(mine: Fact, here: _Column, there: _Column) -> Iterator[_Question]:
    if mine is _MISSING:
        yield _Question(1, "is missing", lambda value: value is _MISSING)
        return
    if mine is None:
        yield _Question(0, "is None", lambda value: value is None)
        return
    if isinstance(mine, str) and REDACTED in mine:
        yield _Question(2, "is there", lambda value: value is not _MISSING)
        return
    length = _length(mine)
    if length == 0:
        yield _Question(2, "is empty", lambda value: _length(value) == 0)
    kind = _kind(mine)
    yield _Question(3, f"is {kind}", lambda value: _kind(value) == kind)
    if isinstance(mine, str | bool | int) and mine != "":
        same = type(mine)
        # Where the others have nothing there, being a string tells less than being that one.
        others = (_kind(value) for value, _ in there.counted if value is not None and value is not _MISSING)
        rank = 2 if all(other == kind for other in others) else 4
        yield _Question(rank, f"is {_literal(mine)}", lambda value: value == mine and type(value) is same, names=True)
    if isinstance(mine, int | float) and not isinstance(mine, bool):
        if not _is_time(mine):
            yield from _thresholds("", mine, here, there, _amount)
    elif length and not isinstance(mine, bool):
        yield from _thresholds("length ", length, here, there, _length)


def _thresholds(
    of: str, mine: float, here: _Column, there: _Column, measure: Callable[[Fact], float | None]
) -> Iterator[_Question]:
    """Above the largest and below the smallest that all of the passing have, or nearly all.

    More than one value of the failing has to be beyond: of a single one it says more that it is that.
    """
    passing = sorted((amount, count) for value, count in there.counted if (amount := measure(value)) is not None)
    rank = 6 if of else 5

    def beyond(limit: float, sign: int) -> Callable[[Any], bool]:
        return lambda value: (amount := measure(value)) is not None and (amount - limit) * sign > 0

    different = [amount for value, _ in here.counted if (amount := measure(value)) is not None]
    for spared in sorted({0, len(there.values) // 50}) if passing else ():
        least, most = _beyond(passing, spared), _beyond(reversed(passing), spared)
        if mine > most and sum(amount > most for amount in different) > 1:
            yield _Question(rank, f"{of}is over {most:g}", beyond(most, 1), names=not of)
        if mine < least and sum(amount < least for amount in different) > 1:
            yield _Question(rank, f"{of}is under {least:g}", beyond(least, -1), names=not of)


def _beyond(amounts: Iterable[tuple[float, int]], spared: int) -> float:
    """The first amount that more than `spared` do not go beyond."""
    beyond = 0
    for amount, count in amounts:
        beyond += count
        if beyond > spared:
            return amount
    raise ValueError("there are no more than are spared")


def _judged(question: _Question, place: str, path: str, here: _Column, there: _Column) -> Condition | None:
    failing = here.holding(question)
    if failing < 2 or failing < _OF_THE_FAILING * len(here.values):
        return None
    name, where = _named(place, path)
    words = f"length of {name} {question.words[7:]}" if question.words.startswith("length ") else None
    condition = Condition(
        condition=words or f"{name} {question.words}",
        where=where,
        failing=failing,
        failing_total=len(here.values),
        passing=there.holding(question),
        passing_total=len(there.values),
    )
    return condition if condition.separation >= _SEPARATION else None


def _by_chance(condition: Condition) -> float:
    return fisher(
        condition.failing,
        condition.failing_total - condition.failing,
        condition.passing,
        condition.passing_total - condition.passing,
    )


@lru_cache(maxsize=4096)
def fisher(a: int, b: int, c: int, d: int) -> float:
    """How likely `a` or more of `a + b` are, when it makes no difference which of all `a + b + c + d` they are."""
    row, column, total = a + b, a + c, a + b + c + d
    whole = _log_choose(total, column)
    chance = sum(
        exp(_log_choose(row, k) + _log_choose(total - row, column - k) - whole)
        for k in range(a, min(row, column) + 1)
        if column - k <= total - row
    )
    return min(chance, 1.0)


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def _different(found: Iterable[tuple[tuple[object, ...], Condition, str]]) -> Iterator[Condition]:
    """One of each value: what comes in is handed from function to function, and says the same each time."""
    said: set[tuple[str, int, int]] = set()
    leaves: set[tuple[str, str]] = set()
    kept = 0
    for _, condition, path in found:
        leaf = path.rpartition(".")[2]
        same = (leaf, condition.failing, condition.passing)
        if kept == MOST:
            return
        if same in said or (path, condition.where) in leaves:
            continue
        said.add(same)
        leaves.add((path, condition.where))
        kept += 1
        yield condition


def _named(place: str, path: str) -> tuple[str, str]:
    """What a person calls it, and where it came in."""
    if not place.startswith("@"):
        return path, f"{place}()"
    head, _, rest = path.partition(".")
    if rest and head in _HEADS:
        return rest, f"request {head}"
    if rest and head == "headers":
        return f"header {rest}", "request"
    return path, "request"


def _names_one(path: str, here: _Column, there: _Column) -> bool:
    """Whether a value tells which request it is, or when, and not what it is like."""
    if _NAMES_ONE.search(path.rpartition(".")[2]):
        return True
    texts = {value for column in (here, there) for value, _ in column.counted if isinstance(value, str)}
    if texts and sum(1 for text in texts if _NAMING_VALUE.fullmatch(text)) * 2 > len(texts):
        return True
    numbers = [value for value in there.values if isinstance(value, int) and not isinstance(value, bool)]
    if len(numbers) >= _FEWEST_PASSING and all(later > earlier for later, earlier in pairwise(numbers)):
        return True  # The latest come first: somebody counts up.
    counts = [count for value, count in there.counted if isinstance(value, str)]
    return sum(counts) >= 10 and len(counts) > _UNIQUE * sum(counts)


def _is_time(value: float) -> bool:
    return any(_EPOCH[0] * scale <= abs(value) <= _EPOCH[1] * scale for scale in (1, 1e3, 1e6, 1e9))


def _amount(value: Fact) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _length(value: Fact) -> int | None:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, list) and len(value) == 2 and isinstance(value[1], int):
        return value[1]
    return None


def _kind(value: Fact) -> str | None:
    if value is _MISSING:
        return None
    if isinstance(value, list):
        return _KINDS.get(str(value[0]), str(value[0])) if value else None
    return _TYPES.get(type(value))


def _literal(value: Fact) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
