"""One request as it is compared: its tree, and for each span by what its counterpart is found."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import cached_property
from typing import Any

from flux_ls.analysis.diff import names
from flux_ls.analysis.diff.values import masked, steady, without_ids
from flux_ls.analysis.recorded import has_output, input_of, output_of, row_changes
from flux_ls.analysis.span_error import error_of
from flux_ls.analysis.tree import Tree, build
from flux_ls.model import RowChange, Span
from flux_ls.record import wire

_OUTCOMES = frozenset({wire.OUTPUT, wire.LOCALS, wire.BLOBS, wire.OUTCOME, "http.response.status_code", "error.type"})
_UNCERTAIN = ("run", "port", "size", "code", "duration")
_APART = frozenset({wire.INPUT, wire.OUTPUT, wire.LOCALS, wire.BLOBS})
"""Attributes that are compared by themselves, or belong to the failure."""

Numbered = dict[Hashable, int]
"""Keys of both requests as small numbers: equal ones have the same."""


Texts = dict[tuple[Callable[[str], str], str], str]
"""What texts became when something was taken out of them."""


class Side:
    """`children` and all indices are positions in the tree, parents before children."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self.tree: Tree = build(spans)
        self.spans = self.tree.spans
        self.children: list[list[int]] = [[] for _ in self.spans]
        for index, parent in enumerate(self.tree.parents):
            if parent >= 0:
                self.children[parent].append(index)
        self.index = {span.span_id: index for index, span in enumerate(self.spans)}

    @property
    def started_ns(self) -> int:
        return self.spans[0].start_ns

    @cached_property
    def places(self) -> list[int]:
        """Of each span its place among the children of its parent."""
        places = [0] * len(self.spans)
        for family in self.children:
            for place, child in enumerate(family):
                places[child] = place
        return places

    @cached_property
    def at_once(self) -> frozenset[int]:
        """Spans that ran at the same time as another child of their parent: their order is chance."""
        found: set[int] = set()
        for family in self.children:
            last, ended = -1, 0
            for child in family:
                span = self.spans[child]
                if last >= 0 and span.start_ns < ended:
                    found |= {last, child}
                if last < 0 or span.end_ns > ended:
                    last, ended = child, span.end_ns
        return frozenset(found)

    @cached_property
    def rows(self) -> tuple[RowChange, ...]:
        return row_changes(self.spans)


class Keys:
    """What two requests' spans are recognised by, from the surest to the vaguest; worked out as far as asked for."""

    def __init__(self, side: Side, numbered: Numbered, texts: Texts) -> None:
        self._side = side
        self._numbered = numbered
        self._texts = texts

    @cached_property
    def label(self) -> list[int]:
        """Name, kind and service, whatever ids are in the name."""
        return self._each(lambda _, span: (span.kind, span.resource.service, without_ids(span.name)))

    @cached_property
    def own(self) -> list[int]:
        """With what went in, as far as it was recorded."""
        return self._each(lambda at, span: (self.label[at], *_essence(span, str)))

    @cached_property
    def steady(self) -> list[int]:
        """With what went in but for what looks like an id or a time."""
        return self._each(lambda at, span: (self.label[at], *_essence(span, self._without(steady))))

    @cached_property
    def vague(self) -> list[int]:
        """With what went in but for every word that has a digit."""
        return self._each(lambda at, span: (self.label[at], *_essence(span, self._without(masked))))

    @cached_property
    def own_if_telling(self) -> list[int]:
        """`own` of spans of which something that went in was recorded; the others are like no other."""
        return self._if_telling(self.own)

    @cached_property
    def steady_if_telling(self) -> list[int]:
        return self._if_telling(self.steady)

    @cached_property
    def whole(self) -> list[int]:
        """With all that happened below it, the same way and with the same end."""
        return self._with_children(self.own)

    @cached_property
    def steady_whole(self) -> list[int]:
        return self._with_children(self.steady)

    @cached_property
    def vague_whole(self) -> list[int]:
        return self._with_children(self.vague)

    @cached_property
    def own_and_vague_whole(self) -> list[int]:
        return self._each(lambda at, _: (self.own[at], self.vague_whole[at]))

    @cached_property
    def steady_and_vague_whole(self) -> list[int]:
        return self._each(lambda at, _: (self.steady[at], self.vague_whole[at]))

    @cached_property
    def shape(self) -> list[int]:
        """With what it called, by name."""
        return self._each(lambda at, _: (self.label[at], *(self.label[child] for child in self._side.children[at])))

    @cached_property
    def telling(self) -> list[bool]:
        """Whether anything that went in was recorded."""
        return [any(True for _ in _essence(span, str)) for span in self._side.spans]

    def _if_telling(self, keys: list[int]) -> list[int]:
        alone = id(self), "alone"
        return [
            key if telling else self._number((alone, at))
            for at, (key, telling) in enumerate(zip(keys, self.telling, strict=True))
        ]

    def _each(self, key: Callable[[int, Span], Hashable]) -> list[int]:
        return [self._number(key(at, span)) for at, span in enumerate(self._side.spans)]

    def _with_children(self, own: list[int]) -> list[int]:
        side = self._side
        whole = [0] * len(own)
        for at in range(len(own) - 1, -1, -1):
            failed = side.spans[at].status == "error" or bool(side.spans[at].exceptions)
            whole[at] = self._number((own[at], failed, *(whole[child] for child in side.children[at])))
        return whole

    def _number(self, key: Hashable) -> int:
        return self._numbered.setdefault(key, len(self._numbered))

    def _without(self, taken_out: Callable[[str], str]) -> Callable[[str], str]:
        texts = self._texts

        def text(told: str) -> str:
            found = texts.get((taken_out, told))
            if found is None:
                found = texts[taken_out, told] = taken_out(told)
            return found

        return text


def _essence(span: Span, text: Callable[[str], str]) -> Iterable[str]:
    """What a span was asked to do: its attributes but those that tell its end or the circumstances."""
    attributes = span.attributes
    if wire.INPUT in attributes and span.kind != "client":
        return (text(str(attributes[wire.INPUT])),)
    return [
        f"{name}={text(str(value))}"
        for name, value in attributes.items()
        if name not in _OUTCOMES and names.kind(name) not in _UNCERTAIN
    ]


def document(span: Span) -> dict[str, Any]:
    """What a span tells, as one JSON value to compare. What was not recorded is not there."""
    told: dict[str, Any] = {
        "name": span.name,
        "kind": span.kind,
        "service": span.resource.service,
        "error": error_of(span),
        "status": span.status,
        "duration_ms": round((span.end_ns - span.start_ns) / 1e6, 3),
    }
    if wire.INPUT in span.attributes:
        told["input"] = input_of(span)
    if has_output(span):
        told["output"] = output_of(span)
    told["attributes"] = {name: value for name, value in span.attributes.items() if name not in _APART}
    events = [
        {"name": event.name, "attributes": dict(event.attributes)}
        for event in span.events
        if event.name != wire.ROW_CHANGE
    ]
    if events:
        told["events"] = events
    return told
