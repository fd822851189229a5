"""One HTTP connection of the receiver: httptools for speed, without what it does badly."""

import re
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD = 64 * 1024
"""Bytes of a request line and its headers."""
UPGRADE = "flux.upgrade"
"""The ASGI extension that marks a request whose body got lost because it offered an upgrade."""

_OFFERS_UPGRADE = re.compile(rb"\r\nupgrade[ \t]*:", re.IGNORECASE)


class Connection(HttpToolsProtocol):
    """Hands connections with `Upgrade` headers to h11, and closes those whose headers do not end.

    Java's HTTP client offers `Upgrade: h2c` with its first POST, and httptools takes the body of such a request for
    something else than HTTP: it would look like an empty export.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._between = True
        self._in_head = False
        self._head = 0
        self._deaf = False

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        if self._between and (self.cycle is None or self.cycle.response_complete) and _offers_upgrade(data):
            self._hand_over(data)
            return
        super().data_received(data)
        if self._in_head:
            self._head += len(data)
            if self._head > MAX_HEAD and not self.transport.is_closing():
                self.send_400_response("The headers are too large.")

    def on_message_begin(self) -> None:
        self._between = False
        self._in_head = True
        self._head = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()
        if self.parser.should_upgrade():
            # The header came in pieces, so it was not seen in time.
            self.scope["extensions"] = {UPGRADE: {}}
            self._deaf = True

    def on_message_complete(self) -> None:
        self._between = True
        super().on_message_complete()

    def _hand_over(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        self.connections.discard(self)
        other = H11Protocol(self.config, self.server_state, self.app_state)
        other.connection_made(self.transport)
        self.transport.set_protocol(other)
        other.data_received(data)


def _offers_upgrade(data: bytes) -> bool:
    """Whether the head says so, as far as it is there: a body may be long, and may say anything."""
    end = data.find(b"\r\n\r\n")
    return _OFFERS_UPGRADE.search(data, 0, end if end >= 0 else len(data)) is not None
