"""http.client, and all that stands on it: urllib, urllib3, requests, boto3.

A connection gets an object in the place of its socket, which takes the bytes of a request and has those of an answer.
"""

import io
from collections.abc import Iterable
from http.client import responses
from types import ModuleType
from typing import Any

from flux_ls.replay.child.answers import Answer, Failed, Recorded
from flux_ls.replay.child.hooks import is_allowed
from flux_ls.replay.child.imports import when_imported


def install(recorded: Recorded) -> None:
    def patch(module: ModuleType) -> None:
        for name, scheme in (("HTTPConnection", "http"), ("HTTPSConnection", "https")):
            if hasattr(module, name):
                _patch(getattr(module, name), scheme, recorded)

    for name in ("http.client", "urllib3.connection"):
        when_imported(name, patch)


def _patch(connection: Any, scheme: str, recorded: Recorded) -> None:
    connects = connection.__dict__.get("connect")
    if connects is None:
        return

    def connect(self: Any) -> None:
        if is_allowed(self.host, self.port) or isinstance(getattr(self, "sock", None), AnsweringSocket):
            connects(self)
            return
        self.sock = AnsweringSocket(scheme, self.host, self.port, recorded)
        if hasattr(self, "is_verified"):
            self.is_verified = True

    connection.connect = connect


class AnsweringSocket:
    """What a connection takes for its socket."""

    def __init__(self, scheme: str, host: str, port: int, recorded: Recorded) -> None:
        default = {"http": 80, "https": 443}[scheme]
        address = f"[{host}]" if ":" in host else host
        self._base = f"{scheme}://{address}" + (f":{port}" if port != default else "")
        self._recorded = recorded
        self._sent = bytearray()

    def sendall(self, data: Any, *_: Any) -> None:
        self._sent += data

    def send(self, data: Any, *_: Any) -> int:
        self._sent += data
        return len(data)

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        """Asked for when the request is complete."""
        method, target, headers, body = parsed(bytes(self._sent))
        self._sent.clear()
        url = target if "://" in target else self._base + target
        try:
            answer = self._recorded.answer(method, url, headers, body)
        except Failed as failed:
            raise _error(failed) from None
        return io.BufferedReader(io.BytesIO(written(answer, method)))

    def settimeout(self, *_: Any) -> None: ...

    def gettimeout(self) -> None: ...

    def setsockopt(self, *_: Any) -> None: ...

    def shutdown(self, *_: Any) -> None: ...

    def close(self) -> None: ...

    def getpeername(self) -> tuple[str, int]:
        return ("127.0.0.1", 0)

    getsockname = getpeername

    def getpeercert(self, *_: Any, **__: Any) -> dict[str, Any]:
        return {}


def _error(failed: Failed) -> Exception:
    if failed.timed_out:
        return TimeoutError("timed out")
    if failed.while_connecting:
        return ConnectionRefusedError(111, "Connection refused")
    return ConnectionResetError(104, "Connection reset by peer")


def parsed(request: bytes) -> tuple[str, str, dict[str, str], bytes]:
    """Method, target, headers and body of a request as it is sent."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, _, rest = first.partition(" ")
    target = rest.rpartition(" ")[0]
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body = b"".join(_chunks(body))
    return method, target, headers, body


def _chunks(body: bytes) -> Iterable[bytes]:
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size.partition(b";")[0] or b"0", 16)
        if not length:
            return
        yield body[:length]
        body = body[length + 2 :]


def written(answer: Answer, method: str) -> bytes:
    """An answer as it is received; its connection is not kept."""
    lines = [f"HTTP/1.1 {answer.status} {responses.get(answer.status, '')}"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    lines += [f"Content-Length: {len(answer.body)}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1", "replace") + (b"" if method == "HEAD" else answer.body)
