"""Requests: what an entry span says about the execution it stands for, and the one predicate for "failed"."""

from collections.abc import Sequence
from typing import Literal, Protocol, TypeVar
from urllib.parse import urlsplit

from flux_ls.model import Attributes, Request, Span, SpanKind

Kind = Literal["http", "rpc", "message", "run"]

ALIAS_LIMIT = 200
"""Longer values are no id that anybody would type."""
ALIASES = 8
"""Ids of one request that are kept."""
_ALIAS_NAMES = (
    "http.request.header.x-request-id",
    "http.response.header.x-request-id",
    "http.request.header.x_request_id",
    "http.response.header.x_request_id",
    "http.request.header.x-correlation-id",
    "http.request.header.x_correlation_id",
    "x-request-id",
    "request.id",
    "request_id",
    "http.request_id",
    "correlation_id",
    "faas.invocation_id",
    "messaging.message.id",
)
_ENTRY_RANK = {"server": 0, "consumer": 0, "internal": 1, "unspecified": 1, "producer": 2, "client": 3}


def describe(
    entry: Span, *, started_ns: int, ended_ns: int, spans: int, complete: bool, function: str | None = None
) -> Request:
    """The request that `entry` began, judged by that span alone.

    `error` stays None: what the request died of takes the other spans to tell. `function` names the handler
    when another span than the entry knows it.
    """
    attributes = entry.attributes
    kind = kind_of(entry)
    method = path = route = status = None
    name = entry.name
    if kind == "http":
        method = _method(attributes)
        path = _path(attributes)
        route = _text(attributes, "http.route")
        status = http_status(entry)
        if status == 200 and _scheme(attributes) == "WS":
            # What is sent over a web socket is taken for an answer by OpenTelemetry; the answer was to switch to it.
            status = 101
        if path or route:
            name = f"{method or _scheme(attributes)} {path or route}"
    resource = entry.resource
    return Request(
        id=entry.trace_id,
        started_ns=started_ns,
        duration_ns=max(0, ended_ns - started_ns),
        service=resource.service,
        environment=resource.environment,
        revision=resource.revision,
        kind=kind,
        name=name,
        method=method,
        path=path,
        route=route,
        function=_text(attributes, "code.function.name") or function,
        status=status,
        failed=failed(entry),
        error=None,
        complete=complete,
        spans=spans,
        aliases=aliases_of(attributes),
    )


class Placed(Protocol):
    """A span as far as its place in the trace goes."""

    @property
    def span_id(self) -> str: ...
    @property
    def parent_id(self) -> str | None: ...
    @property
    def kind(self) -> SpanKind: ...
    @property
    def start_ns(self) -> int: ...


P = TypeVar("P", bound=Placed)


def entry_of(spans: Sequence[P]) -> P:
    """Where the request began: its root, else the orphan that looks most like an entry point.

    Raises ValueError when there are no spans.
    """
    if not spans:
        raise ValueError("a request has at least one span")
    tops = [span for span in spans if span.parent_id is None]
    if not tops:
        known = {span.span_id for span in spans}
        tops = [span for span in spans if span.parent_id not in known or span.parent_id == span.span_id]
    return min(tops or spans, key=_entry_order)


def failed(entry: Span) -> bool:
    """Whether an entry span failed: the one meaning of "failed" that everything shares.

    An HTTP status of 500 or more, status ERROR, or an exception that nobody handled. A 4xx answer is no failure. Of
    an orphan that only calls somebody else (CLIENT, PRODUCER) only its parent, which is still to come, could say
    whether the call's failure was handled.
    """
    status = http_status(entry)
    if status is not None and status >= 500:
        return True
    if entry.parent_id is not None and entry.kind in ("client", "producer"):
        return False
    if entry.status == "error":
        return not only_refused(entry)
    return bool(entry.exceptions) and _unhandled(entry, status)


def only_refused(span: Span) -> bool:
    """Whether all that ERROR says of a span is that the answer was a 4xx.

    Servers make such answers from exceptions, and some instrumentation sees those (Django's Http404). A caller that
    recorded one died of it.
    """
    status = http_status(span)
    if status is None or not 400 <= status < 500 or _escaped(span):
        return False
    return span.kind == "server" or not span.exceptions


def http_status(span: Span) -> int | None:
    """The HTTP answer's status code, if it is one."""
    value = span.attributes.get("http.response.status_code")
    if isinstance(value, str) and len(value) == 3 and value.isdecimal():
        value = int(value)
    return value if isinstance(value, int) and 100 <= value <= 999 else None


def kind_of(entry: Span) -> Kind:
    attributes = entry.attributes
    if "rpc.system.name" in attributes or "rpc.system" in attributes:
        return "rpc"
    if entry.kind in ("consumer", "producer"):
        return "message"
    if "http.request.method" in attributes:
        return "http"
    if entry.kind == "server":
        return "http" if "url.path" in attributes or "url.full" in attributes or "url.scheme" in attributes else "rpc"
    return "message" if "messaging.system" in attributes else "run"


def aliases_of(attributes: Attributes) -> tuple[str, ...]:
    """The service's own ids of the request, without repeats."""
    found: list[str] = []
    for name in _ALIAS_NAMES:
        if name in attributes:
            value = attributes[name]
            for item in value if isinstance(value, list) else (value,):
                if isinstance(item, str) and 0 < len(item) <= ALIAS_LIMIT and item not in found:
                    found.append(item)
                if len(found) == ALIASES:
                    return tuple(found)
    return tuple(found)


def _unhandled(entry: Span, status: int | None) -> bool:
    """Whether an exception recorded on a span that is not ERROR went unhandled.

    Instrumentation that sees an exception leave the span sets ERROR, so an event or a log record on a span that
    answered, or that is explicitly ok, tells of one that was dealt with; a log record that an instrumentation
    names `….exception` is written only for one that was not. Without an answer nothing dealt with it, except
    that plain logging is what code does that carries on.
    """
    if _escaped(entry):
        return True
    if status is not None or entry.status == "ok":
        return False
    return any(record.recorded_in == "event" for record in entry.exceptions)


def _escaped(entry: Span) -> bool:
    return any(record.event_name.endswith(".exception") for record in entry.exceptions)


def _entry_order(span: Placed) -> tuple[int, int, str]:
    return _ENTRY_RANK[span.kind], span.start_ns, span.span_id


def _method(attributes: Attributes) -> str | None:
    method = _text(attributes, "http.request.method")
    return _text(attributes, "http.request.method_original") or method if method == "_OTHER" else method


def _path(attributes: Attributes) -> str | None:
    path = _text(attributes, "url.path")
    if path is None:
        url = _text(attributes, "url.full")
        if url is None:
            return None
        try:
            path = urlsplit(url).path or "/"
        except ValueError:
            return None
    return path.partition("?")[0] or "/"


def _scheme(attributes: Attributes) -> str:
    return "WS" if _text(attributes, "url.scheme") in ("ws", "wss") else "HTTP"


def _text(attributes: Attributes, name: str) -> str | None:
    value = attributes.get(name)
    return value if isinstance(value, str) and value else None
