"""How likely each commit is the first bad one, by what it changed of what ran. Pure, and never by its message.

The grades were measured on real regressions. They choose what is tried first and rule nothing out, so a wrong one
costs a run and no more.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from msgspec import Struct

from flux_ls.bisect.traces import Place, Traced
from flux_ls.git.repository import Change
from flux_ls.model import Frame
from flux_ls.source.bodies import code_lines, most_alike
from flux_ls.source.functions import Function
from flux_ls.source.names import recorded_names
from flux_ls.source.places import Text

FAILING = 100.0
"""A function that the failure went through."""
UNLIKE = 60.0
"""A function that ran more often or less often in the bad run than in the good one."""
RAN = 30.0
CLASS_LEVEL = 10.0
"""What stands outside of functions in a file that ran."""
FILE = 3.0
"""A function that did not run, of a file that did."""
IMPORTED = 0.3
PYTHON = 0.05
OTHER = 0.01
TOP = "<module>"
UNREAD = RAN
"""A file that ran, as long as nobody has looked which of its functions were changed."""


class Ran(Struct, frozen=True):
    """What ran, by the names that it had at any time."""

    functions: Mapping[tuple[str, str], float]
    """The grade of each, by file and qualified name."""
    files: frozenset[str]
    imported: frozenset[str]


def ran_in(bad: Traced, good: Traced | None, texts: "Mapping[str, Text]", good_texts: "Mapping[str, Text]") -> Ran:
    """What two traced runs tell; the texts are those of the files that ran, at either revision."""
    counts = _named(bad.calls, texts)
    graded = dict.fromkeys(counts, RAN)
    imported, files = set(bad.imported), {path for path, _ in counts}
    if good is not None:
        before = _named(good.calls, good_texts)
        imported |= good.imported
        files |= {path for path, _ in before}
        for function in counts.keys() | before.keys():
            graded[function] = UNLIKE if counts.get(function, 0) != before.get(function, 0) else RAN
        for path in bad.imported ^ good.imported:
            # It came or went: what stands at its top ran in one of the runs alone.
            files.add(path)
            graded[path, TOP] = UNLIKE
    thrown_well = _named(dict.fromkeys(good.raised, 1), good_texts) if good is not None else {}
    for function in _named(dict.fromkeys(bad.raised, 1), texts):
        # An exception that is part of how it works is thrown in the good run as well.
        if good is not None and function not in thrown_well:
            graded[function] = FAILING
    for function in _named(dict.fromkeys(bad.fatal, 1), texts):
        graded[function] = FAILING
    return Ran(graded, frozenset(files), frozenset(imported))


def ran_at(frames: Iterable[tuple[str, Frame]], others: Iterable[tuple[str, Frame]] = ()) -> Ran:
    """What a recorded failure tells: its stack, each frame with its path in the checkout, and what else was called."""
    graded: dict[tuple[str, str], float] = {}
    for grade, told in ((RAN, others), (FAILING, frames)):
        for path, frame in told:
            for name in recorded_names(frame):
                graded[path, name] = grade
    return Ran(graded, frozenset(path for path, _ in graded), frozenset())


def together(one: Ran, other: Ran) -> Ran:
    functions = dict(one.functions)
    for function, grade in other.functions.items():
        functions[function] = max(grade, functions.get(function, 0))
    return Ran(functions, one.files | other.files, one.imported | other.imported)


def followed(ran: Ran, changes: Iterable[Sequence[Change]]) -> Ran:
    """With the names that its files had in other commits."""
    moved: dict[str, set[str]] = {}
    for change in (each for every in changes for each in every):
        if change.before != change.path:
            moved.setdefault(change.path, set()).add(change.before)
            moved.setdefault(change.before, set()).add(change.path)
    names = {path: _reachable(path, moved) for path in ran.files | ran.imported if path in moved}
    functions = dict(ran.functions)
    for (path, name), grade in ran.functions.items():
        for other in names.get(path, ()):
            functions[other, name] = max(grade, functions.get((other, name), 0))
    return Ran(
        functions,
        ran.files.union(*(names[path] for path in ran.files if path in names)),
        ran.imported.union(*(names[path] for path in ran.imported if path in names)),
    )


def by_files(changes: Sequence[Change], ran: Ran) -> float:
    """The weight of a commit, without a look into its files."""
    return max((_by_file(change, ran) for change in changes), default=OTHER)


def to_read(changes: Sequence[Change], ran: Ran) -> tuple[Change, ...]:
    """The changes that a look into the files would tell more about."""
    return tuple(each for each in changes if each.path in ran.files or each.before in ran.files)


def by_functions(changes: Sequence[Change], ran: Ran, texts: Mapping[str, Text]) -> tuple[float, Ran]:
    """The weight of a commit by the functions that it changed, and what ran with the names it had before the commit.

    `texts` are the contents by their ids.
    """
    functions = dict(ran.functions)
    weight = OTHER
    for change in changes:
        if change.path not in ran.files and change.before not in ran.files:
            weight = max(weight, _by_file(change, ran))
            continue
        before, after = texts.get(change.before_id or ""), texts.get(change.after_id or "")
        if (change.before_id and before is None) or (change.after_id and after is None):
            weight = max(weight, UNREAD)
            continue
        for name, kind in changed_functions(before, after):
            known = max(functions.get((change.path, name), 0), functions.get((change.before, name), 0))
            weight = max(weight, known or (CLASS_LEVEL if kind != "def" else FILE))
        weight = max(weight, PYTHON)
        if before is not None and after is not None:
            for name, old in _renamed(change.path, before, after, functions):
                functions[change.before, old] = functions[change.path, name]
    return weight, Ran(functions, ran.files, ran.imported)


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


def _renamed(
    path: str, before: Text, after: Text, functions: Mapping[tuple[str, str], float]
) -> Iterable[tuple[str, str]]:
    """Functions that ran and that the file had under another name: the newer and the older one."""
    if before.functions is None or after.functions is None:
        return
    known = {scope.name for scope in before.functions.scopes}
    for scope in after.functions.functions:
        if scope.kind == "def" and scope.name not in known and (path, scope.name) in functions:
            older = most_alike(scope, after, before)
            if older is not None:
                yield scope.name, older.name


def _by_file(change: Change, ran: Ran) -> float:
    if change.path in ran.files or change.before in ran.files:
        return UNREAD
    if change.path in ran.imported or change.before in ran.imported:
        return IMPORTED
    return PYTHON if PurePosixPath(change.path).suffix == ".py" else OTHER


def _named(counts: Mapping[Place, int], texts: Mapping[str, Text]) -> dict[tuple[str, str], int]:
    """The functions by their qualified names; what runs when a module is imported is none."""
    named: dict[tuple[str, str], int] = {}
    first_lines = {
        path: {each.first_line: each for each in text.functions.functions if each.kind == "def"}
        for path, text in texts.items()
        if text.functions is not None
    }
    for place, count in counts.items():
        text = texts.get(place.path)
        if text is None or text.functions is None:
            continue
        scope = first_lines[place.path].get(place.line)
        if scope is None or place.name.startswith("<"):
            # Comprehensions and lambdas are part of the function around them.
            scope = text.functions.enclosing(place.line)
        if scope is not None and scope.kind == "def" and place.name != "<module>":
            named[place.path, scope.name] = named.get((place.path, scope.name), 0) + count
    return named


def _reachable(path: str, moved: Mapping[str, set[str]]) -> set[str]:
    found, ahead = {path}, [path]
    while ahead:
        for other in moved.get(ahead.pop(), ()):
            if other not in found:
                found.add(other)
                ahead.append(other)
    return found
