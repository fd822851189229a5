"""The project's own interpreter, where nobody named one: its environment's, or that of the shell."""

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from flux_ls.replay.child.finding import is_project

_ENVIRONMENTS = (".venv", "venv", "env")


def interpreter_for(root: Path, named: str, origin: str, environ: Mapping[str, str], top: Path | None = None) -> str:
    """`named` and `origin` are the setting and where it came from; `top` is the checkout that the project is in.

    The nearest environment counts, of the project before those of the folders around it. One that is active comes
    before all of these, but for that of another project of the checkout, and one that is farther from this project
    than its own.
    """
    if origin != "default":
        return named
    active = Path(environ["VIRTUAL_ENV"]) if environ.get("VIRTUAL_ENV") else None
    top = top or root
    for folder in _environments(root, top, active):
        for python in (folder / "bin" / "python", folder / "Scripts" / "python.exe"):
            if python.exists() and (folder / "pyvenv.cfg").exists():
                return str(python)
    return shutil.which(named, path=environ.get("PATH", os.defpath)) or named


def _environments(root: Path, top: Path, active: Path | None) -> Iterator[Path]:
    home = None if active is None else _home(active, top)
    if active is not None and home is None:
        yield active
    for around in (root, *root.parents):
        if active is not None and around == home:
            yield active
        yield from (around / name for name in _ENVIRONMENTS)
        if around == top:
            return


def _home(environment: Path, top: Path) -> Path | None:
    """The project of the checkout that an environment is in; None where it is elsewhere."""
    if not environment.is_relative_to(top):
        return None
    return next((folder for folder in environment.parents if folder == top or is_project(folder)), top)
