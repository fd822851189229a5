"""Table rows <-> the model: the columns of a request and of an issue, in one place for writer and reader."""

from typing import Any

import msgspec

from flux_ls.model import Failure, Frame, Issue, Proof, Request, Route

REQUEST_COLUMNS = (
    "request.trace_id, request.started_ns, request.duration_ns, request.service, request.environment, "
    "request.revision, request.kind, request.name, request.method, request.path, request.route, request.function, "
    "request.status, request.failed, request.error, request.complete, request.spans"
)
PUT_REQUEST = (
    "INSERT INTO request (id, trace_id, seq, route_id, started_ns, duration_ns, first_ns, last_ns, service,"
    " environment, revision, kind, name, method, path, route, function, status, failed, error, complete,"
    " spans, notable) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, route_id = excluded.route_id,"
    " started_ns = excluded.started_ns, duration_ns = excluded.duration_ns, first_ns = excluded.first_ns,"
    " last_ns = excluded.last_ns, service = excluded.service, environment = excluded.environment,"
    " revision = excluded.revision, kind = excluded.kind, name = excluded.name, method = excluded.method,"
    " path = excluded.path, route = excluded.route, function = excluded.function, status = excluded.status,"
    " failed = excluded.failed, error = excluded.error, complete = excluded.complete,"
    " spans = excluded.spans, notable = excluded.notable"
)
ROUTE_COLUMNS = (
    "route.id, route.service, route.name, route.handler, route.requests, route.failures,"
    " good.trace_id, good.started_ns, good.revision, good.status"
)
ROUTE_SOURCE = (
    "route LEFT JOIN request AS good ON good.id ="
    " (SELECT id FROM request WHERE route_id = route.id AND good = 1 ORDER BY started_ns DESC LIMIT 1)"
)
ISSUE_COLUMNS = (
    "issue.id, latest.failure, issue.count, coalesce(issue.pruned_first_ns, first.at_ns), latest.at_ns,"
    " CASE WHEN issue.pruned_first_ns IS NULL THEN first_request.revision ELSE issue.pruned_first_revision END,"
    " latest_request.revision, latest_request.trace_id, latest_request.route_id,"
    " EXISTS (SELECT 1 FROM dismissal WHERE dismissal.fingerprint = issue.fingerprint),"
    " resolution.trace_id, resolution.status, resolution.at_ns"
)
ISSUE_SOURCE = (
    "issue JOIN occurrence AS latest ON latest.id ="
    " (SELECT id FROM occurrence WHERE issue_id = issue.id ORDER BY at_ns DESC, request_id DESC LIMIT 1)"
    " JOIN occurrence AS first ON first.id ="
    " (SELECT id FROM occurrence WHERE issue_id = issue.id ORDER BY at_ns, request_id LIMIT 1)"
    " JOIN request AS latest_request ON latest_request.id = latest.request_id"
    " JOIN request AS first_request ON first_request.id = first.request_id"
    " LEFT JOIN resolution ON resolution.issue_id = issue.id AND resolution.failed_ns >= latest.at_ns"
)
"""The latest and the first occurrence come from an index: the question costs the same however many there are."""

GONE_COLUMNS = "id, fingerprint, handled"

_failure = msgspec.msgpack.Decoder(Failure)
_frame = msgspec.msgpack.Decoder(Frame)
_encoder = msgspec.msgpack.Encoder()


def request_of(row: tuple[Any, ...]) -> Request:
    """A row of REQUEST_COLUMNS as a request; its aliases are not among them."""
    return Request(
        id=row[0].hex(),
        started_ns=row[1],
        duration_ns=row[2],
        service=row[3],
        environment=row[4],
        revision=row[5],
        kind=row[6],
        name=row[7],
        method=row[8],
        path=row[9],
        route=row[10],
        function=row[11],
        status=row[12],
        failed=bool(row[13]),
        error=row[14],
        complete=bool(row[15]),
        spans=row[16],
    )


def route_of(row: tuple[Any, ...]) -> Route:
    """A row of ROUTE_COLUMNS as a route."""
    return Route(
        id=row[0],
        service=row[1],
        name=row[2],
        function=_frame.decode(row[3]) if row[3] else None,
        requests=row[4],
        failures=row[5],
        last_good_id=row[6].hex() if row[6] is not None else None,
        last_good_ns=row[7],
        last_good_revision=row[8],
        last_good_status=row[9],
    )


def issue_of(row: tuple[Any, ...], route: Route | None) -> Issue:
    """A row of ISSUE_COLUMNS as an issue."""
    return Issue(
        id=row[0],
        failure=_failure.decode(row[1]),
        route=route,
        count=row[2],
        first_seen_ns=row[3],
        last_seen_ns=row[4],
        first_revision=row[5],
        last_revision=row[6],
        sample_request_id=row[7].hex(),
        dismissed=bool(row[9]),
        proof=Proof(row[10].hex(), row[11], row[12]) if row[10] is not None else None,
    )


def gone_issue_of(row: tuple[Any, ...]) -> Issue:
    """A row of GONE_COLUMNS as an issue that no stored request occurs in any more."""
    failure = Failure(
        fingerprint=row[1],
        type="",
        message="",
        span_id="",
        span_name="",
        handled=bool(row[2]),
        location=None,
        location_reason="its requests were removed from the store",
        frames=(),
        chain=(),
        at_ns=0,
    )
    return Issue(
        id=row[0],
        failure=failure,
        route=None,
        count=0,
        first_seen_ns=0,
        last_seen_ns=0,
        first_revision=None,
        last_revision=None,
        sample_request_id="",
        dismissed=False,
    )


def packed(value: Failure | Frame) -> bytes:
    """A struct as the bytes a column holds."""
    return _encoder.encode(value)
