"""The project's own interpreter, where nobody named one: its environment's, or that of the shell."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

_ENVIRONMENTS = (".venv", "venv", "env")


def interpreter_for(root: Path, named: str, origin: str, environ: Mapping[str, str]) -> str:
    """`named` and `origin` are the setting and where it came from. An environment that is active counts first."""
    if origin != "default":
        return named
    active = environ.get("VIRTUAL_ENV")
    folders = [Path(active)] if active else []
    folders += [root / name for name in _ENVIRONMENTS]
    for folder in folders:
        for python in (folder / "bin" / "python", folder / "Scripts" / "python.exe"):
            if python.exists() and (folder / "pyvenv.cfg").exists():
                return str(python)
    return shutil.which(named, path=environ.get("PATH", os.defpath)) or named
