"""Which row somebody means by what they type."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_ls.analysis.row_key import identities, identity
from flux_ls.model import AttributeValue


@pytest.mark.parametrize(
    ("key", "typed"),
    [
        ({"id": 42}, "42"),
        ({"id": 42}, "id=42"),
        ({"id": 42}, '{"id": 42}'),
        ({"id": 42}, '{"id": "42"}'),
        ({"id": "42"}, "42"),
        ({"id": "42"}, '"42"'),
        ({"order_id": 7, "position": 2}, "order_id=7,position=2"),
        ({"order_id": 7, "position": 2}, "position=2, order_id=7"),
        ({"order_id": 7, "position": 2}, '{"position": 2, "order_id": 7}'),
        ({"code": "a=b"}, "a=b"),
        ({"code": "a=b"}, "code=a=b"),
        ({"code": "a,b"}, "code=a,b"),
        ({"code": "x", "name": "a,b"}, "code=x,name=a,b"),
        (
            {"id": {"$type": "uuid.UUID", "$repr": "UUID('550e8400-e29b-41d4-a716-446655440000')"}},
            "550e8400-e29b-41d4-a716-446655440000",
        ),
        ({"id": {"$type": "decimal.Decimal", "$repr": "1.50"}}, "1.50"),
        ({"active": True}, "true"),
        ({"id": 1.5}, "1.5"),
        ({"id": "x" * 5000}, "x" * 5000),
        ({"id": ""}, ""),
    ],
)
def test_a_row_is_found_by_its_key_as_people_type_it(key: dict[str, AttributeValue], typed: str) -> None:
    assert identity(key) in identities(typed)


@pytest.mark.parametrize(
    ("key", "typed"),
    [
        ({"id": 42}, "4"),
        ({"id": 42}, "042"),
        ({"a": 1, "b": 2}, "a=1"),
        ({"a": 1, "b": 2}, "a=2,b=1"),
        ({"id": "x" * 5000}, "x" * 5001),
    ],
)
def test_and_by_no_other(key: dict[str, AttributeValue], typed: str) -> None:
    assert identity(key) not in identities(typed)


def test_a_key_that_was_not_told_is_empty() -> None:
    assert identity({}) == ""


KEYS = st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.integers() | st.text(), min_size=1, max_size=3)


@given(KEYS)
def test_any_key_is_found_by_its_json(key: dict[str, AttributeValue]) -> None:
    assert identities(json.dumps(key))[0] == identity(key)


@given(st.text())
def test_whatever_is_typed_is_some_key(typed: str) -> None:
    assert identities(typed)
