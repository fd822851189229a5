"""Recorded values as text."""

import json
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_ls.answers.values import bare, pairs, shown, size
from flux_ls.record import wire


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        (None, "null"),
        (True, "true"),
        (0, "0"),
        (-1.5, "-1.5"),
        (2**80, str(2**80)),
        ("free", '"free"'),
        ("", '""'),
        ('a "b"\n\x1b', '"a \\"b\\"\\n\\u001b"'),
        ("ünï", '"ünï"'),
        ([], "[]"),
        ({}, "{}"),
        ([1, [2, "x"]], '[1, [2, "x"]]'),
        ({"email": "a@x.com", "plan": None}, '{email: "a@x.com", plan: null}'),
        ({"a-b": 1, "a b": 2, "ä": 3, "": 4}, '{"a-b": 1, "a b": 2, ä: 3, "": 4}'),
        ({"$$ref": 1}, '{"$ref": 1}'),
        ({"pw": "[redacted]"}, "{pw: [redacted]}"),
        ({"$cut": "the beginning", "length": 123456}, '"the beginning…" (123 KB)'),
        ({"$cut": "the beginning"}, '"the beginning…"'),
        ([1, 2, {"$more": 1995}], "[1, 2, … 1,995 more]"),
        ({"a": 1, "$more": 3}, "{a: 1, … 3 more}"),
        ({"$type": "shop.models.User", "id": 42, "plan": None}, "User(id=42, plan=null)"),
        ({"$type": "User", "id": 42, "$more": 3}, "User(id=42, … 3 more)"),
        ({"$type": "decimal.Decimal", "$repr": "Decimal('1.50')"}, "Decimal('1.50')"),
        ({"$type": "X", "$repr": {"$cut": "<X of", "length": 900}}, "<X of…"),
        ({"$bytes": b64encode(b"hello").decode()}, "b'hello' (5 B)"),
        ({"$bytes": b64encode(b"\x00\xff").decode(), "length": 4_000_000}, "b'\\x00\\xff…' (4.0 MB)"),
        ({"$bytes": "not base64!"}, "b'' (0 B)"),
        ({"$type": "numpy.ndarray", "$repr": "array([[1],\n       [2]])"}, "array([[1],\\n       [2]])"),
        ({"$type": "shop.Path", "$repr": "Path('C:\\\\temp')"}, "Path('C:\\\\temp')"),
        ({"$ref": "shop.Node"}, "<Node again>"),
        ({"$deep": "a\nb"}, "a\\nb(…)"),
        ({"$deep": "shop.Node"}, "Node(…)"),
        ({"$deep": "dict"}, "{…}"),
        ({"$deep": "list"}, "[…]"),
        ({"$unloaded": True}, "<not loaded>"),
        ({"$unreadable": "builtins.ValueError"}, "<unreadable: ValueError>"),
        ({"$float": "-inf"}, "-inf"),
        (float("nan"), "nan"),
    ],
)
def test_values_and_marks_in_words(tree: Any, text: str) -> None:
    assert shown(tree) == text


@pytest.mark.parametrize(
    ("tree", "limit", "text"),
    [
        ("x" * 100, 10, '"xxxxxxx…"'),
        ({"a": 1, "b": 2, "c": 3, "d": 4}, 16, "{a: 1, b: 2, …}"),
        ({"a": "x" * 50, "b": 2}, 24, '{a: "xxxxxxxxxxxxx…", …}'),
        (list(range(100)), 20, "[0, 1, 2, 3, 4, …]"),
        ({"$cut": "x" * 100, "length": 5000}, 24, '"xxxxxxxxxxxx…" (5.0 KB)'),
        ({"$type": "shop.User", "name": "x" * 50}, 20, 'User(name="xxxxxx…")'),
        (12345, 3, "12…"),
    ],
)
def test_what_does_not_fit_is_left_out_and_says_so(tree: Any, limit: int, text: str) -> None:
    assert shown(tree, limit) == text
    assert len(text) <= limit


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        ("free", "free"),
        ("Alice Smith", "Alice Smith"),
        ("null", '"null"'),
        ("None", '"None"'),
        ("42", '"42"'),
        ("", '""'),
        (" x", '" x"'),
        ("[redacted]", "[redacted]"),
        ("a\nb", "a\\nb"),
        (None, "null"),
        (42, "42"),
        ({"a": "b"}, '{a: "b"}'),
    ],
)
def test_a_text_by_itself_needs_no_quotes_unless_it_could_be_something_else(tree: Any, text: str) -> None:
    assert bare(tree) == text


def test_pairs_are_a_key_as_people_write_it() -> None:
    assert pairs({"id": 42}) == "id=42"
    assert pairs({"order_id": 7, "position": "a"}) == 'order_id=7, position="a"'


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 KB"), (123456, "123 KB"), (999_600, "1.0 MB"), (4 * 10**9, "4.0 GB")],
)
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.text(max_size=5) | st.sampled_from(sorted(wire.MARKS | {"length"})), inner, max_size=4)
    ),
    max_leaves=30,
)


@given(TREES, st.integers(1, 200))
def test_any_tree_fits_on_one_line(tree: Any, limit: int) -> None:
    for text in (shown(tree, limit), bare(tree, limit)):
        assert 0 < len(text) <= limit
        assert "\n" not in text


def test_a_tree_of_any_depth_and_width_is_quick() -> None:
    deep: Any = None
    for _ in range(60):
        deep = {"a": [deep]}
    assert len(shown(deep)) <= 120
    assert len(shown(json.loads("[" + "0," * 200_000 + "0]"))) <= 120
