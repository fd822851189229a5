"""Which functions differ between two texts of a file, in what they do."""

from collections.abc import Iterable, Sequence

from flux_ls.source.bodies import code_lines
from flux_ls.source.functions import Function
from flux_ls.source.places import Text

TOP = "<module>"


def changed_functions(before: Text | None, after: Text | None) -> frozenset[tuple[str, str]]:
    """What differs between two texts of a file in what it does: names and kinds, `module` for what is in none.

    White space, comments and where in the file it stands make no difference. A function around a changed one is
    changed with it; a class is so only by what stands in it and in none of its functions.
    """
    ours, theirs = _pieces(before, after), _pieces(after, before)
    return frozenset(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))


def _pieces(text: Text | None, other: Text | None) -> dict[tuple[str, str], list[str]]:
    """The code of each scope that reaches into what differs, those of one name together."""
    if text is None or text.functions is None:
        return {}
    first, last = _differing(text.lines, other.lines if other is not None else ())
    pieces: dict[tuple[str, str], list[str]] = {}
    scopes = [scope for scope in text.functions.scopes if scope.first_line <= last and scope.last_line >= first]
    defs = [scope for scope in text.functions.scopes if scope.kind == "def"]
    for scope in scopes:
        if scope.kind == "def":
            code = code_lines(text, scope.first_line, scope.last_line)
            pieces.setdefault((scope.name, "def"), []).append("".join(code))
    for scope in scopes:
        if scope.kind == "class":
            inner = [each for each in defs if _in(each, scope)]
            pieces.setdefault((scope.name, "class"), []).append(
                _outside(text, scope.first_line, scope.last_line, inner)
            )
    tops = [each for each in text.functions.scopes if each.kind in ("def", "class") and "." not in each.name]
    pieces[TOP, "module"] = [_outside(text, first, last, tops)]
    return pieces


def _in(inner: Function, outer: Function) -> bool:
    return outer.first_line <= inner.first_line and inner.last_line <= outer.last_line


def _outside(text: Text, first: int, last: int, scopes: Iterable[Function]) -> str:
    """The code of some lines without that of the scopes in it."""
    parts: list[str] = []
    at = first
    for scope in scopes:
        if scope.first_line > at:
            parts += code_lines(text, at, min(scope.first_line - 1, last))
        at = max(at, scope.last_line + 1)
    return "".join((*parts, *code_lines(text, at, last)))


def _differing(lines: Sequence[str], others: Sequence[str]) -> tuple[int, int]:
    """The first and last line, from 1, between what both texts begin and end with."""
    most = min(len(lines), len(others))
    start = 0
    while start < most and lines[start] == others[start]:
        start += 1
    end = 0
    while end < most - start and lines[-1 - end] == others[-1 - end]:
        end += 1
    return start + 1, len(lines) - end
