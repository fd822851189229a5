"""Which project of a checkout a recorded request belongs to: the folder that runs, its settings and its interpreter.

There may be several in one checkout. What is nearest counts: the project around the code that answered, the settings of
the nearest pyproject.toml that has some, the nearest environment.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from msgspec import Struct

from flux_ls.analysis.request import entry_of
from flux_ls.analysis.route import handler_of
from flux_ls.config import Loaded, Settings
from flux_ls.model import Span
from flux_ls.record import wire
from flux_ls.replay.after import recorded_paths
from flux_ls.replay.child.finding import is_project
from flux_ls.replay.interpreter import interpreter_for
from flux_ls.replay.shapes import Conditions
from flux_ls.source.workspace import Workspace


class Project(Struct, frozen=True):
    """What is in force where a request's code is."""

    root: Path
    """The folder that runs."""
    loaded: Loaded
    python: str

    @property
    def settings(self) -> Settings:
        return self.loaded.settings

    @property
    def conditions(self) -> Conditions:
        """Those that it says of itself."""
        settings = self.settings
        return Conditions(
            root=self.root, app=settings.app, python=self.python, allow=settings.replay_allow, settings=settings
        )


class Projects(Struct, frozen=True):
    """Where they are looked for."""

    folders: tuple[Path, ...]
    """Checkouts, or what an editor has open."""
    load: Callable[[Path], Loaded]
    """The settings that are nearest to a folder."""
    environ: Mapping[str, str]
    here: Path | None = None
    """The folder that one is in, for requests that do not tell."""

    def of(self, spans: Sequence[Span], workspace: Workspace) -> Project | None:
        """The one that recorded code belongs to; None without a folder."""
        found = self._handling(spans, workspace) or self._most_of(spans) or self._working(spans)
        if found is None and self.here is not None:
            found = self._around(self.here)
        if found is None and self.folders:
            found = self.folders[0]
        return None if found is None else self.at(found)

    def at(self, root: Path) -> Project:
        """The one whose folder that is."""
        loaded = self.load(root)
        tops = [folder for folder in self.folders if root.is_relative_to(folder)]
        top = min(tops, key=lambda each: len(each.parts), default=root)
        python = interpreter_for(root, loaded.settings.python, loaded.origin["python"], self.environ, top)
        return Project(root, loaded, python)

    def _handling(self, spans: Sequence[Span], workspace: Workspace) -> Path | None:
        """By the function that the request came to: code that projects share does not outvote it."""
        if not spans:
            return None
        entry = entry_of(spans)
        handler = handler_of(entry)
        if handler is None:
            return None
        file = workspace.locate(handler, entry.end_ns).path
        return None if file is None else self._around(Path(file).parent)

    def _most_of(self, spans: Sequence[Span]) -> Path | None:
        votes: Counter[Path] = Counter()
        for recorded in dict.fromkeys(recorded_paths(spans)):
            votes.update(
                project
                for folder in self.folders
                if (file := _held_by(folder, recorded)) is not None
                and (project := self._around(file.parent)) is not None
            )
        return votes.most_common(1)[0][0] if votes else None

    def _working(self, spans: Sequence[Span]) -> Path | None:
        """By the folder that the service was started in, where that is here."""
        for told in _working_folders(spans):
            folder = Path(told)
            is_there = folder.is_absolute() and ".." not in folder.parts and folder.is_dir()
            if is_there and (found := self._around(folder)) is not None:
                return found
        return None

    def _around(self, here: Path) -> Path | None:
        """The innermost project around a folder of one of these."""
        tops = [folder for folder in self.folders if here.is_relative_to(folder)]
        return project_around(max(tops, key=lambda top: len(top.parts)), here) if tops else None


def project_around(top: Path, here: Path) -> Path:
    """The innermost project that holds the folder `here`, below `top`; else `top`."""
    for folder in (here, *here.parents):
        if folder == top or not folder.is_relative_to(top):
            break
        if is_project(folder):
            return folder
    return top


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


def _working_folders(spans: Sequence[Span]) -> Iterator[str]:
    for span in spans:
        told = span.resource.attributes.get(wire.WORKING_FOLDER)
        if isinstance(told, str) and told:
            yield told
