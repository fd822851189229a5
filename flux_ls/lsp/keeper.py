"""The background collector: started when there is none, kept awake while the editor is open, restarted when gone."""

import asyncio
import logging
import os
import time
from collections.abc import Callable

from flux_ls.collector.daemon import CollectorFailed, ensure_collector, find_collector
from flux_ls.collector.found import Collector
from flux_ls.collector.ports import PortTaken
from flux_ls.config import Settings
from flux_ls.lsp.background import in_background
from flux_ls.lsp.status import BrokenLink, CollectorStatus
from flux_ls.processes import alive

log = logging.getLogger(__name__)

ASK_EVERY_S = 30.0
BEAT_S = 1.0
"""How soon a collector whose process has ended is started again."""


class Keeper:
    """Looks after the collector of the settings' store."""

    def __init__(self, tell: Callable[[CollectorStatus], None], show: Callable[[str, str], None]) -> None:
        self._tell = tell
        self._show = show
        self._task: asyncio.Task[None] | None = None
        self._settings: Settings | None = None

    def keep(self, settings: Settings) -> None:
        """From now on looks after the collector of these settings, and does so at once."""
        self.stop()
        if settings != self._settings:
            self._settings = settings
            self._tell(CollectorStatus("starting" if settings.collector else "off"))
        self._task = asyncio.create_task(self._keep(settings))

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _keep(self, settings: Settings) -> None:
        while True:
            status = await self._look(settings)
            self._tell(status)
            until = time.monotonic() + ASK_EVERY_S
            while time.monotonic() < until and (status.pid is None or alive(status.pid)):
                await asyncio.sleep(BEAT_S)

    async def _look(self, settings: Settings) -> CollectorStatus:
        # Asking a collector for its health keeps it from exiting for want of work.
        ask = ensure_collector if settings.collector else find_collector
        try:
            collector: Collector | None = await in_background("flux-collector", lambda: ask(settings))
        except (CollectorFailed, PortTaken, OSError) as error:
            self._show(f"collector: {type(error).__name__}", f"the collector does not run: {error}")
            return CollectorStatus("failed", str(error))
        except Exception as error:
            log.exception("looking after the collector failed")
            return CollectorStatus("failed", f"{type(error).__name__}: {error}")
        if collector is None:
            return CollectorStatus("off", "none runs, and the setting `collector` keeps the editor from starting one")
        return CollectorStatus(
            "running",
            http_port=collector.http_port,
            grpc_port=collector.grpc_port or None,
            pid=collector.pid,
            broken=await in_background("flux-doctor", lambda: _broken(settings, collector)),
        )


def _broken(settings: Settings, collector: Collector) -> tuple[BrokenLink, ...]:
    # Imported in the background: it brings the answers along.
    from flux_ls.answers.doctor import check_collector, check_ports
    from flux_ls.answers.exporter import check_exporter

    checks = (
        check_collector(settings, collector),
        check_ports(settings, collector),
        check_exporter(os.environ, settings, collector),
    )
    return tuple(BrokenLink(check.name, check.detail) for check in checks if not check.ok)
