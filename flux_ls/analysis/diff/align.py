"""Which spans of two requests stand for each other: their trees aligned, whatever was added, dropped or moved.

From the entry downwards, the children of two counterparts are aligned as sequences by what they did and with what. What
finds no counterpart so is looked for where its parent came or went; only then is a name enough, in the same place; last
it is looked for anywhere. Each finding is the beginning of more below it.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence

from msgspec import Struct

from flux_ls.analysis.diff.names import words
from flux_ls.analysis.diff.sequences import Pair, aligned, gaps, rising
from flux_ls.analysis.diff.side import Keys, Side, Texts
from flux_ls.record import wire

_ALIKE_CELLS = 400
_EXACT = ("whole", "own_and_vague_whole", "own_if_telling")
_WITHOUT_IDS = ("steady_whole", "steady_and_vague_whole", "vague_whole", "steady_if_telling")
_SURE = (*_EXACT, *_WITHOUT_IDS)
_WEAK = ("vague", "shape", "label")
_ROUNDS = 8
"""After so many rounds, names are enough everywhere: a deep trace must not take a round for each level."""


class Alignment(Struct, frozen=True):
    """Counterparts by index, in both directions; `moved` are the indices in `before` that stand elsewhere after."""

    counterpart: dict[int, int]
    origin: dict[int, int]
    moved: frozenset[int]
    """To another parent."""
    reordered: frozenset[int]
    """To another place below the same parent."""


def align(before: Side, after: Side) -> Alignment:
    """The same whichever of the two comes first."""
    if _order(after) < _order(before):
        found = _Aligner(after, before).run()
        pairs = [(a, b) for b, a in found.items()]
    else:
        pairs = list(_Aligner(before, after).run().items())
    pairs.sort()
    counterpart = dict(pairs)
    origin = {b: a for a, b in pairs}
    moved, reordered = _movements(before, after, counterpart, origin)
    return Alignment(counterpart, origin, frozenset(moved), frozenset(reordered))


def _order(side: Side) -> tuple[int, str]:
    return len(side.spans), side.spans[0].trace_id


class _Aligner:
    def __init__(self, before: Side, after: Side) -> None:
        self.before, self.after = before, after
        numbered: dict[object, int] = {}
        texts: Texts = {}
        self.ours, self.theirs = Keys(before, numbered, texts), Keys(after, numbered, texts)
        self.counterpart: dict[int, int] = {}
        self.taken: set[int] = set()
        self.levels: tuple[str, ...] = _SURE

    def run(self) -> dict[int, int]:
        self._descend([(0, 0)])
        for step in range(4 * _ROUNDS):
            if self._near() or self._weakly() or self._by_name() or self._anywhere() or self._renamed():
                self.levels = _SURE if step < _ROUNDS else (*_SURE, *_WEAK)
                continue
            break
        return self.counterpart

    def _descend(self, pairs: Iterable[Pair]) -> bool:
        """Makes spans counterparts, and what is below them as far as it is alike; whether there was anything to do."""
        waiting = list(pairs)
        done = False
        while waiting:
            a, b = waiting.pop()
            if a not in self.counterpart and b not in self.taken:
                done = True
                self.counterpart[a] = b
                self.taken.add(b)
                waiting += self._siblings(*self._free(a, b))
        return done

    def _free(self, a: int, b: int) -> tuple[list[int], list[int]]:
        return (
            [child for child in self.before.children[a] if child not in self.counterpart],
            [child for child in self.after.children[b] if child not in self.taken],
        )

    def _siblings(self, ours: Sequence[int], theirs: Sequence[int]) -> list[Pair]:
        if not ours or not theirs:
            return []
        pairs = self._in_order(ours, theirs, self.levels)
        if len(pairs) < min(len(ours), len(theirs)):
            # A loop over ids that overlap with those of the other run pairs the wrong rounds where ids are heeded.
            others = self._in_order(ours, theirs, [level for level in self.levels if level not in _EXACT])
            if len(others) > len(pairs):
                pairs = others
        pairs = [(ours[a], theirs[b]) for a, b in pairs]
        if len(pairs) < min(len(ours), len(theirs)):
            pairs += self._crossing(ours, theirs, pairs, self.levels)
        return pairs

    def _in_order(self, ours: Sequence[int], theirs: Sequence[int], levels: Sequence[str]) -> list[Pair]:
        pairs: list[Pair] = []
        used: list[tuple[list[int], list[int]]] = []
        for level in levels:
            used.append((self._keys(self.ours, level, ours), self._keys(self.theirs, level, theirs)))
            if level == levels[0]:
                # Most often nothing is left for the vaguer keys, which cost more.
                pairs = aligned(used)
                if len(pairs) == len(ours) == len(theirs):
                    return pairs
        return aligned(used)

    def _keys(self, keys: Keys, level: str, indices: Sequence[int]) -> list[int]:
        values: list[int] = getattr(keys, level)
        return [values[index] for index in indices]

    def _crossing(
        self, ours: Sequence[int], theirs: Sequence[int], pairs: Iterable[Pair], levels: Sequence[str]
    ) -> list[Pair]:
        """Siblings that changed places."""
        matched = dict(pairs)
        taken = set(matched.values())
        rest = [a for a in ours if a not in matched], [b for b in theirs if b not in taken]
        found: list[Pair] = []
        for level in levels:
            found += self._equal(level, *rest, only_unique=level in ("shape", "label"))
            gone, taken = {a for a, _ in found}, {b for _, b in found}
            rest = [a for a in rest[0] if a not in gone], [b for b in rest[1] if b not in taken]
            if not rest[0] or not rest[1]:
                break
        return found

    def _near(self) -> bool:
        """Spans whose parent came or went, recognised by what they did below the same span further up."""
        done = False
        for level in _SURE:
            rest = self._rest()
            if not rest[0] or not rest[1]:
                break
            done |= self._descend(self._equal(level, *rest, only_unique=False, families=self._families(*rest)))
        return done

    def _weakly(self) -> bool:
        """Children of counterparts that have the name in common, in order; then those that changed places."""
        found: list[Pair] = []
        for mine, other, gap in self._open_gaps():
            found += [(mine[a], other[b]) for a, b in self._in_order(mine, other, _WEAK)] if gap else []
        if self._descend(found):
            return True
        return self._descend(
            pair for mine, other, gap in self._open_gaps() if not gap for pair in self._crossing(mine, other, (), _WEAK)
        )

    def _anywhere(self) -> bool:
        """Spans that hang below quite another parent now: recognised by what they did, if that is unmistakable."""
        done = False
        for level in _SURE:
            rest = self._rest()
            if not rest[0] or not rest[1]:
                break
            alone = {*self._equal(level, *rest, only_unique=True)}
            done |= self._descend(
                (a, b)
                for a, b in self._equal(level, *rest, only_unique=False)
                if (a, b) in alone or (self.before.children[a] and self.after.children[b])
            )
        return done

    def _families(self, ours: Iterable[int], theirs: Iterable[int]) -> tuple[dict[int, int], dict[int, int]]:
        """Of each span the nearest span above it that has a counterpart, by its index afterwards."""
        nearest = _nearest(self.before, self.counterpart), _nearest(self.after, self.taken)
        return {a: self.counterpart[nearest[0][a]] for a in ours}, {b: nearest[1][b] for b in theirs}

    def _by_name(self) -> bool:
        """Spans whose parent came or went, below the same span further up: there, name and order are enough."""
        rest = self._rest()
        ours, theirs = self._families(*rest)
        families: dict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        for a in rest[0]:
            families[ours[a]][0].append(a)
        for b in rest[1]:
            families[theirs[b]][1].append(b)
        return self._descend(
            [
                (mine[x], other[y])
                for mine, other in families.values()
                if mine and other
                for x, y in self._in_order(mine, other, ("shape", "label"))
            ]
        )

    def _rest(self) -> tuple[list[int], list[int]]:
        return (
            [a for a in range(len(self.before.spans)) if a not in self.counterpart],
            [b for b in range(len(self.after.spans)) if b not in self.taken],
        )

    def _equal(
        self,
        level: str,
        ours: Sequence[int],
        theirs: Sequence[int],
        *,
        only_unique: bool,
        families: tuple[dict[int, int], dict[int, int]] = ({}, {}),
    ) -> list[Pair]:
        """Spans with equal keys, those of one key in order; within `families` if these are given."""
        mine: dict[tuple[int, int | None], list[int]] = defaultdict(list)
        other: dict[tuple[int, int | None], list[int]] = defaultdict(list)
        for places, indices, keys, family in (
            (mine, ours, self.ours, families[0]),
            (other, theirs, self.theirs, families[1]),
        ):
            for index, key in zip(indices, self._keys(keys, level, indices), strict=True):
                places[key, family.get(index)].append(index)
        return [
            pair
            for key, indices in mine.items()
            if key in other and (not only_unique or len(indices) == len(other[key]) == 1)
            for pair in zip(indices, other[key], strict=False)
        ]

    def _renamed(self) -> bool:
        """Pairs what stands in the same place below counterparts and is alike but for the name."""
        return self._descend(
            [pair for mine, other, gap in self._open_gaps() if gap for pair in self._alike(mine, other)]
        )

    def _open_gaps(self) -> Iterator[tuple[list[int], list[int], bool]]:
        """Children of counterparts that have none, between those that have one; then (False) all of a parent's."""
        for a, b in list(self.counterpart.items()):
            mine, other = self.before.children[a], self.after.children[b]
            if all(child in self.counterpart for child in mine) or all(child in self.taken for child in other):
                continue
            places = {child: at for at, child in enumerate(other)}
            fixed = [
                (at, places[self.counterpart[child]])
                for at, child in enumerate(mine)
                if child in self.counterpart and self.counterpart[child] in places
            ]
            fixed = [fixed[at] for at in rising([at for _, at in fixed])]
            for i, i_end, j, j_end in gaps(fixed, (0, len(mine), 0, len(other))):
                ours = [child for child in mine[i:i_end] if child not in self.counterpart]
                theirs = [child for child in other[j:j_end] if child not in self.taken]
                if ours and theirs:
                    yield ours, theirs, True
            yield *self._free(a, b), False

    def _alike(self, ours: Sequence[int], theirs: Sequence[int]) -> list[Pair]:
        if len(ours) * len(theirs) > _ALIKE_CELLS:
            return []
        scored = sorted(
            (-score, abs(x - y), x + y, x, y)
            for x, a in enumerate(ours)
            for y, b in enumerate(theirs)
            if (score := self._likeness(a, b)) >= 1.0
        )
        pairs: list[Pair] = []
        for _, _, _, x, y in scored:
            if all((x < other_x and y < other_y) or (x > other_x and y > other_y) for other_x, other_y in pairs):
                pairs.append((x, y))
        return [(ours[x], theirs[y]) for x, y in pairs]

    def _likeness(self, a: int, b: int) -> float:
        """1 and more: the same work under another name."""
        one, other = self.before.spans[a], self.after.spans[b]
        if one.kind != other.kind or one.resource.service != other.resource.service:
            return 0.0
        ours, theirs = {*words(one.name)}, {*words(other.name)}
        score = 2 * len(ours & theirs) / max(len(ours | theirs), 1)
        below = [self.counterpart.get(child) for child in self.before.children[a]]
        if below:
            score += sum(child is not None and self.after.tree.parents[child] == b for child in below) / len(below)
        given = _input(self.before, a), _input(self.after, b)
        if given != (None, None):
            score += 1.0 if given[0] == given[1] else -0.5
        return score


