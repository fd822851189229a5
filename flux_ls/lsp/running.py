"""Where, and under what, recorded requests run again: a project of the workspace as it is on disk."""

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct
from pygls.exceptions import JsonRpcException

from flux_ls.lsp.commands import NOT_FOUND
from flux_ls.model import Span
from flux_ls.replay.projects import Project, Projects
from flux_ls.source.lines import decode_source
from flux_ls.source.workspace import Workspace


class Ground(Struct, frozen=True):
    """What the session knows of it, taken when the command came."""

    projects: Projects
    path_map: tuple[str, ...]
    opened: tuple[tuple[str, str], ...]
    """The open files: path and text."""

    @property
    def folders(self) -> tuple[Path, ...]:
        return self.projects.folders

    def workspace(self) -> Workspace:
        """A workspace of one's own, without the editor's texts: what runs is what is saved."""
        return Workspace(self.folders, path_map=self.path_map)

    def project_of(self, spans: Sequence[Span], workspace: Workspace) -> Project:
        """The project that recorded code belongs to. Raises where no folder is open."""
        found = self.projects.of(spans, workspace)
        if found is None:
            raise JsonRpcException("no folder is open whose code could run", NOT_FOUND, {"kind": "no_folder"})
        return found

    def unsaved(self, roots: Sequence[Path]) -> tuple[str, ...]:
        """Files below the roots whose text on disk is another one than the editor has."""
        found = []
        for path, text in self.opened:
            root = next((root for root in roots if Path(path).is_relative_to(root)), None)
            if root is not None and _on_disk(Path(path)) != _plain(text):
                found.append(Path(path).relative_to(root).as_posix())
        return tuple(sorted(found))


def _on_disk(path: Path) -> str | None:
    try:
        return _plain(decode_source(path.read_bytes()) or "")
    except OSError:
        return None


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n")
