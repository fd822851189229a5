"""snapshot: any object as the JSON tree that it is at this moment, bounded in size, depth and time.

Of a value, only what lies there is looked at: nothing is loaded, consumed, evaluated or called. Containers are read
through the methods of the built-in types, in one step, so that a thread that changes them meanwhile does no harm.
A mapping or sequence that is not made of a built-in one is an object like any other: it may be lazy or without end.
"""

from collections.abc import Iterable
from typing import Any, Final

from flux_ls.record.redaction.keys import Verdict
from flux_ls.record.redaction.texts import is_suspect
from flux_ls.record.redaction.trees import Tree, redact_pair, redact_texts
from flux_ls.record.values.names import PLAIN_NAMES, is_secret, written
from flux_ls.record.values.secret import redacted_value
from flux_ls.record.values.walk import QUICK_NODES, SHORTEST, SMALLEST_CARD, Captured, Walk

VALUE_BUDGET: Final = 4096
"""Characters of JSON, about."""
_QUICK_DEPTH: Final = 6


def snapshot(value: object, budget: int = VALUE_BUDGET) -> Tree:
    """The value as it is now, without secrets. Never raises."""
    kind = type(value)
    if value is None or kind is bool or (kind is int and -SMALLEST_CARD < value < SMALLEST_CARD):  # type: ignore[operator]
        return value
    if kind is str and len(value) < budget - 2:  # type: ignore[arg-type]
        return redact_texts(value) if len(value) >= SHORTEST and is_suspect(value) else value  # type: ignore[arg-type]
    walk = Walk(budget)
    return walk.finish(_seen(value, kind, walk))


def snapshot_items(pairs: Iterable[tuple[str, object]], budget: int = VALUE_BUDGET) -> Captured:
    """Arguments or locals by name: one object. The budget is for each of them."""
    tree: dict[str, Tree] = {}
    texts: list[str] = []
    for name, value in pairs:
        key = PLAIN_NAMES.get(name)
        if key is None:
            key, judged = written(name)
            if judged is not Verdict.OPEN and is_secret(judged, value):
                tree[key] = redacted_value(judged, value)
                continue
        kind = type(value)
        if kind is str:
            if len(value) <= budget:  # type: ignore[arg-type]
                tree[key] = value
                if len(value) >= SHORTEST:  # type: ignore[arg-type]
                    texts.append(value)  # type: ignore[arg-type]
                continue
        elif value is None or kind is bool or (kind is int and -SMALLEST_CARD < value < SMALLEST_CARD):  # type: ignore[operator]
            tree[key] = value
            continue
        walk = Walk(budget)
        tree[key] = walk.finish(_seen(value, kind, walk))
    if texts and is_suspect(texts[0] if len(texts) == 1 else "\n".join(texts)):
        tree = redact_texts(tree)
    return Captured(tree)


def _seen(value: Any, kind: type, walk: "Walk") -> Tree:
    if kind is dict or kind is list:
        # Most are small and made of nothing else: it is tried without counting what each part takes.
        try:
            tree = _quick_items(value, 0, walk) if kind is dict else _quick_elements(value, 0, walk)
            walk.used += walk.nodes * 8 + sum(map(len, walk.texts))
            if walk.used <= walk.budget:
                return tree
        except _NotQuick:
            pass
        walk.used = walk.nodes = 0
        walk.texts = []
    return walk.value(value, 0)


class _NotQuick(Exception):
    """A value is larger or deeper than most."""


def _quick_items(value: dict[Any, Any], depth: int, walk: "Walk") -> Tree:
    walk.nodes += len(value)
    if walk.nodes > QUICK_NODES or depth > _QUICK_DEPTH:
        raise _NotQuick
    tree: dict[str, Tree] = {}
    known = PLAIN_NAMES.get
    text = walk.texts.append
    for name, part in list(value.items()):
        if type(name) is not str or (key := known(name)) is None:
            key, judged = written(name)
            if judged is not Verdict.OPEN and is_secret(judged, part):
                tree[key] = redacted_value(judged, part)
                continue
            if type(name) is not str:
                raise _NotQuick  # two keys may look alike
        kind = type(part)
        if kind is str:
            tree[key] = part
            text(part)
        elif part is None or kind is bool:
            tree[key] = part
        elif kind is dict:
            tree[key] = _quick_items(part, depth + 1, walk)
        elif kind is list:
            tree[key] = _quick_elements(part, depth + 1, walk)
        elif (kind is int and -SMALLEST_CARD < part < SMALLEST_CARD) or (kind is float and part - part == 0.0):
            tree[key] = part
        else:
            tree[key] = walk.value(part, depth + 1)
    return redact_pair(tree) if "value" in tree else tree


def _quick_elements(value: list[Any], depth: int, walk: "Walk") -> Tree:
    walk.nodes += len(value)
    if walk.nodes > QUICK_NODES or depth > _QUICK_DEPTH:
        raise _NotQuick
    tree = value.copy()
    text = walk.texts.append
    for at, part in enumerate(tree):
        kind = type(part)
        if kind is str:
            text(part)
        elif part is None or kind is bool or (kind is int and -SMALLEST_CARD < part < SMALLEST_CARD):
            pass
        elif kind is dict:
            tree[at] = _quick_items(part, depth + 1, walk)
        elif kind is list:
            tree[at] = _quick_elements(part, depth + 1, walk)
        else:
            tree[at] = walk.value(part, depth + 1)
    return redact_pair(tree) if len(tree) == 2 else tree
