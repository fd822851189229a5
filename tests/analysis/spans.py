"""Builds spans for the tests: a request is written as a tree, times in milliseconds from its start."""

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from flux_ls.model import ExceptionRecord, Frame, Raised, Resource, Span, SpanKind, SpanStatus

TRACE = "550e8400e29b41d4a716446655440000"
START_NS = 1_790_000_000_000_000_000
MS = 1_000_000

SHOP = Resource("shop", "dev", "c0ffee", {"service.name": "shop"})
PRICING = Resource("pricing", "dev", None, {"service.name": "pricing"})


def ms(at: float) -> int:
    return START_NS + int(at * MS)


def app(function: str, line: int = 1, path: str = "/srv/app/shop/payments.py") -> Frame:
    return Frame(path, line, function, in_app=True)


def ran(frame: Frame) -> Frame:
    """The frame with the revision that `SHOP` ran."""
    return replace(frame, revision=SHOP.revision)


def lib(function: str = "send", line: int = 9) -> Frame:
    return Frame("/usr/lib/python3/site-packages/requests/sessions.py", line, function, in_app=False)


def raised(type: str, message: str = "", *frames: Frame, **more: Any) -> Raised:
    return Raised(type, message, frames, **more)


def event(raised: Raised, at: float = 0) -> ExceptionRecord:
    return ExceptionRecord(raised, "event", ms(at))


def log(raised: Raised, at: float = 0, event_name: str = "") -> ExceptionRecord:
    return ExceptionRecord(raised, "log", ms(at), event_name=event_name)


class Part:
    """A span and what hangs below it."""

    def __init__(self, span: Span, below: tuple["Part", ...]) -> None:
        self.span = span
        self.below = below


def span(
    name: str,
    times: tuple[float, float] = (0, 100),
    *below: Part,
    died: ExceptionRecord | Iterable[ExceptionRecord] = (),
    kind: SpanKind = "internal",
    status: SpanStatus = "unset",
    message: str = "",
    answer: int | None = None,
    resource: Resource = SHOP,
    scope: str = "tests",
    **attributes: Any,
) -> Part:
    """`died` records an exception; with an event on it the status is ERROR, as instrumentation sets it."""
    records = (died,) if isinstance(died, ExceptionRecord) else tuple(died)
    if status == "unset" and any(record.recorded_in == "event" for record in records):
        status = "error"
    named = {key.replace("__", "."): value for key, value in attributes.items()}
    if answer is not None:
        named["http.response.status_code"] = answer
    built = Span(
        trace_id=TRACE,
        span_id="",
        parent_id=None,
        name=name,
        kind=kind,
        start_ns=ms(times[0]),
        end_ns=ms(times[1]),
        status=status,
        status_message=message,
        attributes=named,
        resource=resource,
        scope=scope,
        exceptions=records,
    )
    return Part(built, below)


def server(
    answer: int | None, *below: Part, path: str = "/signup", times: tuple[float, float] = (0, 100), **more: Any
) -> Part:
    """An HTTP SERVER span that answered; ERROR from 500 on, as instrumentation sets it."""
    if answer is not None and answer >= 500:
        more.setdefault("status", "error")
    return span(
        f"POST {path}",
        times,
        *below,
        kind="server",
        answer=answer,
        http__request__method="POST",
        url__path=path,
        **more,
    )


def client(
    answer: int | None, times: tuple[float, float], *below: Part, url: str = "http://pricing/price", **more: Any
) -> Part:
    """An HTTP CLIENT span; ERROR from 400 on, as instrumentation sets it."""
    if answer is not None and answer >= 400:
        more.setdefault("status", "error")
    return span("GET", times, *below, kind="client", answer=answer, http__request__method="GET", url__full=url, **more)


def request(root: Part) -> list[Span]:
    """The spans of the tree, with ids: `name` of the span padded by its number in preorder."""
    spans: list[Span] = []
    waiting: list[tuple[Part, str | None]] = [(root, None)]
    while waiting:
        part, parent_id = waiting.pop()
        span_id = f"{len(spans):016x}"
        spans.append(replace(part.span, span_id=span_id, parent_id=parent_id))
        waiting.extend((child, span_id) for child in reversed(part.below))
    return spans


def without_root(root: Part) -> list[Span]:
    """The same spans, the root not arrived yet."""
    return request(root)[1:]
