"""Modules by name among a project's own files: none of an installed package, and none outside of the project."""

import ast
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flux_ls.replay.child.finding import module_of, python_files

_LARGEST = 512 * 1024
_NOT_OWN = frozenset({"node_modules", "site-packages", "dist-packages", "__pycache__"})


@dataclass(frozen=True)
class Module:
    """`folder` is where its import starts."""

    name: str
    folder: str
    file: str


class OwnFiles:
    """`folders` are where the program was started, or was told to look: those that are none of the project's are left
    out."""

    def __init__(self, root: str, folders: Sequence[str] = ()) -> None:
        self.root = os.path.realpath(root)
        given = [os.path.realpath(os.path.join(self.root, folder)) for folder in folders if folder]
        inside = [folder for folder in given if self._is_inside(folder) and os.path.isdir(folder)]
        self._folders = list(dict.fromkeys([*inside, self.root, os.path.join(self.root, "src")]))

    def module(self, name: str) -> Module | None:
        """By its dotted name: in one of the folders, or in the only other one that has it."""
        ending = os.path.join(*name.split("."))
        for folder in self._folders:
            for file in (os.path.join(folder, f"{ending}.py"), os.path.join(folder, ending, "__init__.py")):
                if self._is_own(file):
                    return Module(name, folder, file)
        found = [
            (file, file.removesuffix(each))
            for file in python_files(self.root)
            for each in (f"{os.sep}{ending}.py", f"{os.sep}{os.path.join(ending, '__init__.py')}")
            if file.endswith(each)
        ]
        return Module(name, found[0][1], found[0][0]) if len(found) == 1 and self._is_own(found[0][0]) else None

    def path(self, text: str) -> Module | None:
        """By the path of its file, which may start in a folder that is called otherwise here."""
        parts = text.replace("\\", "/").split("/")
        if not text.endswith(".py") or ".." in parts:
            return None
        for start in range(len(parts)):
            for folder in self._folders:
                file = os.path.join(folder, *parts[start:]) if parts[start] else text
                if self._is_own(file):
                    folder, name = module_of(self.root, file)
                    return Module(name, folder, file) if name else None
        return None

    def script(self, name: str) -> Module | None:
        """The module of a command that the project installs, as its pyproject.toml names it."""
        try:
            import tomllib

            text = Path(self.root, "pyproject.toml").read_text(encoding="utf-8")
            told = tomllib.loads(text)["project"]["scripts"][name].partition(":")[0]
        except (ImportError, OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return self.module(told.strip())

    def tree(self, module: Module) -> ast.Module | None:
        try:
            source = Path(module.file).read_bytes()
            return ast.parse(source) if len(source) <= _LARGEST else None
        except (OSError, ValueError, SyntaxError, RecursionError):
            return None

    def shown(self, module: Module) -> str:
        return os.path.relpath(module.file, self.root)

    def _is_own(self, file: str) -> bool:
        if not os.path.isfile(file) or not self._is_inside(os.path.realpath(file)):
            return False
        parts = Path(os.path.relpath(os.path.realpath(file), self.root)).parts
        if any(part.startswith(".") or part in _NOT_OWN for part in parts):
            return False
        folders = (os.path.join(self.root, *parts[:depth]) for depth in range(1, len(parts)))
        return not any(os.path.exists(os.path.join(folder, "pyvenv.cfg")) for folder in folders)

    def _is_inside(self, path: str) -> bool:
        return path == self.root or path.startswith(self.root + os.sep)
