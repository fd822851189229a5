"""What has to be told of a language to read its functions from tree-sitter's trees."""

from collections.abc import Callable, Sequence
from typing import Literal

from msgspec import Struct
from tree_sitter import Node

Kind = Literal["def", "lambda", "class"]


class Read(Struct, frozen=True):
    """A scope as its node tells it."""

    name: str
    """Its own, without those around it."""
    kind: Kind
    start: Node
    """What it begins with."""
    label: Node
    """What to point at: the name, if there is one."""
    body: Node


class Named(Struct, frozen=True):
    """A scope with the name that stack traces have for it."""

    own: str
    kind: Kind
    qualified: str


class Dialect(Struct, frozen=True):
    """A language's table."""

    scopes: frozenset[str]
    """The types of nodes that may run in a frame of their own."""
    comments: frozenset[str]
    read: Callable[[Node], Read | None]
    """None for what has no code, such as a declaration."""
    qualified: Callable[[str, Kind, Sequence[Named]], str]
    """The name of a scope, after its own name, its kind and the scopes around it, innermost last."""
    recorded: Callable[[str], tuple[str, ...]]
    """What a function of a stack trace may be called in its file, likeliest first; empty when that is not told."""
    naming: frozenset[str] = frozenset()
    """The types of nodes that name what is directly in them."""
    decorators: frozenset[str] = frozenset()
    """The types of nodes that belong to the scope after them."""


def text_of(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")


def opening(node: Node) -> Node:
    """The keyword or bracket that a node begins with."""
    return node.children[0] if node.child_count else node
