"""What a rule gives: a title, what in the recording supports it and, where it can be mechanical, an edit."""

from msgspec import Struct


class Position(Struct, frozen=True):
    """1-based; columns count code points."""

    line: int
    column: int


class Edit(Struct, frozen=True):
    """Text for a range of today's file; the end is exclusive."""

    path: str
    start: Position
    end: Position
    new_text: str


class Suggestion(Struct, frozen=True):
    title: str
    evidence: str
    edit: Edit | None = None
    sure: bool = False
    """There is one thing to do, and the edit does it: nothing else has to be decided."""
