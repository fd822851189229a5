"""urllib3: a call is what a connection pool's `urlopen` does, retries included."""

import functools
from types import ModuleType
from typing import Any

from flux_ls.record.guard import Guard
from flux_ls.record.outbound.call import Reading, begin
from flux_ls.record.patches import Patches
from flux_ls.record.servers.raised import without_our_frame

reading = Reading()


def install(patches: Patches) -> None:
    def patch_pool(module: ModuleType) -> None:
        patches.replace(module.HTTPConnectionPool, "urlopen", lambda urlopen: _seen_urlopen(urlopen, patches))

    def patch_response(module: ModuleType) -> None:
        for name in ("read", "read1"):
            patches.replace(module.HTTPResponse, name, reading.read)
        patches.replace(module.HTTPResponse, "read_chunked", reading.iterate)

    patches.when_imported("urllib3.connectionpool", patch_pool)
    patches.when_imported("urllib3.response", patch_response)


def _seen_urlopen(urlopen: Any, patches: Patches) -> Any:
    @functools.wraps(urlopen, updated=())
    def seen(self: Any, method: Any, url: Any, body: Any = None, headers: Any = None, *args: Any, **kwargs: Any) -> Any:
        call = begin(method, _absolute(self, url)) if patches.active else None
        if call is None:
            try:
                return urlopen(self, method, url, body, headers, *args, **kwargs)
            except BaseException as error:
                without_our_frame(error)
                raise
        with Guard("reading an outbound request"):
            call.asks(body)
            call.asks_with((headers or self.headers or {}).items())
        try:
            response = urlopen(self, method, url, body, headers, *args, **kwargs)
        except BaseException as error:
            without_our_frame(error)
            call.ended(error)
            raise
        with Guard("reading an outbound answer"):
            answer = call.answered(response.status, response.headers.items(), decoded=True)
            content = getattr(response, "_body", None)
            if isinstance(content, bytes):
                answer.read.add(content)
            else:
                reading.watch(response, answer)
        call.ended()
        return response

    return seen


def _absolute(pool: Any, url: Any) -> str:
    text = str(url)
    if not text.startswith("/"):
        return text
    host = f"[{pool.host}]" if ":" in pool.host else pool.host
    port = "" if pool.port in (None, {"http": 80, "https": 443}.get(pool.scheme)) else f":{pool.port}"
    return f"{pool.scheme}://{host}{port}{text}"
