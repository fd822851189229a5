"""Recorded path to workspace file: by itself, by configured pairs, by the longest ending that fits only one file, or by
what was learned from other files.

Stack traces are not trusted: nothing outside the workspace and the configured folders is ever the answer.
"""

import os
import stat
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from msgspec import Struct

from flux_ls.model import Frame
from flux_ls.source.file_index import FileIndex
from flux_ls.source.functions import MODULE
from flux_ls.source.learned import LearnedPair, LearnedPairs
from flux_ls.source.names import recorded_names
from flux_ls.source.places import Evidence
from flux_ls.source.recorded_path import RecordedPath, read_path

_MAX_CANDIDATES = 20
"""Files of one name whose text is looked at; with more, the name says nothing."""
_TELLING = 8
"""Characters from which on a line at its place in its function tells one file of a name from all others."""
_MOST_TAUGHT = 100_000
"""Frames that others are learned from."""


class Mapped(Struct, frozen=True):
    """The file of today, spelled below its root."""

    path: Path


class Unmapped(Struct, frozen=True):
    """No file, and why."""

    reason: str
    candidates: tuple[Path, ...] = ()
    """Those that fit equally well."""


class PathPair(Struct, frozen=True):
    """A configured pair: what starts with `prefix` in a trace is below `target`, which may be relative to a root."""

    text: str
    prefix: RecordedPath
    target: Path

    @classmethod
    def parse(cls, text: str) -> "PathPair | None":
        """From `/srv/app=.`; None if it is no pair."""
        before, equals, after = text.partition("=")
        prefix = RecordedPath((), True, False) if before.strip() == "/" else read_path(before.strip())
        if not equals or prefix is None or not after.strip():
            return None
        return cls(text, prefix, Path(after.strip()))


class _Fits(Struct, frozen=True):
    """What the files say whose paths end as the recorded one."""

    answer: Mapped | Unmapped
    weight: Evidence = Evidence.NONE
    """What speaks for the best of them."""
    length: int = 0
    """How many parts of the path they share."""


class _Lesson(Struct, frozen=True):
    path: Path
    sure: bool
    """By the revision that ran, whatever today's files say."""


