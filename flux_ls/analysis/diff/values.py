"""Two JSON values compared: what was added, removed, changed or moved, by path.

Items of a list are told apart by what identifies them, or else by what they say, so that one inserted item does not
make all others differ.
"""

import re
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from flux_ls.analysis.diff.paths import Path
from flux_ls.analysis.diff.sequences import Pair, aligned, gaps, rising

IDENTITIES = ("id", "_id", "uuid", "guid", "pk", "key", "sku", "code", "slug", "email", "name", "path", "title")
"""Keys by which items of a list are told apart, the surest first."""
DEEPEST = 100
"""Values nested deeper are compared as a whole."""
_ID = re.compile(
    r"(?<![\w-])(?:\d+|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|(?=[a-f]*\d)[0-9a-f]{16,})(?![\w-])"
)
_SIMILAR_CELLS = 900
_SIMILAR = 0.3
_NAMED_ID = re.compile(r'"(?:\w{0,40}_)?(?:id|pk|key|uuid)": ?(?:\d+|"[^"\\]*")')
_ID_LENGTH, _ID_DIGITS = 8, 5
_WORD_WITH_DIGIT = re.compile(r"(?<![\w.-])(?:[^\W\d]|[.-])*+\d[\w.-]*")


class Change(Struct, frozen=True):
    """One difference. `path` is where the value is afterwards, of something removed where it was before.

    Of something that moved within its list, `before` and `after` are its positions.
    """

    change: Literal["added", "removed", "changed", "moved"]
    path: Path
    before_path: Path
    before: Any = None
    after: Any = None


def changes(before: Any, after: Any, path: Path = (), before_path: Path | None = None) -> list[Change]:
    """The differences in the order of the values; none when they are equal. 1 and 1.0 are equal, 1 and true are not."""
    found: list[Change] = []
    _compare(before, after, path, path if before_path is None else before_path, found)
    return found


def masked(text: str) -> str:
    """The text with every word that has a digit taken out: what stays when ids, numbers and times vary."""
    return _WORD_WITH_DIGIT.sub("#", text)


def steady(text: str) -> str:
    """The text without what is likely to be an id or a time; other numbers stay."""
    return _WORD_WITH_DIGIT.sub(_steadied, _NAMED_ID.sub('"id":#', text))


def _steadied(match: re.Match[str]) -> str:
    word = match[0]
    return "#" if len(word) >= _ID_LENGTH or (len(word) >= _ID_DIGITS and word.isdecimal()) else word


def without_ids(name: str) -> str:
    """A name with the ids in it taken out: `GET /users/42` is `GET /users/#`, `step_2` is `step_2`."""
    return _ID.sub("#", name)


def canonical(value: Any) -> str:
    """The value as JSON text; equal for equal values."""
    try:
        return msgspec.json.encode(value, order="deterministic").decode("utf-8", "replace")
    except UnicodeEncodeError:
        return repr(value)


def _compare(before: Any, after: Any, path: Path, was: Path, found: list[Change]) -> None:
    if before is after:
        return
    if type(before) is dict and type(after) is dict and len(path) < DEEPEST:
        for key, value in before.items():
            if key not in after:
                found.append(Change("removed", (*was, key), (*was, key), value))
            else:
                _compare(value, after[key], (*path, key), (*was, key), found)
        for key, value in after.items():
            if key not in before:
                found.append(Change("added", (*path, key), (*was, key), None, value))
    elif type(before) is list and type(after) is list and len(path) < DEEPEST:
        _compare_lists(before, after, path, was, found)
    elif not _equal(before, after):
        found.append(Change("changed", path, was, before, after))


def _equal(before: Any, after: Any) -> bool:
    if isinstance(before, bool) or isinstance(after, bool):
        return before is after
    if isinstance(before, (dict, list)):
        return type(before) is type(after) and canonical(before) == canonical(after)
    return bool(before == after)


def _compare_lists(before: list[Any], after: list[Any], path: Path, was: Path, found: list[Change]) -> None:
    pairs = pair_items(before, after)
    counterparts, kept = dict(pairs), {b for _, b in pairs}
    in_order = {pairs[at][0] for at in rising([b for _, b in pairs])}
    for a, item in enumerate(before):
        if a not in counterparts:
            found.append(Change("removed", (*was, a), (*was, a), item))
    for a, b in sorted(pairs, key=lambda pair: pair[1]):
        if a not in in_order:
            found.append(Change("moved", (*path, b), (*was, a), a, b))
        _compare(before[a], after[b], (*path, b), (*was, a), found)
    for b, item in enumerate(after):
        if b not in kept:
            found.append(Change("added", (*path, b), (*was, b), None, item))


