"""The grammar of Python for tree-sitter, and text parsed by it."""

from functools import cache

import tree_sitter_python
from tree_sitter import Language, Parser, Tree

from flux_ls.source.lines import newlines_only


@cache
def language() -> Language:
    return Language(tree_sitter_python.language())


@cache
def _parser() -> Parser:
    return Parser(language())


def parse(text: str) -> tuple[bytes, Tree]:
    """The text as the bytes that the tree's offsets count, and the tree. Any text has one."""
    # A surrogate cannot be encoded; "?" keeps every column in its place.
    data = newlines_only(text).encode("utf-8", "replace")
    return data, _parser().parse(data)
