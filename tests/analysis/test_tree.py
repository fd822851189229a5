"""The span tree out of whatever arrived."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from flux_ls.analysis.tree import Tree, build
from flux_ls.model import Span
from tests.analysis.spans import event, ms, raised, request, server, span


def drawn(tree: Tree) -> list[str]:
    """Each span's name, indented by its depth, orphans with a question mark."""
    depths = tree.depths()
    return [
        "  " * depths[index] + one.name + ("?" if index in tree.orphans else "") for index, one in enumerate(tree.spans)
    ]


def family() -> list[Span]:
    return request(span("root", (0, 9), span("a", (1, 4), span("a1", (2, 3)), span("a2", (3, 4))), span("b", (5, 8))))


def test_preorder_by_start_time() -> None:
    spans = family()
    for _ in range(20):
        random.Random(1).shuffle(spans)
        assert drawn(build(spans)) == ["root", "  a", "    a1", "    a2", "  b"]


def test_subtrees_are_ranges() -> None:
    tree = build(family())
    assert tree.ends == [5, 4, 3, 4, 5]
    assert tree.parents == [-1, 0, 1, 1, 0]
    assert list(tree.ancestors(3)) == [1, 0]


def test_orphans_hang_below_the_entry() -> None:
    spans = [one for one in family() if one.name != "a"]
    assert drawn(build(spans)) == ["root", "  a1?", "  a2?", "  b"]


def test_late_parent_takes_its_children() -> None:
    spans = family()
    assert drawn(build([*spans[2:], spans[0], spans[1]])) == drawn(build(spans))


def test_two_roots() -> None:
    spans = family()
    spans[4] = replace(spans[4], parent_id=None)
    assert drawn(build(spans)) == ["root", "  a", "    a1", "    a2", "  b?"]


def test_span_that_is_its_own_parent() -> None:
    spans = family()
    spans[1] = replace(spans[1], parent_id=spans[1].span_id)
    assert drawn(build(spans)) == ["root", "  a?", "    a1", "    a2", "  b"]


def test_circle_is_cut_where_it_began() -> None:
    spans = family()
    spans[1] = replace(spans[1], parent_id=spans[3].span_id)
    assert drawn(build(spans)) == ["root", "  a?", "    a1", "    a2", "  b"]


def test_nothing_but_a_circle() -> None:
    spans = request(span("a", (5, 9), span("b", (1, 8), span("c", (2, 3)))))
    spans[0] = replace(spans[0], parent_id=spans[2].span_id)
    assert drawn(build(spans)) == ["b", "  c", "    a"]


def test_of_a_span_that_came_twice_the_later_end_counts() -> None:
    spans = family()
    grown = replace(spans[4], end_ns=ms(50), exceptions=(event(raised("ValueError")),))
    for order in ([*spans, grown], [grown, *spans]):
        tree = build(order)
        assert len(tree.spans) == 5
        assert tree.spans[4] == grown


def test_of_two_different_spans_with_one_id_always_the_same_counts() -> None:
    spans = family()
    other = replace(spans[4], status_message="else")
    assert build([*spans, other]) == build([other, *spans])


def test_no_spans() -> None:
    with pytest.raises(ValueError, match="at least one span"):
        build([])


def test_fifty_thousand_levels() -> None:
    levels = 50_000
    one = request(server(200))[0]
    spans = [
        replace(one, span_id=f"{index:016x}", parent_id=f"{index - 1:016x}" if index else None)
        for index in range(levels)
    ]
    random.Random(2).shuffle(spans)
    tree = build(spans)
    assert tree.parents == list(range(-1, levels - 1))
    assert tree.ends[0] == levels
    assert tree.depths()[-1] == levels - 1


@given(st.lists(st.tuples(st.integers(0, 11), st.one_of(st.none(), st.integers(0, 13)), st.integers(0, 5)), min_size=1))
def test_any_graph_becomes_one_tree(links: list[tuple[int, int | None, int]]) -> None:
    one = request(span("s"))[0]
    spans = [
        replace(one, span_id=f"{this:016x}", parent_id=None if parent is None else f"{parent:016x}", start_ns=ms(start))
        for this, parent, start in links
    ]
    tree = build(spans)
    assert {each.span_id for each in tree.spans} == {each.span_id for each in spans}
    assert len(tree.spans) == len({each.span_id for each in spans})
    assert tree.parents[0] == -1
    assert all(0 <= parent < index for index, parent in enumerate(tree.parents) if index)
    for index, end in enumerate(tree.ends):
        below = {at for at in range(len(tree.spans)) if index in (at, *tree.ancestors(at))}
        assert below == set(range(index, end))
    assert build(spans[::-1]) == tree
