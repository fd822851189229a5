"""How likely commits are, by what they changed of what ran."""

import pytest
from msgspec.structs import replace

from flux_ls.bisect.executed import code_of, digest, executed, names_of, words_of
from flux_ls.bisect.signs import likely, signs_of
from flux_ls.bisect.traces import Code, Place, Traced
from flux_ls.bisect.weights import (
    FAILING,
    IMPORTED,
    OTHER,
    PYTHON,
    RAN,
    UNLIKE,
    Alone,
    Ran,
    by_files,
    followed,
    ran_in,
)
from flux_ls.git.patches import Edit, Patched
from flux_ls.git.repository import Change
from tests.bisect.cart import BEFORE, text

RAN_HERE = Ran(
    {("shop/cart.py", "Cart.total"): FAILING, ("shop/cart.py", "price"): UNLIKE},
    frozenset({"shop/cart.py"}),
    frozenset({"shop/__init__.py"}),
)


CART = Change("shop/cart.py", "shop/cart.py", "a" * 40, "b" * 40)
README = Change("README.md", "README.md", "a" * 40, "b" * 40)


def lines(*code: str) -> frozenset[bytes]:
    return frozenset(map(digest, code))


def edit(within: str, removed: str, added: str) -> Patched:
    return Patched("shop/cart.py", "shop/cart.py", (Edit(within, (removed,), (added,)),))


@pytest.mark.parametrize(
    ("patched", "ran"),
    [
        pytest.param(edit("def price(item):", "    return item", "    return 1"), RAN_HERE, id="a function that ran"),
        pytest.param(
            edit("", "    return item", "    return item * 2"),
            replace(RAN_HERE, bad=Alone(lines("return item * 2"))),
            id="a line that ran in the bad run alone",
        ),
        pytest.param(
            edit("", "    log(item)", ""),
            replace(RAN_HERE, good=Alone(lines("log(item)"))),
            id="a line that ran in the good run alone",
        ),
        pytest.param(
            edit("", "def old_price(item):", ""),
            replace(RAN_HERE, names=frozenset({"old_price"})),
            id="a name that the failure names",
        ),
        pytest.param(
            edit("class Totals:", "    VAT = 3", "    VAT = 4"),
            replace(RAN_HERE, words=frozenset({"vat"})),
            id="a word that the failure says",
        ),
    ],
)
def test_what_makes_a_commit_likely(patched: Patched, ran: Ran) -> None:
    """Among others that changed the same file, and one that changed none that ran."""
    other = edit("def unused():", "    return 2", "    return 3")
    changes = {"it": (CART,), "other": (CART,), "another": (CART,), "none": (README,)}
    chances = likely(signs_of(changes, changes, {"it": (patched,), "other": (other,), "another": (other,)}, ran))
    assert chances["it"] > 1.3 * chances["other"]
    assert chances["other"] == chances["another"] > chances["none"] > 0
    assert sum(chances.values()) == pytest.approx(len(chances))


@pytest.mark.parametrize(
    ("removed", "added"), [("    return item", "        return item"), ("    # a", "    # b"), ("", "\t")]
)
def test_white_space_and_comments_change_nothing(removed: str, added: str) -> None:
    changes = {"it": (CART,), "other": (CART,)}
    chances = likely(signs_of(changes, changes, {"it": (edit("def price(item):", removed, added),)}, RAN_HERE))
    assert chances["it"] == chances["other"]


def test_no_prior_is_so_sure_that_a_commit_is_out_of_reach() -> None:
    changes = {str(at): (README,) for at in range(500)} | {"it": (CART,)}
    named = replace(RAN_HERE, names=frozenset({"price"}), words=frozenset({"price"}))
    chances = likely(signs_of(changes, changes, {"it": (edit("", "price = 1", "price = 2"),)}, named))
    assert max(chances, key=lambda each: chances[each]) == "it"
    assert min(chances.values()) >= 0.1, "a tenth of an even share, at the least"


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


def test_a_function_is_known_by_the_name_that_it_had() -> None:
    ran = Ran({("shop/cart.py", "largest"): FAILING}, frozenset({"shop/cart.py"}), frozenset())
    changes = {"renames": (CART,), "earlier": (CART,), "other": (CART,)}
    patches = {
        "renames": (edit("", "def most(items):", "def largest(items):"),),
        "earlier": (edit("def most(items):", "    return 1", "    return 2"),),
        "other": (edit("def least(items):", "    return 1", "    return 2"),),
    }
    chances = likely(signs_of(changes, changes, patches, ran))
    assert chances["earlier"] > chances["other"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("    return item  # as it is", "return item"),
        ("# as it is", ""),
        ('    say(" # 1")', 'say(" # 1")'),
        ("    else:", ""),
        ("    )", ""),
        ("\t@property", "@property"),
    ],
)
def test_what_a_line_says(line: str, code: str) -> None:
    assert code_of(line) == code


def test_one_word_in_any_spelling() -> None:
    assert words_of("JSON_EXTRACT(x) is json_extract, not JsonExtract") == {"jsonextract", "not"}


@pytest.mark.parametrize(
    ("told", "names"),
    [
        ("AttributeError: module 'shop.cart' has no attribute 'price'", {"cart", "price"}),
        ("x\nTypeError: Cart.__init__() got an unexpected keyword argument 'bind'\n", {"__init__", "bind"}),
        ("AssertionError", set()),
        ("", set()),
    ],
)
def test_what_a_failure_names(told: str, names: set[str]) -> None:
    assert names_of(told) == names


def test_lines_that_ran_in_one_of_the_runs_alone() -> None:
    now = text("LIMIT = [\n    3,\n]\ndef price(item):\n    if item:\n        return 1\n    return 2\n")
    before = text("LIMIT = 2\ndef price(item):\n    if item:\n        return 0\n    return 2\n")
    price = Place("cart.py", 4, "price")
    bad = Traced(
        {price: 1}, frozenset(), frozenset(), frozenset(), {},
        (Code("cart.py", True, (5, 6), (7,)), Code("cart.py", False, (1, 4), ())),
    )  # fmt: skip
    good = replace(
        bad,
        calls={replace(price, line=2): 1},
        codes=(Code("cart.py", True, (3, 4), (5,)), Code("cart.py", False, (1, 2), ())),
    )
    ran = ran_in(executed(bad, {"cart.py": now}, ""), executed(good, {"cart.py": before}, ""))
    assert ran.bad == Alone(lines("return 1"), lines("LIMIT = ["))
    assert ran.good == Alone(lines("return 0"), lines("LIMIT = 2"))


def test_what_ran_is_graded_by_how_both_runs_differ() -> None:
    total, price, idle = (Place("cart.py", line, name) for line, name in ((9, "total"), (17, "price"), (13, "idle")))
    bad = Traced({total: 2, price: 5}, frozenset({total}), frozenset(), frozenset({"cart.py"}), {})
    good = Traced({total: 2, price: 4, idle: 1}, frozenset(), frozenset(), frozenset({"cart.py"}), {})
    before, after = (executed(each, {"cart.py": text(BEFORE)}, "") for each in (good, bad))
    ran = ran_in(after, before)
    assert ran.functions == {
        ("cart.py", "Cart.total"): FAILING,
        ("cart.py", "price"): UNLIKE,
        ("cart.py", "Cart.idle"): UNLIKE,
    }
    gone = ran_in(after, replace(before, imported=frozenset({"cart.py", "old.py"})))
    assert gone.files == {"cart.py", "old.py"}
    alone = ran_in(after, None)
    assert alone.functions == {("cart.py", "Cart.total"): RAN, ("cart.py", "price"): RAN}
