"""The paths that stack traces and settings spell, in the spelling of any system, as parts that can be compared."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from msgspec import Struct

_DRIVE = re.compile(r"/?([A-Za-z]:)[\\/]")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


class RecordedPath(Struct, frozen=True):
    """A path without `.` and `..`; a Windows drive or share is its first part."""

    parts: tuple[str, ...]
    absolute: bool
    windows: bool
    """Then its letters have no case."""

    def on_disk(self) -> Path | None:
        """The same path on this machine; None where this machine could not have written it.

        Windows shares are never it: looking one up would send the user's credentials to whoever it names.
        """
        if not self.absolute or self.windows != (os.name == "nt"):
            return None
        if not self.windows:
            return Path("/", *self.parts)
        return Path(self.parts[0] + "\\", *self.parts[1:]) if self.parts[0].endswith(":") else None

    def follows(self, prefix: "RecordedPath") -> bool:
        size = len(prefix.parts)
        fold = self.windows or prefix.windows
        return self.absolute == prefix.absolute and _folded(self.parts[:size], fold) == _folded(prefix.parts, fold)

    def longest_ending(self, paths: Sequence[str]) -> tuple[list[str], int]:
        """Those of some absolute paths of this machine that end as it does for the most parts, and how many."""
        fold = self.windows or os.name == "nt"
        kept = list(paths)
        for length in range(1, len(self.parts) + 1):
            ending = "".join(os.sep + part for part in _folded(self.parts[-length:], fold))
            longer = [path for path in kept if (path.lower() if fold else path).endswith(ending)]
            if not longer:
                return (kept, length - 1) if length > 1 else ([], 0)
            kept = longer
        return kept, len(self.parts)


def read_path(text: str) -> RecordedPath | None:
    """The path in a stack frame; None when it names no file, as `<string>` or `node:internal/timers` do."""
    if not text or "\0" in text or text.startswith(("<", "node:")):
        return None
    url = _URL.match(text) is not None and not _DRIVE.match(text)
    absolute = text.startswith("/")
    if url:
        try:
            split = urlsplit(text)
        except ValueError:
            return None
        absolute = split.scheme.lower() == "file"
        text = unquote(split.path)
        if "\0" in text:
            return None
    drive = _DRIVE.match(text)
    share = text.startswith("\\\\")
    windows = drive is not None or share or ("\\" in text and "/" not in text)
    if drive:
        text = text[drive.start(1) :]
    parts: list[str] = []
    for part in re.split(r"[\\/]" if windows else "/", text):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    if not parts:
        return None
    return RecordedPath(tuple(parts), absolute or drive is not None or share, windows)


def _folded(parts: tuple[str, ...], fold: bool) -> tuple[str, ...]:
    return tuple(part.lower() for part in parts) if fold else parts
