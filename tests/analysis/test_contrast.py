"""What failing requests have in common that passing ones do not."""

import random
from math import comb
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flux_ls.analysis.contrast import MOST, contrast, fisher
from flux_ls.analysis.facts import PARTLY, Facts


def body(**values: Any) -> Facts:
    return {"@POST /signup": {f"body.{name}": value for name, value in values.items()}}


def told(failing: list[Facts], passing: list[Facts]) -> list[str]:
    return [
        f"{each.condition}: {each.failing}/{each.failing_total} failures, "
        f"{each.passing}/{each.passing_total} successes ({each.where})"
        for each in contrast(failing[0], failing, passing)
    ]


PLANS = [body(plan=plan) for plan in ("free", "pro", "team")] * 80


@pytest.mark.parametrize(
    ("failing", "passing", "expected"),
    [
        ([body(plan=None)] * 17, PLANS, "plan is None: 17/17 failures, 0/240 successes (request body)"),
        ([body(other=1)] * 17, [body(plan="pro", other=1)] * 240, "plan is missing: 17/17 failures, 0/240 successes"),
        ([body(plan="")] * 17, PLANS, "plan is empty: 17/17 failures, 0/240 successes"),
        ([body(plan="gold")] * 9, PLANS, 'plan is "gold": 9/9 failures, 0/240 successes'),
        ([body(note="gift")] * 9, [body(note=None)] * 240, 'note is "gift": 9/9 failures, 0/240 successes'),
        ([body(note="gift", a=1)] * 9, [body(a=1)] * 240, 'note is "gift": 9/9 failures, 0/240 successes'),
        ([body(note=note) for note in "abc" * 3], [body(note=None)] * 240, "note is a string: 9/9 failures, 0/240"),
        ([body(plan=3)] * 9, PLANS, "plan is a number: 9/9 failures, 0/240 successes"),
        ([body(plan=True)] * 9, [body(plan=False)] * 50, "plan is True: 9/9 failures, 0/50 successes"),
        (
            [body(amount=n) for n in (150, 210, 170, 480)],
            [body(amount=n) for n in (3, 17, 100, 42, 64) * 20],
            "amount is over 100: 4/4 failures, 0/100 successes",
        ),
        (
            [body(amount=n) for n in (-1, -2, -3, -4)],
            [body(amount=n) for n in (3, 17, 100, 42, 64) * 20],
            "amount is under 3: 4/4 failures, 0/100 successes",
        ),
        (
            [body(name="x" * n) for n in (41, 52, 45, 60)],
            [body(name=f"{'y' * (n % 30 + 1)}{n}") for n in range(100)],
            "length of name is over 32: 4/4 failures, 0/100 successes",
        ),
        ([body(items=["list", 0])] * 5, [body(items=["list", n % 4 + 1]) for n in range(99)], "items is empty: 5/5"),
        (
            [body(items=["list", 200 + n]) for n in range(5)],
            [body(items=["list", n % 4 + 1]) for n in range(99)],
            "length of items is over 4: 5/5 failures, 0/99 successes",
        ),
        ([body(customer_id=None)] * 5, [body(customer_id=n) for n in range(99)], "customer_id is None: 5/5"),
        # Not all of them fail for the same reason, and it holds for the one that is asked about.
        ([body(plan=None)] * 8 + [body(plan="pro")] * 9, PLANS, "plan is None: 8/17 failures, 0/240 successes"),
        # Some succeed in spite of it.
        ([body(plan=None)] * 17, [*PLANS, *[body(plan=None)] * 10], "plan is None: 17/17 failures, 10/250 successes"),
    ],
)
def test_the_difference_is_told_in_words(failing: list[Facts], passing: list[Facts], expected: str) -> None:
    found = told(failing, passing)
    assert found
    assert found[0].startswith(expected)


@pytest.mark.parametrize(
    ("failing", "passing"),
    [
        ([body(plan=None)], PLANS),  # one failure has everything in common with itself
        ([body(plan=None)] * 17, []),
        ([body(plan=None)] * 17, [body(plan="pro")] * 2),
        ([body(plan="pro")] * 17, [body(plan="pro")] * 240),
        ([body(plan="pro")] * 2, [body(plan="free")] * 4 + [body(plan="pro")]),
        ([body(user_id=7)] * 17, [body(user_id=n) for n in range(240)]),
        ([body(token="abc")] * 17, [body(token="def")] * 240),
        ([body(createdAt="a")] * 17, [body(createdAt="b")] * 240),
        (
            [body(ref="550e8400-e29b-41d4-a716-446655440000")] * 5,
            [body(ref=f"550e8400-e29b-41d4-a716-{n:012}") for n in range(99)],
        ),
        ([body(nick="bob")] * 17, [body(nick=f"nick{n}") for n in range(240)]),  # never comes twice
        ([body(start=1790000000 + n) for n in range(9)], [body(start=1780000000 + n) for n in range(99)]),
        ([body(number=500 + n) for n in range(9)], [body(number=400 - n) for n in range(99)]),  # counted up
    ],
)
def test_what_may_be_chance_or_only_names_the_request_is_not_told(failing: list[Facts], passing: list[Facts]) -> None:
    assert told(failing, passing) == []


