"""Which source files the workspace has, by name: one bounded walk, repeated only when something was not found."""

import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from flux_ls.source.recorded_path import name_key

_SOURCE = re.compile(
    r".+\.(?:pyw?|pyx|[mc]?[jt]s|[jt]sx|vue|svelte|go|java|kts?|scala|groovy|html?|xml|txt|jinja2?|j2|mako|tmpl)|[^.]+",
    re.IGNORECASE,
)
"""Names of files that stack traces mention: code, templates, and scripts without a suffix."""
_SKIPPED = frozenset(
    ("node_modules", "bower_components", "__pycache__", "__pypackages__", "venv", "site-packages", "dist-packages")
)
_OUTPUTS = frozenset(("build", "dist", "target", "out"))
"""Skipped too, unless they are Python packages of that name."""
_MAX_FILES = 200_000
_MAX_ENTRIES = 2_000_000
_SECONDS_BETWEEN_WALKS = 3.0
_WALKING_SHARE = 20
"""A walk that took long is repeated only after so many times its length."""


class FileIndex:
    """The source files below some folders, found by bare name without regard to case.

    Skips installed packages, build outputs, folders with a leading dot, and links to folders: what those hold is
    either in the workspace under its own name or outside of it. A link to a file is one more name of it, wherever it
    leads.
    """

    def __init__(self, roots: Sequence[Path], clock: Callable[[], float] = time.monotonic) -> None:
        self._roots = roots
        self._clock = clock
        self._walk_again: float | None = None
        self._files: dict[str, list[str]] = {}
        self.complete = True
        """False when the workspace has more files than are looked at: a name that seems unique may not be."""

    def named(self, name: str) -> Sequence[str]:
        if self._walk_again is None:
            self._walk()
        return self._files.get(name_key(name), ())

    def refresh(self) -> bool:
        """Walks again, unless the last walk is only just over; whether it did."""
        if self._walk_again is not None and self._clock() < self._walk_again:
            return False
        self._walk()
        return True

    def forget(self, path: Path) -> None:
        """For a file that may be new or gone: walks again when something is asked for, if it is."""
        if path.is_file() != (str(path) in self._files.get(name_key(path.name), ())) and _SOURCE.fullmatch(path.name):
            self._walk_again = None

    def _walk(self) -> None:
        began = self._clock()
        self._files = {}
        self.complete = True
        found = 0
        for looked_at, entry in enumerate(_entries(self._roots)):
            if looked_at >= _MAX_ENTRIES or found >= _MAX_FILES:
                self.complete = False
                break
            if entry is not None and _SOURCE.fullmatch(entry.name):
                self._files.setdefault(name_key(entry.name), []).append(entry.path)
                found += 1
        ended = self._clock()
        self._walk_again = ended + max(_SECONDS_BETWEEN_WALKS, _WALKING_SHARE * (ended - began))


def _entries(roots: Sequence[Path]) -> Iterator[os.DirEntry[str] | None]:
    """The regular files, nearest to the roots first; None for everything else that was looked at."""
    seen = set[str]()
    tops = {os.path.realpath(root) for root in roots}
    level = [(str(root), os.path.realpath(root)) for root in roots]
    while level:
        below: list[tuple[str, str]] = []
        for folder, real in level:
            # Roots can lie inside each other.
            if real in seen:
                continue
            seen.add(real)
            listed = _listed(folder)
            names = {entry.name for entry in listed}
            if real not in tops and _is_generated(Path(real).name, names):
                continue
            for entry in listed:
                if entry.is_dir(follow_symlinks=False):
                    if not entry.name.startswith(".") and entry.name not in _SKIPPED:
                        below.append((entry.path, f"{real}{os.sep}{entry.name}"))
                    yield None
                else:
                    yield entry if entry.is_file() else None
        level = below


def _is_generated(folder: str, holds: set[str]) -> bool:
    return "pyvenv.cfg" in holds or (folder in _OUTPUTS and "__init__.py" not in holds)


def _listed(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []
