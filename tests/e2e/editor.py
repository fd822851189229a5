"""A real headless Neovim with the plugin and its language server."""

import json
import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.e2e.applications import APPLICATIONS
from tests.e2e.cases import FAULTS, FINE, expected
from tests.e2e.collector import Collector
from tests.e2e.launch import BIN
from tests.e2e.processes import Process, eventually
from tests.e2e.runs import Runs

REPOSITORY = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("diagnostics.lua")
WITHOUT_PYTHON = ("--cmd", "let g:loaded_python3_provider = 0")
"""Neovim's own plugins for Python files would ask every Python on PATH for pynvim, which nothing here needs: through
pyenv's shims that takes longer than all the rest."""


Found = dict[str, list[dict[str, Any]]]
"""The diagnostics, or the lenses, of each file, in line order."""


def neovim() -> str | None:
    """The `nvim` that $FLUX_TESTS_NVIM names, else that of the environment, else the machine's."""
    return os.environ.get("FLUX_TESTS_NVIM") or shutil.which("nvim", path=f"{BIN}{os.pathsep}{os.environ['PATH']}")


class Editor:
    """Neovim with some files of a workspace open, until the given lines have a diagnostic or time is up."""

    def __init__(
        self,
        collector: Collector,
        workspace: Path,
        lines: Mapping[str, list[int]],
        scratch: Path,
        *,
        within: float = 40,
    ) -> None:
        self.workspace = workspace
        self.ready, self.found = scratch / "ready.json", scratch / "found.json"
        wanted = {
            "within": round(within * 1000),
            "ready": str(self.ready),
            "files": {str(workspace / path): numbers for path, numbers in lines.items()},
        }
        environment = collector.environment | {
            "WANTED": json.dumps(wanted),
            "FOUND": str(self.found),
            "NVIM_LOG_FILE": str(scratch / "nvim-own.log"),
        }
        nvim = neovim()
        assert nvim is not None
        plugin = REPOSITORY / "editors" / "neovim"
        argv = [nvim, "--headless", "--clean", *WITHOUT_PYTHON]
        argv += ["--cmd", f"set runtimepath^={plugin}", "-c", f"luafile {SCRIPT}"]
        self.within = within + 20
        self.process = Process(argv, cwd=workspace, env=environment, log=scratch / "nvim.log")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()

    def attach(self) -> None:
        """Waits until the server is attached to every file."""
        eventually(self.ready.exists, within=60, what=f"Neovim:\n{self.process.output()}")
        assert json.loads(self.ready.read_text()), self.process.output()

    def diagnostics(self) -> Found:
        return self._shown("files")

    def lenses(self) -> Found:
        return self._shown("lenses")

    def _shown(self, what: str) -> Found:
        assert self.process.finish(within=self.within) == 0, self.process.output()
        answer = json.loads(self.found.read_text())
        assert answer["attached"], self.process.output()
        return {
            Path(path).relative_to(self.workspace).as_posix(): sorted(found, key=lambda one: int(one["line"]))
            for path, found in answer[what].items()
        }


class Editors:
    """What Neovim shows in each workspace, looked at once."""

    def __init__(self, collector: Collector, runs: Runs, new_folder: Callable[[str], Path]) -> None:
        self.collector = collector
        self.runs = runs
        self.new_folder = new_folder
        self.seen: dict[str, tuple[Found, Found]] = {}

    def diagnostics(self, folder: str) -> Found:
        return self._shown(folder)[0]

    def lenses(self, folder: str) -> Found:
        return self._shown(folder)[1]

    def _shown(self, folder: str) -> tuple[Found, Found]:
        if folder not in self.seen:
            for case in (*FAULTS, *FINE):
                if case.folder == folder:
                    self.runs.finished(APPLICATIONS[case.application])
            lines: dict[str, list[int]] = defaultdict(list)
            for fault in expected(folder):
                lines[fault.path].append(fault.line)
            scratch = self.new_folder("editor")
            with Editor(self.collector, self.runs.projects / folder, lines, scratch) as editor:
                self.seen[folder] = editor.diagnostics(), editor.lenses()
        return self.seen[folder]
