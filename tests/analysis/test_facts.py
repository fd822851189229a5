"""What went into a request, flattened and bounded."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_ls.analysis.facts import BYTES, FACTS, PARTLY, Facts, Input, bounded, facts_of, merged
from flux_ls.model import SpanKind


def took(tree: Any, name: str = "create_user", kind: SpanKind = "internal", start: int = 0) -> Input:
    return Input(name, kind, start, tree)


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({"plan": None, "age": 7, "vip": True}, {"plan": None, "age": 7, "vip": True}),
        ({"user": {"address": {"city": "Ulm"}}}, {"user.address.city": "Ulm"}),
        ({"items": []}, {"items": ["list", 0]}),
        ({"items": [{"sku": "a"}, {"sku": "b"}]}, {"items": ["list", 2], "items[0].sku": "a"}),
        ({"items": [1, {"$more": 995}]}, {"items": ["list", 996]}),
        ({"form": {}}, {"form": ["dict", 0]}),
        ({"text": "x" * 61}, {"text": ["str", 61]}),
        ({"text": {"$cut": "once", "length": 5000}}, {"text": ["str", 5000]}),
        ({"at": {"$type": "decimal.Decimal", "$repr": "1.5"}}, {"at": "1.5"}),
        ({"user": {"$type": "shop.User", "id": 1, "plan": {"$unloaded": True}}}, {"user.id": 1}),
        ({"blob": {"$bytes": "aGk="}, "self": {"$ref": "X"}, "far": {"$deep": "dict"}}, {}),
        ({"rate": {"$float": "nan"}}, {"rate": "nan"}),
        ({"a": {"b": {"c": {"d": {"e": 1}}}}}, {}),
        ("no object", {}),
    ],
)
def test_inputs_are_paths_and_small_values(tree: Any, expected: dict[str, Any]) -> None:
    assert facts_of([took(tree)]).get("create_user", {}) == expected


def test_of_a_request_only_what_differs_between_two_of_them() -> None:
    tree = {
        "method": "POST",
        "path": "/signup",
        "query": {"ref": "ad"},
        "headers": {"Host": "x", "Accept-Language": "de", "X-Request-Id": "1", "authorization": "[redacted]"},
        "body": {"plan": None},
    }
    assert facts_of([took(tree, "POST /signup", "server")]) == {
        "@POST /signup": {"query.ref": "ad", "body.plan": None, "headers.accept-language": "de"}
    }


def test_requests_come_first_and_calls_to_others_not_at_all() -> None:
    inputs = [
        took({"a": 1}, "late", start=9),
        took({"a": 1}, "early", start=1),
        took({"body": "x"}, "GET /", "server", 5),
        took({"url": "http://x"}, "POST", "client", 2),
    ]
    assert list(facts_of(inputs)) == ["@GET /", "early", "late"]


def test_of_a_function_that_was_called_again_the_last_call_counts() -> None:
    calls = [took({"amount": 1}, start=1), took({"amount": 3}, start=3), took({"amount": 2}, start=2)]
    assert facts_of(calls) == {"create_user": {"amount": 3}}


def test_what_is_left_out_leaves_a_mark() -> None:
    assert PARTLY in facts_of([took({"a": 1, "$more": 12})])
    assert PARTLY in facts_of([took({f"n{n}": n for n in range(FACTS + 1)})])
    assert PARTLY not in facts_of([took({f"n{n}": n for n in range(FACTS)})])


def test_every_place_gets_its_share() -> None:
    facts = facts_of([took({f"n{n}": n for n in range(100)}, name) for name in ("one", "two", "three")])
    counts = {place: len(of_place) for place, of_place in facts.items() if place != PARTLY}
    assert sum(counts.values()) == FACTS
    assert max(counts.values()) - min(counts.values()) <= 1


def test_more_of_a_request_is_added_with_the_request_first() -> None:
    known: Facts = {"charge": {"amount": 1}, "create_user": {"plan": None}}
    assert merged(known, {"@POST /": {"body.plan": None}, "charge": {"amount": 2}}) == {
        "@POST /": {"body.plan": None},
        "charge": {"amount": 2},
        "create_user": {"plan": None},
    }
    assert next(iter(merged(known, {"@POST /": {"x": 1}}))) == "@POST /"


@given(st.dictionaries(st.text(max_size=300), st.dictionaries(st.text(max_size=300), st.text(max_size=80)), max_size=9))
def test_facts_are_never_more_than_is_kept(facts: dict[str, dict[str, Any]]) -> None:
    kept = bounded(facts)
    assert sum(map(len, kept.values())) <= FACTS
    assert len(msgspec.json.encode(kept)) <= BYTES
    assert all(kept[place].items() <= facts[place].items() for place in kept if place in facts)
