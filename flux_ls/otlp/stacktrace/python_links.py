"""The exceptions that a Python stack trace prints one below the other, and how they become one that others led to."""

from typing import Literal

from flux_ls.model import Frame, Raised

Join = Literal["cause", "context"]


class Block:
    """One exception as printed: a link of a chain."""

    __slots__ = ("frames", "joined", "matched", "members", "message", "notes", "notes_begin", "type", "whole")

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.notes_begin = 0
        self.type = ""
        self.message = ""
        self.notes: tuple[str, ...] = ()
        self.members: tuple[Raised, ...] = ()
        self.joined: Join | None = None
        """How the block before led to this one."""
        self.whole = False
        """Whether the line with the type is there."""
        self.matched = False
        """Whether it says the type and message that were given."""


def same_type(one: str, other: str) -> bool:
    """Whether two spellings name one class; either may lack its module."""
    return one == other or one.endswith("." + other) or other.endswith("." + one)


def linked(before: list[Block], block: Block, type: str, message: str, *, truncated: bool = False) -> Raised:
    """`block` as an exception of this type and message, with the blocks before it as what led to it."""
    led: Raised | None = None
    for link in before:
        led = _raised(link, link.type, link.message, led, not link.whole)
    return _raised(block, type, message, led, truncated)


def _raised(block: Block, type: str, message: str, led: Raised | None, truncated: bool) -> Raised:
    explicit = block.joined == "cause"
    cause, context = (led, None) if explicit else (None, led)
    return Raised(type, message, tuple(block.frames), cause, context, block.members, block.notes, truncated)
