"""Where an export goes: over HTTP to a collector, or through an exporter of the application's choice."""

import contextlib
import email.utils
import http.client
import os
import ssl
import time
from typing import Final
from urllib.parse import urlsplit

from flux_ls.record.guard import say_once

_CONNECT_S: Final = 2.0
_ANSWER_S: Final = 10.0
_LONGEST_PAUSE_S: Final = 30.0
_LONGEST_ANSWER: Final = 1024 * 1024
_COME_AGAIN: Final = (429, 502, 503, 504)


class Busy(Exception):
    """It cannot be delivered now, and may be tried again."""

    def __init__(self, reason: str, pause_s: float = 0.0) -> None:
        super().__init__(reason)
        self.pause_s = pause_s
        """How long the other side asks to wait; 0 when it does not say."""


class Refused(Exception):
    """It will never be taken as it is."""


class HttpSender:
    """Posts to an OTLP/HTTP receiver over one connection that is kept."""

    def __init__(self, endpoint: str) -> None:
        parts = urlsplit(endpoint)
        self._secure = parts.scheme == "https"
        self._host = parts.hostname or "127.0.0.1"
        self._port = parts.port or (443 if self._secure else 80)
        self._path = parts.path.rstrip("/") + "/v1/traces"
        self._endpoint = endpoint
        self._connection: http.client.HTTPConnection | None = None
        self._connect_s = _CONNECT_S
        self._answer_s = _ANSWER_S

    def send(self, body: bytes) -> None:
        kept = self._connection is not None
        try:
            status, after = self._post(body)
        except (OSError, http.client.HTTPException) as error:
            self._hang_up()
            # A connection that was kept may have been closed meanwhile, which says nothing about the other side.
            if not kept or isinstance(error, TimeoutError):
                raise Busy(f"{self._endpoint} cannot be reached: {error or type(error).__name__}") from None
            try:
                status, after = self._post(body)
            except (OSError, http.client.HTTPException) as again:
                self._hang_up()
                raise Busy(f"{self._endpoint} cannot be reached: {again or type(again).__name__}") from None
        if status in _COME_AGAIN:
            raise Busy(f"{self._endpoint} answered {status}", _pause(after))
        if not 200 <= status < 300:
            raise Refused(f"{self._endpoint} answered {status}")

    def hurry(self, timeout_s: float) -> None:
        self._connect_s = self._answer_s = timeout_s
        if self._connection is not None and self._connection.sock is not None:
            self._connection.sock.settimeout(timeout_s)

    def forget(self) -> None:
        """In a forked child: what is open belongs to the parent."""
        connection, self._connection = self._connection, None
        if connection is not None and connection.sock is not None:
            # Not by `close`: the thread that waited for an answer held a lock of its buffer, and is not here to let go.
            with contextlib.suppress(OSError):
                os.close(connection.sock.detach())

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.close()

    def _post(self, body: bytes) -> tuple[int, str | None]:
        connection = self._connection
        if connection is None:
            connection = self._connection = self._connected()
        connection.request("POST", self._path, body, {"Content-Type": "application/x-protobuf", "User-Agent": "flux"})
        answer = connection.getresponse()
        answer.read(_LONGEST_ANSWER)
        if not answer.isclosed():
            self._hang_up()
        return answer.status, answer.getheader("Retry-After")

    def _connected(self) -> http.client.HTTPConnection:
        if self._secure:
            context = ssl.create_default_context()
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                self._host, self._port, timeout=self._connect_s, context=context
            )
        else:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=self._connect_s)
        connection.connect()
        connection.sock.settimeout(self._answer_s)
        return connection


def _pause(retry_after: str | None) -> float:
    if not retry_after:
        return 0.0
    try:
        pause = float(retry_after)
    except ValueError:
        try:
            pause = email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time()
        except (ValueError, TypeError):
            return 0.0
    if not pause > 0:
        return 0.0
    return min(pause, _LONGEST_PAUSE_S)


class Trouble:
    """How long to wait before the next try, and the one word about it in the log."""

    def __init__(self) -> None:
        self._pause_s = 0.0
        self.until = 0.0

    def again(self, busy: Busy) -> None:
        self._pause_s = min(max(self._pause_s * 2, 0.25), 5.0)
        self.until = time.monotonic() + max(self._pause_s, busy.pause_s)
        say_once("recorded requests wait to be sent: %s", busy)

    def over(self) -> None:
        self._pause_s = self.until = 0.0
