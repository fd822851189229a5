"""How likely each commit is the first bad one, by what it changed of what ran. Pure, and never by its message.

The grades were measured on real regressions. They choose what is tried first and rule nothing out, so a wrong one
costs a run and no more.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from msgspec import Struct
from msgspec.structs import replace

from flux_ls.bisect.traces import Place, Traced
from flux_ls.git.repository import Change
from flux_ls.model import Frame
from flux_ls.source.names import recorded_names
from flux_ls.source.places import Text

FAILING = 100.0
"""A function that the failure went through."""
UNLIKE = 60.0
"""A function that ran more often or less often in the bad run than in the good one."""
RAN = 30.0
IMPORTED = 0.3
PYTHON = 0.05
OTHER = 0.01
UNREAD = RAN
"""A file that ran, as long as nobody has looked what of it was changed."""
_MOST_OF_A_STATEMENT = 30
_SHORTEST_WORD = 3
_ORDINARY = frozenset(
    ("else:", "try:", "finally:", "return", "pass", "break", "continue", "raise", "return None", "return self",
     "return False", "return True")
)  # fmt: skip
_LETTER = re.compile(r"[^\W\d_]")
_WORD = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
_NAMED = re.compile(r"'([A-Za-z_][\w.]*)'|\b([A-Za-z_][\w.]*)\(\)")


class Alone(Struct, frozen=True):
    """Lines of code that ran in one of the runs and in the other one nowhere."""

    functions: frozenset[str] = frozenset()
    tops: frozenset[str] = frozenset()
    """What ran when modules were imported."""

    def __or__(self, other: "Alone") -> "Alone":
        return Alone(self.functions | other.functions, self.tops | other.tops)


class Ran(Struct, frozen=True):
    """What ran, by the names that it had at any time."""

    functions: Mapping[tuple[str, str], float]
    """The grade of each, by file and qualified name."""
    files: frozenset[str]
    imported: frozenset[str]
    bad: Alone = Alone()
    good: Alone = Alone()
    words: frozenset[str] = frozenset()
    """Those that the failure was told in."""
    names: frozenset[str] = frozenset()
    """What its last line names: `module 'shop' has no attribute 'price'`."""


def ran_in(
    bad: Traced, good: Traced | None, texts: Mapping[str, Text], good_texts: Mapping[str, Text], told: str = ""
) -> Ran:
    """What two traced runs tell; the texts are those of the files that ran, `told` is what the bad run printed."""
    counts = _named(bad.calls, texts)
    graded = dict.fromkeys(counts, RAN)
    imported, files = set(bad.imported), {path for path, _ in counts}
    if good is not None:
        before = _named(good.calls, good_texts)
        imported |= good.imported
        files |= {path for path, _ in before}
        for function in counts.keys() | before.keys():
            graded[function] = UNLIKE if counts.get(function, 0) != before.get(function, 0) else RAN
        # What came or went: what stands at its top ran in one of the runs alone.
        files |= bad.imported ^ good.imported
    thrown_well = _named(dict.fromkeys(good.raised, 1), good_texts) if good is not None else {}
    for function in _named(dict.fromkeys(bad.raised, 1), texts):
        # An exception that is part of how it works is thrown in the good run as well.
        if good is not None and function not in thrown_well:
            graded[function] = FAILING
    for function in _named(dict.fromkeys(bad.fatal, 1), texts):
        graded[function] = FAILING
    ours = lines_that_ran(bad, texts)
    theirs = lines_that_ran(good, good_texts) if good is not None else ours
    return Ran(
        graded,
        frozenset(files),
        frozenset(imported),
        bad=Alone(*(lines - theirs[0] - theirs[1] for lines in ours)),
        good=Alone(*(lines - ours[0] - ours[1] for lines in theirs)),
        words=words_of(told),
        names=names_of(told),
    )


def ran_at(frames: Iterable[tuple[str, Frame]], told: str = "") -> Ran:
    """What a recorded failure tells: its stack, each frame with its path in the checkout, and its message."""
    graded = {(path, name): FAILING for path, frame in frames for name in recorded_names(frame)}
    return Ran(graded, frozenset(path for path, _ in graded), frozenset(), words=words_of(told), names=names_of(told))


def together(one: Ran, other: Ran) -> Ran:
    functions = dict(one.functions)
    for function, grade in other.functions.items():
        functions[function] = max(grade, functions.get(function, 0))
    return Ran(
        functions,
        one.files | other.files,
        one.imported | other.imported,
        one.bad | other.bad,
        one.good | other.good,
        one.words | other.words,
        one.names | other.names,
    )


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
    return replace(
        ran,
        functions=functions,
        files=ran.files.union(*(names[path] for path in ran.files if path in names)),
        imported=ran.imported.union(*(names[path] for path in ran.imported if path in names)),
    )


def by_files(changes: Sequence[Change], ran: Ran) -> float:
    """The weight of a commit, without a look into its files."""
    return max((_by_file(change, ran) for change in changes), default=OTHER)


def lines_that_ran(traced: Traced, texts: Mapping[str, Text]) -> tuple[frozenset[str], frozenset[str]]:
    """The code on them, by its text: that of functions, and that which ran when modules were imported."""
    functions, tops = set[str](), set[str]()
    for code in traced.codes:
        text = texts.get(code.path)
        if text is None:
            continue
        starts = sorted({**dict.fromkeys(code.still, False), **dict.fromkeys(code.lines, True)}.items())
        for (line, ran), (after, _) in zip(starts, [*starts[1:], (0, False)], strict=True):
            if ran:
                # A statement that goes over several lines is told by its first one.
                last = min(after or line + 1, line + _MOST_OF_A_STATEMENT)
                (functions if code.function else tops).update(map(code_of, text.lines[line - 1 : last - 1]))
    return frozenset(functions - {""}), frozenset(tops - {""})


def code_of(line: str) -> str:
    """A line without the white space around it and without its comment; nothing, where it is like many others."""
    code = line.strip()
    at = code.find(" #")
    if at >= 0 and '"' not in code and "'" not in code:
        code = code[:at].rstrip()
    return "" if code.startswith("#") or code in _ORDINARY or not _LETTER.search(code) else code


def words_of(text: str) -> frozenset[str]:
    """Its words, the same ones in any spelling: `json_extract`, `JSON_EXTRACT` and `JsonExtract` are one."""
    found = {word.replace("_", "").lower() for word in _WORD.findall(text)}
    return frozenset(word for word in found if len(word) >= _SHORTEST_WORD)


def names_of(told: str) -> frozenset[str]:
    """What is quoted or called in its last line."""
    lines = told.strip().splitlines()
    found = (name for each in _NAMED.findall(lines[-1]) for name in each) if lines else ()
    return frozenset(name.rpartition(".")[2] for name in found if name)


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
