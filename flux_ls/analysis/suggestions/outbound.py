"""The calls to other services that a recording tells of."""

from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from flux_ls.model import Span
from flux_ls.record.wire import INPUT


class CallOut(Struct, frozen=True):
    """One CLIENT span of HTTP."""

    span: Span
    method: str
    url: str

    @property
    def status(self) -> int | None:
        status = self.span.attributes.get("http.response.status_code")
        return status if isinstance(status, int) and not isinstance(status, bool) else None

    @property
    def what(self) -> str:
        """`POST http://127.0.0.1:5000/charge`, without its query."""
        parts = urlsplit(self.url)
        host = parts.netloc.rpartition("@")[2]
        return f"{self.method} {parts.scheme}://{host}{parts.path}" if host else self.method

    @property
    def address(self) -> str | None:
        """`127.0.0.1:5000`."""
        host, port = self.span.attributes.get("server.address"), self.span.attributes.get("server.port")
        parts = urlsplit(self.url)
        try:
            host = host if isinstance(host, str) and host else parts.hostname
            port = port if isinstance(port, int) and port > 0 else parts.port
        except ValueError:
            return None
        if not host:
            return None
        return f"{host}:{port or (443 if parts.scheme == 'https' else 80)}"

    @property
    def took_ms(self) -> int:
        return round((self.span.end_ns - self.span.start_ns) / 1e6)

    @property
    def failed(self) -> bool:
        return self.span.status == "error" or bool(self.span.exceptions)

    @property
    def headers(self) -> dict[str, object] | None:
        """Those of the request by lower-case name, when they were recorded."""
        recorded = self.span.attributes.get(INPUT)
        if not isinstance(recorded, str):
            return None
        try:
            tree = msgspec.json.decode(recorded)
        except (msgspec.DecodeError, RecursionError):
            return None
        headers = tree.get("headers") if isinstance(tree, dict) else None
        return {str(name).lower(): value for name, value in headers.items()} if isinstance(headers, dict) else None


def calls_out(spans: Sequence[Span]) -> list[CallOut]:
    """The HTTP calls in the order in which they ended; of one that two libraries recorded, the outer."""
    found = [call for span in spans if (call := _call(span)) is not None]
    ids = {call.span.span_id for call in found}
    outer = [call for call in found if call.span.parent_id not in ids]
    return sorted(outer, key=lambda call: (call.span.end_ns, call.span.start_ns))


def _call(span: Span) -> CallOut | None:
    if span.kind != "client":
        return None
    method, url = span.attributes.get("http.request.method"), span.attributes.get("url.full")
    if not isinstance(method, str):
        return None
    return CallOut(span, method, _without_query(url) if isinstance(url, str) else "")


def _without_query(url: str) -> str:
    return url.partition("?")[0].partition("#")[0]
