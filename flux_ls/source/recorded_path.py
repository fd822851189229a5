"""The paths that stack traces and settings spell, in the spelling of any system, as parts that can be compared."""

import os
import re
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from msgspec import Struct

_DRIVE = re.compile(r"/?([A-Za-z]:)[\\/]")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
_EXTENDED = re.compile(r"\\\\[?.]\\(UNC\\)?", re.IGNORECASE)
"""How Windows marks a path that is to be taken literally."""
_MAC = ("Users", "Volumes", "private")
"""Where the code of a Mac is, on a disk that keeps the case of letters but does not tell by it."""
_HERE_CASELESS = os.name == "nt" or sys.platform == "darwin"
_INSTALLED = ("site-packages", "dist-packages")


class RecordedPath(Struct, frozen=True):
    """A path without `.` and `..`; a Windows drive or share is its first part."""

    parts: tuple[str, ...]
    absolute: bool
    windows: bool

    @property
    def caseless(self) -> bool:
        """Whether the system that wrote it finds a file whatever the case of its letters."""
        return self.windows or (self.absolute and self.parts[:1] != () and self.parts[0] in _MAC)

    @property
    def spelled(self) -> str:
        """As its own system spells it."""
        if not self.windows:
            return "/" * self.absolute + "/".join(self.parts)
        drive = self.parts[:1] and self.parts[0].endswith(":")
        return "\\\\" * (self.absolute and not drive) + "\\".join(self.parts)

    def parent(self, up: int) -> "RecordedPath":
        """The folder so many parts above."""
        return RecordedPath(self.parts[:-up], self.absolute, self.windows)

    def installed(self) -> int:
        """How many of its last parts are below a folder of installed packages; 0 where none are."""
        at = max((index for index, part in enumerate(self.parts[:-1]) if part in _INSTALLED), default=None)
        return 0 if at is None else len(self.parts) - 1 - at

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
        fold = self.caseless or prefix.caseless
        return self.absolute == prefix.absolute and folded(self.parts[:size], fold) == folded(prefix.parts, fold)

    def longest_ending(self, paths: Sequence[str]) -> tuple[list[str], int]:
        """Those of some absolute paths of this machine that end as it does for the most parts, and how many."""
        fold = self.caseless or _HERE_CASELESS
        kept, length = _ending_as(self.parts, list(paths), fold)
        if fold and len(kept) > 1:
            # Two files that differ by case alone cannot be on the system that wrote it: it spells the one it means.
            exact, as_long = _ending_as(self.parts, kept, fold=False)
            kept = exact if as_long == length else kept
        return kept, length


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
    if literal := _EXTENDED.match(text):
        text = ("\\\\" if literal[1] else "") + text[literal.end() :]
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


def folded(parts: Sequence[str], caseless: bool) -> tuple[str, ...]:
    """Parts as they are compared: a Mac spells an `é` with two characters."""
    return tuple(name_key(part) if caseless else _composed(part) for part in parts)


def name_key(name: str) -> str:
    """What the names of a file on all systems have in common."""
    return _composed(name).lower()


def _ending_as(parts: Sequence[str], paths: list[str], fold: bool) -> tuple[list[str], int]:
    kept = paths
    for length in range(1, len(parts) + 1):
        ending = "".join(os.sep + part for part in folded(parts[-length:], fold))
        longer = [path for path in kept if (name_key(path) if fold else _composed(path)).endswith(ending)]
        if not longer:
            return (kept, length - 1) if length > 1 else ([], 0)
        kept = longer
    return kept, len(parts)


def _composed(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)
