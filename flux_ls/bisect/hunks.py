"""The part of a commit's diff that touches what failed: hunks with the functions they stand in and do change."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from flux_ls.bisect.shapes import HunkShape
from flux_ls.bisect.weights import RAN, UNLIKE, Ran
from flux_ls.git.repository import Change, Repository
from flux_ls.source.bodies import code_lines
from flux_ls.source.lines import decode_source
from flux_ls.source.places import Text
from flux_ls.source.text_cache import parsed

_FILE = re.compile(rb"^diff --git ", re.MULTILINE)
_HUNK = re.compile(rb"^(?=@@ )", re.MULTILINE)
_RANGE = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_MOST = 20


def hunks_of(
    repository: Repository, commit: str, parent: str | None, changes: tuple[Change, ...], ran: Ran | None
) -> tuple[HunkShape, ...]:
    """Those in functions that failed; else in those that ran, in files that ran, in anything. Raises GitError."""
    found: list[tuple[float, HunkShape]] = []
    for change in changes:
        contents = repository.blobs([id for id in (change.before_id, change.after_id) if id])
        before, after = (
            _text(contents.get(id or ""), path)
            for id, path in ((change.before_id, change.before), (change.after_id, change.path))
        )
        changed = changed_functions(before, after)
        paths = list(dict.fromkeys((change.before, change.path)))
        for old, new, diff in _split(repository.patch(parent, commit, paths)):
            names = [
                name
                for text, lines in ((after, new), (before, old))
                for name in _within(text, lines)
                if name in changed
            ]
            graded = {name: _grade(change, name, ran) for name in names}
            function = max(graded, key=lambda name: graded[name], default=None)
            grade = graded[function] if function is not None else (1.0 if ran and change.path in ran.files else 0.0)
            found.append((grade, HunkShape(change.path, function, diff, max(1, new[0]), grade >= UNLIKE)))
    if not found:
        return ()
    best = max(grade for grade, _ in found)
    floor = UNLIKE if best >= UNLIKE else RAN if best >= RAN else best
    found.sort(key=lambda each: -each[0])
    return tuple(hunk for grade, hunk in found if grade >= floor)[:_MOST]


def changed_functions(before: Text | None, after: Text | None) -> frozenset[str]:
    """Which functions differ between two texts of a file in what they do.

    White space, comments and where in the file it stands make no difference. A function around a changed one is
    changed with it.
    """
    ours, theirs = _pieces(before, after), _pieces(after, before)
    return frozenset(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))


def _pieces(text: Text | None, other: Text | None) -> dict[str, list[str]]:
    """The code of each function that reaches into what differs, those of one name together."""
    pieces: dict[str, list[str]] = {}
    if text is None or text.functions is None:
        return pieces
    first, last = _differing(text.lines, other.lines if other is not None else ())
    for scope in text.functions.scopes:
        if scope.kind == "def" and scope.first_line <= last and scope.last_line >= first:
            code = code_lines(text, scope.first_line, scope.last_line)
            pieces.setdefault(scope.name, []).append("".join(code))
    return pieces


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


def _grade(change: Change, name: str, ran: Ran | None) -> float:
    if ran is None:
        return 0.0
    return max(ran.functions.get((change.path, name), 0.0), ran.functions.get((change.before, name), 0.0))


def _split(patch: bytes) -> Iterator[tuple[tuple[int, int], tuple[int, int], str]]:
    """The hunks of a patch: what lines they take before and after, and their text."""
    for file in _FILE.split(patch)[1:]:
        for hunk in _HUNK.split(file)[1:]:
            if place := _RANGE.match(hunk):
                start, size, begin, length = (int(each) if each is not None else 1 for each in place.groups())
                yield (start, size), (begin, length), hunk.decode("utf-8", "replace").rstrip("\n")


def _within(text: Text | None, lines: tuple[int, int]) -> Iterator[str]:
    """The functions that some lines stand in, the innermost of each."""
    if text is None or text.functions is None:
        return
    for line in range(lines[0], lines[0] + lines[1]):
        scope = text.functions.enclosing(line)
        if scope is not None:
            yield scope.name


def _text(content: bytes | None, path: str) -> Text | None:
    return parsed(Path(path), decode_source(content)) if content is not None and b"\0" not in content else None
