"""A small file whose functions a commit changes, or a run executes."""

from pathlib import Path

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
