"""httpx: a call is one request over a transport; a redirect is answered with another."""

import functools
from types import ModuleType
from typing import Any

from flux_ls.record.guard import Guard
from flux_ls.record.outbound.call import Call, Reading, begin
from flux_ls.record.patches import Patches
from flux_ls.record.servers.raised import without_our_frame

_NAMES = ("httpx", "httpx2")
"""It comes under two names."""

_reading = Reading()


def install(patches: Patches) -> None:
    def patch_client(module: ModuleType) -> None:
        patches.replace(module.Client, "_send_single_request", lambda send: _seen_send(send, patches))
        patches.replace(module.AsyncClient, "_send_single_request", lambda send: _seen_async_send(send, patches))

    def patch_models(module: ModuleType) -> None:
        patches.replace(module.Response, "iter_raw", _reading.iterate)
        patches.replace(module.Response, "aiter_raw", _reading.iterate_async)

    for name in _NAMES:
        patches.when_imported(f"{name}._client", patch_client)
        patches.when_imported(f"{name}._models", patch_models)


def _seen_send(send: Any, patches: Patches) -> Any:
    @functools.wraps(send, updated=())
    def seen(self: Any, request: Any) -> Any:
        call = _begin(request) if patches.active else None
        try:
            response = send(self, request)
        except BaseException as error:
            without_our_frame(error)
            if call is not None:
                _ask(call, request)
                call.ended(error)
            raise
        if call is not None:
            _read(call, request, response)
        return response

    return seen


def _seen_async_send(send: Any, patches: Patches) -> Any:
    @functools.wraps(send, updated=())
    async def seen(self: Any, request: Any) -> Any:
        call = _begin(request) if patches.active else None
        try:
            response = await send(self, request)
        except BaseException as error:
            without_our_frame(error)
            if call is not None:
                _ask(call, request)
                call.ended(error)
            raise
        if call is not None:
            _read(call, request, response)
        return response

    return seen


def _begin(request: Any) -> Call | None:
    return begin(request.method, request.url)


def _ask(call: Call, request: Any) -> None:
    with Guard("reading an outbound request"):
        content = getattr(request, "_content", None)
        call.asks(content if isinstance(content, bytes) else request.stream)
        call.asks_with(request.headers.multi_items())


def _read(call: Call, request: Any, response: Any) -> None:
    _ask(call, request)
    with Guard("reading an outbound answer"):
        answer = call.answered(response.status_code, response.headers.multi_items(), decoded=False)
        content = getattr(response, "_content", None)
        if isinstance(content, bytes):  # a transport that has everything in memory
            answer.read.add(content)
        else:
            _reading.watch(response, answer)
    call.ended()
