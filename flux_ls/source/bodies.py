"""The bodies of functions without what does not run: how one is known again under another name or in another file."""

from collections import Counter
from collections.abc import Sequence

from flux_ls.source.functions import Function
from flux_ls.source.places import Text

ALIKE = 0.75
"""From this share of common lines on, one body is taken for what became of another."""
_LEAST_LINES = 2
"""Shorter bodies are alike by chance."""


def body_lines(function: Function, text: Text) -> tuple[str, ...]:
    """What stands below the header, line by line: without comments, blank lines and white space."""
    return code_lines(text, function.header_line + 1, function.last_line)


def code_lines(text: Text, first: int, last: int) -> tuple[str, ...]:
    """The lines from `first` to `last` without comments, blank ones and white space."""
    lines = []
    for line in range(first, min(last, len(text.lines)) + 1):
        code = text.lines[line - 1]
        if text.functions is not None and text.functions.comment_mark in code:
            column = text.functions.comment(line)
            code = code if column is None else code[: column - 1]
        if squeezed := "".join(code.split()):
            lines.append(squeezed)
    return tuple(lines)


def same_body(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two bodies differ in white space, line breaks and comments at most."""
    return "".join(one) == "".join(other)


def likeness(one: Sequence[str], other: Sequence[str]) -> float:
    """How much of two bodies is common to them, from 0 to 1."""
    if not one or not other:
        return 0
    common = sum((Counter(one) & Counter(other)).values())
    return 2 * common / (len(one) + len(other))


def most_alike(function: Function, before: Text, after: Text) -> Function | None:
    """The function of another text that this one became, by its body; None where none or several may be it.

    One that was there before under its name is what it was, however alike it is.
    """
    body = body_lines(function, before)
    if before.functions is None or after.functions is None or len(body) < _LEAST_LINES:
        return None
    known = {scope.name for scope in before.functions.scopes}
    best, found = ALIKE, list[Function]()
    for candidate in after.functions.scopes:
        if candidate.kind != function.kind or candidate.name in known:
            continue
        size = candidate.last_line - candidate.header_line
        # A body has no more code lines than lines: most candidates are too short for a closer look.
        if 2 * min(size, len(body)) < best * len(body):
            continue
        ratio = likeness(body, body_lines(candidate, after))
        if ratio > best:
            best, found = ratio, [candidate]
        elif ratio == best:
            found.append(candidate)
    named = [candidate for candidate in found if candidate.answers_to(function.name.rpartition(".")[2])]
    found = named or found
    return found[0] if len(found) == 1 else None
