"""What the index of a text's functions answers, whatever the language."""

from collections.abc import Sequence
from typing import ClassVar, Protocol

from flux_ls.source.edits import Span
from flux_ls.source.functions import Function


class Index(Protocol):
    """What runs where in one text."""

    knows_every_name: ClassVar[bool]
    """Whether a name that it does not have is the name of no code in the text.

    Python's traces spell names as its sources do. Other runtimes make names up: there such a name tells nothing.
    """
    comment_mark: ClassVar[str]
    """What each line with a comment holds; empty where a line may be within one."""

    @property
    def scopes(self) -> tuple[Function, ...]: ...

    @property
    def functions(self) -> tuple[Function, ...]: ...

    def after(self, lines: Sequence[str], span: Span) -> "Index": ...

    def keeps(self, line: int, before: object) -> bool: ...

    def comment(self, line: int) -> int | None: ...

    def enclosing(self, line: int) -> Function | None: ...

    def executing(self, line: int) -> tuple[Function | None, ...]: ...

    def named(self, name: str) -> tuple[Function, ...]: ...
