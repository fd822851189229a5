"""How likely each commit is the first bad one, by what it changed of what ran. Pure, and never by its message.

The grades were measured on real regressions. They choose what is tried first and rule nothing out, so a wrong one
costs a run and no more.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from msgspec import Struct
from msgspec.structs import replace

from flux_ls.bisect.executed import Executed, names_of, words_of
from flux_ls.git.repository import Change
from flux_ls.model import Frame
from flux_ls.source.names import recorded_names

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


class Alone(Struct, frozen=True):
    """Digests of the lines of code that ran in one of the runs and in the other one nowhere."""

    functions: frozenset[bytes] = frozenset()
    tops: frozenset[bytes] = frozenset()
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


def ran_in(bad: Executed, good: Executed | None) -> Ran:
    """What the traced runs of both ends tell."""
    counts = bad.calls
    graded = dict.fromkeys(counts, RAN)
    imported, files = set(bad.imported), {path for path, _ in counts}
    if good is not None:
        before = good.calls
        imported |= good.imported
        files |= {path for path, _ in before}
        for function in counts.keys() | before.keys():
            graded[function] = UNLIKE if counts.get(function, 0) != before.get(function, 0) else RAN
        # What came or went: what stands at its top ran in one of the runs alone.
        files |= bad.imported ^ good.imported
        # An exception that is part of how it works is thrown in the good run as well.
        graded |= dict.fromkeys(bad.raised - good.raised, FAILING)
    graded |= dict.fromkeys(bad.fatal, FAILING)
    return Ran(
        graded,
        frozenset(files),
        frozenset(imported),
        bad=_alone(bad, good),
        good=_alone(good, bad),
        words=bad.words,
        names=bad.names,
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


def _alone(one: Executed | None, other: Executed | None) -> Alone:
    if one is None or other is None:
        return Alone()
    theirs = other.lines | other.tops
    return Alone(one.lines - theirs, one.tops - theirs)


def _by_file(change: Change, ran: Ran) -> float:
    if change.path in ran.files or change.before in ran.files:
        return UNREAD
    if change.path in ran.imported or change.before in ran.imported:
        return IMPORTED
    return PYTHON if PurePosixPath(change.path).suffix == ".py" else OTHER


def _reachable(path: str, moved: Mapping[str, set[str]]) -> set[str]:
    found, ahead = {path}, [path]
    while ahead:
        for other in moved.get(ahead.pop(), ()):
            if other not in found:
                found.add(other)
                ahead.append(other)
    return found
