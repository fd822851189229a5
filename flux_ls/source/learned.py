"""Pairs of a recorded folder and one of today, learned from files that were found on strong evidence.

Nothing is guessed: each pair follows from a file that can only be the recorded one. A folder that would have to be two
at once, or whose pair led to a file that it cannot be, is given up.
"""

from collections.abc import Hashable, Iterator
from pathlib import Path

from msgspec import Struct

from flux_ls.source.recorded_path import RecordedPath, folded

_MOST = 10_000
"""Folders that are remembered: traces are not trusted to have few."""
_MOST_TEACHERS = 32
"""So many say the same: more of them add nothing."""


class LearnedPair(Struct, frozen=True):
    """What is below `prefix` in a trace is below `folder` here."""

    prefix: str
    folder: Path


class _Known(Struct):
    prefix: RecordedPath
    folders: dict[Path, set[Hashable]]
    """With what they were learned from."""
    wrong: set[Path]
    """Those of them that are given up."""

    @property
    def folder(self) -> Path | None:
        return next(iter(self.folders)) if len(self.folders) == 1 and not self.wrong else None

    def keep(self, folders: dict[Path, set[Hashable]]) -> None:
        self.folders = folders
        self.wrong &= folders.keys()


_Key = tuple[bool, tuple[str, ...]]


class LearnedPairs:
    """What was learned so far."""

    def __init__(self) -> None:
        self._known: dict[_Key, _Known] = {}
        self.gained = 0
        """Grows with each folder that is known from now on."""
        self.lost = 0
        """Grows with each that is not known any more."""

    def learn(self, recorded: RecordedPath, file: Path, root: Path, teacher: Hashable) -> bool:
        """The recorded path is this file below a root: so are their folders, as far up as the names agree.

        Whether that is now known from the teacher, or was from others already.
        """
        if len(self._known) >= _MOST:
            return False
        for up in range(1, _common(recorded, file, root) + 1):
            prefix, folder = recorded.parent(up), file.parents[up - 1]
            known = self._known.setdefault(_key(prefix), _Known(prefix, {}, set()))
            before = known.folder
            if folder not in known.folders:
                # A folder that was renamed here is no second one.
                known.keep({each: by for each, by in known.folders.items() if each.is_dir()})
            teachers = known.folders.setdefault(folder, set())
            if len(teachers) < _MOST_TEACHERS:
                teachers.add(teacher)
            self._count(before, known.folder)
        return True

    def unlearn(self, recorded: RecordedPath, teacher: Hashable) -> None:
        """What was learned from the teacher alone is not known any more."""
        for up in range(1, len(recorded.parts) + 1):
            if (known := self._known.get(_key(recorded.parent(up)))) is None:
                continue
            before = known.folder
            for teachers in known.folders.values():
                teachers.discard(teacher)
            known.keep({folder: by for folder, by in known.folders.items() if by})
            self._count(before, known.folder)
            if not known.folders:
                del self._known[_key(recorded.parent(up))]

    def expected(self, recorded: RecordedPath, but: Hashable) -> tuple[Path, ...]:
        """Where a path is by the innermost folder of which others than one teacher told: several where it would have to
        be several.
        """
        for up in range(1, len(recorded.parts) + 1):
            if (known := self._known.get(_key(recorded.parent(up)))) is None:
                continue
            folders = [folder for folder, teachers in known.folders.items() if _others(teachers, but)]
            if folders:
                rest = recorded.parts[len(known.prefix.parts) :]
                return () if known.wrong.intersection(folders) else tuple(folder.joinpath(*rest) for folder in folders)
        return ()

    def rivals(self, recorded: RecordedPath, but: Hashable) -> Iterator[Path]:
        """Wherever a path would be by any of its folders of which others than one teacher told."""
        for up in range(1, len(recorded.parts) + 1):
            if (known := self._known.get(_key(recorded.parent(up)))) is not None:
                for folder, teachers in known.folders.items():
                    if _others(teachers, but):
                        yield folder.joinpath(*recorded.parts[-up:])

    def doubtful(self, recorded: RecordedPath) -> tuple[str, tuple[Path, ...]] | None:
        """The innermost folder of a path that anything is known of, and the several that it would have to be."""
        known = self._innermost(recorded)
        if known is None or len(known.folders) < 2:
            return None
        return known.prefix.spelled, tuple(known.folders)

    def give_up(self, recorded: RecordedPath, wrong: Path) -> None:
        """The path is not where it was expected: nothing is known any more from the pairs that say so."""
        for up in range(1, len(recorded.parts) + 1):
            known = self._known.get(_key(recorded.parent(up)))
            if known is None:
                continue
            folders = {each for each in known.folders if each.joinpath(*recorded.parts[-up:]) == wrong}
            before = known.folder
            known.wrong |= folders
            self._count(before, known.folder)

    def pairs(self) -> Iterator[LearnedPair]:
        """The pairs that hold, without those that follow from another one."""
        for known in self._known.values():
            if (folder := known.folder) is None or not known.prefix.parts or not known.prefix.absolute:
                continue
            above = self._known.get(_key(known.prefix.parent(1))) if len(known.prefix.parts) > 1 else None
            if above is None or above.folder != folder.parent or known.prefix.parts[-1] != folder.name:
                yield LearnedPair(known.prefix.spelled, folder)

    def _count(self, before: Path | None, after: Path | None) -> None:
        if before != after:
            self.gained += after is not None
            self.lost += before is not None

    def _innermost(self, recorded: RecordedPath) -> _Known | None:
        for up in range(1, len(recorded.parts) + 1):
            if (known := self._known.get(_key(recorded.parent(up)))) is not None:
                return known
        return None


def _others(teachers: set[Hashable], but: Hashable) -> bool:
    return len(teachers) > 1 or but not in teachers


def _key(prefix: RecordedPath) -> _Key:
    return prefix.absolute, folded(prefix.parts, prefix.caseless)


def _common(recorded: RecordedPath, file: Path, root: Path) -> int:
    """How many of their last parts are the same, as far as these are below the root."""
    fold = recorded.caseless
    theirs, ours = folded(recorded.parts, fold), folded(file.relative_to(root).parts, fold)
    same = 0
    while same < min(len(theirs), len(ours)) and theirs[-1 - same] == ours[-1 - same]:
        same += 1
    return same
