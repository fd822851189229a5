"""What does not fit is cut, the largest first, and said; the shape stays."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flux_ls.mcp.budget import TooLarge, listed, size_of, within
from tests.examples import examples

LIMIT = 8192
TREES = st.dictionaries(
    st.text(max_size=8),
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=40) | st.just("é🙂" * 4000),
        lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=8), inner, max_size=8),
        max_leaves=60,
    ),
    max_size=8,
)


def row(text: str) -> dict[str, Any]:
    return {"id": 1, "text": text}


@pytest.mark.parametrize(
    ("tree", "cut"),
    [
        ({"a": "x" * 100}, []),
        ({"big": "x" * 50_000, "small": "y" * 300}, [("big", "bytes", 4096, 50_000)]),
        (
            {"a": "x" * 20_000, "b": {"c": ["z" * 5000]}},
            [("a", "bytes", 1024, 20_000), ("b.c[0]", "bytes", 1024, 5000)],
        ),
        ({"rows": [row("x")] * 2000}, [("rows", "items", 250, 2000)]),
        ({"input": {f"key{at}": at for at in range(5000)}}, [("input", "items", 250, 5000)]),
        ({"é": "é🙂" * 5000}, [("é", "bytes", 4094, 30_000)]),
    ],
)
def test_the_largest_go_first(tree: dict[str, Any], cut: list[tuple[str, str, int, int]]) -> None:
    kept, cuts = within(tree, LIMIT)
    assert size_of(kept) <= LIMIT
    told = [(each.path, each.unit, each.kept, each.of) for each in cuts]
    assert [each for each in told if each[0] in {name for name, *_ in cut}] == cut
    assert bool(cuts) == bool(cut)
    if "small" in tree:
        assert kept["small"] == tree["small"]


@settings(max_examples=examples(60))
@given(TREES)
def test_it_fits_and_what_is_left_out_is_told(tree: dict[str, Any]) -> None:
    try:
        kept, cuts = within(tree, LIMIT)
    except TooLarge:
        assert size_of(tree) > LIMIT
        return
    assert size_of(kept) + (size_of(listed(cuts, LIMIT)) if cuts else 0) <= LIMIT
    assert (kept == tree) == (not cuts)
    if size_of(tree) <= LIMIT:
        assert not cuts


def test_names_of_any_length_and_depth() -> None:
    deep: dict[str, Any] = {"end": "x" * 100}
    for _ in range(60):
        deep = {"n" * 50: deep, "m": "x" * 1000}
    kept, cuts = within(deep, LIMIT)
    assert size_of(kept) <= LIMIT
    assert cuts
    assert size_of(listed(cuts, LIMIT)) <= LIMIT // 4
    with pytest.raises(TooLarge):
        within({f"{at}" * 200: {f"{each}" * 200: each for each in range(60)} for at in range(60)}, LIMIT)


def test_the_list_of_cuts_is_data() -> None:
    _, cuts = within({"a": ["x" * 5000] * 30}, LIMIT)
    told = listed(cuts, LIMIT)
    assert 0 < len(told) <= 20
    assert all(set(each) == {"path", "unit", "kept", "of"} for each in told)
    assert msgspec.json.encode(told)
