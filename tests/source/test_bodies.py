"""Functions that are known again by their bodies."""

import pytest

from flux_ls.source.bodies import body_lines, likeness, most_alike, same_body
from flux_ls.source.functions import Function, FunctionIndex
from flux_ls.source.lines import split_lines
from flux_ls.source.places import Text

CHARGE = """\
def charge(card):
    # Pay.
    total = card.total
    if not total:
        return None
    return send(card, total)
"""


def text_of(source: str) -> Text:
    return Text(split_lines(source), FunctionIndex.parse(source))


def first(text: Text) -> Function:
    assert text.functions is not None
    return text.functions.scopes[0]


def body(source: str) -> tuple[str, ...]:
    text = text_of(source)
    return body_lines(first(text), text)


@pytest.mark.parametrize(
    ("after", "same", "alike"),
    [
        (CHARGE, True, True),
        (CHARGE.replace("def charge(card)", "async def pay(card: Card) -> None"), True, True),
        (CHARGE.replace("    # Pay.\n", "\n    # Pay,\n    # and more.\n"), True, True),
        (CHARGE.replace("total = card.total", "total=card.total  # all"), True, True),
        (CHARGE.replace("send(card, total)", "send(\n        card, total\n    )"), True, True),
        (CHARGE.replace("\n    ", "\n\t"), True, True),
        (CHARGE.replace("\n", "\r\n"), True, True),
        (CHARGE.replace("None", "0"), False, True),
        (CHARGE.replace("card.total", '"card . total"'), False, True),
        ("def charge(card):\n    return 5\n", False, False),
        ("def charge(card): pass\n", False, False),
    ],
)
def test_bodies(after: str, same: bool, alike: bool) -> None:
    assert same_body(body(CHARGE), body(after)) is same
    assert (likeness(body(CHARGE), body(after)) >= 0.5) is alike
    assert likeness(body(CHARGE), body(after)) == likeness(body(after), body(CHARGE))


def test_likeness() -> None:
    assert likeness(("a", "b"), ("a", "b")) == 1
    assert likeness(("a", "b"), ("b", "c")) == 0.5
    assert likeness(("a", "a"), ("a", "b")) == 0.5
    assert likeness(("a",), ()) == likeness((), ()) == 0


PAY = CHARGE.replace("charge", "pay")
OTHER = "def other():\n    return 1\n"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (CHARGE, PAY, "pay"),
        (CHARGE, OTHER + PAY.replace("None", "0"), "pay"),
        (CHARGE, OTHER, None),
        # Which of two it became is not known, unless one has its name.
        (CHARGE, PAY + CHARGE.replace("charge", "buy"), None),
        (CHARGE, PAY + "class Shop:\n" + "".join(f"    {line}\n" for line in CHARGE.splitlines()), "Shop.charge"),
        # What was there before is what it was.
        (CHARGE + PAY, PAY, None),
        # Very little is alike by chance.
        ("def charge():\n    return None\n", "def pay():\n    return None\n", None),
        # A class is no function.
        (CHARGE, CHARGE.replace("def charge(card)", "class Charge"), None),
        (CHARGE, "", None),
    ],
)
def test_what_a_function_became(before: str, after: str, expected: str | None) -> None:
    text = text_of(before)
    found = most_alike(first(text), text, text_of(after))
    assert (found.name if found is not None else None) == expected
