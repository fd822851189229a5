"""Where, and under what, recorded requests run again: a project of the workspace as it is on disk."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from msgspec import Struct

from flux_ls.config import Loaded
from flux_ls.model import Span
from flux_ls.replay.after import recorded_paths
from flux_ls.replay.interpreter import interpreter_for
from flux_ls.replay.project import project_around
from flux_ls.replay.shapes import Conditions
from flux_ls.source.lines import decode_source
from flux_ls.source.workspace import Workspace


class Ground(Struct, frozen=True):
    """What the session knows of it, taken when the command came."""

    folders: tuple[Path, ...]
    path_map: tuple[str, ...]
    loaded: Callable[[Path], Loaded]
    """The settings of a folder."""
    opened: tuple[tuple[str, str], ...]
    """The open files: path and text."""
    environ: Mapping[str, str]

    def workspace(self) -> Workspace:
        """A workspace of one's own, without the editor's texts: what runs is what is saved."""
        return Workspace(self.folders, path_map=self.path_map)

    def root_of(self, spans: Iterable[Span]) -> Path | None:
        """The project that recorded code belongs to; None without a folder."""
        votes: Counter[Path] = Counter()
        for recorded in dict.fromkeys(recorded_paths(spans)):
            for folder in self.folders:
                if (file := _held_by(folder, recorded)) is not None:
                    votes[project_around(folder, file.parent)] += 1
        if votes:
            return votes.most_common(1)[0][0]
        return self.folders[0] if self.folders else None

    def conditions(self, root: Path) -> Conditions:
        loaded = self.loaded(root)
        settings = loaded.settings
        return Conditions(
            root=root,
            app=settings.app,
            python=interpreter_for(root, settings.python, loaded.origin["python"], self.environ),
            allow=settings.replay_allow,
            settings=settings,
        )

    def unsaved(self, roots: Sequence[Path]) -> tuple[str, ...]:
        """Files below the roots whose text on disk is another one than the editor has."""
        found = []
        for path, text in self.opened:
            root = next((root for root in roots if Path(path).is_relative_to(root)), None)
            if root is not None and _on_disk(Path(path)) != _plain(text):
                found.append(Path(path).relative_to(root).as_posix())
        return tuple(sorted(found))


def _held_by(folder: Path, recorded: str) -> Path | None:
    """The file of a folder with the longest end of a recorded path."""
    parts = PurePosixPath(recorded.replace("\\", "/")).parts
    if Path(recorded).is_relative_to(folder):
        return Path(recorded)
    for start in range(1, len(parts)):
        file = folder.joinpath(*parts[start:])
        if ".." not in parts and file.is_file():
            return file
    return None


def _on_disk(path: Path) -> str | None:
    try:
        return _plain(decode_source(path.read_bytes()) or "")
    except OSError:
        return None


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n")
