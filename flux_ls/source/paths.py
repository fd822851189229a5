"""Recorded path to workspace file: by itself, by configured pairs, or by the longest ending that fits only one file.

Stack traces are not trusted: nothing outside the workspace and the configured folders is ever the answer.
"""

import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from flux_ls.model import Frame
from flux_ls.source.file_index import FileIndex
from flux_ls.source.places import Evidence
from flux_ls.source.recorded_path import RecordedPath, read_path

_MAX_CANDIDATES = 20
"""Files of one name whose text is looked at; with more, the name says nothing."""


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


class _Ending(Struct, frozen=True):
    """The files that end as a recorded path does, for the most parts."""

    files: list[Path]
    parts: int
    many: bool
    """Too many to look at each."""


class _Look(Struct):
    """What was found out about paths at one moment."""

    places: dict[str, Mapped | Unmapped | RecordedPath] = {}
    endings: dict[tuple[str, ...], _Ending] = {}
    shown: dict[Path, str] = {}


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
        targets = [pair.target for pair in pairs if pair.target.is_absolute()]
        self._allowed = [(root, _real(root)) for root in (*self._roots, *targets)]
        self._look: _Look | None = None

    def map(self, frame: Frame) -> Mapped | Unmapped:
        """The file of a frame."""
        place = self._look.places.get(frame.path) if self._look else None
        if place is None:
            place = self._by_path(frame.path)
            if self._look:
                self._look.places[frame.path] = place
        if not isinstance(place, RecordedPath):
            return place
        if not frame.in_app:
            return Unmapped("library code is mapped by its exact path only")
        answer = self._by_ending(place, frame)
        if isinstance(answer, Unmapped) and self._files.refresh():
            if self._look:
                self._look.endings.clear()
            answer = self._by_ending(place, frame)
        return answer

    @contextmanager
    def look(self) -> Iterator[None]:
        """For many frames at one moment: what the files are is found out once for each path."""
        self._look = _Look()
        try:
            yield
        finally:
            self._look = None

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
        shown = self._look.shown.get(path) if self._look else None
        if shown is None:
            root = self.root_of(path)
            shown = path.relative_to(root).as_posix() if root is not None else str(path)
            if self._look:
                self._look.shown[path] = shown
        return shown

    def _by_path(self, path: str) -> Mapped | Unmapped | RecordedPath:
        """What the path alone leads to; the path itself, where that is left to the files that end as it does."""
        recorded = read_path(path)
        if recorded is None:
            return Unmapped("the recorded path names no file")
        on_disk = recorded.on_disk()
        if on_disk is not None and (exact := self._exact(on_disk)):
            return exact
        pair = next((pair for pair in self._pairs if recorded.follows(pair.prefix)), None)
        if pair is not None:
            return self._by_pair(recorded, pair)
        if on_disk is not None and (foreign := self._not_ours(on_disk)):
            return foreign
        return recorded

    def _exact(self, path: Path) -> Mapped | None:
        safe = self._inside(path)
        return Mapped(safe) if safe is not None and _is_file(safe) else None

    def _by_pair(self, recorded: RecordedPath, pair: PathPair) -> Mapped | Unmapped:
        rest = recorded.parts[len(pair.prefix.parts) :]
        bases = [pair.target] if pair.target.is_absolute() else [root / pair.target for root in self._roots]
        spelled = [Path(os.path.normpath(base.joinpath(*rest))) for base in bases]
        inside = [safe for path in spelled if (safe := self._inside(path)) is not None]
        files = list({_real(path): path for path in inside if _is_file(path)}.values())
        if len(files) == 1:
            return Mapped(files[0])
        if files:
            return Unmapped(f"path_map {pair.text!r} leads to {len(files)} files", tuple(files))
        if spelled and not inside:
            return Unmapped(f"path_map {pair.text!r} leads out of the workspace")
        tried = ", ".join(self.display_path(path) for path in spelled)
        return Unmapped(f"path_map {pair.text!r} leads to {tried or 'no folder'}, which does not exist")

    def _not_ours(self, path: Path) -> Unmapped | None:
        """For a path that means something on this machine: another file of that name would be a mix-up."""
        if any(path.is_relative_to(spelled) for spelled, _ in self._allowed):
            if _is_file(path):
                return Unmapped("the file is a link that leads out of the workspace")
            return Unmapped("the file is not in the workspace any more")
        if _is_file(path):
            return Unmapped("the file is outside the workspace: open its folder, or name the pair in path_map")
        return None

    def _by_ending(self, recorded: RecordedPath, frame: Frame) -> Mapped | Unmapped:
        name = recorded.parts[-1]
        ending = self._ending(recorded)
        best = ending.files
        if not best:
            return Unmapped(f"no file of the workspace is called {name}: if it is elsewhere, name the pair in path_map")
        if not self._files.complete:
            return Unmapped("the workspace has too many files to tell: name the pair in path_map")
        if frame.language == "java" and ending.parts < len(recorded.parts):
            return Unmapped("no file of the workspace is in that package", tuple(best))
        if ending.many:
            return _ambiguous(best)
        weighed = [(path, weight) for path in best if (weight := self._evidence(path, frame)) > Evidence.NONE]
        if not weighed:
            fits = f"{self.display_path(best[0])} fits" if len(best) == 1 else f"{len(best)} files fit"
            return Unmapped(f"{fits} by the path, but without {frame.function or 'that line'}", tuple(best))
        if ending.parts == 1:
            return self._by_name_alone(recorded, best, weighed)
        return _clearest(weighed, frame)

    def _ending(self, recorded: RecordedPath) -> _Ending:
        known = self._look.endings.get(recorded.parts) if self._look else None
        if known is not None:
            return known
        files, longest = recorded.longest_ending(self._files.named(recorded.parts[-1]))
        many = len(files) > _MAX_CANDIDATES
        ending = _Ending([Path(file) for file in files if many or _is_file(Path(file))], longest, many)
        if self._look:
            self._look.endings[recorded.parts] = ending
        return ending

    def _by_name_alone(
        self, recorded: RecordedPath, files: list[Path], weighed: list[tuple[Path, Evidence]]
    ) -> Mapped | Unmapped:
        """A bare file name is little: it must be the only one, and something else has to speak for it."""
        path, weight = weighed[0]
        if len(files) > 1:
            return _ambiguous(files)
        if weight > Evidence.POSSIBLE or len(recorded.parts) == 1 or path.parent in self._roots:
            return Mapped(path)
        return Unmapped("only the file name fits: name the pair in path_map", (path,))

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


def _ambiguous(paths: list[Path]) -> Unmapped:
    return Unmapped(f"{len(paths)} files fit equally well: name the pair in path_map", tuple(paths[:_MAX_CANDIDATES]))


def _real(path: Path) -> Path:
    try:
        return Path(os.path.realpath(path))
    except (OSError, ValueError):
        return path


def _is_file(path: Path) -> bool:
    """Whether it is a regular file: a pipe or a device would block."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):
        return False
