"""encode: the trees of a span as JSON texts, within the budget of the span."""

from collections.abc import Mapping
from typing import Final

import msgspec

from flux_ls.record.redaction.trees import Tree
from flux_ls.record.values.fit import fit, shares
from flux_ls.record.values.walk import Captured
from flux_ls.record.wire import CUT, UNREADABLE

SPAN_BUDGET: Final = 32768
"""Bytes of JSON."""

_encode = msgspec.json.Encoder().encode


def encode(trees: Mapping[str, Captured], span_budget: int = SPAN_BUDGET) -> dict[str, str]:
    """JSON texts by name, together within the budget: small ones whole, big ones cut. Never raises."""
    return {name: text.decode() for name, text in encoded(trees, span_budget).items()}


def encoded(trees: Mapping[str, Captured], span_budget: int = SPAN_BUDGET) -> dict[str, bytes]:
    """The same in UTF-8."""
    texts = {name: text_of(captured.tree) for name, captured in trees.items()}
    if sum(map(len, texts.values())) > span_budget:
        sizes = [len(text) for text in texts.values()]
        for (name, text), share in zip(list(texts.items()), shares(sizes, span_budget), strict=True):
            if len(text) > share:
                texts[name] = _within(trees[name].tree, len(text), share)
    return texts


def _within(tree: Tree, size: int, budget: int) -> bytes:
    room = budget
    for _ in range(4):
        text = text_of(fit(tree, room))
        if len(text) <= budget:
            return text
        room = max(0, room * budget // len(text) - 16)
    return text_of({CUT: "", "length": size})


def text_of(tree: Tree) -> bytes:
    """The JSON of a tree, in UTF-8. Never raises."""
    try:
        return _encode(tree)
    except Exception:
        # Half of a surrogate pair, most often.
        try:
            return _encode(_encodable(tree))
        except Exception as error:
            return _encode({UNREADABLE: type(error).__name__})


def _encodable(tree: Tree) -> Tree:
    if type(tree) is str:
        return tree.encode("utf-8", "backslashreplace").decode()
    if type(tree) is dict:
        return {_encodable(key): _encodable(value) for key, value in tree.items()}
    if type(tree) is list:
        return [_encodable(value) for value in tree]
    return tree
