"""A receiver that behaves as told: it takes exports, hangs, is busy, refuses, or is not there."""

import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from msgspec import Struct
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

DEADLINE_S = 40.0


class Got(Struct, frozen=True):
    """A span as it arrived."""

    span: dict[str, Any]
    resource: dict[str, Any]
    scope: str
    at: float
    """By the monotonic clock."""

    @property
    def name(self) -> str:
        return str(self.span["name"])

    @property
    def attributes(self) -> dict[str, Any]:
        return plain(self.span.get("attributes", []))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        # Who sends may leave without the answer: that is no error, and would be told in the log of another test.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Receiver:
    """On a port of its own until the end of the block."""

    def __init__(
        self,
        answers: Callable[[int], int | None] = lambda _: 200,
        retry_after: str | None = None,
        body_waits: Callable[[int], bool] = lambda _: False,
    ) -> None:
        """`answers` gives the status for the export of that number, from 0; None never answers.

        The body of an answer that waits does not come.
        """
        self.exports: list[bytes] = []
        """The bodies that were answered with success."""
        self.tries: list[float] = []
        self.spans: list[Got] = []
        self._answers = answers
        self._retry_after = retry_after
        self._body_waits = body_waits
        self._ended = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                receiver._post(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()

    def named(self, name: str) -> list[Got]:
        return [got for got in self.spans if got.name == name]

    def wait_for(self, *names: str) -> list[Got]:
        """The first span of each name, once they are there."""
        eventually(lambda: all(self.named(name) for name in names), lambda: [got.name for got in self.spans])
        return [self.named(name)[0] for name in names]

    def _post(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        number = len(self.tries)
        self.tries.append(time.monotonic())
        status = self._answers(number)
        if status is None:
            self._ended.wait(DEADLINE_S)
            return
        if status == 200:
            self.exports.append(body)
            self.spans += spans_of(body)
        handler.send_response(status)
        if self._retry_after is not None and status != 200:
            handler.send_header("Retry-After", self._retry_after)
        handler.send_header("Content-Length", "2")
        handler.end_headers()
        if self._body_waits(number):
            self._ended.wait(DEADLINE_S)
            return
        handler.wfile.write(b"{}")


def spans_of(body: bytes) -> list[Got]:
    now = time.monotonic()
    return [
        Got(as_json(span), plain(_pairs(part.resource.attributes)), scope.scope.name, now)
        for part in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in part.scope_spans
        for span in scope.spans
    ]


def span_of(encoded: bytes) -> dict[str, Any]:
    """A span as it is inside an export, after its tag."""
    length = 0
    for at, byte in enumerate(encoded):
        length |= (byte & 0x7F) << (7 * at)
        if byte < 0x80:
            content = encoded[at + 1 :]
            assert len(content) == length
            return as_json(Span.FromString(content))
    raise AssertionError("no length")


def as_json(span: Span) -> dict[str, Any]:
    """The span as OTLP/JSON has it; numbers are numbers."""
    told: dict[str, Any] = {
        "traceId": span.trace_id.hex(),
        "spanId": span.span_id.hex(),
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": span.start_time_unix_nano,
        "endTimeUnixNano": span.end_time_unix_nano,
        "attributes": _pairs(span.attributes),
        "events": [
            {"name": event.name, "timeUnixNano": event.time_unix_nano, "attributes": _pairs(event.attributes)}
            for event in span.events
        ],
    }
    if span.parent_span_id:
        told["parentSpanId"] = span.parent_span_id.hex()
    if span.HasField("status"):
        told["status"] = {"code": span.status.code, "message": span.status.message}
    return told


def _pairs(attributes: Any) -> list[dict[str, Any]]:
    return [{"key": each.key, "value": _value(each.value)} for each in attributes]


def _value(value: AnyValue) -> dict[str, Any]:
    kind = value.WhichOneof("value")
    if kind is None:
        return {}
    word, _, rest = kind.partition("_")
    name = word + rest.capitalize()
    if kind == "array_value":
        return {name: {"values": [_value(each) for each in value.array_value.values]}}
    return {name: getattr(value, kind)}


def plain(attributes: list[dict[str, Any]]) -> dict[str, Any]:
    return {each["key"]: next(iter(each["value"].values()), None) for each in attributes}


def eventually(condition: Callable[[], Any], what: Callable[[], object] = lambda: "") -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.01)
