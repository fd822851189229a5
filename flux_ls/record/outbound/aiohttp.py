"""aiohttp's client: a call is what `ClientSession._request` does, redirects and all."""

import functools
from types import ModuleType
from typing import Any

from flux_ls.record.guard import Guard
from flux_ls.record.outbound.call import Call, Reading, begin
from flux_ls.record.patches import Patches
from flux_ls.record.servers.raised import without_our_frame

_reading = Reading()


def install(patches: Patches) -> None:
    def patch_client(module: ModuleType) -> None:
        patches.replace(module.ClientSession, "_request", lambda request: _seen_request(request, patches))

    def patch_streams(module: ModuleType) -> None:
        patches.replace(module.StreamReader, "_read_nowait_chunk", _reading.read)

    patches.when_imported("aiohttp.client", patch_client)
    patches.when_imported("aiohttp.streams", patch_streams)


def _seen_request(request: Any, patches: Patches) -> Any:
    @functools.wraps(request, updated=())
    async def seen(self: Any, method: Any, str_or_url: Any, **kwargs: Any) -> Any:
        call = _begin(self, method, str_or_url, kwargs) if patches.active else None
        try:
            response = await request(self, method, str_or_url, **kwargs)
        except BaseException as error:
            without_our_frame(error)
            if call is not None:
                call.ended(error)
            raise
        if call is not None:
            _read(call, response)
        return response

    return seen


def _begin(session: Any, method: Any, url: Any, given: dict[str, Any]) -> Call | None:
    built = url
    with Guard("reading an outbound request"):
        built = session._build_url(url)
        if given.get("params"):
            built = built.extend_query(given["params"])
    call = begin(method, built)
    if call is not None:
        with Guard("reading an outbound request"):
            json = given.get("json")
            if json is None:
                call.asks(given.get("data"))
            else:
                call.asks_tree(json)
    return call


def _read(call: Call, response: Any) -> None:
    with Guard("reading an outbound answer"):
        first = (*response.history, response)[0].request_info
        call.asks_with(first.headers.items(), first.url)
        answer = call.answered(response.status, response.headers.items(), decoded=True)
        for each in response.history:
            answer.came_after(each.status, each.url, each.headers.items())
        _reading.watch(response.content, answer, response)
    call.ended()
