"""httpx: its transports, asynchronous or not."""

from types import ModuleType
from typing import Any

from flux_ls.replay.child.answers import Failed, Recorded
from flux_ls.replay.child.hooks import is_allowed
from flux_ls.replay.child.imports import when_imported


def install(recorded: Recorded) -> None:
    def patch(httpx: ModuleType) -> None:
        sync, asynchronous = httpx.HTTPTransport, httpx.AsyncHTTPTransport
        handles, handles_async = sync.handle_request, asynchronous.handle_async_request

        def handle_request(self: Any, request: Any) -> Any:
            if _is_allowed(request):
                return handles(self, request)
            return _answer(httpx, recorded, request, request.read())

        async def handle_async_request(self: Any, request: Any) -> Any:
            if _is_allowed(request):
                return await handles_async(self, request)
            return _answer(httpx, recorded, request, await request.aread())

        sync.handle_request = handle_request
        asynchronous.handle_async_request = handle_async_request

    when_imported("httpx", patch)


def _is_allowed(request: Any) -> bool:
    port = request.url.port or {"http": 80, "https": 443}.get(request.url.scheme, 0)
    return is_allowed(request.url.host, port)


def _answer(httpx: Any, recorded: Recorded, request: Any, body: bytes) -> Any:
    try:
        answer = recorded.answer(request.method, str(request.url), dict(request.headers), body)
    except Failed as failed:
        name = failed.kind.rpartition(".")[2]
        kind = getattr(httpx, name, None)
        if not (isinstance(kind, type) and issubclass(kind, httpx.TransportError)):
            kind = httpx.ReadTimeout if failed.timed_out else httpx.ConnectError
        raise kind("as it was recorded", request=request) from None
    return httpx.Response(answer.status, headers=answer.headers, content=answer.body, request=request)
