"""What the editor says about the settings: at the start, for each folder, and whenever it changes its mind.

Nothing a client sends here can stop the server: what makes no sense is said once, in the log, and left out.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from lsprotocol import types

from flux_ls.lsp import trust
from flux_ls.lsp.convert import uri_to_path

if TYPE_CHECKING:
    from flux_ls.config import Below, Loaded, Settings

log = logging.getLogger(__name__)

SECTION = "flux"
ANSWER_TIMEOUT_S = 5.0

Ask = Callable[[types.ConfigurationParams], Awaitable[Any]]
"""Sends `workspace/configuration`."""


@attrs.frozen
class _Layers:
    """What the layers make together."""

    general: "Loaded"
    by_path: "Mapping[str, Loaded]"
    """Of the workspace folders, and of the projects in them."""
    below: "tuple[Below, ...]"


class EditorSettings:
    """The settings in force: those of the whole server, and those of each folder and each project in it."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say_once = _Once(say)
        self._initial: Mapping[str, object] = {}
        self._pushed: Mapping[str, object] = {}
        self._pulled: dict[str | None, Mapping[str, object]] = {}
        self._layers: _Layers | None = None

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
        layers, problems = await asyncio.to_thread(self._load, list(folders))
        for problem in problems:
            self._say_once(problem)
        changed = layers != self._layers
        self._layers = layers
        return changed

    @property
    def loaded(self) -> "Loaded":
        """Those that concern the server as a whole, with where each came from."""
        return self._known.general

    @property
    def _known(self) -> "_Layers":
        assert self._layers is not None, "nobody asks before they were loaded"
        return self._layers

    @property
    def general(self) -> "Settings":
        """Those that concern the server as a whole: the store, the ports, the collector."""
        return self.loaded.settings

    def of(self, uri: str) -> "Settings":
        """Those that are nearest to `uri`."""
        return self.loaded_of(uri).settings

    def loaded_of(self, uri: str) -> "Loaded":
        """The same, with where each came from."""
        path = uri_to_path(uri)
        return self.loaded if path is None else self.around(Path(path))

    def around(self, path: Path) -> "Loaded":
        """Those that are nearest to a file or folder: of its project, or of the workspace folder that holds it."""
        for folder in (path, *path.parents):
            if (found := self._known.by_path.get(str(folder))) is not None:
                return found
        return self.loaded

    @property
    def below(self) -> "tuple[Below, ...]":
        """The projects in the workspace folders that have settings of their own."""
        return self._known.below

    @property
    def nearest_first(self) -> "list[tuple[str, Settings]]":
        """Of each workspace folder and project, a folder before those around it."""
        each = [(path, loaded.settings) for path, loaded in self._known.by_path.items()]
        return sorted(each, key=lambda pair: -len(Path(pair[0]).parts))

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

    def _load(self, folders: list[str]) -> "tuple[_Layers, list[str]]":
        """Of each folder, and what was wrong on the way. Reads files."""
        from flux_ls.config import Below, load, with_settings

        roots = {folder: Path(path) for folder in folders if (path := uri_to_path(folder)) is not None}
        problems: list[str] = []

        def put_together(scope: str | None, root: Path, inside: Path) -> "Loaded":
            editor = {**self._initial, **self._pushed, **self._pulled.get(None, {}), **self._pulled.get(scope, {})}
            try:
                result = load(root, os.environ, editor=editor, inside=inside)
            except Exception as error:
                problems.append(f"the settings of {inside} could not be read, so the defaults are used: {error}")
                result = load(Path.home(), {})
            problems.extend(result.warnings)
            return result

        first = next(iter(roots.values()), Path.home())
        general = put_together(None, first, first)
        by_path = {str(root): put_together(scope, root, root) for scope, root in roots.items()}
        below: list[Below] = []
        # Of folders inside of each other, the inner one has what the editor says of it.
        for scope, root in sorted(roots.items(), key=lambda pair: -len(pair[1].parts)):
            for folder in with_settings(root):
                if str(folder) not in by_path:
                    by_path[str(folder)] = put_together(scope, root, folder)
                    below.append(Below(folder, by_path[str(folder)]))
        return _Layers(general, by_path, tuple(below)), problems


class _Once:
    """Says each text once."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._said: set[str] = set()

    def __call__(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self._say(text)
