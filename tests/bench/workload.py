"""The telemetry the benchmarks send: requests of ten spans with ten attributes each, a few of them failing."""

import json
import os
import random

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from flux_ls.record import wire

SPANS_PER_REQUEST = 10
STACKTRACE = """Traceback (most recent call last):
  File "/srv/shop/venv/lib/python3.11/site-packages/flask/app.py", line 1511, in wsgi_app
    response = self.full_dispatch_request()
  File "/srv/shop/shop/views.py", line {line}, in signup
    create_user(form)
  File "/srv/shop/shop/users.py", line 31, in create_user
    charge(user)
  File "/srv/shop/shop/payments.py", line 42, in charge
    raise StripeTimeout("Stripe API timeout")
shop.payments.StripeTimeout: Stripe API timeout
"""


def export(
    requests: int, *, failing: float = 0.02, start_ns: int, seed: int = 0, recorded: bool = False
) -> ExportTraceServiceRequest:
    """One export of `requests` requests, each `SPANS_PER_REQUEST` spans, `failing` of them with an exception.

    `recorded` ones carry what a recorder adds: an input, and a row that was changed.
    """
    chance = random.Random(seed)
    message = ExportTraceServiceRequest()
    resource_spans = message.resource_spans.add()
    resource_spans.resource.attributes.extend(
        [_text("service.name", "shop"), _text("telemetry.sdk.language", "python")]
    )
    if recorded:
        resource_spans.resource.attributes.append(_text(wire.RECORDER, "python/0.1.0"))
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = "opentelemetry.instrumentation.flask"
    for index in range(requests):
        _request(scope_spans.spans, start_ns + index * 1000, chance.random() < failing, chance, recorded)
    return message


def _request(spans: "object", start_ns: int, fails: bool, chance: random.Random, recorded: bool) -> None:
    trace_id, root_id = os.urandom(16), os.urandom(8)
    for number in range(SPANS_PER_REQUEST - 1):
        span: Span = spans.add()  # type: ignore[attr-defined]
        span.trace_id, span.span_id, span.parent_span_id = trace_id, os.urandom(8), root_id
        span.name, span.kind = f"SELECT users {number}", Span.SPAN_KIND_CLIENT
        span.start_time_unix_nano, span.end_time_unix_nano = start_ns + number, start_ns + number + 500
        span.attributes.extend(
            [
                _text("db.system", "sqlite"),
                _text("db.statement", "SELECT users.id, users.email, users.plan FROM users WHERE users.id = ?"),
                _text("db.name", "shop"),
                _text("net.peer.name", "db.internal.example"),
                _number("net.peer.port", 5432),
                _text("db.operation", "SELECT"),
                _text("db.sql.table", "users"),
                _number("db.rows", number),
                _text("thread.name", "worker-3"),
                _number("thread.id", 140_000_000_000_000 + number),
            ]
        )
    root: Span = spans.add()  # type: ignore[attr-defined]
    route = chance.randrange(20)
    root.trace_id, root.span_id = trace_id, root_id
    root.name, root.kind = f"POST /signup/{route}", Span.SPAN_KIND_SERVER
    root.start_time_unix_nano, root.end_time_unix_nano = start_ns, start_ns + 1000 + chance.randrange(1_000_000)
    root.attributes.extend(
        [
            _text("http.method", "POST"),
            _text("http.route", f"/signup/{route}"),
            _text("http.target", f"/signup/{route}?plan=pro"),
            _number("http.status_code", 500 if fails else 201),
            _text("http.scheme", "http"),
            _text("http.host", "shop.example"),
            _text("http.flavor", "1.1"),
            _text("http.user_agent", "curl/8.5"),
            _text("net.peer.ip", "127.0.0.1"),
            _number("net.host.port", 8000),
        ]
    )
    if recorded:
        _record(root, fails, chance)
    if fails:
        root.status.code = Status.STATUS_CODE_ERROR
        event = root.events.add()
        event.name, event.time_unix_nano = "exception", start_ns + 900
        event.attributes.extend(
            [
                _text("exception.type", "shop.payments.StripeTimeout"),
                _text("exception.message", "Stripe API timeout"),
                _text("exception.stacktrace", STACKTRACE.format(line=10 + route)),
            ]
        )


def _record(root: Span, fails: bool, chance: random.Random) -> None:
    plan = None if fails else chance.choice(("free", "pro"))
    body = {"plan": plan, **{f"field{number}": chance.randrange(100) for number in range(10)}}
    root.attributes.append(_text(wire.INPUT, json.dumps({"method": "POST", "path": "/signup", "body": body})))
    event = root.events.add()
    event.name, event.time_unix_nano = wire.ROW_CHANGE, root.start_time_unix_nano + 500
    event.attributes.extend(
        [
            _text(wire.ROW_TABLE, "users"),
            _text(wire.ROW_KEY, json.dumps({"id": chance.randrange(100_000)})),
            _text(wire.ROW_OPERATION, "update"),
            _text(wire.ROW_BEFORE, '{"plan": "free"}'),
            _text(wire.ROW_AFTER, json.dumps({"plan": plan})),
            _text(wire.ROW_OUTCOME, "rolled_back" if fails else "committed"),
        ]
    )


def _text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def _number(key: str, value: int) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(int_value=value))
