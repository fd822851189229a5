"""The workspace as the answers see it: recorded frames tied to the files and unsaved buffers of today."""

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from flux_ls.git.asking import GitError
from flux_ls.model import Frame, LocatedFrame
from flux_ls.source.anchors import Anchor
from flux_ls.source.by_text import anchor
from flux_ls.source.carried import Ran, carry, carry_elsewhere, ran
from flux_ls.source.edits import Edit, span
from flux_ls.source.functions import Function
from flux_ls.source.history import History, Recorded, Unknown
from flux_ls.source.learned import LearnedPair
from flux_ls.source.line_maps import LineMaps
from flux_ls.source.paths import Mapped, PathMapper, Unmapped, is_strong
from flux_ls.source.places import Evidence, evidence, undisturbed
from flux_ls.source.recorded_path import read_path
from flux_ls.source.seen_texts import SeenTexts
from flux_ls.source.text_cache import MAX_BYTES, Dated, TextCache, Unreadable


class Workspace:
    """The files below `roots`, with the editor's texts over them. For one thread at a time.

    `path_map` holds pairs such as `/srv/app=.`; `overlay` the texts of open documents by absolute path, looked up
    anew on each call, so the caller may keep changing it. `others` are frames to learn from where one alone does not
    tell its file; they are asked for once, when that happens.
    """

    def __init__(
        self,
        roots: Sequence[Path],
        path_map: Sequence[str] = (),
        overlay: Mapping[Path, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
        others: Callable[[], Iterable[Frame]] = tuple,
    ) -> None:
        self._mapper = PathMapper(roots, path_map, self._evidence, clock)
        self._texts = TextCache()
        self._history = History(self._mapper.roots)
        self._maps = LineMaps()
        self._seen = SeenTexts()
        self._overlay: Mapping[Path, str] = {} if overlay is None else overlay
        self._looked: dict[tuple[Path, bool], Dated] | None = None
        """By path, and whether it is the saved text."""
        self._homes: dict[Frame, Path] = {}
        """Where frames were found, until a file comes or goes, or what was learned of folders is given up: typing does
        not make a frame another file's.
        """
        self._files: dict[Path, Path] = {}
        """Each file that frames were found in, so that there is one path of it: equal ones take longer to compare."""
        self._given_up = 0
        self._others: Callable[[], Iterable[Frame]] | None = others

    def locate(self, frame: Frame, recorded_ns: int) -> LocatedFrame:
        """Where the frame is in today's text. Reads what it must, never raises."""
        mapped, recorded = self._found(frame)
        if isinstance(mapped, Unmapped) and isinstance(recorded, Unknown) and mapped.candidates and self._others:
            others, self._others = self._others(), None
            if self.learn(others):
                mapped, recorded = self._found(frame)
        if isinstance(recorded, Recorded):
            return self._by_history(recorded)
        if isinstance(mapped, Unmapped):
            reason = f"{mapped.reason}; {recorded.reason}" if recorded.reason else mapped.reason
            return _unmapped(frame, reason, self._told_apart(mapped.candidates))
        try:
            found = self._by_file(frame, mapped.path, recorded_ns)
        except Unreadable as unreadable:
            return _unmapped(frame, str(unreadable), (self.display_path(mapped.path),))
        if found.state in ("exact", "moved"):
            self._homes[frame] = self._files.setdefault(mapped.path, mapped.path)
        return self._located(frame, mapped.path, found, recorded)

    def _mapped(self, frame: Frame) -> Mapped | Unmapped:
        _, given_up = self._mapper.progress()
        if given_up != self._given_up:
            self._homes.clear()
            self._given_up = given_up
        home = self._homes.get(frame)
        if home is None or (home not in self._overlay and self._saved(home) is None):
            return self._mapper.map(frame)
        return Mapped(home)

    def learn(self, frames: Iterable[Frame]) -> bool:
        """Learns where the recorded folders are from frames whose files are clear; whether that was news."""
        before = self._mapper.progress()
        for frame in frames:
            if frame.in_app:
                self._found(frame)
        return self._mapper.progress() != before

    def learned(self) -> tuple[LearnedPair, ...]:
        """The pairs of folders that were learned, which `path_map` could hold."""
        return self._mapper.learned()

    def unknown(self, frame: Frame) -> str | None:
        """Why git does not tell what ran, though a revision was recorded, and after the last colon what to do."""
        _, recorded = self._found(frame)
        return recorded.reason if isinstance(recorded, Unknown) else None

    def progress(self) -> tuple[int, int]:
        """How many folders were learned so far, by which a frame may be found that was not, and how many were given
        up, by which one may be elsewhere than it was.
        """
        return self._mapper.progress()

    def _found(self, frame: Frame) -> tuple[Mapped | Unmapped, Recorded | Unknown]:
        """Today's file of a frame by its path, and what ran; learns from it what that tells of its folders."""
        mapped = self._mapped(frame)
        if isinstance(mapped, Unmapped) and frame.blob is not None:
            same = [path for path in mapped.candidates if _is_blob(path, frame.blob)]
            mapped = Mapped(same[0]) if len(same) == 1 else mapped
        recorded = self._history.recorded(frame, None if isinstance(mapped, Unmapped) else mapped.path)
        if isinstance(recorded, Recorded) and frame.in_app:
            text, home = recorded.ran.text, recorded.repository.root / recorded.path
            if not self._mapper.has_learned(frame, home) and home.is_file():
                # Where functions are not read, git's word for a path that is more than a name has to do.
                named = text.functions is not None and text.functions.knows_every_name
                read = named or (frame.source or "").strip()
                if is_strong(frame, evidence(frame, text)) if read else "/" in recorded.path:
                    self._mapper.learn(frame, home)
        return mapped, recorded

    def _told_apart(self, paths: Sequence[Path]) -> tuple[str, ...]:
        """As they are displayed, or in full where that is the same, as in two clones of a repository."""
        shown = [self.display_path(path) for path in paths]
        return tuple(str(path) if shown.count(each) > 1 else each for path, each in zip(paths, shown, strict=True))

    def refresh(self) -> None:
        """Asks git again for what may have changed: what is checked out, and commits that were not here."""
        self._history.refresh()

    def _by_history(self, recorded: Recorded) -> LocatedFrame:
        """The frame where git says that its line went."""
        frame, before = recorded.ran.frame, recorded.ran
        home = recorded.repository.root / recorded.path
        for path in self._history.today(recorded):
            if (found := self._carried(before, path, same_file=path == home)) is not None:
                return self._located(frame, path, found)
        elsewhere = [
            (path, found)
            for path in self._history.changed(recorded)
            if (found := self._carried_elsewhere(before, path)) is not None
        ]
        sure = [each for each in elsewhere if each[1].state == "moved"] or elsewhere
        if len(sure) == 1:
            return self._located(frame, *sure[0])
        reason = f"{frame.function or 'its code'} is not in {recorded.path} any more, and in no file that changed since"
        if len(sure) > 1:
            reason = (
                f"{frame.function} may be in several files: {', '.join(self.display_path(path) for path, _ in sure)}"
            )
        elif not home.is_file() and self._history.left_out(recorded):
            reason = f"{recorded.path} is not checked out here: git sparse-checkout add {Path(recorded.path).parent}"
        return self._located(frame, home, Anchor("gone", frame.line, reason=reason))

    def _by_file(self, frame: Frame, path: Path, recorded_ns: int) -> Anchor:
        """The frame in its file of today, of which is known at best that nobody has touched it since."""
        today = self._today(path)
        saved = self._saved(path)
        if saved is not None and saved.modified_ns is not None and saved.modified_ns <= recorded_ns:
            self._seen.remember(path, frame, recorded_ns, saved.text)
        if (text := self._seen.text(path, frame, recorded_ns)) is not None and (before := ran(frame, text)):
            try:
                lines = self._maps.between(text, today.text, path)
            except GitError:
                return anchor(frame, today.text, recorded_ns, today.modified_ns)
            found = carry(before, today.text, lines)
            return found or Anchor("gone", frame.line, reason=f"{frame.function} is not in the file any more")
        return anchor(frame, today.text, recorded_ns, today.modified_ns)

    def _carried(self, before: Ran, path: Path, *, same_file: bool) -> Anchor | None:
        try:
            today = self._today(path).text
            return carry(before, today, self._maps.between(before.text, today, path), same_file=same_file)
        except (Unreadable, GitError):
            return None

    def _carried_elsewhere(self, before: Ran, path: Path) -> Anchor | None:
        try:
            return carry_elsewhere(before, self._today(path).text)
        except Unreadable:
            return None

    def _located(self, frame: Frame, path: Path, found: Anchor, unknown: Unknown = Unknown()) -> LocatedFrame:  # noqa: B008
        return LocatedFrame(
            frame=frame,
            anchor=found.state,
            path=str(path),
            display_path=self.display_path(path),
            line=found.line,
            column=found.column,
            end_column=found.end_column,
            function=found.function or frame.function,
            function_line=found.function_line,
            function_edited=found.function_edited,
            reason="; ".join(filter(None, (found.reason, unknown.reason))) or None,
        )

    @contextmanager
    def look(self) -> Iterator[None]:
        """For many frames at one moment: no file is looked at twice."""
        self._looked = {}
        try:
            yield
        finally:
            self._looked = None

    def functions(self, path: Path) -> tuple[Function, ...]:
        """The functions of a file today; none where they or its text cannot be had."""
        try:
            index = self._today(path).text.functions
        except Unreadable:
            return ()
        return index.functions if index is not None else ()

    def lines(self, path: Path) -> Sequence[str]:
        """The lines of today; none where the text cannot be had."""
        try:
            return self._today(path).text.lines
        except Unreadable:
            return ()

    def newline(self, path: Path) -> str:
        """How the lines of a file end today."""
        try:
            return self._today(path).text.newline
        except Unreadable:
            return "\n"

    def display_path(self, path: Path) -> str:
        """Relative to its root, with forward slashes; outside of every root as it is."""
        return self._mapper.display_path(path)

    def holds(self, recorded_path: str) -> bool:
        """Whether a recorded path lies in one of the roots: then this very checkout ran."""
        recorded = read_path(recorded_path)
        path = None if recorded is None else recorded.on_disk()
        return path is not None and self._mapper.root_of(path) is not None

    def absolute(self, display_path: str) -> Path | None:
        """The file that `display_path` shows so; None where there is none, or one in several roots."""
        if ".." in Path(display_path).parts or Path(display_path).is_absolute():
            return None
        found = [path for root in self._mapper.roots if (path := root / display_path).is_file()]
        shown = [path for path in found if self.display_path(path) == display_path]
        return shown[0] if len(shown) == 1 else None

    def edited(self, path: Path, before: str, content: str, edits: Sequence[Edit]) -> Callable[[int], bool] | None:
        """For an open text that these edits changed: what was read of it follows, and is not read again.

        Tells of a line, counted before the edits, whether it and its function are what and where they were; None where
        nothing is known of that.
        """
        followed = self._texts.edited(path, before, content, edits)
        if followed is None:
            return None
        was, now = followed
        self._maps.edited(path, was, edits, now)
        touched = span(edits)
        return lambda line: touched is None or undisturbed(line, was, now, touched)

    def forget(self, path: Path) -> None:
        """For a file that was created, changed, moved or deleted: nothing kept of it is used again."""
        self._texts.forget(path)
        self._mapper.forget(path)
        self._homes.clear()

    def _today(self, path: Path) -> Dated:
        if self._looked is not None and (path, False) in self._looked:
            return self._looked[path, False]
        content = self._open_text(path)
        today = self._texts.on_disk(path) if content is None else self._texts.in_editor(path, content)
        if self._looked is not None:
            self._looked[path, False] = today
        return today

    def _saved(self, path: Path) -> Dated | None:
        if self._looked is not None and (path, True) in self._looked:
            return self._looked[path, True]
        try:
            saved = self._texts.on_disk(path)
        except Unreadable:
            return None
        if self._looked is not None:
            self._looked[path, True] = saved
        return saved

    def _open_text(self, path: Path) -> str | None:
        """What the editor has for a file, also when it was opened through a link."""
        content = self._overlay.get(path)
        if content is None and self._overlay:
            real = os.path.realpath(path)
            same = (key for key in self._overlay if key.name == path.name and os.path.realpath(key) == real)
            content = next((self._overlay[key] for key in same), None)
        return content

    def _evidence(self, path: Path, frame: Frame) -> Evidence:
        try:
            return evidence(frame, self._today(path).text)
        except Unreadable:
            return Evidence.NONE


def _is_blob(path: Path, id: str) -> bool:
    """Whether git would give this id to what is in the file."""
    try:
        if path.stat().st_size > MAX_BYTES:
            return False
        content = path.read_bytes()
    except OSError:
        return False
    made = hashlib.sha256 if len(id) == 64 else partial(hashlib.sha1, usedforsecurity=False)
    return made(b"blob %d\0" % len(content) + content).hexdigest() == id


def _unmapped(frame: Frame, reason: str, candidates: tuple[str, ...]) -> LocatedFrame:
    return LocatedFrame(
        frame=frame,
        anchor="unmapped",
        path=None,
        display_path=frame.path,
        line=frame.line,
        column=frame.column,
        end_column=None,
        function=frame.function,
        function_line=None,
        reason=reason,
        candidates=candidates,
    )
