"""Two requests compared: which spans were added, removed or changed, in what, and what became of their row changes."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from flux_ls.analysis.diff import names, noise, rows
from flux_ls.analysis.diff.align import Alignment, align
from flux_ls.analysis.diff.noise import Judge, Place, Reason, Renaming
from flux_ls.analysis.diff.paths import Path
from flux_ls.analysis.diff.sequences import rising
from flux_ls.analysis.diff.side import Side, document
from flux_ls.analysis.diff.values import Change, changes
from flux_ls.analysis.recorded import parsed
from flux_ls.model import RowChange, Span
from flux_ls.record import wire

What = Literal["added", "removed", "changed", "same"]
"""`same` may still have differences that are noise."""

_TREES = ((wire.INPUT, "input"), (wire.OUTPUT, "output"))
_EXPLAINED = 0.9


class Field(Struct, frozen=True):
    """One difference, and why it counts for nothing if it does."""

    change: Change
    reason: Reason | Literal["below"] | None = None

    @property
    def noise(self) -> bool:
        return self.reason is not None


class SpanDifference(Struct, frozen=True):
    """A span of one request or a pair of counterparts, and how deep in its tree each stands."""

    change: What
    before: Span | None
    after: Span | None
    fields: tuple[Field, ...] = ()
    depth_before: int = 0
    depth_after: int = 0
    noise: bool = False
    """Added or removed, but only because of the circumstances."""


class RowDifference(Struct, frozen=True):
    """A row change of one request or a pair of counterparts."""

    change: What
    before: RowChange | None
    after: RowChange | None
    fields: tuple[Field, ...] = ()


class Comparison(Struct, frozen=True):
    """`spans` stand in the order of the tree afterwards, what was removed where it had been."""

    spans: tuple[SpanDifference, ...]
    rows: tuple[RowDifference, ...]

    @property
    def identical(self) -> bool:
        spans = all(span.change == "same" or span.noise for span in self.spans)
        return spans and all(row.change == "same" for row in self.rows)

    @property
    def muted(self) -> int:
        """How many differences are noise."""
        told: Iterable[SpanDifference | RowDifference] = (*self.spans, *self.rows)
        return sum(field.noise for each in told for field in each.fields) + sum(span.noise for span in self.spans)


def compare(before: Sequence[Span], after: Sequence[Span]) -> Comparison:
    """Raises ValueError when one of them has no spans."""
    return _Comparing(Side(before), Side(after)).run()


class _Comparing:
    def __init__(self, before: Side, after: Side) -> None:
        self.before, self.after = before, after
        self.alignment: Alignment = align(before, after)
        self.renaming = Renaming()
        self.judge = Judge(self.renaming, before.started_ns, after.started_ns)

    def run(self) -> Comparison:
        before, after = self.before, self.after
        pairs = sorted(self.alignment.counterpart.items())
        found = {a: _differences(before.spans[a], after.spans[b]) for a, b in pairs}
        inserts = rows.pair_inserts(before.rows, after.rows, self._span_ids())
        self._learn(pairs, found, inserts)
        row_pairs = rows.pair_others(before.rows, after.rows, inserts, self.renaming)
        fields = {a: self._fields(a, changes) for a, changes in found.items()}
        self._explain_durations(fields)
        self._explain_errors(fields)
        return Comparison(
            spans=tuple(self._spans(fields)),
            rows=tuple(self._row(a, b) for a, b in row_pairs),
        )

    def _span_ids(self) -> dict[str, str]:
        ours, theirs = self.before.spans, self.after.spans
        return {ours[a].span_id: theirs[b].span_id for a, b in self.alignment.counterpart.items()}

    def _learn(
        self, pairs: Sequence[tuple[int, int]], found: dict[int, list[Change]], inserts: Sequence[tuple[int, int]]
    ) -> None:
        learn = self.renaming.learn
        for a, differences in found.items():
            for change in differences:
                if change.change == "changed":
                    learn(self._place(a, change.path), change.before, change.after)
        for one, other in inserts:
            ours, theirs = self.before.rows[one], self.after.rows[other]
            key = rows.bare_key(theirs)
            for name, value in rows.bare_key(ours).items():
                learn(Place((name,), owner=ours.table), value, key.get(name), key=True)
            columns = {column.name: rows.bare(column.after) for column in theirs.columns}
            for column in ours.columns:
                if column.name not in ours.key and column.name in columns:
                    learn(Place((column.name,), owner=ours.table), rows.bare(column.after), columns[column.name])
        self._learn_given()
        candidates = self.renaming.candidates()
        if candidates:
            self._learn_unchanged(pairs, candidates)
        self.renaming.settle()

    def _learn_given(self) -> None:
        ours, theirs = document(self.before.spans[0]), document(self.after.spans[0])
        after = dict(noise.scalars(theirs))
        for path, value in noise.scalars(ours):
            if path[0] != "name" and noise.is_given(path) and after.get(path) == value:
                self.renaming.given(self._place(0, path), value)

    def _learn_unchanged(self, pairs: Sequence[tuple[int, int]], candidates: set[str]) -> None:
        """Values that were renamed in one place and stayed in another."""
        seen: set[tuple[str, str]] = set()
        for a, b in pairs:
            theirs = self.after.spans[b].attributes
            for name, value in self.before.spans[a].attributes.items():
                if name not in theirs or theirs[name] != value or isinstance(value, bool | float):
                    continue
                text = str(value)
                if (name, text) in seen:
                    continue
                seen.add((name, text))
                if not candidates.isdisjoint(_words(text)):
                    tree = parsed(text) if name in (wire.INPUT, wire.OUTPUT) else value
                    for path, scalar in noise.scalars(tree, (name,)):
                        self.renaming.learn(Place(path), scalar, scalar)
                        if isinstance(scalar, str):
                            for word in {*_words(scalar)} & candidates:
                                self.renaming.unchanged(word)

    def _place(self, a: int, path: Path) -> Place:
        return Place(path, given=a == 0 and noise.is_given(path))

    def _fields(self, a: int, differences: list[Change]) -> list[Field]:
        b = self.alignment.counterpart[a]
        fields = [Field(change, self.judge.reason(self._place(a, change.path), change)) for change in differences]
        fields = _unordered(_follow_body(fields), self.before.spans[a], self.after.spans[b])
        if a in self.alignment.moved:
            fields.append(Field(Change("changed", ("parent",), ("parent",), *self._parents(a, b))))
        if a in self.alignment.reordered:
            places = self.before.places[a], self.after.places[b]
            at_once = a in self.before.at_once or b in self.after.at_once
            reason: Reason | None = "order" if at_once else None
            fields.append(Field(Change("changed", ("position",), ("position",), *places), reason))
        return fields

    def _parents(self, a: int, b: int) -> tuple[str | None, str | None]:
        ours, theirs = self.before.tree.parents[a], self.after.tree.parents[b]
        return (
            self.before.spans[ours].name if ours >= 0 else None,
            self.after.spans[theirs].name if theirs >= 0 else None,
        )

    def _explain_durations(self, fields: dict[int, list[Field]]) -> None:
        """A span that took longer because of one below it: that one tells."""
        change: dict[int, float] = {}
        for a, told in fields.items():
            for field in told:
                if field.change.path == ("duration_ms",):
                    change[a] = field.change.after - field.change.before
        for b, span in enumerate(self.after.spans):
            if b not in self.alignment.origin:
                change[-1 - b] = (span.end_ns - span.start_ns) / 1e6
        for a, told in fields.items():
            for at, field in enumerate(told):
                if field.change.path == ("duration_ms",) and not field.noise:
                    if self.before.spans[a].name == wire.TRANSACTION:
                        # It lasts as long as what is done in it, which need not hang below it.
                        told[at] = Field(field.change, "below")
                        continue
                    below = [change.get(child, self._lost(child)) for child in self.before.children[a]]
                    b = self.alignment.counterpart[a]
                    below += [change.get(-1 - child, 0.0) for child in self.after.children[b]]
                    if below and sum(below) * (1 if change[a] > 0 else -1) >= _EXPLAINED * abs(change[a]):
                        told[at] = Field(field.change, "below")

    def _explain_errors(self, fields: dict[int, list[Field]]) -> None:
        """An error that came up from below is told by the span that it came from, and so is that it is gone."""
        told_below: dict[int, set[tuple[str | None, str | None]]] = {}
        for a in range(len(self.before.spans) - 1, -1, -1):
            below = told_below.pop(a, set())
            error = next((field.change for field in fields.get(a, ()) if field.change.path == ("error",)), None)
            if error is not None and (error.before, error.after) in below:
                fields[a] = [
                    Field(field.change, "below") if field.change.path in (("error",), ("status",)) else field
                    for field in fields[a]
                ]
            elif error is not None:
                below = below | {(error.before, error.after)}
            parent = self.before.tree.parents[a]
            if below and parent >= 0:
                told_below.setdefault(parent, set()).update(below)

    def _lost(self, a: int) -> float:
        if a in self.alignment.counterpart:
            return 0.0
        span = self.before.spans[a]
        return (span.start_ns - span.end_ns) / 1e6

    def _spans(self, fields: dict[int, list[Field]]) -> Iterator[SpanDifference]:
        alignment, ours, theirs = self.alignment, self.before, self.after
        depths = ours.tree.depths(), theirs.tree.depths()
        pairs = sorted(alignment.counterpart.items())
        fixed = {pairs[at][1] for at in rising([b for _, b in pairs])}
        told = 0
        for b, span in enumerate(theirs.spans):
            a = alignment.origin.get(b)
            if a is None:
                # What stood in the place of a new span comes before it.
                while told < len(ours.spans) and self._gave_way(told, b):
                    yield from self._removed(range(told, ours.tree.ends[told]), depths[0])
                    told = ours.tree.ends[told]
                yield SpanDifference("added", None, span, depth_after=depths[1][b], noise=_is_pooling(span))
                continue
            if b in fixed:
                yield from self._removed(range(told, a), depths[0])
                told = max(told, a + 1)
            changed = any(not field.noise for field in fields[a])
            what: What = "changed" if changed else "same"
            yield SpanDifference(what, ours.spans[a], span, tuple(fields[a]), depths[0][a], depths[1][b])
        yield from self._removed(range(told, len(ours.spans)), depths[0])

    def _gave_way(self, a: int, b: int) -> bool:
        """Whether a span is gone with all below it, from under the parent of one that is new."""
        parent, counterpart = self.before.tree.parents[a], self.alignment.counterpart
        if parent < 0 or counterpart.get(parent) != self.after.tree.parents[b]:
            return False
        return not any(each in counterpart for each in range(a, self.before.tree.ends[a]))

    def _removed(self, indices: range, depths: list[int]) -> Iterator[SpanDifference]:
        for a in indices:
            if a not in self.alignment.counterpart:
                span = self.before.spans[a]
                yield SpanDifference("removed", span, None, depth_before=depths[a], noise=_is_pooling(span))

    def _row(self, a: int | None, b: int | None) -> RowDifference:
        ours = None if a is None else self.before.rows[a]
        theirs = None if b is None else self.after.rows[b]
        if ours is None or theirs is None:
            return RowDifference("added" if ours is None else "removed", ours, theirs)
        fields: list[Field] = []
        for change in changes(rows.document(ours), rows.document(theirs)):
            # Of a column, `columns.plan.after` is about the plan.
            path = change.path[1:2] if change.path[0] == "columns" else change.path[-1:]
            place = Place((*path, *change.path[3:]), owner=ours.table)
            fields.append(Field(change, self.judge.reason(place, change)))
        changed = any(not field.noise for field in fields)
        return RowDifference("changed" if changed else "same", ours, theirs, tuple(fields))


def _differences(before: Span, after: Span) -> list[Change]:
    """What two counterparts tell differently, by path."""
    ours, theirs = document(before), document(after)
    return changes(ours, theirs)


def _words(text: str) -> list[str]:
    return names.VALUE_WORDS.findall(text)


def _follow_body(fields: list[Field]) -> list[Field]:
    """Sizes and what else follows from a body, or comes with the return from a call that failed before."""
    bodies = any(_is_body(field.change.path) and not _is_size(field.change.path) for field in fields)
    mended = any(field.change.path == ("error",) and field.change.after is None for field in fields)
    return [
        replace(field, reason="size")
        if not field.noise and _is_size(field.change.path) and (bodies or _is_close(field.change))
        else replace(field, reason="below")
        if mended and field.change.change == "added" and field.change.path == ("output",) and field.change.after is None
        else field
        for field in fields
    ]


def _is_size(path: Path) -> bool:
    place = Place(path)
    return place.header in names.BODY_HEADERS or (place.kind == "size" and path[0] == "attributes")


def _is_body(path: Path) -> bool:
    return path[0] in ("input", "output")


def _is_close(change: Change) -> bool:
    """Whether two sizes differ by no more than ids and times of other lengths make."""
    if change.change != "changed":
        return False
    try:
        one, other = float(change.before), float(change.after)
    except (TypeError, ValueError):
        return False
    return abs(one - other) <= max(8.0, 0.02 * max(one, other))


def _unordered(fields: list[Field], before: Span, after: Span) -> list[Field]:
    """Items of a set come in any order."""
    if not any(field.change.change == "moved" for field in fields):
        return fields
    told = document(before), document(after)
    return [
        replace(field, reason="order") if field.change.change == "moved" and _in_set(told, field.change) else field
        for field in fields
    ]


def _in_set(told: tuple[dict[str, Any], dict[str, Any]], change: Change) -> bool:
    holder = _at(told[1], change.path[:-2])
    return isinstance(holder, dict) and str(holder.get(wire.TYPE, "")).rpartition(".")[2] in ("set", "frozenset")


def _at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


def _is_pooling(span: Span) -> bool:
    """A new connection of a pool: the first request that needs one pays for it."""
    return span.name == "connect" and span.kind == "client" and "db.query.text" not in span.attributes
