"""What the editor says about the settings: at the start, for each folder, and whenever it changes its mind.

Nothing a client sends here can stop the server: what makes no sense is said once, in the log, and left out.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from flux_ls.lsp import trust
from flux_ls.lsp.convert import uri_to_path

if TYPE_CHECKING:
    from flux_ls.config import Loaded, Settings

log = logging.getLogger(__name__)

SECTION = "flux"
ANSWER_TIMEOUT_S = 5.0

Ask = Callable[[types.ConfigurationParams], Awaitable[Any]]
"""Sends `workspace/configuration`."""


class EditorSettings:
    """The settings in force: those of the whole server, and those of each folder."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say_once = _Once(say)
        self._initial: Mapping[str, object] = {}
        self._pushed: Mapping[str, object] = {}
        self._pulled: dict[str | None, Mapping[str, object]] = {}
        self._by_folder: dict[str | None, Loaded] = {}

    def start(self, options: object) -> None:
        """Takes `initializationOptions`."""
        if isinstance(options, Mapping):
            # That is no setting: `trust` takes it.
            options = {name: value for name, value in options.items() if name != trust.OPTION}
        self._initial = self._section(options, "initializationOptions")

    def push(self, settings: object) -> None:
        """Takes what `workspace/didChangeConfiguration` carries, for clients that cannot be asked."""
        self._pushed = self._section(settings, "workspace/didChangeConfiguration")

    async def pull(self, ask: Ask, folders: Iterable[str]) -> None:
        """Asks the client for its settings: in general, and for each folder URI."""
        scopes: list[str | None] = [None, *folders]
        items = [types.ConfigurationItem(scope_uri=scope, section=SECTION) for scope in scopes]
        try:
            answer = await asyncio.wait_for(ask(types.ConfigurationParams(items)), ANSWER_TIMEOUT_S)
        except Exception as error:
            self._say_once(
                f"the editor did not tell its settings, so those of the start stay: {str(error) or 'no answer'}"
            )
            return
        if not isinstance(answer, list | tuple) or len(answer) != len(items):
            self._say_once("the editor's answer to workspace/configuration makes no sense; settings stay as they were")
            return
        self._pulled = {
            scope: self._section(section, "workspace/configuration")
            for scope, section in zip(scopes, answer, strict=True)
        }

    async def load(self, folders: Iterable[str]) -> bool:
        """Puts the layers together again, with the files of the folders; True when anything changed."""
        loaded, problems = await asyncio.to_thread(self._load, list(folders))
        for problem in problems:
            self._say_once(problem)
        changed = loaded != self._by_folder
        self._by_folder = loaded
        return changed

    @property
    def loaded(self) -> "Loaded":
        """Those that concern the server as a whole, with where each came from."""
        return self._by_folder[None]

    @property
    def general(self) -> "Settings":
        """Those that concern the server as a whole: the store, the ports, the collector."""
        return self.loaded.settings

    def of(self, uri: str) -> "Settings":
        """Those of the innermost folder that holds `uri`."""
        return self.loaded_of(uri).settings

    def loaded_of(self, uri: str) -> "Loaded":
        """The same, with where each came from."""
        path = uri_to_path(uri) or ""
        best: str | None = None
        for folder in self._by_folder:
            root = folder and uri_to_path(folder)
            if root and folder and Path(path).is_relative_to(root) and len(folder) > len(best or ""):
                best = folder
        return self._by_folder[best]

    def _section(self, value: object, source: str) -> Mapping[str, object]:
        if value is None:
            return {}
        if isinstance(value, Mapping):
            inner = value.get(SECTION, value)
            if inner is None:
                return {}
            if isinstance(inner, Mapping) and all(isinstance(key, str) for key in inner):
                return inner
        self._say_once(f"{source}: the settings of Flux must be an object, not {type(value).__name__}; left out")
        return {}

    def _load(self, folders: list[str]) -> "tuple[dict[str | None, Loaded], list[str]]":
        """Of each scope, and what was wrong on the way. Reads files."""
        from flux_ls.config import load

        roots = {folder: Path(path) for folder in folders if (path := uri_to_path(folder)) is not None}
        loaded: dict[str | None, Loaded] = {}
        problems: list[str] = []
        for scope in (None, *roots):
            root = next(iter(roots.values()), Path.home()) if scope is None else roots[scope]
            editor = {**self._initial, **self._pushed, **self._pulled.get(None, {}), **self._pulled.get(scope, {})}
            try:
                result = load(root, os.environ, editor=editor)
            except Exception as error:
                problems.append(f"the settings of {root} could not be read, so the defaults are used: {error}")
                result = load(Path.home(), {})
            problems += result.warnings
            loaded[scope] = result
        return loaded, problems


class _Once:
    """Says each text once."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._said: set[str] = set()

    def __call__(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self._say(text)
