"""The functions that a commit changes in what they do: the hunks in these are shown."""

import pytest

from flux_ls.bisect.hunks import changed_functions
from flux_ls.source.places import Text
from tests.bisect.cart import BEFORE, text


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("sum(items)", "max(items)", {"Cart.total"}),
        ("# adds up", "# adds them up", set()),
        ("return item\n", "return  item\n\n\n", set()),
        ("size = 1", "size = 2", set()),
        ("LIMIT = 3", "LIMIT = 4", set()),
        ("def idle(self)", "@property\n    def idle(self)", {"Cart.idle"}),
        ("def price(item)", "def price(item=None)", {"price"}),
        ("def price(item):\n    return item\n", "", {"price"}),
        ("import os\n", "import os\nimport re\n", set()),
    ],
)
def test_which_functions_a_change_is_in(old: str, new: str, changed: set[str]) -> None:
    assert changed_functions(text(BEFORE), text(BEFORE.replace(old, new))) == changed


@pytest.mark.parametrize(("before", "after"), [(None, text(BEFORE)), (text(BEFORE), None)], ids=["new", "gone"])
def test_all_functions_of_a_file_that_came_or_went(before: Text | None, after: Text | None) -> None:
    assert changed_functions(before, after) == {"Cart.total", "Cart.idle", "price"}
