"""aiohttp: its connector gives a connection whose transport answers."""

import asyncio
from types import ModuleType
from typing import Any

from flux_ls.replay.child.answers import Failed, Recorded
from flux_ls.replay.child.blocked import Refusal, here
from flux_ls.replay.child.hooks import is_allowed
from flux_ls.replay.child.imports import when_imported
from flux_ls.replay.child.outbound.http_client import parsed, written


def install(recorded: Recorded) -> None:
    def patch(aiohttp: ModuleType) -> None:
        connector = aiohttp.TCPConnector
        creates = connector._create_connection

        async def create_connection(self: Any, req: Any, traces: Any, timeout: Any) -> Any:
            url = req.url
            if is_allowed(url.host or "", url.port or 0):
                return await creates(self, req, traces, timeout)
            protocol = self._factory()
            protocol.connection_made(_AnsweringTransport(protocol, str(url.origin()), recorded, here(), aiohttp))
            return protocol

        connector._create_connection = create_connection

    when_imported("aiohttp", patch)


class _AnsweringTransport(asyncio.Transport):
    """Takes the bytes of a request, and gives the protocol those of an answer."""

    def __init__(self, protocol: Any, base: str, recorded: Recorded, place: Refusal, aiohttp: Any) -> None:
        super().__init__()
        self._protocol = protocol
        self._base = base
        self._recorded = recorded
        self._place = place
        self._aiohttp = aiohttp
        self._sent = bytearray()
        self._closing = False

    def write(self, data: Any) -> None:
        self._sent += data
        request = bytes(self._sent)
        if _is_complete(request):
            self._sent.clear()
            asyncio.get_running_loop().call_soon(self._answer, request)

    def writelines(self, pieces: Any) -> None:
        self.write(b"".join(pieces))

    def _answer(self, request: bytes) -> None:
        method, target, headers, body = parsed(request)
        try:
            answer = self._recorded.answer(method, self._base + target, headers, body, self._place)
        except Failed as failed:
            self._protocol.set_exception(_error(self._aiohttp, failed))
        except Exception as error:
            self._protocol.set_exception(error)
        else:
            self._protocol.data_received(written(answer, method))

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    abort = close

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 0) if name == "peername" else default

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def set_write_buffer_limits(self, *_: Any, **__: Any) -> None: ...

    def get_write_buffer_size(self) -> int:
        return 0


def _is_complete(request: bytes) -> bool:
    head, end, body = request.partition(b"\r\n\r\n")
    if not end:
        return False
    lower = head.lower()
    if b"transfer-encoding: chunked" in lower:
        return body.endswith(b"0\r\n\r\n")
    _, found, length = lower.partition(b"\r\ncontent-length:")
    return len(body) >= (int(length.partition(b"\r\n")[0]) if found else 0)


def _error(aiohttp: Any, failed: Failed) -> Exception:
    if failed.timed_out:
        error: Exception = aiohttp.ServerTimeoutError("timed out")
    elif failed.while_connecting:
        error = aiohttp.ClientConnectionError("Connection refused")
    else:
        error = aiohttp.ServerDisconnectedError()
    return error
