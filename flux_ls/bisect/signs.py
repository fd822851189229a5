"""The signs that a commit is the first bad one, in the lines that it changed, and how much each counts. Pure.

A sign is a number, and a weight says by how much it makes a commit likelier: the chance of each is
exp(sum of sign * weight), as a share of that of all commits looked at. The weights were fitted to real regressions;
held against projects that had no part in the fit, they are as good as CONTRIBUTING says.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from msgspec import Struct

from flux_ls.bisect.executed import code_of, digest, words_of
from flux_ls.bisect.weights import FAILING, RAN, UNLIKE, Ran, by_files
from flux_ls.git.patches import Edit, Patched
from flux_ls.git.repository import Change

WEIGHTS: Mapping[str, float] = {
    "file that ran": 0.56,
    "function that ran": 1.27,
    "function that ran otherwise": 0.40,
    "function that failed": 0.34,
    "change log": 0.26,
    "tests": 0.59,
    "any put in a function": 1.09,
    "any taken out of a function": 0.40,
    "any put in a module": -0.03,
    "any taken out of a module": 0.30,
    "put in a function": 0.13,
    "taken out of a function": 0.50,
    "put in a module": -0.50,
    "taken out of a module": -0.09,
    "named": 2.44,
    "name put in": 2.10,
    "name taken out": 2.76,
    "rarest word": 0.18,
    "three words": 0.07,
    "words": 0.36,
    "word of the path": 0.35,
    "word put in": 0.14,
    "word taken out": 0.09,
}
_DOUBT = 0.1
"""So much of the likelihood is shared out evenly: a prior that misleads costs a few runs at most."""
_HEADER = re.compile(r"\s*(?:class|(?:async\s+)?def)\s+(\w+)")
_DEF = re.compile(r"\s*(?:async\s+)?def\s+(\w+)")
_NAME = re.compile(r"[A-Za-z_]\w{2,}")
_LOG = re.compile(r"(?:^|/)(?:changes|changelog|history|news|releasenotes)", re.IGNORECASE)


class Looked(Struct, frozen=True):
    """What a commit changed of what ran."""

    signs: Mapping[str, float]
    put: frozenset[str]
    taken: frozenset[str]
    """Words of the lines that were put in, and of those that were taken out."""
    paths: frozenset[str]


def signs_of(
    commits: Iterable[str],
    changes: Mapping[str, Sequence[Change]],
    patches: Mapping[str, Sequence[Patched]],
    ran: Ran,
) -> Mapping[str, Mapping[str, float]]:
    """Those of each commit. The latest come first: so a function is known by the name that it had."""
    functions: dict[tuple[str, str], float] = {}
    for (path, name), grade in ran.functions.items():
        key = path, name.rpartition(".")[2]
        functions[key] = max(grade, functions.get(key, 0))
    looked = {each: _look(changes.get(each, ()), patches.get(each, ()), ran, functions) for each in commits}
    told = Counter(word for each in looked.values() for word in (each.put | each.taken) & ran.words)
    places = Counter(word for each in looked.values() for word in each.paths & ran.words)
    return {commit: {**each.signs, **_said(each, ran, told, places, len(looked))} for commit, each in looked.items()}


def likely(signs: Mapping[str, Mapping[str, float]], weights: Mapping[str, float] = WEIGHTS) -> Mapping[str, float]:
    """How likely each commit is, the mean being 1."""
    sums = {commit: math.fsum(weights[sign] * value for sign, value in each.items()) for commit, each in signs.items()}
    most = max(sums.values(), default=0)
    chances = {commit: math.exp(each - most) for commit, each in sums.items()}
    mean = math.fsum(chances.values()) / max(1, len(chances))
    return {commit: (1 - _DOUBT) * each / mean + _DOUBT for commit, each in chances.items()}


def _look(
    changes: Sequence[Change], patches: Sequence[Patched], ran: Ran, functions: dict[tuple[str, str], float]
) -> Looked:
    """`functions` learns the names that functions had before the commit."""
    put, taken, paths = set[str](), set[str](), set[str]()
    came, went = set[str](), set[str]()
    grade = 0.0
    for file in patches:
        names = [path for path in (file.before, file.path) if path is not None]
        if not any(path in ran.files or path in ran.imported for path in names):
            continue
        paths |= words_of(str(PurePosixPath(names[-1]).with_suffix("")))
        added, removed = Counter[str](), Counter[str]()
        for edit in file.edits:
            new, old = [[code for line in lines if (code := code_of(line))] for lines in (edit.added, edit.removed)]
            added.update(new)
            removed.update(old)
            if sorted(new) != sorted(old):
                grade = max((grade, *(functions.get((path, name), 0) for path in names for name in _functions(edit))))
                _renamed(edit, names, functions)
        # What only moved within the file is as it was.
        new_lines, old_lines = (added - removed).keys(), (removed - added).keys()
        put |= new_lines
        taken |= old_lines
        came |= _names(new_lines, ran) - _names(old_lines, ran)
        went |= _names(old_lines, ran) - _names(new_lines, ran)
    signs = _by_place(changes, grade, ran) | _by_lines(put, taken, ran)
    named = bool(came or went or _names(put | taken, ran))
    signs |= {"named": float(named), "name put in": float(bool(came)), "name taken out": float(bool(went))}
    return Looked(signs, words_of("\n".join(put)), words_of("\n".join(taken)), frozenset(paths))


def _by_place(changes: Sequence[Change], grade: float, ran: Ran) -> dict[str, float]:
    file = by_files(changes, ran)
    return {
        "file that ran": float(file >= RAN),
        "function that failed": float(grade >= FAILING),
        "function that ran otherwise": float(grade == UNLIKE),
        "function that ran": float(grade == RAN),
        "change log": float(any(_LOG.search(each.path) for each in changes)),
        "tests": float(any("test" in each.path for each in changes)),
    }


def _by_lines(put: set[str], taken: set[str], ran: Ran) -> dict[str, float]:
    """What was put in and ran in the bad run alone, what was taken out and ran in the good one alone."""
    came, went = set(map(digest, put)), set(map(digest, taken))
    counts = {
        "put in a function": len(came & ran.bad.functions),
        "taken out of a function": len(went & ran.good.functions),
        "put in a module": len(came & ran.bad.tops),
        "taken out of a module": len(went & ran.good.tops),
    }
    signs = {f"any {name}": float(count > 0) for name, count in counts.items()}
    return signs | {name: math.log1p(count) for name, count in counts.items()}


def _names(lines: Iterable[str], ran: Ran) -> set[str]:
    return {name for line in lines for name in _NAME.findall(line)} & ran.names


def _said(looked: Looked, ran: Ran, told: Mapping[str, int], places: Mapping[str, int], count: int) -> dict[str, float]:
    """The words that a change has in common with what the failure said: the rarer, the more telling."""

    def telling(words: Iterable[str], counts: Mapping[str, int]) -> list[float]:
        return sorted((math.log((count + 1) / counts[word]) for word in words), reverse=True)

    words = looked.put | looked.taken
    common = telling(words & ran.words, told)
    return {
        "rarest word": max(common, default=0),
        "three words": math.fsum(common[:3]),
        "words": math.fsum(common) / math.sqrt(1 + len(words)),
        "word of the path": max(telling(looked.paths & ran.words, places), default=0),
        "word taken out": max(telling((looked.taken - looked.put) & ran.words, told), default=0),
        "word put in": max(telling((looked.put - looked.taken) & ran.words, told), default=0),
    }


def _functions(edit: Edit) -> Iterable[str]:
    """Those that it stands in or changes the header of, by their bare names."""
    for line in (edit.within, *edit.removed, *edit.added):
        if found := _HEADER.match(line):
            yield found[1]


def _renamed(edit: Edit, paths: Sequence[str], functions: dict[tuple[str, str], float]) -> None:
    old, new = ([found[1] for line in lines if (found := _DEF.match(line))] for lines in (edit.removed, edit.added))
    if len(old) == len(new) == 1 and old != new:
        for path in paths:
            if (grade := functions.get((paths[-1], new[0]), 0)) > functions.get((path, old[0]), 0):
                functions[path, old[0]] = grade
