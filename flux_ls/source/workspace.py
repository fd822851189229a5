"""The workspace as the answers see it: recorded frames tied to the files and unsaved buffers of today."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from flux_ls.model import Frame, LocatedFrame
from flux_ls.source.anchors import anchor
from flux_ls.source.functions import Function
from flux_ls.source.paths import PathMapper, Unmapped
from flux_ls.source.places import Evidence, evidence
from flux_ls.source.text_cache import Dated, TextCache, Unreadable


class Workspace:
    """The files below `roots`, with the editor's texts over them. For one thread at a time.

    `path_map` holds pairs such as `/srv/app=.`; `overlay` the texts of open documents by absolute path, looked up
    anew on each call, so the caller may keep changing it.
    """

    def __init__(
        self,
        roots: Sequence[Path],
        path_map: Sequence[str] = (),
        overlay: Mapping[Path, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._mapper = PathMapper(roots, path_map, self._evidence, clock)
        self._texts = TextCache()
        self._overlay: Mapping[Path, str] = {} if overlay is None else overlay

    def locate(self, frame: Frame, recorded_ns: int) -> LocatedFrame:
        """Where the frame is in today's text. Reads what it must, never raises."""
        mapped = self._mapper.map(frame)
        if isinstance(mapped, Unmapped):
            return _unmapped(frame, mapped.reason, tuple(self.display_path(path) for path in mapped.candidates))
        try:
            today = self._today(mapped.path)
        except Unreadable as unreadable:
            return _unmapped(frame, str(unreadable), (self.display_path(mapped.path),))
        found = anchor(frame, today.text, recorded_ns, today.modified_ns)
        return LocatedFrame(
            frame=frame,
            anchor=found.state,
            path=str(mapped.path),
            display_path=self.display_path(mapped.path),
            line=found.line,
            column=found.column,
            end_column=found.end_column,
            function=found.function or frame.function,
            function_line=found.function_line,
            reason=found.reason,
        )

    def functions(self, path: Path) -> tuple[Function, ...]:
        """The functions of a Python file today; none where the text cannot be had."""
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

    def absolute(self, display_path: str) -> Path | None:
        """The file that `display_path` shows so; None where there is none, or one in several roots."""
        if ".." in Path(display_path).parts or Path(display_path).is_absolute():
            return None
        found = [path for root in self._mapper.roots if (path := root / display_path).is_file()]
        shown = [path for path in found if self.display_path(path) == display_path]
        return shown[0] if len(shown) == 1 else None

    def forget(self, path: Path) -> None:
        """For a file that was created, changed, moved or deleted: nothing kept of it is used again."""
        self._texts.forget(path)
        self._mapper.forget(path)

    def _today(self, path: Path) -> Dated:
        content = self._open_text(path)
        return self._texts.on_disk(path) if content is None else self._texts.in_editor(path, content)

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
