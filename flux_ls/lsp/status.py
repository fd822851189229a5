"""`flux/status`: what is connected, and the first broken link of the chain from an application to the screen."""

import asyncio
from collections.abc import Callable
from typing import Any, Literal

from msgspec import Struct, to_builtins
from msgspec.structs import replace

from flux_ls.answers.shapes import RequestShape

SEND_EVERY_S = 0.5

CollectorState = Literal["off", "starting", "running", "failed"]
StoreState = Literal["waiting", "ready", "failed"]


class BrokenLink(Struct, frozen=True):
    """A check of `flux doctor` that fails, by its name there."""

    name: str
    detail: str


class CollectorStatus(Struct, frozen=True):
    state: CollectorState = "starting"
    detail: str = ""
    http_port: int | None = None
    grpc_port: int | None = None
    pid: int | None = None
    broken: tuple[BrokenLink, ...] = ()
    """What is wrong with the way to a collector that runs."""


class StoreStatus(Struct, frozen=True):
    path: str = ""
    state: StoreState = "waiting"
    detail: str = ""
    refused: bool = False
    """No collector of this version could use it either."""


class Status(Struct, frozen=True):
    settings: str = ""
    """What is wrong with the settings."""
    collector: CollectorStatus = CollectorStatus()
    store: StoreStatus = StoreStatus()
    empty: bool = False
    """Nothing has ever arrived in the store."""
    last_request: RequestShape | None = None
    """The latest that finished since the server started."""
    failing: int = 0
    """Issues that fail now."""
    unplaced: int = 0
    """Those of them that have no place in the workspace."""
    unplaced_reason: str = ""
    located: int = 0
    """Those of them whose stack trace names code of the user's."""
    broken: BrokenLink | None = None


class StatusBoard:
    """The status as the parts report it; `send` gets it when it has changed, at most every `SEND_EVERY_S` seconds."""

    def __init__(self, send: Callable[[object], None]) -> None:
        self._send = send
        self._status = Status()
        self._sent = Status()
        self._timer: asyncio.TimerHandle | None = None
        self._stopped = False

    @property
    def current(self) -> dict[str, Any]:
        """As plain data."""
        plain: dict[str, Any] = to_builtins(self._status)
        return plain

    def update(self, **changes: object) -> None:
        changed = replace(self._status, **changes)
        self._status = replace(changed, broken=_broken(changed))
        if self._timer is None:
            self._tell()

    def stop(self) -> None:
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def _tell(self) -> None:
        self._timer = None
        if self._status != self._sent and not self._stopped:
            self._sent = self._status
            self._send(self.current)
            self._timer = asyncio.get_running_loop().call_later(SEND_EVERY_S, self._tell)


def _broken(status: Status) -> BrokenLink | None:
    """What `flux doctor` would call the first, as far as it is known here without asking."""
    collector, store = status.collector, status.store
    if status.settings:
        return BrokenLink("settings", status.settings)
    if store.refused:
        return BrokenLink("store", store.detail)
    if collector.state == "failed":
        return BrokenLink("collector", collector.detail)
    if collector.state == "off" and store.state == "waiting":
        return BrokenLink("collector", f"{collector.detail}, and nothing is recorded yet in {store.path}")
    on_the_way = {link.name: link for link in collector.broken}
    if (link := on_the_way.get("collector") or on_the_way.get("port")) is not None:
        return link
    if store.state == "failed":
        return BrokenLink("store", store.detail)
    if (link := on_the_way.get("exporter")) is not None:
        return link
    if store.state == "ready" and status.empty:
        return BrokenLink("spans", "nothing has ever arrived")
    if status.failing and not status.located:
        return BrokenLink("exceptions", f"no failure has a location: {status.unplaced_reason}")
    if status.failing and status.unplaced == status.failing:
        return BrokenLink("paths", f"no failure has a place in this workspace: {status.unplaced_reason}")
    return None
