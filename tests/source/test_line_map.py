"""Maps from the lines of one text to those of another, held against the texts themselves."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_ls.git.differences import Hunk, differences
from flux_ls.source.edits import Edit
from flux_ls.source.line_map import LineMap
from flux_ls.source.line_maps import LineMaps
from flux_ls.source.text_cache import parsed

LINES = st.sampled_from(["a", "b", "c", "", "    a"])
"""Few, so that lines are alike all the time."""


@st.composite
def edits(draw: st.DrawFn, length: int) -> list[Edit]:
    made = []
    for _ in range(draw(st.integers(1, 6))):
        first = draw(st.integers(0, length))
        last = draw(st.integers(first, min(length, first + 4)))
        lines = tuple(draw(st.lists(LINES, max_size=4)))
        length += len(lines) - (last - first)
        made.append(Edit(first, last, lines))
    return made


@st.composite
def typed(draw: st.DrawFn) -> tuple[list[str], list[Edit]]:
    """A text, and edits that come one after the other."""
    before = draw(st.lists(LINES, min_size=1, max_size=12))
    return before, draw(edits(len(before)))


def carried(
    before: Sequence[str], made: Sequence[Edit], begin: LineMap | None = None, today: Sequence[str] | None = None
) -> tuple[LineMap, list[str]]:
    lines, after = begin or LineMap(), list(before if today is None else today)
    for edit in made:
        after[edit.first : edit.last] = edit.lines
        lines = lines.edited(edit.first, edit.last, len(edit.lines), before, after)
    return lines, after


def check_agrees(lines: LineMap, before: Sequence[str], after: Sequence[str]) -> None:
    """What any comparison may say: equal lines in the same order, and every other line in a hunk."""
    told = [(line, at) for line in range(1, len(before) + 1) if (at := lines.at(line)) is not None]
    for line, at in told:
        assert before[line - 1] == after[at - 1]
    assert [at for _, at in told] == sorted({at for _, at in told})
    # The hunks say what differs, whole and in order: put in place of the old lines, the new ones make the text.
    made, done = list[str](), 0
    for hunk in lines.hunks:
        assert hunk.before >= done
        made += before[done : hunk.before]
        assert hunk.after == len(made)
        made += after[hunk.after : hunk.after + hunk.after_lines]
        done = hunk.before + hunk.before_lines
    assert [*made, *before[done:]] == list(after)


@given(typed())
def test_edits_never_contradict_the_texts(case: tuple[list[str], list[Edit]]) -> None:
    before, made = case
    lines, after = carried(before, made)
    check_agrees(lines, before, after)


@given(typed(), st.data())
def test_a_line_that_no_edit_touched_is_where_it_went(case: tuple[list[str], list[Edit]], data: st.DataObject) -> None:
    before, made = case
    marked = data.draw(st.integers(1, len(before)))
    before[marked - 1] = "marker"
    lines, after = carried(before, made)
    # Only the edits tell whether it was touched: one may write the same again, which is no change either.
    expected = after.index("marker") + 1 if "marker" in after else None
    assert lines.at(marked) == expected


@given(typed(), st.lists(LINES, min_size=1, max_size=12))
def test_edits_carry_on_what_git_says(case: tuple[list[str], list[Edit]], before: list[str]) -> None:
    today, made = case
    lines, after = carried(before, made, LineMap(differences(before, today)), today)
    check_agrees(lines, before, after)


@given(typed())
def test_undoing_leaves_no_difference(case: tuple[list[str], list[Edit]]) -> None:
    before, made = case
    # Every line its own, so that only the same line can come back.
    before = [f"{number} {line}" for number, line in enumerate(before)]
    lines, after = carried(before, made)
    whole = Edit(0, len(after), tuple(before))
    lines, after = carried(before, [whole], lines, after)
    assert (lines, after) == (LineMap(), before)


@given(typed(), st.data())
def test_untouched_lines_are_the_same_lines_without_gap(
    case: tuple[list[str], list[Edit]], data: st.DataObject
) -> None:
    before, made = case
    lines, after = carried(before, made)
    first = data.draw(st.integers(1, len(before)))
    asked = range(first, data.draw(st.integers(first, len(before))) + 1)
    found = lines.untouched(asked)
    each = [lines.at(line) for line in asked]
    if found is None:
        gaps = any(one is None or other is None or other != one + 1 for one, other in pairwise(each))
        assert None in each or gaps
    else:
        assert each == list(found)
        assert [before[line - 1] for line in asked] == [after[line - 1] for line in found]


#           1    2    3    4    5    6    7    8
BEFORE = ["a", "b", "c", "d", "e", "f", "g", "h"]
#           1    2    3    4    5    6    7    8
AFTER = ["a", "b", "x", "y", "z", "e", "f", "f2", "h"]
MAP = LineMap((Hunk(2, 2, 2, 3), Hunk(6, 1, 7, 1)))
"""`c d` became `x y z`; `g` became `f2`."""
TAKEN = LineMap((Hunk(2, 2, 2, 0),))
PUT = LineMap((Hunk(2, 0, 2, 2),))


def test_the_map_of_the_tables_is_git_s() -> None:
    assert LineMap(differences(BEFORE, AFTER)) == MAP
    assert LineMap(differences(BEFORE, [*BEFORE[:2], *BEFORE[4:]])) == TAKEN
    assert LineMap(differences(BEFORE, [*BEFORE[:2], "x", "y", *BEFORE[2:]])) == PUT


@pytest.mark.parametrize(
    ("lines", "line", "expected"),
    [
        (LineMap(), 5, 5),
        (MAP, 1, 1),
        (MAP, 2, 2),
        (MAP, 3, None),
        (MAP, 4, None),
        (MAP, 5, 6),
        (MAP, 6, 7),
        (MAP, 7, None),
        (MAP, 8, 9),
        (TAKEN, 2, 2),
        (TAKEN, 3, None),
        (TAKEN, 5, 3),
        (PUT, 2, 2),
        (PUT, 3, 5),
    ],
)
def test_at(lines: LineMap, line: int, expected: int | None) -> None:
    assert lines.at(line) == expected


@pytest.mark.parametrize(
    ("lines", "asked", "expected"),
    [
        (LineMap(), range(2, 5), range(2, 5)),
        (MAP, range(1, 3), range(1, 3)),
        # A changed line at its edge, inside, and around all of it.
        (MAP, range(2, 4), None),
        (MAP, range(4, 6), None),
        (MAP, range(1, 6), None),
        (MAP, range(5, 7), range(6, 8)),
        (MAP, range(6, 9), None),
        # Where a hunk grows by as much as another shrinks, first and last line are as far apart as before.
        (LineMap((Hunk(1, 1, 1, 0), Hunk(3, 0, 2, 1))), range(1, 6), None),
        (TAKEN, range(1, 3), range(1, 3)),
        (TAKEN, range(2, 6), None),
        (TAKEN, range(5, 9), range(3, 7)),
        # Put in right above the first line or right below the last is not between them.
        (PUT, range(3, 6), range(5, 8)),
        (PUT, range(1, 3), range(1, 3)),
        (PUT, range(2, 4), None),
        (MAP, range(6, 7), range(7, 8)),
        (MAP, range(7, 8), None),
    ],
)
def test_untouched(lines: LineMap, asked: range, expected: range | None) -> None:
    assert lines.untouched(asked) == expected


@pytest.mark.parametrize(
    ("lines", "line", "expected"),
    [
        (MAP, 3, range(3, 6)),
        (MAP, 4, range(3, 6)),
        (MAP, 7, range(8, 9)),
        # A line that was not changed stands for itself: nothing stands for it.
        (MAP, 1, range(0)),
        (MAP, 5, range(0)),
        (LineMap(), 5, range(0)),
        (TAKEN, 3, range(3, 3)),
        (TAKEN, 5, range(0)),
        (PUT, 3, range(0)),
    ],
)
def test_instead_of(lines: LineMap, line: int, expected: range) -> None:
    assert lines.instead_of(line) == expected


def test_maps_are_worked_out_once_and_carried_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from flux_ls.source import line_maps

    asked: list[int] = []
    monkeypatch.setattr(line_maps, "differences", lambda *texts: asked.append(1) or differences(*texts))
    maps, path = LineMaps(), Path("/ws/a.py")
    ran, opened, later = (parsed(path, text) for text in ("a\nb\nc\n", "x\na\nb\nc\n", "x\na\nc\n"))
    assert maps.between(ran, ran, path).at(2) == 2
    assert asked == []
    assert [maps.between(ran, opened, path).at(line) for line in (1, 2, 3)] == [2, 3, 4]
    assert asked == [1]
    maps.edited(path, opened, [Edit(2, 3, ())], later)
    assert [maps.between(ran, later, path).at(line) for line in (1, 2, 3)] == [2, None, 3]
    assert asked == [1]
    # Edits of a text that it does not hold change nothing; the other text is then compared anew.
    maps.edited(path, opened, [Edit(0, 1, ())], ran)
    assert maps.between(ran, later, path).at(3) == 3
    assert asked == [1]
    assert maps.between(ran, opened, path).at(3) == 4
    assert asked == [1, 1]


def test_the_oldest_maps_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    from flux_ls.source import line_maps

    asked: list[int] = []
    monkeypatch.setattr(line_maps, "differences", lambda *texts: asked.append(1) or differences(*texts))
    monkeypatch.setattr(line_maps, "_KEPT", 2)
    maps, path = LineMaps(), Path("/ws/a.py")
    before = [parsed(path, f"a{number}\n") for number in range(3)]
    after = parsed(path, "b\n")
    for text in (*before, before[2], before[1], before[0]):
        maps.between(text, after, path)
    assert len(asked) == 4
