"""Edits of lines, applied one after the other and seen as one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_ls.source.edits import Edit, Span, edited, span


@pytest.mark.parametrize(
    ("edits", "whole"),
    [
        pytest.param([], None, id="none"),
        pytest.param([Edit(3, 4, ("x",))], Span(3, 4, 1), id="one line changed"),
        pytest.param([Edit(3, 3, ("x", "y"))], Span(3, 3, 2), id="two lines more"),
        pytest.param([Edit(3, 4, ("x",)), Edit(3, 4, ("xy",))], Span(3, 4, 1), id="the same line twice"),
        pytest.param([Edit(3, 4, ("x",)), Edit(7, 9, ())], Span(3, 9, 4), id="and another below"),
        pytest.param([Edit(7, 9, ()), Edit(3, 4, ("x",))], Span(3, 9, 4), id="and another above"),
        pytest.param([Edit(3, 4, ("x", "y", "z")), Edit(4, 7, ("w",))], Span(3, 5, 2), id="over the end of the first"),
        pytest.param([Edit(3, 4, ("x", "y")), Edit(2, 6, ())], Span(2, 5, 0), id="what was typed goes again"),
    ],
)
def test_edits_as_one(edits: list[Edit], whole: Span | None) -> None:
    assert span(edits) == whole


@given(st.data())
def test_what_no_edit_touched_is_as_it_was(data: st.DataObject) -> None:
    before = [f"line {number}" for number in range(data.draw(st.integers(1, 30)))]
    edits, now = list[Edit](), before
    for _ in range(data.draw(st.integers(1, 6))):
        first, last = sorted(data.draw(st.tuples(st.integers(0, len(now)), st.integers(0, len(now)))))
        edits.append(Edit(first, last, tuple(data.draw(st.lists(st.just("typed"), max_size=4)))))
        now = [*now[:first], *edits[-1].lines, *now[last:]]
    whole = span(edits)
    assert whole is not None
    assert edited(before, edits) == now
    assert now[: whole.first] == before[: whole.first]
    assert now[whole.first + whole.count :] == before[whole.last :]
    assert len(now) - len(before) == whole.count - (whole.last - whole.first)