def _input(side: Side, at: int) -> object:
    return side.spans[at].attributes.get(wire.INPUT)


def _movements(
    before: Side, after: Side, counterpart: dict[int, int], origin: dict[int, int]
) -> tuple[set[int], set[int]]:
    """Which counterparts have other parents, and which of the others changed places below theirs.

    A parent is the nearest one that both requests have: that something was put in between moves nothing.
    """
    ours = _nearest(before, counterpart)
    theirs = _nearest(after, origin)
    moved: set[int] = set()
    families: dict[int, list[int]] = defaultdict(list)
    for a in sorted(counterpart):
        b = counterpart[a]
        if (counterpart[ours[a]] if ours[a] >= 0 else -1) != theirs[b]:
            moved.add(a)
        elif ours[a] >= 0:
            families[ours[a]].append(a)
    reordered: set[int] = set()
    for family in families.values():
        kept = rising([counterpart[a] for a in family])
        if len(kept) < len(family):
            reordered.update({*family} - {family[at] for at in kept})
    return moved, reordered


def _nearest(side: Side, matched: Container[int]) -> list[int]:
    """For each span its nearest ancestor with a counterpart, -1 for none."""
    nearest = [-1] * len(side.spans)
    for at, parent in enumerate(side.tree.parents):
        if parent >= 0:
            nearest[at] = parent if parent in matched else nearest[parent]
    return nearest
