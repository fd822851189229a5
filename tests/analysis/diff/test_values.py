"""Differences of JSON values by path."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_ls.analysis.diff.paths import read, written
from flux_ls.analysis.diff.values import changes, masked

from .applied import applied

ITEMS = [{"id": 1, "price": 10}, {"id": 2, "price": 20}, {"id": 3, "price": 30}]


def told(before: Any, after: Any) -> list[str]:
    """`path: before -> after`; `+` and `-` for what is only in one, `~` for what moved."""
    lines = []
    for change in changes(before, after):
        path = written(change.path)
        match change.change:
            case "added":
                lines.append(f"+ {path}: {change.after}")
            case "removed":
                lines.append(f"- {path}: {change.before}")
            case "moved":
                lines.append(f"~ {written(change.before_path)} -> {path}")
            case "changed":
                lines.append(f"{path}: {change.before} -> {change.after}")
    return lines


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (1, 1, []),
        (1, 1.0, []),
        (1, True, [": 1 -> True"]),
        (0, False, [": 0 -> False"]),
        (None, 0, [": None -> 0"]),
        ("a", "b", [": a -> b"]),
        ({"a": 1}, {"a": 2}, ["a: 1 -> 2"]),
        ({"a": 1}, {"b": 1}, ["- a: 1", "+ b: 1"]),
        ({"a": None}, {}, ["- a: None"]),
        ({"a": {"b.c": [1]}}, {"a": {"b.c": [2]}}, ['a["b.c"][0]: 1 -> 2']),
        ({"a": {}}, {"a": []}, ["a: {} -> []"]),
        ([1, 2, 3], [1, 9, 3], ["[1]: 2 -> 9"]),
        ([1, 2, 3], [1, 2, 3, 4], ["+ [3]: 4"]),
        ([1, 2, 3], [2, 3], ["- [0]: 1"]),
        (["a", "b", "c"], ["c", "a", "b"], ["~ [2] -> [0]"]),
        ([], [[]], ["+ [0]: []"]),
    ],
)
def test_differences(before: Any, after: Any, expected: list[str]) -> None:
    assert told(before, after) == expected


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ([{"id": 0, "price": 5}, *ITEMS], ["+ [0]: {'id': 0, 'price': 5}"]),
        (ITEMS[1:], ["- [0]: {'id': 1, 'price': 10}"]),
        ([ITEMS[0], {"id": 2, "price": 21}, ITEMS[2]], ["[1].price: 20 -> 21"]),
        ([ITEMS[2], ITEMS[0], ITEMS[1]], ["~ [2] -> [0]"]),
        ([ITEMS[2], ITEMS[0], {"id": 2, "price": 21}], ["~ [2] -> [0]", "[2].price: 20 -> 21"]),
        (
            [{**item, "id": item["id"] + 100} for item in ITEMS],
            ["[0].id: 1 -> 101", "[1].id: 2 -> 102", "[2].id: 3 -> 103"],
        ),
    ],
)
def test_items_are_told_apart_by_what_identifies_them(after: Any, expected: list[str]) -> None:
    assert told(ITEMS, after) == expected


def test_items_without_identity_are_told_apart_by_what_they_say() -> None:
    before = [{"text": "red", "n": 1}, {"text": "green", "n": 2}, {"text": "blue", "n": 3}]
    assert told(before, [{"text": "new", "n": 9}, *before]) == ["+ [0]: {'text': 'new', 'n': 9}"]
    changed = [before[0], {"text": "green", "n": 5}, {"text": "x", "n": 7}, before[2]]
    assert told(before, changed) == ["[1].n: 2 -> 5", "+ [2]: {'text': 'x', 'n': 7}"]


def test_equal_identities_are_none() -> None:
    before = [{"name": "a", "v": 1}, {"name": "a", "v": 2}]
    assert told(before, before[1:]) == ["- [0]: {'name': 'a', 'v': 1}"]


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3)
)
keys = st.sampled_from(["id", "name", "a", "b.c", "", "$cut", 'q"x', "é"]) | st.text(max_size=2)
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=6) | st.dictionaries(keys, inner, max_size=4), max_leaves=25
)


@st.composite
def edited(draw: st.DrawFn) -> tuple[Any, Any]:
    """A value and one that came of it by a few edits."""
    before = draw(json_values)
    return before, _edited(draw, before)


def _edited(draw: st.DrawFn, value: Any) -> Any:
    if draw(st.integers(0, 7)) == 0:
        return draw(json_values)
    if isinstance(value, dict):
        return {key: _edited(draw, inner) for key, inner in value.items() if draw(st.integers(0, 5))}
    if isinstance(value, list):
        items = [_edited(draw, inner) for inner in value if draw(st.integers(0, 5))]
        return draw(st.permutations(items)) if draw(st.booleans()) else items
    return value


@given(edited() | st.tuples(json_values, json_values))
def test_the_changes_make_the_value_after_of_the_one_before(pair: tuple[Any, Any]) -> None:
    before, after = pair
    assert applied(before, changes(before, after)) == after


@given(json_values)
def test_nothing_differs_from_itself(value: Any) -> None:
    assert changes(value, value) == []
    assert changes([value], [value]) == []


@given(st.lists(keys | st.integers(0, 99), max_size=5))
def test_paths_can_be_read_back(path: list[str | int]) -> None:
    assert read(written(tuple(path))) == tuple(path)


@pytest.mark.parametrize("text", [".a", "a.", "a[", "a[x]", 'a["', "a b", "[1]a", "a..b"])
def test_what_is_no_path(text: str) -> None:
    with pytest.raises(ValueError, match="no path"):
        read(text)


def test_large_lists_take_little_time() -> None:
    before = [{"text": f"item {chr(97 + at % 26)}", "at": at} for at in range(5000)]
    after = [*before[1000:3000], {"text": "new", "at": -1}, *before[3000:], *before[:1000]]
    begin = time.process_time()
    found = changes(before, after)
    assert time.process_time() - begin < 3
    assert len(found) <= 1001
    deep: Any = 1
    for _ in range(60):
        deep = {"a": [deep]}
    found = changes(deep, {"a": [2]})
    assert applied(deep, found) == {"a": [2]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("user 42 of abc", "user # of abc"),
        ("GET /users/42/x", "GET /users/#/x"),
        ("3f2a-11 2026-01-01T10:00", "# #:#"),
        ("abc", "abc"),
        ("a" * 100_000, "a" * 100_000),
        ("." * 100_000 + "1", "#"),
    ],
)
def test_what_varies_is_taken_out(text: str, expected: str) -> None:
    assert masked(text) == expected
