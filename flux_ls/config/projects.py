"""Which folders of a checkout have settings of their own: one bounded look, those nearest to the root first."""

import os
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from msgspec import Struct

from flux_ls.config.settings import Loaded, Settings

_PASSED_BY = frozenset({"node_modules", "__pycache__", "site-packages", "venv", "build", "dist", "target"})
_DEEP = 6
_LOOKED_AT = 50_000
"""Entries of folders, so that no heap of data keeps anybody waiting."""
OF_THE_STORE = (
    "store",
    "otlp_http_port",
    "otlp_grpc_port",
    "in_app_include",
    "in_app_exclude",
    "retention_days",
    "retention_bytes",
    "idle_exit",
    "collector",
)
"""Settings of what receives and keeps, which is one for all projects: there they are those of the folder that one is
in, or that the editor has open."""


class Below(Struct, frozen=True):
    """A project inside of another folder, and the settings in force there."""

    folder: Path
    loaded: Loaded

    @property
    def own(self) -> tuple[str, ...]:
        """The settings that its own file gives."""
        here = f"({self.folder / 'pyproject.toml'})"
        return tuple(name for name, origin in self.loaded.origin.items() if origin.endswith(here))

    @property
    def unheard(self) -> tuple[str, ...]:
        """Those of them that count only where one is in that folder."""
        return tuple(name for name in self.own if name in OF_THE_STORE)


def together(name: Literal["path_map", "redact_keys"], own: Settings, below: Iterable[Below]) -> tuple[str, ...]:
    """A list that is needed before it is known whose code it is about: one's own, then those of the projects below."""
    lists = [getattr(each, name) for each in (own, *(each.loaded.settings for each in below))]
    return tuple(dict.fromkeys(word for words in lists for word in words))


def with_settings(root: Path) -> tuple[Path, ...]:
    """The folders below `root` whose pyproject.toml speaks of Flux, without `root` itself."""
    found: list[Path] = []
    level = [str(root)]
    looked_at = 0
    for depth in range(_DEEP + 1):
        below: list[str] = []
        for folder in level:
            names, folders = _listed(folder)
            looked_at += len(names) + len(folders)
            if looked_at > _LOOKED_AT:
                return tuple(found)
            if depth and "pyvenv.cfg" in names:
                continue
            if depth and "pyproject.toml" in names and _speaks_of_flux(Path(folder, "pyproject.toml")):
                found.append(Path(folder))
            below += folders
        level = below
    return tuple(found)


def _listed(folder: str) -> tuple[set[str], list[str]]:
    """The names of its files, and the paths of the folders in it that may be the user's."""
    names: set[str] = set()
    folders: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    names.add(entry.name)
                elif not entry.name.startswith(".") and entry.name not in _PASSED_BY:
                    folders.append(entry.path)
    except OSError:
        pass
    return names, sorted(folders)


def _speaks_of_flux(file: Path) -> bool:
    """Also where it cannot be read as TOML: then somebody has to be told."""
    try:
        text = file.read_text(encoding="utf-8")
        return "flux" in text and "flux" in tomllib.loads(text).get("tool", {})
    except (OSError, ValueError, TypeError):
        return True
