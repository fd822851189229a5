"""The span tree: one tree out of whatever arrived, so that nothing downstream meets a cycle or a missing parent."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from flux_ls.analysis.request import entry_of
from flux_ls.model import Span


class Tree(Struct, frozen=True):
    """Spans in preorder, the entry first; siblings by start time. Indices below are positions in `spans`.

    A span without its parent hangs below the entry, marked as an orphan: it did happen in this request.
    """

    spans: tuple[Span, ...]
    parents: list[int]
    """-1 for the entry."""
    ends: list[int]
    """One past the last descendant: the subtree of `i` is `i` to `ends[i]`."""
    orphans: frozenset[int]

    def ancestors(self, index: int) -> Iterable[int]:
        """From the parent up to the entry."""
        index = self.parents[index]
        while index >= 0:
            yield index
            index = self.parents[index]

    def depths(self) -> list[int]:
        """How far below the entry each span is."""
        depths = [0] * len(self.spans)
        for index in range(1, len(self.spans)):
            depths[index] = depths[self.parents[index]] + 1
        return depths


def build(spans: Sequence[Span]) -> Tree:
    """The tree of one request's spans, in any order; the same spans give the same tree.

    A span that came twice counts once (the later end is the truer). Parents that go in a circle are cut where
    the circle began. Time is linear but for the sorting, and nothing recurses. Raises ValueError without spans.
    """
    by_id = _once(spans)
    entry = entry_of(list(by_id.values()))
    parents = _parents(by_id, entry)
    children: dict[str, list[Span]] = {}
    for span_id in sorted(parents, key=lambda span_id: _by_start(by_id[span_id])):
        children.setdefault(parents[span_id][0], []).append(by_id[span_id])
    ordered: list[Span] = []
    positions: list[int] = []
    orphans: set[int] = set()
    waiting: list[tuple[Span, int]] = [(entry, -1)]
    while waiting:
        span, parent = waiting.pop()
        index = len(ordered)
        ordered.append(span)
        positions.append(parent)
        if index and parents[span.span_id][1]:
            orphans.add(index)
        waiting.extend((child, index) for child in reversed(children.get(span.span_id, ())))
    return Tree(tuple(ordered), positions, _ends(positions), frozenset(orphans))


def _once(spans: Iterable[Span]) -> dict[str, Span]:
    by_id: dict[str, Span] = {}
    for span in spans:
        known = by_id.get(span.span_id)
        if known is None or _truer(span, known):
            by_id[span.span_id] = span
    return by_id


def _truer(span: Span, known: Span) -> bool:
    ours, theirs = _completeness(span), _completeness(known)
    # Duplicates are nearly always the same bytes, and comparing attributes is dear.
    return ours > theirs or (ours == theirs and _text(span) > _text(known))


def _completeness(span: Span) -> tuple[int, int, int, int]:
    return span.end_ns, len(span.exceptions), len(span.attributes), -span.start_ns


def _text(span: Span) -> str:
    told = (span.parent_id, span.name, span.kind, span.status, span.status_message, sorted(span.attributes))
    return repr((*told, [span.attributes[name] for name in told[5]]))


def _parents(by_id: dict[str, Span], entry: Span) -> dict[str, tuple[str, bool]]:
    """Of every span but the entry: its parent's id, and whether that is only where it was put."""
    parents: dict[str, tuple[str, bool]] = {}
    for span_id, span in by_id.items():
        if span_id == entry.span_id:
            continue
        parent_id = span.parent_id
        if parent_id is None or parent_id not in by_id or parent_id == span_id:
            parents[span_id] = (entry.span_id, True)
        else:
            parents[span_id] = (parent_id, False)
    _cut_circles(by_id, parents, entry.span_id)
    return parents


def _cut_circles(by_id: dict[str, Span], parents: dict[str, tuple[str, bool]], entry_id: str) -> None:
    settled = {entry_id}
    for span_id in by_id:
        walk: dict[str, None] = {}
        at = span_id
        while at not in settled and at not in walk:
            walk[at] = None
            at = parents[at][0]
        if at not in settled:
            circle = list(walk)
            circle = circle[circle.index(at) :]
            first = min(circle, key=lambda span_id: _by_start(by_id[span_id]))
            parents[first] = (entry_id, True)
        settled.update(walk)


def _by_start(span: Span) -> tuple[int, str]:
    return span.start_ns, span.span_id


def _ends(parents: list[int]) -> list[int]:
    ends = list(range(1, len(parents) + 1))
    for index in range(len(parents) - 1, 0, -1):
        parent = parents[index]
        ends[parent] = max(ends[parent], ends[index])
    return ends
