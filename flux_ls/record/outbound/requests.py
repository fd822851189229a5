"""requests: a call is what `Session.send` does, redirects and all."""

import functools
from types import ModuleType
from typing import Any

from flux_ls.record.guard import Guard
from flux_ls.record.outbound import urllib3
from flux_ls.record.outbound.call import Call, begin
from flux_ls.record.patches import Patches
from flux_ls.record.servers.raised import without_our_frame


def install(patches: Patches) -> None:
    def patch(module: ModuleType) -> None:
        patches.replace(module.Session, "send", lambda send: _seen_send(send, patches))

    patches.when_imported("requests.sessions", patch)


def _seen_send(send: Any, patches: Patches) -> Any:
    @functools.wraps(send, updated=())
    def seen(self: Any, request: Any, **kwargs: Any) -> Any:
        call = begin(request.method, request.url) if patches.active else None
        if call is None:
            try:
                return send(self, request, **kwargs)
            except BaseException as error:
                without_our_frame(error)
                raise
        with Guard("reading an outbound request"):
            call.asks(request.body)
        try:
            response = send(self, request, **kwargs)
        except BaseException as error:
            without_our_frame(error)
            with Guard("reading an outbound request"):
                call.asks_with(request.headers.items())
            call.ended(error)
            raise
        with Guard("reading an outbound answer"):
            call.asks_with(request.headers.items())
            _read(call, response)
        call.ended()
        return response

    return seen


def _read(call: Call, response: Any) -> None:
    answer = call.answered(response.status_code, response.headers.items(), decoded=True)
    for each in response.history:
        answer.came_after(each.status_code, each.url, each.headers.items())
    content = response._content
    if isinstance(content, bytes):
        answer.read.add(content)
    elif response.raw is not None:
        urllib3.reading.watch(response.raw, answer)