def pair_items(before: list[Any], after: list[Any]) -> list[Pair]:
    """Which items of two lists stand for each other, sorted by the first list's positions."""
    key = _identity(before, after)
    if key is not None:
        places = {item[key]: b for b, item in enumerate(after)}
        pairs = [(a, places[item[key]]) for a, item in enumerate(before) if item[key] in places]
        ends = (0, len(before), 0, len(after))
        fixed = [pairs[at] for at in rising([b for _, b in pairs])]
        free = set(range(len(before))) - {a for a, _ in pairs}, set(range(len(after))) - {b for _, b in pairs}
        # The others may be the same items with new ids.
        for i, i_end, j, j_end in gaps(fixed, ends):
            ours, theirs = [a for a in range(i, i_end) if a in free[0]], [b for b in range(j, j_end) if b in free[1]]
            texts = _masked_items(before, ours), _masked_items(after, theirs)
            pairs += [(ours[a], theirs[b]) for a, b in aligned([texts])]
        return sorted(pairs)
    exact = [canonical(item) for item in before], [canonical(item) for item in after]
    pairs = aligned([exact, ([*map(masked, exact[0])], [*map(masked, exact[1])])])
    for gap in list(gaps(pairs, (0, len(before), 0, len(after)))):
        pairs += _similar(before, after, gap)
    return sorted(pairs + _moved(exact[0], exact[1], pairs))


def _masked_items(items: list[Any], places: Sequence[int]) -> list[str]:
    return [masked(canonical(items[at])) for at in places]


def _identity(before: list[Any], after: list[Any]) -> str | None:
    """A key that every item has, that no two items of a list share, and that finds some items again."""
    if not before or not after or not (type(before[0]) is dict and type(after[0]) is dict):
        return None
    for key in IDENTITIES:
        if key in before[0] and key in after[0]:
            ours, theirs = _identities(before, key), _identities(after, key)
            if ours is not None and theirs is not None and not ours.isdisjoint(theirs):
                return key
    return None


def _identities(items: list[Any], key: str) -> set[Any] | None:
    values = [item.get(key) for item in items if type(item) is dict]
    if len(values) != len(items) or not all(type(value) in (str, int) for value in values):
        return None
    found = set(values)
    return found if len(found) == len(items) else None


def _similar(before: list[Any], after: list[Any], gap: tuple[int, int, int, int]) -> list[Pair]:
    """Pairs of items that differ: all of them in order where they are equally many, else those that are alike."""
    i, i_end, j, j_end = gap
    if i_end - i == j_end - j:
        return list(zip(range(i, i_end), range(j, j_end), strict=True))
    if (i_end - i) * (j_end - j) > _SIMILAR_CELLS:
        return []
    scores: dict[Pair, float] = {}
    best: dict[Pair, float] = {}
    for a in range(i_end - 1, i - 1, -1):
        for b in range(j_end - 1, j - 1, -1):
            scores[a, b] = alike(before[a], after[b])
            together = scores[a, b] + best.get((a + 1, b + 1), 0.0) if scores[a, b] >= _SIMILAR else 0.0
            best[a, b] = max(together, best.get((a + 1, b), 0.0), best.get((a, b + 1), 0.0))
    pairs: list[Pair] = []
    a, b = i, j
    while a < i_end and b < j_end:
        if best[a, b] == best.get((a + 1, b), 0.0):
            a += 1
        elif best[a, b] == best.get((a, b + 1), 0.0):
            b += 1
        else:
            pairs.append((a, b))
            a, b = a + 1, b + 1
    return pairs


def alike(before: Any, after: Any) -> float:
    """How much two values have in common, from 0 to 1, by a look at their upper level."""
    if type(before) is dict and type(after) is dict:
        names = before.keys() | after.keys()
        if not names:
            return 1.0
        return sum(_weight(before[name], after[name]) for name in before.keys() & after.keys()) / len(names)
    if type(before) is list and type(after) is list:
        return 0.5
    return 1.0 if _equal(before, after) else 0.0


def _weight(before: Any, after: Any) -> float:
    return 1.0 if _equal(before, after) else 0.2


def _moved(before: list[str], after: list[str], pairs: list[Pair]) -> list[Pair]:
    """Equal items elsewhere in the list."""
    ours, theirs = {a for a, _ in pairs}, {b for _, b in pairs}
    waiting: dict[str, list[int]] = {}
    for b in range(len(after) - 1, -1, -1):
        if b not in theirs:
            waiting.setdefault(after[b], []).append(b)
    return [(a, waiting[text].pop()) for a, text in enumerate(before) if a not in ours and waiting.get(text)]
