"""What lies in the checkout beside what git keeps, and an application wants to find: its SQLite databases, its `.env`,
the folders that it writes to.

A replay in the folder of a revision gets links to the files, of which a replay only reads, and empty folders of these
names. A command of the user's gets none of it: nothing keeps it from writing.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from msgspec import Struct

_DATABASES = (".db", ".sqlite", ".sqlite3", ".db3")
_SETTINGS = (".env", ".flaskenv")
_PASSED_BY = frozenset({"node_modules", "__pycache__", "build", "dist"})
_DEEP = 6
_MOST = 500
_LOOKED_AT = 20_000
"""Entries of folders, so that no heap of data keeps a search waiting."""


class Beside(Struct, frozen=True):
    """Paths in the checkout."""

    files: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()


NOTHING = Beside()


def lies_beside(checkout: Path, tracked: Iterable[str]) -> Beside:
    """What is there and in no revision, judged by the paths that one has."""
    kept = set(tracked)
    holding = {str(above) for path in kept for above in PurePosixPath(path).parents}
    files: list[str] = []
    folders: list[str] = []
    for path, is_folder in _entries(checkout):
        if len(files) + len(folders) == _MOST:
            break
        if is_folder and path not in holding:
            folders.append(path)
        elif not is_folder and path not in kept:
            files.append(path)
    return Beside(tuple(files), tuple(folders))


def _entries(checkout: Path) -> Iterator[tuple[str, bool]]:
    """Databases, settings, and folders that hold no code; those that are nearer to the root first."""
    waiting = [""]
    looked_at = 0
    for folder in waiting:
        try:
            with os.scandir(checkout / folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError:
            continue
        looked_at += len(entries)
        if looked_at > _LOOKED_AT:
            return
        if folder and not any(entry.name.endswith(".py") for entry in entries):
            yield folder, True
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir(follow_symlinks=False):
                if path.count("/") < _DEEP and _may_hold(entry):
                    waiting.append(path)
            elif entry.is_file() and (entry.name.endswith(_DATABASES) or entry.name.startswith(_SETTINGS)):
                yield path, False


def _may_hold(entry: os.DirEntry[str]) -> bool:
    """Whether a folder is the application's own."""
    if entry.name.startswith(".") or entry.name in _PASSED_BY or entry.name.endswith(".egg-info"):
        return False
    # Another checkout, or an environment.
    return not any(os.path.lexists(os.path.join(entry.path, name)) for name in (".git", "pyvenv.cfg"))  # noqa: PTH118


def lay_out(beside: Beside, checkout: Path, folder: Path) -> None:
    """Puts it into the folder of a revision, where that has nothing of the name."""
    for path in beside.folders:
        _made(folder, path)
    for path in beside.files:
        if _made(folder, str(PurePosixPath(path).parent)) and not os.path.lexists(folder / path):
            try:
                (folder / path).symlink_to(checkout / path)
            except OSError:
                # A system without links: it then finds none of it, as in a fresh clone.
                return


def _made(folder: Path, path: str) -> bool:
    """Whether there is such a folder now; a revision's own link may lead anywhere."""
    here = folder
    for part in PurePosixPath(path).parts:
        here = here / part
        if here.is_symlink():
            return False
        try:
            here.mkdir(exist_ok=True)
        except OSError:
            return False
    return True