class PathMapper:
    """Maps the paths of frames into the workspace `roots`."""

    def __init__(
        self,
        roots: Sequence[Path],
        path_map: Iterable[str],
        evidence: Callable[[Path, Frame], Evidence],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._roots = tuple(Path(os.path.normpath(root.absolute())) for root in roots)
        pairs = [pair for text in path_map if (pair := PathPair.parse(text))]
        self._pairs = sorted(pairs, key=lambda pair: -len(pair.prefix.parts))
        self._evidence = evidence
        self._files = FileIndex(self._roots, clock)
        self._learned = LearnedPairs()
        self._taught = dict[Frame, _Lesson]()
        self._shown = dict[Path, str]()
        targets = [pair.target for pair in pairs if pair.target.is_absolute()]
        self._allowed = [(root, _real(root)) for root in (*self._roots, *targets)]

    def map(self, frame: Frame) -> Mapped | Unmapped:
        """The file of a frame."""
        recorded = read_path(frame.path)
        if recorded is None:
            return Unmapped("the recorded path names no file")
        pairs = self._pairs_of(recorded)
        if not pairs and frame.in_app and (source := self._installed_from(recorded, frame)):
            return source
        on_disk = recorded.on_disk()
        if on_disk is not None and (exact := self._exact(on_disk)):
            return exact
        if pairs:
            return self._by_pairs(recorded, pairs, frame)
        if on_disk is not None and (foreign := self._not_ours(on_disk)):
            return foreign
        if not frame.in_app:
            return Unmapped("library code is mapped by its exact path only")
        fits = self._by_ending(recorded, frame)
        if isinstance(fits.answer, Unmapped) and self._files.refresh():
            fits = self._by_ending(recorded, frame)
        return self._by_learned(recorded, frame, fits)

    def learn(self, frame: Frame, path: Path, *, sure: bool = True) -> None:
        """The frame's file is this one, beyond doubt or by the looks of today: so are its folders for other frames."""
        lesson = _Lesson(path, sure)
        if self._taught.get(frame) == lesson or len(self._taught) >= _MOST_TAUGHT:
            return
        self._unlearn(frame)
        recorded = read_path(frame.path)
        holding = [root for root in self._roots if path.is_relative_to(root)]
        if recorded is None or not holding or recorded.on_disk() == path or self._pairs_of(recorded):
            return
        outermost = min(holding, key=lambda root: len(root.parts))
        if self._learned.learn(recorded, path, outermost, frame):
            self._taught[frame] = lesson

    def has_learned(self, frame: Frame, path: Path) -> bool:
        """Whether it was told so before: then there is no need to weigh it again."""
        return self._taught.get(frame) == _Lesson(path, sure=True)

    def _unlearn(self, frame: Frame) -> None:
        if self._taught.pop(frame, None) is not None and (recorded := read_path(frame.path)):
            self._learned.unlearn(recorded, frame)

    def learned(self) -> tuple[LearnedPair, ...]:
        """The pairs that were learned, and hold."""
        return tuple(self._learned.pairs())

    def progress(self) -> tuple[int, int]:
        """How many folders were learned so far, and how many were given up."""
        return self._learned.gained, self._learned.lost

    def forget(self, path: Path) -> None:
        """For a file that may be new or gone."""
        self._files.forget(path)

    @property
    def roots(self) -> tuple[Path, ...]:
        return self._roots

    def root_of(self, path: Path) -> Path | None:
        """The innermost root that holds a path."""
        holding = [root for root in self._roots if path.is_relative_to(root)]
        return max(holding, key=lambda root: len(root.parts), default=None)

    def display_path(self, path: Path) -> str:
        """Relative to its root, with forward slashes; outside of every root as it is."""
        shown = self._shown.get(path)
        if shown is None:
            root = self.root_of(path)
            shown = self._shown[path] = path.relative_to(root).as_posix() if root is not None else str(path)
        return shown

    def _pairs_of(self, recorded: RecordedPath) -> list[PathPair]:
        """Those of the longest prefix: containers of several projects may call their own folder the same."""
        fitting = [pair for pair in self._pairs if recorded.follows(pair.prefix)]
        return [pair for pair in fitting if len(pair.prefix.parts) == len(fitting[0].prefix.parts)]

    def _exact(self, path: Path) -> Mapped | None:
        safe = self._inside(path)
        return Mapped(safe) if safe is not None and _is_file(safe) else None

    def _by_pairs(self, recorded: RecordedPath, pairs: Sequence[PathPair], frame: Frame) -> Mapped | Unmapped:
        told = " and ".join(repr(pair.text) for pair in pairs)
        rest = recorded.parts[len(pairs[0].prefix.parts) :]
        bases = [
            base
            for pair in pairs
            for base in ([pair.target] if pair.target.is_absolute() else [root / pair.target for root in self._roots])
        ]
        spelled = [Path(os.path.normpath(base.joinpath(*rest))) for base in bases]
        inside = [safe for path in spelled if (safe := self._inside(path)) is not None]
        files = list({_real(path): path for path in inside if _is_file(path)}.values())
        if len(files) == 1:
            return Mapped(files[0])
        if files:
            weighed = [(path, weight) for path in files if (weight := self._evidence(path, frame)) > Evidence.NONE]
            if weighed and isinstance(clearest := _clearest(weighed, frame), Mapped):
                return clearest
            return Unmapped(f"path_map {told} leads to {len(files)} files", tuple(files))
        if spelled and not inside:
            return Unmapped(f"path_map {told} leads out of the workspace")
        tried = ", ".join(self.display_path(path) for path in spelled)
        return Unmapped(f"path_map {told} leads to {tried or 'no folder'}, which does not exist")

    def _not_ours(self, path: Path) -> Mapped | Unmapped | None:
        """For a path that means something on this machine: another file of that name would be a mix-up."""
        if any(path.is_relative_to(spelled) for spelled, _ in self._allowed):
            if _is_file(path):
                return Unmapped("the file is a link that leads out of the workspace")
            return Unmapped("the file is not in the workspace any more")
        if _is_file(path):
            # One folder can be mounted twice, and be spelled in several ways where letters have no case.
            same = [Path(each) for each in self._files.named(path.name) if _is_same(Path(each), path)]
            if len(same) == 1 and self._inside(same[0]) is not None:
                return Mapped(same[0])
            return Unmapped("the file is outside the workspace: open its folder, or name the pair in path_map")
        return None

    def _installed_from(self, recorded: RecordedPath, frame: Frame) -> Mapped | None:
        """For code that was installed as a package: the workspace may be what it was installed from."""
        size = recorded.installed()
        if not size:
            return None
        fits = self._by_ending(recorded, frame)
        whole = fits.length >= size and (size > 1 or fits.weight > Evidence.POSSIBLE)
        if not whole or not isinstance(fits.answer, Mapped):
            return None
        self._teach(frame, fits)
        return fits.answer

    def _by_learned(self, recorded: RecordedPath, frame: Frame, fits: _Fits) -> Mapped | Unmapped:
        """What the ending says, unless what was learned says more, or as much of another file."""
        strong = is_strong(frame, fits.weight)
        if isinstance(fits.answer, Mapped) and strong:
            path = fits.answer.path
            others = (each for each in self._learned.rivals(recorded, but=frame) if each != path)
            rivals = [each for each, weight in self._weighed(others, frame).items() if weight >= fits.weight]
            if rivals:
                fits = _Fits(_ambiguous([path, *rivals]), fits.weight, fits.length)
            self._teach(frame, fits)
            if not rivals and fits.length == 1:
                expected = self._learned.expected(recorded, but=frame)
                if len(expected) == 1 and expected[0] != path:
                    self._learned.give_up(recorded, expected[0])
            return fits.answer
        self._teach(frame, fits)
        expected = self._learned.expected(recorded, but=frame)
        if len(expected) == 1:
            for path, weight in self._weighed(expected, frame).items():
                if weight >= fits.weight:
                    return Mapped(path)
            if strong:
                self._learned.give_up(recorded, expected[0])
        if isinstance(fits.answer, Unmapped) and (doubtful := self._learned.doubtful(recorded)):
            prefix, folders = doubtful
            both = " and of ".join(self.display_path(folder) for folder in folders)
            return Unmapped(f"{fits.answer.reason} ({prefix} has files of {both})", fits.answer.candidates)
        return fits.answer

    def _weighed(self, paths: Iterable[Path], frame: Frame) -> dict[Path, Evidence]:
        """What speaks for the files that there are of some paths, where anything does."""
        inside = [path for each in dict.fromkeys(paths) if (path := self._inside(each)) is not None and _is_file(path)]
        return {path: weight for path in inside if (weight := self._evidence(path, frame)) > Evidence.NONE}

    def _teach(self, frame: Frame, fits: _Fits) -> None:
        """Learns from what is clear by itself; what was, and is no more, taught too much."""
        lesson = self._taught.get(frame)
        if lesson is not None and lesson.sure:
            return
        if isinstance(fits.answer, Mapped) and fits.length > 1 and is_strong(frame, fits.weight):
            self.learn(frame, fits.answer.path, sure=False)
        elif isinstance(fits.answer, Unmapped) and fits.weight > Evidence.NONE:
            self._unlearn(frame)

    def _by_ending(self, recorded: RecordedPath, frame: Frame) -> _Fits:
        name = recorded.parts[-1]
        files, longest = recorded.longest_ending(self._files.named(name))
        many = len(files) > _MAX_CANDIDATES
        best = [Path(file) for file in files]
        if not many:
            best = self._once_each([path for path in best if _is_file(path)])
        if not best:
            return _Fits(
                Unmapped(f"no file of the workspace is called {name}: if it is elsewhere, name the pair in path_map")
            )
        if not self._files.complete:
            return _Fits(Unmapped("the workspace has too many files to tell: name the pair in path_map"))
        if frame.language == "java" and longest < len(recorded.parts):
            return _Fits(Unmapped("no file of the workspace is in that package", tuple(best)))
        if many:
            return _Fits(_ambiguous(best))
        weighed = [(path, weight) for path in best if (weight := self._evidence(path, frame)) > Evidence.NONE]
        if not weighed:
            fits = f"{self.display_path(best[0])} fits" if len(best) == 1 else f"{len(best)} files fit"
            return _Fits(Unmapped(f"{fits} by the path, but without {frame.function or 'that line'}", tuple(best)))
        top = max(weight for _, weight in weighed)
        answer = self._by_name_alone(recorded, best, weighed, frame) if longest == 1 else _clearest(weighed, frame)
        return _Fits(answer, top, longest)

    def _by_name_alone(
        self, recorded: RecordedPath, files: list[Path], weighed: list[tuple[Path, Evidence]], frame: Frame
    ) -> Mapped | Unmapped:
        """A bare file name is little: something else has to speak for it, and much where it is not the only one."""
        path, weight = weighed[0]
        if len(files) > 1:
            copies = [path for path, weight in weighed if weight >= Evidence.TEXT]
            if len(copies) == 1 and (copies[0], Evidence.TEXT_AT_LINE) in weighed and _is_telling(frame):
                return Mapped(copies[0])
            return _ambiguous(files)
        if weight > Evidence.POSSIBLE or len(recorded.parts) == 1 or path.parent in self._roots:
            return Mapped(path)
        return Unmapped("only the file name fits: name the pair in path_map", (path,))

    def _once_each(self, paths: list[Path]) -> list[Path]:
        """Without links that lead out of the workspace, or to another one of the files."""
        links = [path for path in paths if path.is_symlink()]
        if not links:
            return paths
        kept = {_real(path): path for path in paths if path not in links}
        for path in links:
            if self._inside(path) is not None:
                kept.setdefault(_real(path), path)
        return list(kept.values())

    def _inside(self, path: Path) -> Path | None:
        """The path below one of the allowed folders, spelled as the folder is; None if it is or leads outside."""
        real = _real(path)
        if not any(real.is_relative_to(allowed) for _, allowed in self._allowed):
            return None
        if any(path.is_relative_to(spelled) for spelled, _ in self._allowed):
            return path
        spelled, allowed = next(pair for pair in self._allowed if real.is_relative_to(pair[1]))
        return spelled / real.relative_to(allowed)


def _clearest(weighed: list[tuple[Path, Evidence]], frame: Frame) -> Mapped | Unmapped:
    """The one file, or the one that more speaks for: the recorded text, or without text the function at that line."""
    top = max(weight for _, weight in weighed)
    first = [path for path, weight in weighed if weight == top]
    telling = Evidence.TEXT if (frame.source or "").strip() else Evidence.FUNCTION_AT_LINE
    if len(weighed) == 1 or (len(first) == 1 and top >= telling):
        return Mapped(first[0])
    return _ambiguous([path for path, _ in weighed])


def is_strong(frame: Frame, weight: Evidence) -> bool:
    """Whether a file that so much speaks for can teach where others are: by the text in the named function, or
    without text by the function at that line.
    """
    if not (frame.source or "").strip():
        return weight >= Evidence.FUNCTION_AT_LINE
    return weight >= (Evidence.TEXT if _names_a_function(frame) else Evidence.TEXT_AT_LINE)


def _is_telling(frame: Frame) -> bool:
    return len((frame.source or "").strip()) >= _TELLING and _names_a_function(frame)


def _names_a_function(frame: Frame) -> bool:
    return recorded_names(frame) not in ((), (MODULE,))


def _ambiguous(paths: list[Path]) -> Unmapped:
    return Unmapped(f"{len(paths)} files fit equally well: name the pair in path_map", tuple(paths[:_MAX_CANDIDATES]))


def _real(path: Path) -> Path:
    try:
        return Path(os.path.realpath(path))
    except (OSError, ValueError):
        return path


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except (OSError, ValueError):
        return False


def _is_file(path: Path) -> bool:
    """Whether it is a regular file: a pipe or a device would block."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):
        return False
