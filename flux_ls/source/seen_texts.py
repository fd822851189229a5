"""Texts of files that nobody had touched when a frame of them was recorded: what ran, where no revision tells it."""

from collections import OrderedDict
from pathlib import Path

from flux_ls.model import Frame
from flux_ls.source.places import Text

_KEPT_FRAMES = 1024
_KEPT_CHARACTERS = 8 * 1024 * 1024


class SeenTexts:
    """What each frame ran, as it was when it was looked at first; the least recently used are given up first."""

    def __init__(self) -> None:
        self._texts: OrderedDict[tuple[Path, Frame, int], Text] = OrderedDict()

    def remember(self, path: Path, frame: Frame, recorded_ns: int, text: Text) -> None:
        key = (path, frame, recorded_ns)
        if self._texts.get(key) is text:
            return
        self._texts[key] = text
        self._texts.move_to_end(key)
        while len(self._texts) > _KEPT_FRAMES or self._characters() > _KEPT_CHARACTERS:
            self._texts.popitem(last=False)

    def text(self, path: Path, frame: Frame, recorded_ns: int) -> Text | None:
        """The text that ran then; None where it was not seen in time."""
        return self._texts.get((path, frame, recorded_ns))

    def _characters(self) -> int:
        texts = {id(text): text for text in self._texts.values()}
        return sum(text.length for text in texts.values()) if len(texts) > 1 else 0
