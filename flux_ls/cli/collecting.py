"""The collector from a command's point of view: started when needed, kept awake, and how to send to it."""

import time

from flux_ls.cli.options import Session
from flux_ls.collector.daemon import Collector, CollectorFailed, PortTaken, ensure_collector, ping

PING_S = 5.0
"""How long exports may find nobody after a collector was killed; most exporters retry for longer."""


class Keeper:
    """Sees to it that a collector runs for as long as somebody watches."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._collector: Collector | None = None
        self._next = 0.0
        self._said: str | None = None

    def start(self) -> None:
        """Raises `PortTaken` or `CollectorFailed`."""
        if self._session.settings.collector:
            self._collector = ensure_collector(self._session.settings)
            self._next = time.monotonic() + PING_S

    @property
    def runs(self) -> bool:
        """Whether it looks after a collector."""
        return self._collector is not None

    def beat(self) -> None:
        """Now and then, asks the collector whether it is there, which keeps it there; starts it anew if it is not."""
        if self._collector is None or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + PING_S
        if ping(self._collector):
            self._said = None
            return
        try:
            self._collector = ensure_collector(self._session.settings)
        except (PortTaken, CollectorFailed) as error:
            if str(error) != self._said:
                self._said = str(error)
                self._session.warn(f"the collector is gone, and {error}")

    def say_where_to_send(self) -> None:
        """For an empty store: what makes requests show up."""
        port = self._collector.http_port if self._collector else self._session.settings.otlp_http_port
        self._session.warn(
            "nothing has arrived yet: run your service with",
            f"  OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:{port}",
            "  OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
            "'flux doctor' finds out what is missing",
        )
