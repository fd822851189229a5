"""The scopes of a text, put together from what the parts of its tree hold: nested, named and with their lines."""

import re
from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from flux_ls.source.edits import Span
from flux_ls.source.functions import Function
from flux_ls.source.languages.dialect import Dialect, Kind, Named
from flux_ls.source.languages.parts import Comment, Mark
from flux_ls.source.scopes import column_of

_BETWEEN = re.compile(r"\s*(?:(?:export|default|abstract|declare)\s+)*")
"""What may stand between a decorator and its class or method."""


class Scopes(Struct, frozen=True):
    """What a text holds."""

    functions: tuple[Function, ...]
    """In the order of the text."""
    around: tuple[int, ...]
    """The position of the scope around each, or -1."""
    ends: tuple[int, ...]
    """The byte of its last line that each ends before."""
    comments: list[Comment]
    """In the order of the text."""

    @classmethod
    def of(cls, marks: Iterable[Mark], comments: list[Comment], lines: Sequence[str], dialect: Dialect) -> "Scopes":
        ordered = sorted(marks, key=lambda mark: (mark.start, (-mark.end[0], -mark.end[1])))
        functions: list[Function] = []
        arounds: list[int] = []
        ends: list[int] = []
        open_: list[tuple[Mark, int, Named]] = []
        decorated: list[Mark] = []
        for mark in ordered:
            if mark.kind == "decorator":
                if decorated and not _BETWEEN.fullmatch(_text(lines, decorated[-1].end, mark.start)):
                    decorated.clear()
                decorated.append(mark)
                continue
            while open_ and open_[-1][0].end <= mark.start:
                open_.pop()
            owners = [named for outer, _, named in open_ if outer.body <= mark.start]
            kind: Kind = mark.kind
            named = Named(mark.name, kind, dialect.qualified(mark.name, kind, owners))
            first = mark.start[0]
            if decorated and decorated[-1].end <= mark.start:
                if _BETWEEN.fullmatch(_text(lines, decorated[-1].end, mark.start)):
                    first = decorated[0].start[0]
                decorated.clear()
            row, column, end = mark.label
            ends.append(mark.end[1])
            arounds.append(open_[-1][1] if open_ else -1)
            open_.append((mark, len(functions), named))
            functions.append(
                Function(
                    name=named.qualified,
                    kind=kind,
                    first_line=first + 1,
                    line=row + 1,
                    header_line=mark.header_row + 1,
                    last_line=mark.end[0] + 1,
                    name_column=column_of(lines, row, column),
                    name_end_column=column_of(lines, row, end),
                )
            )
        return cls(tuple(functions), tuple(arounds), tuple(ends), sorted(comments))

    def moved(self, span: Span, count: int, comments: list[Comment]) -> "Scopes":
        """These where an edit has moved them, in a text of `count` lines."""
        shift = span.count - (span.last - span.first)

        def at(line: int, *, end: bool = False) -> int:
            if line > span.last:
                return line + shift
            if line <= span.first:
                return line
            return span.first + span.count if end else min(line, span.first + span.count)

        functions: list[Function] = []
        kept: list[int] = []
        position_of: dict[int, int] = {-1: -1}
        for position, scope in enumerate(self.functions):
            if span.first < scope.first_line and scope.last_line <= span.last and span.count == 0:
                # It was deleted: what was in it has gone with it.
                position_of[position] = position_of[self.around[position]]
                continue
            position_of[position] = len(functions)
            kept.append(position)
            first = max(at(scope.first_line), 1)
            last = max(min(at(scope.last_line, end=True), count), first)
            line, header = (min(max(at(each), first), last) for each in (scope.line, scope.header_line))
            functions.append(replace(scope, first_line=first, line=line, header_line=max(header, line), last_line=last))
        around = tuple(position_of[self.around[position]] for position in kept)
        return Scopes(tuple(functions), around, tuple(self.ends[position] for position in kept), comments)


def _text(lines: Sequence[str], start: tuple[int, int], end: tuple[int, int]) -> str:
    rows = [line.encode("utf-8", "replace") for line in lines[start[0] : end[0] + 1]]
    if not rows:
        return ""
    rows[-1] = rows[-1][: end[1]]
    rows[0] = rows[0][start[1] :]
    return b"\n".join(rows).decode("utf-8", "ignore")
