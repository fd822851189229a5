"""What the answers to commands are made from, and what they consist of."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from msgspec import Struct
from pygls.exceptions import JsonRpcException

from flux_ls.config import Below, Loaded
from flux_ls.lsp.commands import NOT_FOUND
from flux_ls.lsp.lookup import Lookup
from flux_ls.lsp.results import Results
from flux_ls.lsp.running import Ground
from flux_ls.lsp.suspects import Suspicion
from flux_ls.lsp.trials import Trial
from flux_ls.source.workspace import Workspace

MOST_REQUESTS = 1000

Answer = tuple[dict[str, Any], str, str]
"""The data, the page that shows it, and the page's address."""


class Desk(Struct, frozen=True):
    """Where questions are answered from."""

    lookup: Lookup
    workspace: Callable[[], AbstractContextManager[Workspace]]
    loaded: Loaded
    below: tuple[Below, ...]
    """The projects in the workspace folders that have settings of their own."""
    status: Callable[[], Mapping[str, Any]]
    ground: Ground
    results: Results
    tried: Callable[[list[Trial]], None]
    """Gets what replays said."""
    suspected: Callable[[Suspicion], None]
    """Gets what a bisect found."""


def latest(desk: Desk, uri: str, without: str) -> Answer:
    """The result that is there; nothing runs. Raises with the words `without` where there is none."""
    result = desk.results.latest(uri)
    if result is None:
        raise JsonRpcException(without, NOT_FOUND, {"kind": "not_found"})
    return dict(result.data), result.page, uri
