"""Where the tools' answers come from: the settings, the store and the code as they are now, as for the terminal."""

import os
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from threading import Event

from msgspec import Struct

from flux_ls.answers.frames import recorded_frames
from flux_ls.config import Below, Loaded, Settings, together, with_settings
from flux_ls.model import Frame, Span
from flux_ls.otlp.stacktrace import InAppRule
from flux_ls.record import redaction
from flux_ls.replay.projects import Project, Projects
from flux_ls.source.workspace import Workspace
from flux_ls.store.errors import StoreError
from flux_ls.store.reader import Reader


class Stopped(Exception):
    """Raised inside of work that nobody waits for any more."""


class Refused(Exception):
    """The question cannot be answered; the message says what to do."""


class Job:
    """What a running question sees of who asked it. Used from the thread that works."""

    def __init__(self) -> None:
        self.stop = Event()
        self.said: tuple[str, float] | None = None
        """The latest that it reported, and the share that is done, until somebody has passed it on."""

    def check(self) -> None:
        if self.stop.is_set():
            raise Stopped

    def report(self, message: str, share: float) -> None:
        self.check()
        self.said = (message, share)


class Allowed(Struct, frozen=True):
    """What whoever starts the server lets its tools run. No file of the project can say any of it."""

    replay: bool = False
    bisect: bool = False
    run: bool = False
    """Commands that the agent names, without asking for each."""


class Desk:
    """For one question: what an agent edits between two of them counts for the second."""

    def __init__(self, root: Path, here: Path, load: Callable[[Path], Loaded], job: Job) -> None:
        """`load` gives the settings that are nearest to a folder of the root."""
        self.root = root
        self.loaded = load(here)
        self.projects = Projects(folders=(root,), load=load, environ=os.environ, here=here)
        self.job = job
        redaction.configure(together("redact_keys", self.settings, self.below))

    @property
    def settings(self) -> Settings:
        return self.loaded.settings

    @cached_property
    def workspace(self) -> Workspace:
        return Workspace([self.root], together("path_map", self.settings, self.below), others=self._recorded)

    @cached_property
    def below(self) -> tuple[Below, ...]:
        """The projects below the root that have settings of their own."""
        return tuple(Below(folder, self.projects.load(folder)) for folder in with_settings(self.root))

    def reader(self) -> Reader:
        """A new connection to the store. Raises StoreError."""
        settings = self.settings
        return Reader(settings.store, InAppRule(include=settings.in_app_include, exclude=settings.in_app_exclude))

    def project_of(self, spans: Sequence[Span]) -> Project:
        """The project that recorded code belongs to; else the one around where the server was started."""
        found = self.projects.of(spans, self.workspace)
        assert found is not None, "an agent is always in some folder"
        return found

    def _recorded(self) -> list[Frame]:
        try:
            with self.reader() as reader:
                return recorded_frames(reader)
        except StoreError:
            return []
