"""Every request as it finishes: which ones are wanted, and when each is ready to be shown."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from itertools import islice

from msgspec import Struct

from flux_ls.model import Request, Span
from flux_ls.store.reader import Position, Reader

PATIENCE_S = 2.0
"""How long an incomplete request waits for its root span before it is shown as it is."""
REMEMBERED = 20_000
"""Shown requests whose later changes are still noticed."""


class RequestFilter(Struct, frozen=True):
    """Which requests are wanted; empty means every one."""

    function: str | None = None
    """Part of a function, route or span name, in any case; `*` stands for anything."""
    errors_only: bool = False
    slow_ms: float | None = None
    service: str | None = None
    attributes: tuple[tuple[str, str], ...] = ()
    """Attributes of any span or resource of the request; `*` in the value stands for anything."""

    def matches(self, request: Request, reader: Reader) -> bool:
        if self.errors_only and not request.bad:
            return False
        if self.slow_ms is not None and request.duration_ns < self.slow_ms * 1e6:
            return False
        if self.service is None and self.function is None and not self.attributes:
            return True
        if self._seen_in(request):
            return True
        return self._found_in(request, reader.spans(request.id))

    def _seen_in(self, request: Request) -> bool:
        """Whether the request's own line settles it, without a look at its spans."""
        if self.attributes or (self.service is not None and not fnmatchcase(request.service, self.service)):
            return False
        return self.function is None or self._named(request.function, request.route, request.name, request.path)

    def _found_in(self, request: Request, spans: tuple[Span, ...]) -> bool:
        if self.service is not None and not any(fnmatchcase(span.resource.service, self.service) for span in spans):
            return False
        if self.function is not None and not (
            self._named(request.function, request.route, request.name, request.path)
            or any(self._names_span(span) for span in spans)
        ):
            return False
        return all(any(_has(span, key, value) for span in spans) for key, value in self.attributes)

    def _names_span(self, span: Span) -> bool:
        function = span.attributes.get("code.function.name")
        if self._named(span.name, function if isinstance(function, str) else None):
            return True
        return any(
            frame.in_app and self._named(frame.function) for record in span.exceptions for frame in record.raised.frames
        )

    def _named(self, *names: str | None) -> bool:
        assert self.function is not None
        wanted = self.function.lower()
        if "*" in wanted:
            return any(name is not None and fnmatchcase(name.lower(), wanted) for name in names)
        return any(name is not None and wanted in name.lower() for name in names)


def _has(span: Span, key: str, wanted: str) -> bool:
    for attributes in (span.attributes, span.resource.attributes):
        if key in attributes and fnmatchcase(_text(attributes[key]), wanted):
            return True
    return False


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class Page(Struct, frozen=True):
    """Some of the requests that are stored, oldest first."""

    requests: tuple[Request, ...]
    earlier: Position | None
    """Where to look on for older ones; None when all were looked at."""


def page(
    reader: Reader,
    wanted: RequestFilter,
    *,
    limit: int,
    since_ns: int | None = None,
    before: Position | None = None,
    patience_s: float | None = None,
    check: Callable[[], None] | None = None,
) -> Page:
    """The latest that are wanted, of those before a position; `check` may raise to end it.

    A filter that few pass may have to look at all there are: after `patience_s` the page ends with what was found.
    """
    deadline = None if patience_s is None else time.monotonic() + patience_s
    found: list[Request] = []
    at = None
    for request, position in reader.placed_requests(
        since_ns=since_ns, bad_only=wanted.errors_only, newest_first=True, beyond=before
    ):
        if len(found) == limit or (at is not None and deadline is not None and time.monotonic() > deadline):
            return Page(tuple(reversed(found)), at)
        if check is not None:
            check()
        if wanted.matches(request, reader):
            found.append(request)
        at = position
    return Page(tuple(reversed(found)), None)


class Seen(Struct, frozen=True):
    """A request as it is to be shown now. A `correction` was shown before, and reads differently since."""

    request: Request
    correction: bool = False


class Follow:
    """Requests as they come into a store, each as soon as it has something to show.

    A complete request is shown at once. One without its root span waits, in case the root is only late. What was shown
    and reads differently after more has arrived is shown again, as a correction.
    """

    def __init__(self, reader: Reader, wanted: RequestFilter, *, after_seq: int | None = None) -> None:
        """From `after_seq` on; from now on without it."""
        self._reader = reader
        self._wanted = wanted
        self._version: int | None = None
        self._seq = reader.last_seq() if after_seq is None else after_seq
        self._shown: OrderedDict[str, _Face] = OrderedDict()
        self._waiting: dict[str, tuple[Request, float]] = {}

    def history(self, since_ns: int | None, limit: int | None = None) -> Iterator[Seen]:
        """What is stored already, oldest first: since a time, or the last `limit` that are wanted."""
        requests = self._reader.requests(since_ns=since_ns, bad_only=self._wanted.errors_only, newest_first=bool(limit))
        wanted = (request for request in requests if self._wanted.matches(request, self._reader))
        for request in reversed(list(islice(wanted, limit))) if limit else wanted:
            self._remember(request)
            yield Seen(request)

    def poll(self, now: float) -> list[Seen]:
        """What is to be shown at `now`, a monotonic time in seconds."""
        seen: list[Seen] = []
        version = self._reader.data_version()
        if version != self._version:
            self._version = version
            while True:
                before = self._seq
                self._seq, requests = self._reader.news(before)
                for request in requests:
                    self._take(request, now, seen)
                if self._seq == before or not requests:
                    break
        due = [id for id, (_, since) in self._waiting.items() if now - since >= PATIENCE_S]
        for id in due:
            request, _ = self._waiting.pop(id)
            self._show(request, seen)
        return seen

    def _take(self, request: Request, now: float, seen: list[Seen]) -> None:
        self._waiting.pop(request.id, None)
        if request.complete or request.id in self._shown:
            self._show(request, seen)
        else:
            self._waiting[request.id] = (request, now)

    def _show(self, request: Request, seen: list[Seen]) -> None:
        before = self._shown.get(request.id)
        if before == _face(request):
            return
        if before is None and not self._wanted.matches(request, self._reader):
            return
        self._remember(request)
        seen.append(Seen(request, correction=before is not None))

    def _remember(self, request: Request) -> None:
        self._shown[request.id] = _face(request)
        self._shown.move_to_end(request.id)
        if len(self._shown) > REMEMBERED:
            self._shown.popitem(last=False)


_Face = tuple[bool, bool, int | None, str | None]


def _face(request: Request) -> _Face:
    """What a reader of the line would notice a change of."""
    return (request.complete, request.failed, request.status, request.error)
