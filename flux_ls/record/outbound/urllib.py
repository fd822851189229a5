"""urllib.request: a call is what an opener's `open` does, redirects and all."""

import functools
from types import ModuleType
from typing import Any

from flux_ls.record.guard import Guard
from flux_ls.record.outbound.call import Call, Reading, begin
from flux_ls.record.patches import Patches
from flux_ls.record.servers.raised import without_our_frame

_reading = Reading()


def install(patches: Patches) -> None:
    def patch_request(module: ModuleType) -> None:
        patches.replace(module.OpenerDirector, "open", lambda opens: _seen_open(opens, patches, module))

    def patch_client(module: ModuleType) -> None:
        for name in ("read", "read1", "readline"):
            patches.replace(module.HTTPResponse, name, _reading.read)
        patches.replace(module.HTTPResponse, "readinto", _reading.read_into)

    patches.when_imported("urllib.request", patch_request)
    patches.when_imported("http.client", patch_client)


def _seen_open(opens: Any, patches: Patches, module: ModuleType) -> Any:
    @functools.wraps(opens, updated=())
    def seen(self: Any, fullurl: Any, data: Any = None, *args: Any, **kwargs: Any) -> Any:
        call = None
        if patches.active:
            with Guard("reading an outbound request"):
                if isinstance(fullurl, str):
                    # As `open` would make it: with a request of ours, its headers can be looked at afterwards.
                    fullurl, data = module.Request(fullurl, data), None
                call = _begin(fullurl, data)
        try:
            response = opens(self, fullurl, data, *args, **kwargs)
        except BaseException as error:
            without_our_frame(error)
            if call is not None:
                if isinstance(error, Exception) and hasattr(error, "code") and hasattr(error, "fp"):
                    _read(call, fullurl, error)  # an answer, although it is raised
                    call.ended()
                else:
                    call.ended(error)
            raise
        if call is not None:
            _read(call, fullurl, response)
            call.ended()
        return response

    return seen


def _begin(request: Any, data: Any) -> Call | None:
    if request.type not in ("http", "https"):
        return None
    content = request.data if data is None else data
    call = begin("POST" if content is not None and request.data is None else request.get_method(), request.full_url)
    if call is not None:
        call.asks(content)
    return call


def _read(call: Call, request: Any, response: Any) -> None:
    with Guard("reading an outbound answer"):
        call.asks_with(request.header_items())
        status = getattr(response, "status", None) or response.code
        answer = call.answered(status, response.headers.items(), decoded=False)
        _reading.watch(getattr(response, "fp", None) if isinstance(response, Exception) else response, answer)
