"""fit: a tree made smaller, so that what is small stays whole and what is big is cut, and says so."""

from collections.abc import Sequence
from typing import Final

from flux_ls.record.redaction.trees import Tree
from flux_ls.record.wire import BYTES, CUT, MORE, REDACTED

_LEAST: Final = 24
"""Characters that an element gets at least; there are fewer elements rather than smaller ones."""
_CUT_COST: Final = 30


def size_of(tree: Tree) -> int:
    """About how many characters of JSON the tree takes."""
    kind = type(tree)
    if kind is str:
        # Characters that JSON escapes or UTF-8 spreads count as they come.
        return len(tree) + 2 + (tree.count('"') + tree.count("\\") + tree.count("\n") if len(tree) > 40 else 0)
    if kind is dict:
        return 2 + sum(len(key) + 4 + size_of(value) for key, value in tree.items())
    if kind is list:
        return 2 + sum(size_of(value) + 1 for value in tree)
    return 5 if tree is None or kind is bool else len(repr(tree))


def fit(tree: Tree, budget: int) -> Tree:
    """The tree within about so many characters."""
    if size_of(tree) <= budget:
        return tree
    kind = type(tree)
    if kind is str:
        return _cut(tree, len(tree), budget)
    if kind is dict:
        if CUT in tree and type(tree[CUT]) is str:
            return _cut(tree[CUT], tree.get("length", len(tree[CUT])), budget)
        if BYTES in tree and type(tree[BYTES]) is str:
            shown = tree[BYTES][: max(0, budget - _CUT_COST) // 4 * 4]
            whole = tree.get("length", len(tree[BYTES]) * 3 // 4 - tree[BYTES].count("=", -2))
            return {BYTES: shown, "length": whole}
        return _fit_fields(tree, budget)
    if kind is list:
        return _fit_elements(tree, budget)
    return tree


def shares(sizes: Sequence[int], budget: int) -> list[int]:
    """How much each gets: the small all that they need, and the big what is left in equal parts."""
    given = [0] * len(sizes)
    left, waiting = budget, len(sizes)
    for index in sorted(range(len(sizes)), key=sizes.__getitem__):
        given[index] = min(sizes[index], left // waiting)
        left -= given[index]
        waiting -= 1
    return given


def _cut(text: str, length: int, budget: int) -> Tree:
    end = max(0, budget - _CUT_COST)
    beginning = text[:end]
    # Half a marker says nothing.
    at = beginning.rfind(REDACTED[0])
    if at >= 0 and text.startswith(REDACTED, at) and at + len(REDACTED) > end:
        beginning = text[:at]
    escaped = size_of(beginning) - len(beginning) - 2
    if escaped > end // 4:
        beginning = beginning[: max(0, end * len(beginning) // (len(beginning) + escaped))]
    return {CUT: beginning, "length": length}


def _fit_fields(tree: dict[str, Tree], budget: int) -> Tree:
    more = tree.get(MORE, 0)
    pairs = [(key, value) for key, value in tree.items() if key != MORE]
    kept = pairs[: max(1, budget // _LEAST)]
    more += len(pairs) - len(kept)
    sizes = [size_of(value) for _, value in kept]
    names = sum(len(key) + 4 for key, _ in kept) + (16 if more else 0)
    while len(kept) > 1 and names + sum(min(size, _LEAST) for size in sizes) > budget:
        names -= len(kept.pop()[0]) + 4
        sizes.pop()
        more += 1
    given = shares(sizes, max(0, budget - 2 - names))
    fitted = {
        key: value if size <= share else fit(value, share)
        for (key, value), size, share in zip(kept, sizes, given, strict=True)
    }
    if more:
        fitted[MORE] = more
    return fitted


def _fit_elements(tree: list[Tree], budget: int) -> Tree:
    if not tree:
        return tree  # no list is smaller
    more = 0
    last = tree[-1]
    if type(last) is dict and len(last) == 1 and MORE in last:
        more = last[MORE]
        tree = tree[:-1]
    sizes = [size_of(value) + 1 for value in tree]
    room = max(0, budget - 18)
    kept, least = 0, 0
    for size in sizes:
        least += min(size, 2 * _LEAST)
        if least > room and kept:
            break
        kept += 1
    more += len(tree) - kept
    given = shares(sizes[:kept], room)
    fitted = [
        value if size <= share else fit(value, share - 1)
        for value, size, share in zip(tree, sizes, given, strict=False)
    ]
    if more:
        fitted.append({MORE: more})
    return fitted
