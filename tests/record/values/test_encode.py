"""The budget of a span: small values whole, big ones cut, and it says so."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_ls.record.values import Captured, encode, snapshot, text_of
from flux_ls.record.values.fit import fit, shares
from flux_ls.record.wire import REDACTED


def test_json_as_it_is() -> None:
    trees = {"a": Captured({"x": [1, None, True, "é"]}), "b": Captured("text"), "c": Captured(None)}
    assert encode(trees) == {"a": '{"x":[1,null,true,"é"]}', "b": '"text"', "c": "null"}


def test_small_values_survive_big_ones() -> None:
    big = Captured({"rows": ["x y z " * 20 for _ in range(500)], "count": 500})
    small = Captured({"plan": None, "email": "ada@example.com"})
    texts = encode({"big": big, "small": small, "other": big}, 8000)
    assert sum(map(len, texts.values())) <= 8000
    assert json.loads(texts["small"]) == small.tree
    for name in ("big", "other"):
        tree = json.loads(texts[name])
        assert tree["count"] == 500
        assert tree["rows"][-1]["$more"] + len(tree["rows"]) - 1 == 500
        assert len(texts[name]) > 3000


@pytest.mark.parametrize(
    ("tree", "budget", "expected"),
    [
        ("x" * 100, 50, {"$cut": "x" * 20, "length": 100}),
        ({"$cut": "x" * 100, "length": 9000}, 50, {"$cut": "x" * 20, "length": 9000}),
        ({"$bytes": "QUFB" * 50, "length": 9000}, 50, {"$bytes": "QUFB" * 5, "length": 9000}),
        ({"$bytes": "QUFB" * 50}, 50, {"$bytes": "QUFB" * 5, "length": 150}),
        ([1] * 100, 60, None),
        ([1, {"$more": 5}], 10, [1, {"$more": 5}]),
        ("ab " + REDACTED * 9, 40, {"$cut": "ab ", "length": 93}),
    ],
)
def test_cut(tree: Any, budget: int, expected: Any) -> None:
    cut = fit(tree, budget)
    if expected is None:
        assert cut[-1] == {"$more": 100 - len(cut) + 1}
    else:
        assert cut == expected


def test_what_was_left_out_before_is_counted() -> None:
    tree = {**{f"k{number}": "x" * 50 for number in range(50)}, "$more": 1000}
    cut = fit(tree, 300)
    assert cut["$more"] == 1000 + 50 - (len(cut) - 1)
    assert fit([*range(1000), {"$more": 7}], 100)[-1]["$more"] > 900


@given(st.lists(st.integers(0, 1000)), st.integers(0, 5000))
def test_shares(sizes: list[int], budget: int) -> None:
    given = shares(sizes, budget)
    assert sum(given) <= max(budget, 0)
    assert all(share <= size for share, size in zip(given, sizes, strict=True))
    if sum(sizes) <= budget:
        assert given == sizes
    # Nobody gets less than another that needs more than it got.
    cut = [share for share, size in zip(given, sizes, strict=True) if share < size]
    if cut:
        assert max(cut) - min(cut) <= len(sizes)
        assert max(given) <= max(cut) + len(sizes)


json_trees = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=80,
)


@pytest.mark.parametrize("tree", [[], {}, "", None, [[]], {"a": []}, [{}, []]])
@pytest.mark.parametrize("budget", [0, 1, 2])
def test_what_is_empty_cannot_be_made_smaller(tree: Any, budget: int) -> None:
    fitted = fit({"a": tree, "b": [], "c": {"d": []}}, budget)
    assert json.loads(text_of(fitted)) == fitted


@given(st.dictionaries(st.sampled_from("abc"), json_trees, min_size=1), st.integers(200, 4000))
def test_never_more_than_the_budget(values: dict[str, Any], budget: int) -> None:
    texts = encode({name: Captured(snapshot(value)) for name, value in values.items()}, budget)
    assert sum(len(text.encode()) for text in texts.values()) <= budget + 40 * len(texts)
    for text in texts.values():
        json.loads(text)


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb"])
def test_half_a_surrogate_pair(text: str) -> None:
    assert json.loads(encode({"a": Captured(snapshot({"x": text, text: 1}))})["a"])


def test_what_cannot_be_encoded_says_so() -> None:
    assert "$unreadable" in encode({"a": Captured(object())})["a"]
