"""How likely commits are, by what they changed of what ran."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from flux_ls.bisect.traces import Place, Traced
from flux_ls.bisect.weights import (
    CLASS_LEVEL,
    FAILING,
    FILE,
    IMPORTED,
    OTHER,
    PYTHON,
    RAN,
    UNLIKE,
    Ran,
    by_files,
    by_functions,
    changed_functions,
    followed,
    ran_in,
    to_read,
)
from flux_ls.git.repository import Change
from flux_ls.source.places import Text
from flux_ls.source.text_cache import parsed

BEFORE = """\
import os

LIMIT = 3


class Cart:
    size = 1

    def total(self, items):
        # adds up
        return sum(items)

    def idle(self):
        return None


def price(item):
    return item
"""


def text(source: str) -> Text:
    return parsed(Path("cart.py"), source)


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("sum(items)", "max(items)", {("Cart.total", "def")}),
        ("# adds up", "# adds them up", set()),
        ("return item\n", "return  item\n\n\n", set()),
        ("size = 1", "size = 2", {("Cart", "class")}),
        ("LIMIT = 3", "LIMIT = 4", {("<module>", "module")}),
        ("def idle(self)", "@property\n    def idle(self)", {("Cart.idle", "def")}),
        ("def price(item)", "def price(item=None)", {("price", "def")}),
        ("def price(item):\n    return item\n", "", {("price", "def")}),
        ("import os\n", "import os\nimport re\n", {("<module>", "module")}),
    ],
)
def test_which_functions_a_change_is_in(old: str, new: str, changed: set[tuple[str, str]]) -> None:
    assert changed_functions(text(BEFORE), text(BEFORE.replace(old, new))) == changed


RAN_HERE = Ran(
    {("shop/cart.py", "Cart.total"): FAILING, ("shop/cart.py", "price"): UNLIKE},
    frozenset({"shop/cart.py"}),
    frozenset({"shop/__init__.py"}),
)


@pytest.mark.parametrize(
    ("old", "new", "weight"),
    [
        ("sum(items)", "max(items)", FAILING),
        ("return item\n", "return 1\n", UNLIKE),
        ("size = 1", "size = 2", CLASS_LEVEL),
        ("return None", "return 0", FILE),
        ("# adds up", "# sums up", PYTHON),
    ],
)
def test_the_weight_of_a_change_in_a_file_that_ran(old: str, new: str, weight: float) -> None:
    texts = {"a" * 40: text(BEFORE), "b" * 40: text(BEFORE.replace(old, new))}
    change = Change("shop/cart.py", "shop/cart.py", "a" * 40, "b" * 40)
    assert by_functions((change,), RAN_HERE, texts)[0] == weight
    assert by_functions((change,), RAN_HERE, {})[0] == RAN, "what could not be read may be anything"


@pytest.mark.parametrize(
    ("path", "weight"),
    [("shop/cart.py", RAN), ("shop/__init__.py", IMPORTED), ("shop/other.py", PYTHON), ("README.md", OTHER)],
)
def test_the_weight_of_a_file(path: str, weight: float) -> None:
    assert by_files((Change(path, path, "a" * 40, "b" * 40),), RAN_HERE) == weight
    assert by_files((), RAN_HERE) == OTHER


def test_a_file_is_known_by_the_names_that_it_had() -> None:
    moved = Change("cart.py", "shop/cart.py", "a" * 40, "a" * 40)
    older = Change("basket.py", "cart.py", "a" * 40, "a" * 40)
    ran = followed(RAN_HERE, [(moved,), (older,)])
    assert ran.files == {"shop/cart.py", "cart.py", "basket.py"}
    assert ran.functions["basket.py", "Cart.total"] == FAILING
    assert to_read((Change("basket.py", "basket.py", None, "a" * 40),), ran)


def test_a_function_is_known_by_the_name_that_it_had() -> None:
    body = "(items):\n    found = [each for each in items if each]\n    found.sort()\n    return found[-1]\n"
    texts = {"a" * 40: text(f"def most{body}"), "b" * 40: text(f"def largest{body}")}
    ran = Ran({("cart.py", "largest"): FAILING}, frozenset({"cart.py"}), frozenset())
    _, earlier = by_functions((Change("cart.py", "cart.py", "a" * 40, "b" * 40),), ran, texts)
    assert earlier.functions["cart.py", "most"] == FAILING


def test_what_ran_is_graded_by_how_both_runs_differ() -> None:
    total, price, idle = (Place("cart.py", line, name) for line, name in ((9, "total"), (17, "price"), (13, "idle")))
    bad = Traced({total: 2, price: 5}, frozenset({total}), frozenset(), frozenset({"cart.py"}), {})
    good = Traced({total: 2, price: 4, idle: 1}, frozenset(), frozenset(), frozenset({"cart.py"}), {})
    texts = {"cart.py": text(BEFORE)}
    ran = ran_in(bad, good, texts, texts)
    assert ran.functions == {
        ("cart.py", "Cart.total"): FAILING,
        ("cart.py", "price"): UNLIKE,
        ("cart.py", "Cart.idle"): UNLIKE,
    }
    gone = ran_in(bad, replace(good, imported=frozenset({"cart.py", "old.py"})), texts, texts)
    assert gone.functions["old.py", "<module>"] == UNLIKE
    alone = ran_in(bad, None, texts, {})
    assert alone.functions == {("cart.py", "Cart.total"): RAN, ("cart.py", "price"): RAN}
