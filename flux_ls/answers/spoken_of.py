"""Recorded variables in the order in which a line of code speaks of them: there is room for a few, and for a few of the
fields of each, and the line that failed says which of them matter."""

import re
from collections.abc import Mapping
from typing import Any

from flux_ls.record.wire import TYPE

_NAME = re.compile(r"[^\W\d]\w*")
_DEEP = 3
"""`order.customer.address`: a line rarely reaches further."""


def spoken_of_first(variables: Mapping[str, Any], text: str | None) -> dict[str, Any]:
    """The same variables, and in them the same fields; names in the line's strings, which may be keys, count too."""
    order = {name: at for at, name in enumerate(dict.fromkeys(_NAME.findall(text or "")))}
    return _ordered(variables, order, _DEEP) if order else dict(variables)


def _ordered(tree: Mapping[str, Any], order: Mapping[str, int], deep: int) -> dict[str, Any]:
    def rank(name: str) -> int:
        return -1 if name == TYPE else order.get(name.removeprefix("$$"), len(order))

    # Stable: what the line does not name stays as it was recorded.
    names = sorted(tree, key=rank)
    return {
        name: _ordered(tree[name], order, deep - 1) if deep and _is_tree(tree[name]) else tree[name] for name in names
    }


def _is_tree(value: object) -> bool:
    return isinstance(value, dict) and len(value) > 1
