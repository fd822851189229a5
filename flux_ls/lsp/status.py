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


class CollectorStatus(Struct, frozen=True):
    state: CollectorState = "starting"
    detail: str = ""
    http_port: int | None = None
    grpc_port: int | None = None
    pid: int | None = None


class StoreStatus(Struct, frozen=True):
    path: str = ""
    state: StoreState = "waiting"
    detail: str = ""


class BrokenLink(Struct, frozen=True):
    name: str
    detail: str


class Status(Struct, frozen=True):
    collector: CollectorStatus = CollectorStatus()
    store: StoreStatus = StoreStatus()
    last_request: RequestShape | None = None
    """The latest that finished since the server started."""
    failing: int = 0
    """Issues that fail now."""
    unplaced: int = 0
    """Those of them that have no place in the workspace."""
    unplaced_reason: str = ""
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
    """In the order data flows: what comes after a broken link can only follow from it."""
    if status.collector.state == "failed":
        return BrokenLink("collector", status.collector.detail)
    if status.store.state == "failed":
        return BrokenLink("store", status.store.detail)
    if status.store.state == "waiting" and status.collector.state == "off":
        return BrokenLink("store", f"nothing is recorded yet in {status.store.path}, and no collector is started here")
    if status.failing and status.unplaced == status.failing:
        return BrokenLink("path mapping", f"no failure has a place in this workspace: {status.unplaced_reason}")
    return None
