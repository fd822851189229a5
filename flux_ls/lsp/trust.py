"""Whether the code of the workspace may be run: not until the client said so, and of the folders that were open then.

Its settings do not count: editors take them from files of the repository too.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

import attrs
from pygls.exceptions import JsonRpcException

log = logging.getLogger(__name__)

OPTION = "workspaceTrusted"
"""In `initializationOptions`."""
REFUSED = -32803
"""LSP's RequestFailed."""
HOW = "say so in the editor (Neovim: `:Flux trust`) or have it send `flux/trust`"


@attrs.frozen
class Trusted:
    """What `flux/trust` carries."""

    trusted: bool


class Trust:
    """What the client has said. `folders` tells those that are open, by URI; may be asked from any thread."""

    def __init__(self, folders: Callable[[], Iterable[str]]) -> None:
        self._folders = folders
        self._granted: frozenset[str] | None = None
        self._running: set[threading.Event] = set()
        self._lock = threading.Lock()

    def start(self, options: object) -> None:
        """Takes `initializationOptions`."""
        self.say(isinstance(options, Mapping) and options.get(OPTION) is True)

    def say(self, trusted: bool) -> None:
        """What runs of a workspace that is not trusted any more is stopped."""
        with self._lock:
            self._granted = frozenset(self._folders()) if trusted else None
        self.look_again()

    def look_again(self) -> None:
        """For when other folders are open: one that nobody spoke of is not trusted."""
        if not self.is_given:
            with self._lock:
                stopped = list(self._running)
            for stop in stopped:
                stop.set()

    @property
    def is_given(self) -> bool:
        granted = self._granted
        return granted is not None and granted.issuperset(self._folders())

    def require(self, command: str) -> None:
        """Raises what refuses a command."""
        if not self.is_given:
            raise JsonRpcException(
                f"{command} runs code of this workspace, which is not trusted. If you trust it, {HOW}",
                REFUSED,
                {"kind": "untrusted"},
            )

    @contextmanager
    def running(self, command: str, stop: threading.Event) -> Iterator[None]:
        """While code runs. `stop` is set when it may not any more."""
        with self._lock:
            self._running.add(stop)
        try:
            self.require(command)
            yield
        finally:
            with self._lock:
                self._running.discard(stop)