def test_one_value_handed_from_function_to_function_is_told_once() -> None:
    def signup(plan: str | None) -> Facts:
        return {**body(plan=plan), "create_user": {"plan": plan}, "charge": {"user.plan": plan}}

    assert told([signup(None)] * 17, [signup("pro")] * 99) == [
        "plan is None: 17/17 failures, 0/99 successes (request body)"
    ]


def test_a_function_is_named_with_what_it_took() -> None:
    (found,) = contrast(
        {"charge": {"amount": None}}, [{"charge": {"amount": None}}] * 5, [{"charge": {"amount": 1}}] * 99
    )
    assert (found.condition, found.where) == ("amount is None", "charge()")


def test_at_most_three_are_told_the_best_first() -> None:
    bad = {"a": None, "b": None, "c": None, "d": None}
    good = {"a": "x", "b": "x", "c": "x", "d": "x"}
    half = {**good, "a": None}
    found = contrast(body(**bad), [body(**bad)] * 17, [body(**good)] * 90 + [body(**half)] * 10)
    assert len(found) == MOST
    assert [each.condition for each in found] == ["b is None", "c is None", "d is None"]


def test_inputs_of_places_that_came_after_the_failure_are_left_out() -> None:
    bad, good = {"render": {"status": 500}}, {"render": {"status": 200}}
    assert contrast(bad, [bad] * 17, [good] * 99)
    assert contrast(bad, [bad] * 17, [good] * 99, places=["charge"]) == ()


def test_a_function_that_was_not_reached_says_nothing_of_what_is_missing() -> None:
    failing = [{"create_user": {"x": 1}}] * 17
    passing: list[Facts] = [{"create_user": {"x": 1}, "charge": {"amount": 3}}] * 99
    assert contrast(failing[0], failing, passing) == ()


def test_of_what_is_known_in_part_only_nothing_is_missing() -> None:
    failing: list[Facts] = [{**body(x=1), PARTLY: {}}] * 17
    assert contrast(failing[0], failing, [body(x=1, plan="pro")] * 99) == ()


def test_the_fields_of_what_is_none_are_not_missing() -> None:
    failing = [body(user=None)] * 17
    passing: list[Facts] = [{"@POST /signup": {"body.user.name": "x", "body.user.plan": "pro"}}] * 99
    assert told(failing, passing) == ["user is None: 17/17 failures, 0/99 successes (request body)"]


def test_of_a_secret_only_that_it_is_there() -> None:
    failing, passing = [body(plan="pro", card="[redacted]")] * 17, [body(plan="pro")] * 99
    assert told(failing, passing)[0].startswith("card is there: 17/17 failures, 0/99 successes")


def test_of_a_text_that_a_secret_was_taken_out_of_nothing_is_measured() -> None:
    failing = [body(plan="pro", note="for [redacted], please")] * 17
    passing = [body(plan="pro", note=f"for {number}") for number in range(99)]
    assert [condition for condition in told(failing, passing) if condition.startswith("note")] == []


def test_inputs_made_by_chance_have_nothing_in_common() -> None:
    chance = random.Random(7)

    def any_body() -> Facts:
        return body(
            plan=chance.choice(["free", "pro", None]),
            amount=chance.randrange(1000),
            name="x" * chance.randrange(40),
            **{f"f{n}": chance.choice([None, True, "a", "b"]) for n in range(20)},
        )

    wrong = 0
    for _ in range(200):
        failing = [any_body() for _ in range(chance.randrange(2, 20))]
        wrong += bool(contrast(failing[0], failing, [any_body() for _ in range(chance.randrange(5, 60))]))
    assert wrong <= 4


@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 12), st.integers(0, 12))
def test_fishers_test_counts_the_ways(a: int, b: int, c: int, d: int) -> None:
    whole = comb(a + b + c + d, a + c)
    ways = sum(comb(a + b, k) * comb(c + d, a + c - k) for k in range(a, min(a + b, a + c) + 1))
    assert fisher(a, b, c, d) == pytest.approx(ways / whole)
