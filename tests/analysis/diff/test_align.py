"""Spans of two requests aligned: what was added, dropped, edited and moved is found, and nothing else."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from flux_ls.analysis.diff.compare import Comparison, compare
from flux_ls.analysis.diff.paths import written
from flux_ls.model import Span
from tests.analysis.spans import PRICING, Part, event, ms, raised, request, server, span


def told(comparison: Comparison) -> list[str]:
    """`+ name`, `- name`, `name: paths` of what counts."""
    lines = []
    for each in comparison.spans:
        name = (each.after or each.before or span("?").span).name
        if each.change in ("added", "removed"):
            lines.append(f"{'+' if each.change == 'added' else '-'} {name}")
        elif each.change == "changed":
            paths = ", ".join(written(field.change.path) for field in each.fields if not field.noise)
            lines.append(f"{name}: {paths}")
    return lines


def diff(before: Part, after: Part) -> list[str]:
    return told(compare(request(before), request(after)))


def call(name: str, at: float, *below: Part, given: str = "", **more: Any) -> Part:
    """A span of a millisecond, with an input when it was given something."""
    if given:
        more["flux__input"] = f'{{"given": "{given}"}}'
    return span(name, (at, at + 1), *below, **more)


def failed(name: str, at: float, **more: Any) -> Part:
    return call(name, at, died=event(raised("TimeoutError", "late")), **more)


CASES: dict[str, tuple[Part, Part, list[str]]] = {
    "nothing": (server(200, call("a", 1), call("b", 2)), server(200, call("a", 1), call("b", 2)), []),
    "one more": (server(200, call("a", 1)), server(200, call("a", 1), call("b", 2)), ["+ b"]),
    "one less, in the middle": (
        server(200, call("a", 1), call("b", 2), call("c", 3)),
        server(200, call("a", 1), call("c", 3)),
        ["- b"],
    ),
    "another name in the place of one that did other work": (
        server(200, call("load user", 1, given="x")),
        server(200, call("write log", 1, given="y")),
        ["- load user", "+ write log"],
    ),
    "a new name for the same work": (
        server(200, call("f", 1), call("get user", 2, call("SELECT", 2)), call("g", 4)),
        server(200, call("f", 1), call("fetch account", 2, call("SELECT", 2)), call("g", 4)),
        ["fetch account: name"],
    ),
    "a parent put in between": (
        server(200, call("charge", 1, call("POST", 1), given="x")),
        server(200, call("retry", 1, call("charge", 1, call("POST", 1), given="x"))),
        ["+ retry"],
    ),
    "a parent taken out": (
        server(200, call("cache", 1, call("load", 1, call("SELECT", 1)))),
        server(200, call("load", 1, call("SELECT", 1))),
        ["- cache"],
    ),
    "a subtree under another parent": (
        server(200, call("a", 1, call("audit", 1, call("INSERT", 1))), call("b", 2)),
        server(200, call("a", 1), call("b", 2, call("audit", 2, call("INSERT", 2)))),
        ["audit: parent"],
    ),
    "one that moved to the front": (
        server(200, call("a", 1), call("b", 2), call("c", 3)),
        server(200, call("c", 1), call("a", 2), call("b", 3)),
        ["c: position"],
    ),
    "retries that are no longer needed": (
        server(200, failed("pay", 1), failed("pay", 2), call("pay", 3)),
        server(200, call("pay", 1)),
        ["- pay", "- pay"],
    ),
    "the one attempt goes well now": (
        server(500, failed("pay", 1)),
        server(200, call("pay", 1)),
        ['POST /signup: error, status, attributes["http.response.status_code"]', "pay: error, status"],
    ),
    "a recursion that goes deeper": (
        server(200, call("walk", 1, call("walk", 1))),
        server(200, call("walk", 1, call("walk", 1, call("walk", 1)))),
        ["+ walk"],
    ),
    "one round more of a loop over different things": (
        server(200, *[call("load", at, given=name) for at, name in enumerate(["ham", "egg", "tea"])]),
        server(200, *[call("load", at, given=name) for at, name in enumerate(["ham", "jam", "egg", "tea"])]),
        ["+ load"],
    ),
    "the same name in another service": (
        server(200, call("load", 1)),
        server(200, call("load", 1, resource=PRICING)),
        ["- load", "+ load"],
    ),
    "numbers in a name are no other name": (
        server(200, call("GET /users/41", 1, given="x")),
        server(200, call("GET /users/97", 1, given="y")),
        ["GET /users/97: name, input.given"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_differs(case: str) -> None:
    before, after, expected = CASES[case]
    assert diff(before, after) == expected


def test_a_loop_whose_ids_overlap_with_those_of_the_other_run() -> None:
    def loop(first: int) -> Part:
        return server(200, *[call("insert", at, flux__input=f'{{"id": {first + at}}}') for at in range(40)])

    comparison = compare(request(loop(100)), request(loop(120)))
    assert comparison.identical
    assert comparison.muted == 40


def test_what_ran_at_once_has_no_order() -> None:
    before = server(200, span("a", (1, 9)), span("b", (2, 9)))
    after = server(200, span("b", (1, 9)), span("a", (2, 9)))
    assert diff(before, after) == []


def test_what_was_removed_stands_where_it_was() -> None:
    before = server(200, call("a", 1, call("gone", 1)), call("b", 2), call("last", 3))
    after = server(200, call("a", 1), call("b", 2, call("new", 2)))
    comparison = compare(request(before), request(after))
    names = [(each.after or each.before or span("?").span).name for each in comparison.spans]
    assert names == ["POST /signup", "a", "gone", "b", "new", "last"]
    assert [each.depth_before for each in comparison.spans if each.change == "removed"] == [2, 1]


# Random trees whose spans can be told apart, and random edits: the diff is the list of the edits.


@dataclass
class Node:
    name: str
    given: str = ""
    children: list["Node"] = field(default_factory=list)

    def part(self, clock: Iterator[int]) -> Part:
        at = next(clock)
        below = [child.part(clock) for child in self.children]
        attributes = {"flux__input": f'{{"given": "{self.given}"}}'}
        return span(self.name, (at, next(clock)), *below, **attributes)

    def spans(self) -> list[Span]:
        return request(self.part(iter(range(10_000))))

    def walk(self) -> Iterator["Node"]:
        yield self
        for child in self.children:
            yield from child.walk()

    def copy(self) -> "Node":
        return Node(self.name, self.given, [child.copy() for child in self.children])


LETTERS = "abcdefghijklmnopqrstuvwxyz"


@st.composite
def trees(draw: st.DrawFn, labels: Sequence[str] | None = None) -> Node:
    """Without `labels`, no two spans have one name."""
    nodes = [Node("entry")]
    for number in range(draw(st.integers(0, 14))):
        word = f"{LETTERS[number]}{LETTERS[number]}" if labels is None else draw(st.sampled_from(labels))
        node = Node(word, draw(st.sampled_from(["", "x", "y"])))
        parent = draw(st.sampled_from(nodes))
        parent.children.insert(draw(st.integers(0, len(parent.children))), node)
        nodes.append(node)
    return nodes[0]


def edit(tree: Node, chance: random.Random, count: int) -> tuple[Node, set[str]]:
    """The tree with some edits, and what they were; each touches spans that no other one does."""
    after = tree.copy()
    edits: set[str] = set()
    touched = {"entry"}
    for number in range(count):
        free = [node for node in after.walk() if node.name not in touched]
        kind = chance.choice(["add", "put between", "drop", "take out", "input"])
        if kind == "add":
            parent = chance.choice(list(after.walk()))
            new = Node(f"new {LETTERS[number]}", "new")
            parent.children.insert(chance.randint(0, len(parent.children)), new)
            touched.add(new.name)
            edits.add(f"+ {new.name}")
            continue
        if not free:
            continue
        node = chance.choice(free)
        parent = next(each for each in after.walk() if node in each.children)
        at = parent.children.index(node)
        below = [each.name for each in node.walk()]
        if kind == "put between":
            new = Node(f"new {LETTERS[number]}", "new", [node])
            parent.children[at] = new
            touched |= {new.name, node.name}
            edits.add(f"+ {new.name}")
        elif kind == "drop" and not touched & {*below}:
            del parent.children[at]
            edits |= {f"- {name}" for name in below}
        elif kind == "take out":
            parent.children[at : at + 1] = node.children
            edits.add(f"- {node.name}")
        elif kind == "input":
            node.given = f"edited {node.given}"
            touched.add(node.name)
            edits.add(f"{node.name}: input.given")
    return after, edits


@settings(max_examples=300)
@given(trees(), st.randoms(use_true_random=False), st.integers(0, 5))
def test_the_edits_are_found_and_nothing_else(tree: Node, chance: random.Random, count: int) -> None:
    after, edits = edit(tree, chance, count)
    assert {*told(compare(tree.spans(), after.spans()))} == edits
    back = {line.translate(str.maketrans("+-", "-+", "")) if line[1] == " " else line for line in edits}
    assert {*told(compare(after.spans(), tree.spans()))} == back


@settings(max_examples=300)
@given(trees(), st.randoms(use_true_random=False))
def test_a_span_that_moved_is_found(tree: Node, chance: random.Random) -> None:
    after = tree.copy()
    nodes = [node for node in after.walk() if node is not after]
    if not nodes:
        return
    node = chance.choice(nodes)
    old = next(each for each in after.walk() if node in each.children)
    place = old.children.index(node)
    siblings = len(old.children)
    old.children.remove(node)
    inside = {each.name for each in node.walk()}
    new = chance.choice([each for each in after.walk() if each.name not in inside])
    new.children.insert(chance.randint(0, len(new.children)), node)
    lines = told(compare(tree.spans(), after.spans()))
    if new is not old:
        assert lines == [f"{node.name}: parent"]
    elif new.children.index(node) == place:
        assert lines == []
    else:
        # Of two neighbours that changed places, either may be said to have moved.
        assert len(lines) == 1
        assert lines[0].endswith(": position")
        assert siblings == 2 or abs(new.children.index(node) - place) == 1 or lines == [f"{node.name}: position"]


@given(trees(labels=["load", "save", "SELECT"]), trees(labels=["load", "save", "SELECT"]))
def test_any_two_trees(one: Node, other: Node) -> None:
    second = [replace(each, trace_id="f" * 32) for each in other.spans()]
    forth, back = compare(one.spans(), second), compare(second, one.spans())
    ours = [each.before.span_id for each in forth.spans if each.before is not None]
    theirs = [each.after.span_id for each in forth.spans if each.after is not None]
    assert sorted(ours) == [each.span_id for each in one.spans()]
    assert sorted(theirs) == [each.span_id for each in other.spans()]
    assert sorted(map(pair, forth.spans)) == sorted(pair(each)[::-1] for each in back.spans)
    # No more is said to have come and gone than the names call for.
    names = [sorted(node.name for node in tree.walk()) for tree in (one, other)]
    if names[0] == names[1]:
        assert sum(each.change == "added" for each in forth.spans) == sum(
            each.change == "removed" for each in forth.spans
        )


def pair(each: Any) -> tuple[str, str]:
    return (each.before.span_id if each.before else "", each.after.span_id if each.after else "")


@given(trees(labels=["load", "save", "SELECT"]))
def test_a_request_and_itself(tree: Node) -> None:
    spans = tree.spans()
    comparison = compare(spans, spans)
    assert comparison.identical
    assert comparison.muted == 0
    later = [replace(each, start_ns=each.start_ns + ms(5), end_ns=each.end_ns + ms(5)) for each in spans]
    assert compare(spans, later).muted == 0
