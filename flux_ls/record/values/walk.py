"""The walk through one value: what it costs, how far it goes, and what stands for what it leaves out."""

from itertools import islice
from time import perf_counter
from typing import Any, Final

from flux_ls.record.redaction.keys import Verdict
from flux_ls.record.redaction.texts import is_suspect, redact_cut
from flux_ls.record.redaction.trees import Tree, is_secret_value, redact_pair, redact_texts
from flux_ls.record.values.fit import fit
from flux_ls.record.values.kinds import WIDEST, kind_of
from flux_ls.record.values.looks import LOOKS
from flux_ls.record.values.names import LONGEST, PLAIN_NAMES, is_secret, written
from flux_ls.record.values.secret import redacted_value
from flux_ls.record.wire import CUT, DEEP, FLOAT, MORE, REDACTED, REF, REPR, TYPE, UNREADABLE

SMALLEST_CARD: Final = 10**13
QUICK_NODES: Final = 256
"""Seen before anybody looks at the clock."""
DEEPEST: Final = 12
_MOST_NODES: Final = 2000
_SLOWEST_S: Final = 0.01
_INLINE: Final = 1024
"""Longer texts are looked at more closely."""
SHORTEST: Final = 5
"""No shorter text has a secret in it."""
_BIGGEST_INT: Final = 1 << 63


class Captured:
    """An attribute's value that is a tree: encoded as JSON text when it is exported."""

    __slots__ = ("tree",)

    def __init__(self, tree: Tree) -> None:
        self.tree = tree


class Walk:
    """One look at one value."""

    __slots__ = ("budget", "deadline", "inside", "nodes", "texts", "used")

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.used = 0
        self.nodes = 0
        self.deadline = 0.0
        self.inside: list[int] = []
        self.texts: list[str] = []

    def finish(self, tree: Tree) -> Tree:
        texts = self.texts
        if texts and is_suspect(texts[0] if len(texts) == 1 else "\n".join(texts)):
            tree = redact_texts(tree)
        return fit(tree, self.budget) if self.used > self.budget else tree

    def value(self, value: Any, depth: int) -> Tree:
        kind = type(value)
        if kind is str:
            return self.text(value)
        if value is None or kind is bool:
            self.used += 4
            return value
        if kind is int:
            return self.integer(value)
        if kind is dict:
            return self.items(value, depth)
        if kind is list:
            return self.elements(value[:WIDEST], list.__len__(value), value, depth)
        if kind is float:
            self.used += 12
            return value if value - value == 0.0 else {FLOAT: repr(value)}
        try:
            return self.other(value, kind, depth)
        except Exception as error:
            return {UNREADABLE: type(error).__name__}

    def text(self, value: str) -> Tree:
        length = len(value)
        self.used += length + 3
        if length > self.budget:
            return {CUT: redact_cut(value[: self.budget]), "length": length}
        if length >= SHORTEST:
            self.texts.append(value)
        return value

    def integer(self, value: int) -> Tree:
        self.used += 6
        if -SMALLEST_CARD < value < SMALLEST_CARD:
            return value
        if -_BIGGEST_INT <= value < _BIGGEST_INT:
            self.used += 12
            return REDACTED if is_secret_value(Verdict.OPEN, value) else value
        bits = value.bit_length()
        self.used += 60
        if bits <= 1024:
            return {TYPE: "int", REPR: str(value)}
        sign = "-" if value < 0 else ""
        return {TYPE: "int", REPR: f"{sign}{abs(value) >> (bits - 64):#x}…, a number of {bits} bits"}

    def spent(self, nodes: int) -> bool:
        """Whether enough was seen, given that so many are about to be."""
        self.nodes += nodes
        if self.used > 4 * self.budget or self.nodes > _MOST_NODES:
            return True
        if self.nodes > QUICK_NODES:
            now = perf_counter()
            if not self.deadline:
                self.deadline = now + _SLOWEST_S
            return now > self.deadline
        return False

    def mark(self, value: object, depth: int) -> Tree | None:
        """The mark for what is not looked into."""
        if depth >= DEEPEST:
            return {DEEP: kind_of(type(value)).type_name}
        if id(value) in self.inside:
            return {REF: kind_of(type(value)).type_name}
        return None

    def items(self, value: dict[Any, Any], depth: int) -> Tree:
        length = dict.__len__(value)
        pairs = list(dict.items(value)) if length <= WIDEST else list(islice(dict.items(value), WIDEST))
        return self.fields(value, pairs, depth, "", length)

    def fields(self, of: object, pairs: list[tuple[Any, Any]], depth: int, type_name: str, length: int) -> Tree:
        inside = self.inside
        if (depth >= DEEPEST or id(of) in inside) and (mark := self.mark(of, depth)) is not None:
            return mark
        inside.append(id(of))
        tree: dict[str, Tree] = {}
        if type_name:
            tree[TYPE] = type_name
        known, texts = PLAIN_NAMES.get, self.texts
        used, room = 0, 4 * self.budget
        seen = 0
        odd = False
        if self.spent(len(pairs)):
            pairs = []
        for name, value in pairs:
            seen += 1
            if type(name) is str and (key := known(name)) is not None:
                used += 8
            else:
                key, judged = written(name)
                used += len(key)
                odd = odd or type(name) is not str or len(name) > LONGEST
                if judged is not Verdict.OPEN and is_secret(judged, value):
                    tree[key] = redacted_value(judged, value)
                    continue
            if odd and key in tree:
                key = f"{key} ({seen})"
            kind = type(value)
            if kind is str:
                size = len(value)
                if size <= _INLINE:
                    used += size
                    tree[key] = value
                    if size >= SHORTEST:
                        texts.append(value)
                    if used > room:
                        break
                else:
                    tree[key] = self.text(value)
            elif value is None or kind is bool or (kind is int and -SMALLEST_CARD < value < SMALLEST_CARD):
                tree[key] = value
            else:
                self.used += used
                used = 0
                tree[key] = self.value(value, depth + 1)
                if self.used > room:
                    break
        self.used += used + len(type_name)
        if seen < length:
            tree[MORE] = length - seen
        inside.pop()
        return redact_pair(tree) if "value" in tree else tree

    def elements(self, values: list[Any] | tuple[Any, ...], length: int, of: object, depth: int) -> Tree:
        inside = self.inside
        if (depth >= DEEPEST or id(of) in inside) and (mark := self.mark(of, depth)) is not None:
            return mark
        inside.append(id(of))
        tree: list[Tree] = []
        texts, room = self.texts, 4 * self.budget
        if self.spent(len(values)):
            values = ()
        for value in values:
            kind = type(value)
            if kind is str and len(value) <= _INLINE:
                self.used += len(value) + 3
                tree.append(value)
                if len(value) >= SHORTEST:
                    texts.append(value)
            else:
                tree.append(self.value(value, depth + 1))
            if self.used > room:
                break
        if len(tree) < length:
            tree.append({MORE: length - len(tree)})
        inside.pop()
        return redact_pair(tree) if len(tree) == 2 else tree

    def other(self, value: Any, of: type, depth: int) -> Tree:
        if of is Captured:
            self.used += 8
            return value.tree
        kind = kind_of(of)
        self.used += len(kind.type_name) + 12
        return LOOKS[kind.family](self, value, kind, depth)
