"""The questions the store answers; none in the editor's path grows with the number of spans stored."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from msgspec import Struct
from msgspec.structs import replace

from flux_ls.model import Issue, Request, Route, RowChange, Span
from flux_ls.otlp.stacktrace import DEFAULT_RULE, InAppRule
from flux_ls.store import schema
from flux_ls.store.connection import file_number, open_for_reading, translated
from flux_ls.store.errors import AmbiguousRequest, BadRequestId, RequestNotFound, StoreReplaced, StoreTooNew
from flux_ls.store.rows import (
    GONE_COLUMNS,
    ISSUE_COLUMNS,
    ISSUE_SOURCE,
    REQUEST_COLUMNS,
    ROUTE_COLUMNS,
    ROUTE_SOURCE,
    gone_issue_of,
    issue_of,
    request_of,
    route_of,
)

if TYPE_CHECKING:
    from flux_ls.store.changes import Inputs, Rows
    from flux_ls.store.facts import StoreFacts
    from flux_ls.store.revisions import Revisions
    from flux_ls.store.traces import SpanSource

_SHORTEST_PREFIX = 4
_HEX = re.compile(r"[0-9a-f]+")
_CANDIDATES = 10
_PAGE = 500


class Position(Struct, frozen=True):
    """Where a request stands among all of them by start time."""

    started_ns: int
    number: int


class Reader:
    """One connection that reads; used from one thread at a time."""

    def __init__(self, path: Path, rule: InAppRule = DEFAULT_RULE) -> None:
        self.path = path
        # The number first: if the file is replaced while it is opened, `data_version` will tell.
        self._file = file_number(path)
        self._connection = open_for_reading(path)
        self._rule = rule
        self._version = -1

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def data_version(self) -> int:
        """Changes whenever another connection has committed.

        Raises StoreReplaced when the file is another one now, StoreTooNew when a newer flux has migrated it.
        """
        if file_number(self.path) != self._file:
            raise StoreReplaced(self.path)
        version = int(self._one("PRAGMA data_version")[0])
        if version != self._version:
            (found,) = self._one("PRAGMA user_version")
            if found < schema.VERSION:
                raise StoreReplaced(self.path)
            if found > schema.VERSION:
                raise StoreTooNew(self.path, found, schema.VERSION)
            self._version = version
        return version

    def last_seq(self) -> int:
        """The sequence number of the latest change."""
        return int(self._one("SELECT value FROM counter WHERE name = 'seq'")[0])

    def news(self, after_seq: int, limit: int = _PAGE) -> tuple[int, list[Request]]:
        """Up to `limit` requests created or corrected after `after_seq`, and the number to go on from."""
        rows = self._all(
            f"SELECT {REQUEST_COLUMNS}, seq FROM request WHERE seq > ? ORDER BY seq LIMIT ?", (after_seq, limit)
        )
        return (rows[-1][17] if rows else after_seq), [request_of(row) for row in rows]

    def requests(
        self,
        since_ns: int | None = None,
        limit: int | None = None,
        service: str | None = None,
        bad_only: bool = False,
        newest_first: bool = False,
    ) -> Iterator[Request]:
        """Requests by start time."""
        return (request for request, _ in self.placed_requests(since_ns, limit, service, bad_only, newest_first))

    def placed_requests(
        self,
        since_ns: int | None = None,
        limit: int | None = None,
        service: str | None = None,
        bad_only: bool = False,
        newest_first: bool = False,
        beyond: Position | None = None,
    ) -> Iterator[tuple[Request, Position]]:
        """The same with the position of each, from which another question goes on by `beyond`."""
        where = ["started_ns >= ?"]
        arguments: list[object] = [since_ns if since_ns is not None else 0]
        if service is not None:
            where.append("service = ?")
            arguments.append(service)
        if bad_only:
            where.append("(failed OR status >= 400)")
        order, sign = ("DESC", "<") if newest_first else ("ASC", ">")
        # In pages: who reads on at leisure must not hold the WAL, which grows while somebody does.
        while limit is None or limit > 0:
            size = _PAGE if limit is None else min(_PAGE, limit)
            further = "" if beyond is None else f" AND (started_ns, id) {sign} (?, ?)"
            page = self._all(
                f"SELECT {REQUEST_COLUMNS}, id FROM request WHERE {' AND '.join(where)}{further}"
                f" ORDER BY started_ns {order}, id {order} LIMIT ?",
                (*arguments, *(() if beyond is None else (beyond.started_ns, beyond.number)), size),
            )
            for row in page:
                beyond = Position(row[1], row[17])
                yield request_of(row), beyond
            if len(page) < size:
                return
            limit = None if limit is None else limit - size

    def resolve(self, text: str) -> Request:
        """The one request that a full id, a unique prefix of 4 or more digits, or the service's own id names.

        Raises BadRequestId, RequestNotFound or AmbiguousRequest.
        """
        given = text.strip()
        given = given[4:] if given[:4].lower() == "req:" else given
        if not given.isprintable():
            raise BadRequestId(text)
        aliased = self._all(
            f"SELECT {REQUEST_COLUMNS} FROM alias JOIN request ON request.id = alias.request_id"
            " WHERE alias.alias = ? ORDER BY started_ns DESC LIMIT ?",
            (given, _CANDIDATES),
        )
        prefix = given.lower()
        is_hex = _HEX.fullmatch(prefix) is not None and _SHORTEST_PREFIX <= len(prefix) <= 32
        found = list(aliased)
        if is_hex:
            low, high = (bytes.fromhex(prefix.ljust(32, digit)) for digit in "0f")
            found += self._all(
                f"SELECT {REQUEST_COLUMNS} FROM request WHERE trace_id BETWEEN ? AND ?"
                " ORDER BY started_ns DESC LIMIT ?",
                (low, high, _CANDIDATES),
            )
            found = [row for row in found if row[0].hex() == prefix] or found
        requests = tuple({request.id: request for request in map(request_of, found)}.values())
        if len(requests) > 1:
            raise AmbiguousRequest(given, requests)
        if not requests:
            if not is_hex and len(given) < _SHORTEST_PREFIX:
                raise BadRequestId(text)
            raise RequestNotFound(given)
        return self._with_aliases(requests[0])

    def request(self, request_id: str) -> Request:
        """The request of a full id. Raises RequestNotFound."""
        row = self._one(f"SELECT {REQUEST_COLUMNS} FROM request WHERE trace_id = ?", (_trace_id(request_id),))
        if row is None:
            raise RequestNotFound(request_id)
        return self._with_aliases(request_of(row))

    def version_of(self, request_id: str) -> int:
        """A number that is another one when the request was corrected. Raises RequestNotFound."""
        row = self._one("SELECT seq FROM request WHERE trace_id = ?", (_trace_id(request_id),))
        if row is None:
            raise RequestNotFound(request_id)
        return int(row[0])

    def position_of(self, request_id: str) -> Position:
        """Where a request stands. Raises RequestNotFound."""
        return Position(self.request(request_id).started_ns, self._keys(request_id)[0])

    def spans(self, request_id: str) -> tuple[Span, ...]:
        """All spans of a request by start time, each with the exceptions of its events and log records."""
        with self._snapshot():
            return tuple(self._traces().all(*self._keys(request_id)))

    def spans_of_interest(self, request_id: str) -> tuple[Span, ...]:
        """The spans that decide what a request died of: fewer than all of them in a huge one."""
        with self._snapshot():
            return tuple(self._traces().of_interest(*self._keys(request_id)))

    def entry_and(self, request_id: str, *names: Sequence[str]) -> tuple[Span, tuple[Span, ...]]:
        """The entry span; and by start time the spans with all the names of one of `names` somewhere in them.

        Without the exceptions of log records. The other spans are not decoded, however many there are.
        """
        wanted = [[name.encode() for name in each] for each in names]
        with self._snapshot():
            request, _ = self._keys(request_id)
            entry, spans = self._traces().entry_and(request, wanted)
        return entry, tuple(spans)

    def issues(self, after_seq: int = 0) -> tuple[int, list[Issue]]:
        """Issues changed after `after_seq`, and the number to go on from.

        One that is no more has a count of 0; from the start, only those that are.
        """
        # One state of the store: what is committed between the questions would be passed over.
        with self._snapshot():
            rows = self._all(
                f"SELECT {ISSUE_COLUMNS}, issue.seq FROM {ISSUE_SOURCE} WHERE issue.seq > ? ORDER BY issue.seq",
                (after_seq,),
            )
            gone = (
                self._all(f"SELECT {GONE_COLUMNS}, seq FROM issue WHERE seq > ? AND count = 0", (after_seq,))
                if after_seq
                else []
            )
            issues = self._issues_of_rows(rows)
        seq = max((*(row[-1] for row in rows), *(row[-1] for row in gone)), default=after_seq)
        return seq, [*issues, *map(gone_issue_of, gone)]

    def group(self, fingerprint: str, *, handled: bool = False) -> list[Issue]:
        """The issues of one group."""
        return self._issues_of_rows(
            self._all(
                f"SELECT {ISSUE_COLUMNS} FROM {ISSUE_SOURCE} WHERE issue.fingerprint = ? AND issue.handled = ?",
                (fingerprint, handled),
            )
        )

    def requests_of_group(self, fingerprint: str, limit: int, *, handled: bool = False) -> list[Request]:
        """The latest requests that an issue group occurs in, the newest first."""
        with self._snapshot():
            issues = self._all("SELECT id FROM issue WHERE fingerprint = ? AND handled = ?", (fingerprint, handled))
            # By issue, as the index has them: the question costs the same however often the group occurred.
            occurrences = [
                row
                for (issue_id,) in issues
                for row in self._all(
                    "SELECT at_ns, request_id FROM occurrence WHERE issue_id = ?"
                    " ORDER BY at_ns DESC, request_id DESC LIMIT ?",
                    (issue_id, limit),
                )
            ]
            latest = dict.fromkeys(request_id for _, request_id in sorted(occurrences, reverse=True))
            return [
                request_of(self._one(f"SELECT {REQUEST_COLUMNS} FROM request WHERE id = ?", (request_id,)))
                for request_id in list(latest)[:limit]
            ]

    def issues_of(self, request_id: str) -> list[Issue]:
        """The issues a request occurs in, failing ones first."""
        rows = self._all(
            f"SELECT {ISSUE_COLUMNS} FROM {ISSUE_SOURCE} WHERE issue.id IN"
            " (SELECT issue_id FROM occurrence JOIN request ON request.id = occurrence.request_id"
            " WHERE request.trace_id = ?) ORDER BY issue.handled, issue.id",
            (_trace_id(request_id),),
        )
        return self._issues_of_rows(rows)

    def routes(self) -> list[Route]:
        """Every route that has requests, with its latest good one."""
        rows = self._all(f"SELECT {ROUTE_COLUMNS} FROM {ROUTE_SOURCE} WHERE route.requests > 0 ORDER BY route.id")
        return [route_of(row) for row in rows]

    def route_durations(self, route_id: int, limit: int = 1000) -> list[int]:
        """Durations in nanoseconds of the route's latest good requests, newest first."""
        return [
            row[0]
            for row in self._all(
                "SELECT duration_ns FROM request WHERE route_id = ? AND good = 1 ORDER BY started_ns DESC LIMIT ?",
                (route_id, limit),
            )
        ]

    def rows(self) -> "Rows":
        """The questions about rows of the application's database."""
        from flux_ls.store.changes import Rows

        return Rows(self._connection, self.path)

    def row_changes(self, request_id: str) -> tuple[RowChange, ...]:
        """What a request did to rows, in the order it did it; of a great many, some."""
        return self.rows().of_request(_trace_id(request_id))

    def inputs(self, request_id: str, fingerprint: str) -> "Inputs | None":
        """What went into a failing request, into others of its group, and into good ones of the same route."""
        with self._snapshot():
            return self.rows().inputs(_trace_id(request_id), fingerprint)

    def revisions(self) -> "Revisions":
        """The questions about commits that failed or did well."""
        from flux_ls.store.revisions import Revisions

        return Revisions(self._connection, self.path)

    def facts(self) -> "StoreFacts":
        """Sizes and counts; takes a scan of the request table."""
        from flux_ls.store.facts import facts_of

        with translated(self.path):
            return facts_of(self._connection, self.path)

    def _keys(self, request_id: str) -> tuple[int, bytes]:
        trace_id = _trace_id(request_id)
        row = self._one("SELECT id FROM request WHERE trace_id = ?", (trace_id,))
        if row is None:
            raise RequestNotFound(request_id)
        return row[0], trace_id

    def _traces(self) -> "SpanSource":
        # Decoding needs protobuf, which most questions never do.
        from flux_ls.store.traces import SpanSource

        return SpanSource(self._connection, self._rule)

    def _issues_of_rows(self, rows: list[tuple[Any, ...]]) -> list[Issue]:
        routes = {route_id: self._route(route_id) for route_id in {row[8] for row in rows}}
        return [issue_of(row, routes[row[8]]) for row in rows]

    def _route(self, route_id: int | None) -> Route | None:
        row = self._one(f"SELECT {ROUTE_COLUMNS} FROM {ROUTE_SOURCE} WHERE route.id = ?", (route_id,))
        return route_of(row) if row else None

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        """One state of the store for several questions."""
        with translated(self.path):
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def _with_aliases(self, request: Request) -> Request:
        rows = self._all(
            "SELECT alias FROM alias JOIN request ON request.id = alias.request_id WHERE request.trace_id = ?",
            (bytes.fromhex(request.id),),
        )
        return replace(request, aliases=tuple(row[0] for row in rows)) if rows else request

    def _one(self, question: str, arguments: tuple[object, ...] = ()) -> Any:
        with translated(self.path):
            return self._connection.execute(question, arguments).fetchone()

    def _all(self, question: str, arguments: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        with translated(self.path):
            return self._connection.execute(question, arguments).fetchall()


def _trace_id(request_id: str) -> bytes:
    try:
        return bytes.fromhex(request_id)
    except ValueError:
        raise BadRequestId(request_id) from None
