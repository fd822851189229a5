"""OTLP over HTTP on real sockets: what is accepted, how it is answered, and what is turned away."""

import contextlib
import gzip
import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from google.rpc.status_pb2 import Status
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from flux_ls.otlp.connection import Connection
from flux_ls.otlp.payload import MAX_BODY
from flux_ls.otlp.sink import Outcome, SinkBusy
from tests.examples import examples

from .payloads import LOGS, TRACE, TRACE_ID, as_json, logs_message, trace_message
from .receiving import JSON, PROTOBUF, Answer, Receivers, answer_of, receiving, zipped

TRACES = "/v1/traces"
SPAN = trace_message().SerializeToString()


def status_of(answer: Answer) -> Status:
    """The error body, in the type that the answer says it has."""
    if answer.content_type == PROTOBUF:
        return Status.FromString(answer.body)
    assert answer.content_type == JSON
    return Status(**json.loads(answer.body))


@pytest.mark.parametrize("encode", [None, zipped])
@pytest.mark.parametrize(
    ("path", "content_type", "body", "answer"),
    [
        (TRACES, PROTOBUF, SPAN, b""),
        (TRACES, JSON, as_json(TRACE), b"{}"),
        (TRACES, "application/json; charset=utf-8", as_json(TRACE), b"{}"),
        ("/v1/logs", PROTOBUF, logs_message().SerializeToString(), b""),
        ("/v1/logs", JSON, as_json(LOGS), b"{}"),
        (TRACES, PROTOBUF, b"", b""),
        (TRACES, JSON, b"{}", b"{}"),
    ],
)
def test_an_export_is_taken(
    receivers: Receivers, path: str, content_type: str, body: bytes, answer: bytes, encode: Any
) -> None:
    headers = {"content_encoding": "gzip"} if encode else {}
    got = receivers.post(path, encode(body) if encode else body, content_type, **headers)
    assert (got.status, got.body) == (200, answer)
    assert got.content_type == content_type.partition(";")[0]
    assert len(receivers.sink.messages) == 1
    assert receivers.activity == 1


def test_ids_of_json_are_hex(receivers: Receivers) -> None:
    receivers.post(TRACES, as_json(TRACE), JSON)
    span = receivers.sink.messages[0].resource_spans[0].scope_spans[0].spans[0]
    assert span.trace_id.hex() == TRACE_ID.lower()


@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
def test_metrics_are_accepted_and_discarded(receivers: Receivers, content_type: str) -> None:
    got = receivers.post("/v1/metrics", b"whatever", content_type)
    assert (got.status, got.body, got.content_type) == (200, b"" if content_type == PROTOBUF else b"{}", content_type)
    assert receivers.sink.messages == []


@pytest.mark.parametrize("size", [1, 1000, 100_000])
def test_a_chunked_body_needs_no_length(receivers: Receivers, size: int) -> None:
    body = trace_message(spans=300).SerializeToString()
    parts = (body[at : at + size] for at in range(0, len(body), size))
    got = receivers.request(
        "POST", TRACES, parts, {"content-type": PROTOBUF, "transfer-encoding": "chunked"}, chunked=True
    )
    assert got.status == 200
    assert len(receivers.sink.span_names()) == 300


def test_a_connection_serves_many_exports(receivers: Receivers) -> None:
    with contextlib.closing(http.client.HTTPConnection("localhost", receivers.http_port, timeout=40)) as connection:
        for body, expected in [(SPAN, 200), (b"\xff", 400), (SPAN, 200), (b"", 200)]:
            connection.request("POST", TRACES, body, {"content-type": PROTOBUF})
            assert answer_of(connection).status == expected
    assert len(receivers.sink.messages) == 3


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_every_name_of_this_machine_reaches_it(receivers: Receivers, host: str) -> None:
    if host == "::1" and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    assert receivers.request("POST", TRACES, SPAN, {"content-type": PROTOBUF}, host=host).status == 200


def has_ipv6() -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return True
    return False


UPGRADE_HEAD = (
    f"POST {TRACES} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {PROTOBUF}\r\nContent-Length: {len(SPAN)}\r\n"
    "Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk\r\n"
).encode()


@pytest.mark.parametrize("upgrade", [b"h2c", b"websocket"])
@pytest.mark.parametrize("before", [0, 1])
@pytest.mark.parametrize("apart", [False, True])
def test_an_offered_upgrade_is_passed_over(receivers: Receivers, upgrade: bytes, before: int, apart: bool) -> None:
    plain = (
        f"POST {TRACES} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {PROTOBUF}\r\nContent-Length: {len(SPAN)}\r\n\r\n"
    )
    offering = UPGRADE_HEAD + b"Upgrade: " + upgrade + b"\r\n\r\n"
    with socket.create_connection(("127.0.0.1", receivers.http_port), 40) as connection:
        for head in [plain.encode()] * before + [offering, offering, plain.encode()]:
            connection.sendall(head if apart else head + SPAN)
            if apart:
                time.sleep(0.05)  # so that it comes as a piece of its own
                connection.sendall(SPAN)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    assert len(receivers.sink.span_names()) == 3 + before


def test_an_upgrade_that_is_seen_too_late_loses_nothing(receivers: Receivers, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[bytes] = []
    take = Connection.data_received

    def take_note(self: Connection, data: bytes) -> None:
        pieces.append(data)
        take(self, data)

    monkeypatch.setattr(Connection, "data_received", take_note)
    with socket.create_connection(("127.0.0.1", receivers.http_port), 40) as connection:
        for number, piece in enumerate((UPGRADE_HEAD + b"Upgr", b"ade: h2c\r\n\r\n")):
            connection.sendall(piece)
            until(lambda number=number: len(pieces) > number)
        connection.sendall(SPAN)
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"retry-after: 1" in answer
    assert receivers.sink.messages == []


@pytest.mark.parametrize("line", [b"X: y\r\n", b"z"])
def test_headers_that_do_not_end(receivers: Receivers, line: bytes) -> None:
    with socket.create_connection(("127.0.0.1", receivers.http_port), 40) as connection:
        connection.sendall(b"GET /flux/health HTTP/1.1\r\nHost: localhost\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(100):
                connection.sendall(line * (20_000 // len(line)))
            assert connection.recv(65536).startswith(b"HTTP/1.1 400")
            assert connection.recv(65536) == b""
    assert receivers.healthy()


@pytest.mark.parametrize("outcome", [Outcome(2, "two were bad"), Outcome(0, "a warning")])
@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
@pytest.mark.parametrize(
    ("path", "response", "count"),
    [
        (TRACES, ExportTraceServiceResponse, "rejected_spans"),
        ("/v1/logs", ExportLogsServiceResponse, "rejected_log_records"),
    ],
)
def test_partial_success(
    receivers: Receivers, path: str, response: Any, count: str, content_type: str, outcome: Outcome
) -> None:
    receivers.sink.outcome = outcome
    got = receivers.post(path, b"{}" if content_type == JSON else b"", content_type)
    assert got.status == 200
    if content_type == PROTOBUF:
        partial = response.FromString(got.body).partial_success
        assert (getattr(partial, count), partial.error_message) == (outcome.rejected, outcome.message)
    else:
        partial = json.loads(got.body)["partialSuccess"]
        camel = "rejectedSpans" if path == TRACES else "rejectedLogRecords"
        assert partial["errorMessage"] == outcome.message
        assert int(partial.get(camel, 0)) == outcome.rejected


@pytest.mark.parametrize(
    ("body", "content_type", "encoding", "expected", "code"),
    [
        pytest.param(b"\xff\xff", PROTOBUF, "", 400, 3, id="no protobuf"),
        pytest.param(SPAN[:-1], PROTOBUF, "", 400, 3, id="truncated protobuf"),
        pytest.param(as_json(TRACE), PROTOBUF, "", 400, 3, id="JSON called protobuf"),
        pytest.param(SPAN, JSON, "", 400, 3, id="protobuf called JSON"),
        pytest.param(b"", JSON, "", 400, 3, id="no JSON"),
        pytest.param(as_json(TRACE)[:-1], JSON, "", 400, 3, id="truncated JSON"),
        pytest.param(b"[]", JSON, "", 400, 3, id="a list"),
        pytest.param(b'{"resourceSpans": {"a": 1}}', JSON, "", 400, 3, id="wrong shape"),
        pytest.param(b'{"resourceSpans": [[[]]]}', JSON, "", 400, 3, id="lists in lists"),
        pytest.param(b"[" * 1_000_000, JSON, "", 400, 3, id="deep"),
        pytest.param(SPAN, PROTOBUF, "gzip", 400, 3, id="not gzip"),
        pytest.param(zipped(SPAN)[:-3], PROTOBUF, "gzip", 400, 3, id="truncated gzip"),
        pytest.param(zipped(SPAN), PROTOBUF, "", 400, 3, id="undeclared gzip"),
        pytest.param(zipped(b"x"), PROTOBUF, "gzip", 400, 3, id="gzip of nonsense"),
        pytest.param(gzip.compress(bytes(MAX_BODY + 1), 1), PROTOBUF, "gzip", 413, 8, id="bomb"),
        pytest.param(gzip.compress(b" " * (MAX_BODY + 1), 1), JSON, "gzip", 413, 8, id="JSON bomb"),
        pytest.param(bytes(MAX_BODY + 1), PROTOBUF, "", 413, 8, id="too large"),
        pytest.param(SPAN, PROTOBUF, "deflate", 415, 3, id="unknown encoding"),
        pytest.param(SPAN, PROTOBUF, "gzip, gzip", 415, 3, id="encoded twice"),
        pytest.param(SPAN, "text/plain", "", 415, 3, id="text"),
        pytest.param(SPAN, "application/x-www-form-urlencoded", "", 415, 3, id="form"),
        pytest.param(SPAN, "", "", 415, 3, id="no type"),
        pytest.param(as_json(TRACE), "application/json; charset=utf-16", "", 415, 3, id="other charset"),
    ],
)
def test_what_cannot_be_taken(
    receivers: Receivers, body: bytes, content_type: str, encoding: str, expected: int, code: int
) -> None:
    headers = {"content_encoding": encoding} if encoding else {}
    got = receivers.post(TRACES, body, content_type, **headers)
    assert got.status == expected
    assert got.content_type == (PROTOBUF if content_type == PROTOBUF else JSON)
    status = status_of(got)
    assert status.code == code
    assert status.message
    assert receivers.sink.messages == []
    assert receivers.healthy()


def test_a_chunked_body_that_never_ends(receivers: Receivers) -> None:
    piece = bytes(1024 * 1024)
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", receivers.http_port, timeout=40)) as connection:
        connection.putrequest("POST", TRACES)
        connection.putheader("content-type", PROTOBUF)
        connection.putheader("transfer-encoding", "chunked")
        connection.endheaders()
        for _ in range(MAX_BODY // len(piece) + 1):
            connection.send(b"%x\r\n" % len(piece) + piece + b"\r\n")
        assert answer_of(connection).status == 413
    assert receivers.healthy()
    assert receivers.in_loop(lambda: receivers.worker.idle)


def test_too_long_a_length_is_refused_before_it_is_sent(receivers: Receivers) -> None:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", receivers.http_port, timeout=40)) as connection:
        connection.putrequest("POST", TRACES)
        connection.putheader("content-type", PROTOBUF)
        connection.putheader("content-length", str(MAX_BODY + 1))
        connection.putheader("expect", "100-continue")
        connection.endheaders()
        assert answer_of(connection).status == 413


@pytest.mark.parametrize(
    ("method", "path", "expected", "allow"),
    [
        ("GET", TRACES, 405, "POST"),
        ("PUT", TRACES, 405, "POST"),
        ("DELETE", "/v1/logs", 405, "POST"),
        ("OPTIONS", TRACES, 405, "POST"),
        ("HEAD", TRACES, 405, "POST"),
        ("POST", "/flux/health", 405, "GET, HEAD"),
        ("POST", "/", 404, None),
        ("POST", "/v1/traces/", 404, None),
        ("POST", "/v1/trace", 404, None),
        ("POST", "//v1/traces", 404, None),
        ("GET", "/flux", 404, None),
        ("GET", "/%00", 404, None),
        ("GET", "/v1/%2e%2e/flux/health", 404, None),
        ("POST", "/v1/traces?query=1", 200, None),
        ("HEAD", "/flux/health", 200, None),
    ],
)
def test_methods_and_paths(receivers: Receivers, method: str, path: str, expected: int, allow: str | None) -> None:
    body = SPAN if method == "POST" else None
    got = receivers.request(method, path, body, {"content-type": PROTOBUF})
    assert got.status == expected
    assert got.headers.get("allow") == allow
    if expected >= 400 and method != "HEAD":
        assert status_of(got).message


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:4318"},
        {"Host": "localhost.evil.example"},
        {"Host": "0.0.0.0:4318"},
        {"Host": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:4318"},
        {"Origin": "null"},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", TRACES), ("OPTIONS", TRACES), ("GET", "/flux/health"), ("GET", "/nowhere")]
)
def test_web_pages_are_turned_away(receivers: Receivers, method: str, path: str, headers: dict[str, str]) -> None:
    got = receivers.request(method, path, SPAN if method == "POST" else None, {"content-type": PROTOBUF, **headers})
    assert got.status == 403
    assert status_of(got).code == 7
    assert "access-control-allow-origin" not in got.headers
    assert receivers.sink.messages == []
    assert receivers.activity == 0


def test_a_request_without_a_host_is_turned_away(receivers: Receivers) -> None:
    answer = raw(receivers, b"GET /flux/health HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 403")


def raw(receivers: Receivers, sent: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", receivers.http_port), 40) as connection:
        connection.sendall(sent)
        received = b""
        while part := connection.recv(65536):
            received += part
        return received


@pytest.mark.parametrize(
    "sent",
    [
        b"\0\1\2\3\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
        b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_is_not_http_does_not_stop_it(receivers: Receivers, sent: bytes) -> None:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", receivers.http_port), 40) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(65536)
    assert receivers.healthy()
    assert receivers.sink.messages == []


def test_a_busy_store_asks_to_come_again(receivers: Receivers) -> None:
    receivers.sink.error = SinkBusy(2.5, "the store is busy")
    for content_type, body in ((PROTOBUF, SPAN), (JSON, b"{}")):
        got = receivers.post(TRACES, body, content_type)
        assert (got.status, got.headers["retry-after"]) == (503, "3")
        assert status_of(got) == Status(code=14, message="the store is busy")


def test_a_failing_sink_fails_one_export(receivers: Receivers) -> None:
    receivers.sink.error = RuntimeError("with a secret in it")
    got = receivers.post(TRACES, SPAN)
    assert got.status == 500
    assert b"secret" not in got.body
    receivers.sink.error = None
    assert receivers.post(TRACES, SPAN).status == 200


def test_the_sink_works_in_one_thread_of_its_own(receivers: Receivers) -> None:
    for body in (SPAN, b"", SPAN):
        receivers.post(TRACES, body)
    receivers.post("/v1/logs", b"")
    loop_thread = receivers.in_loop(threading.get_ident)
    assert len(receivers.sink.threads) == 1
    assert loop_thread not in receivers.sink.threads


def test_health_says_who_it_is_and_counts_as_activity(receivers: Receivers) -> None:
    got = receivers.request("GET", "/flux/health")
    assert (got.status, got.content_type, json.loads(got.body)) == (200, JSON, {"flux": "test"})
    assert receivers.activity == 1
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", got.headers["date"])


@contextlib.contextmanager
def open_post(receivers: Receivers, length: int, sent: bytes = b"") -> Iterator[socket.socket]:
    """An export whose body has arrived in part."""
    with socket.create_connection(("127.0.0.1", receivers.http_port), 40) as connection:
        head = (
            f"POST {TRACES} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {PROTOBUF}\r\nContent-Length: {length}\r\n\r\n"
        )
        connection.sendall(head.encode() + sent)
        yield connection


def until(condition: Any, timeout_s: float = 40) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_slow_clients_keep_nobody_waiting(receivers: Receivers) -> None:
    with contextlib.ExitStack() as slow:
        for _ in range(100):
            slow.enter_context(open_post(receivers, len(SPAN), SPAN[:10]))
        for _ in range(5):
            assert receivers.post(TRACES, SPAN).status == 200
    until(lambda: receivers.in_loop(lambda: receivers.worker.idle))


def test_a_client_that_leaves_amid_its_body_is_dropped(receivers: Receivers) -> None:
    with open_post(receivers, len(SPAN), SPAN[:-1]):
        until(lambda: not receivers.in_loop(lambda: receivers.worker.idle))
    until(lambda: receivers.in_loop(lambda: receivers.worker.idle))
    assert receivers.sink.messages == []
    assert receivers.healthy()


def test_a_body_that_stops_coming_is_given_up() -> None:
    with receiving(pause_s=0.2) as receivers:
        with open_post(receivers, 1000, b"x") as connection:
            answer = connection.recv(65536)
            assert answer.startswith(b"HTTP/1.1 408")
            assert b"connection: close" in answer
        assert receivers.healthy()


def test_too_many_waiting_exports_are_asked_to_come_again() -> None:
    with receiving(max_waiting=2) as receivers:
        receivers.sink.gate = threading.Event()
        answers: list[Answer] = []
        clients = [threading.Thread(target=lambda: answers.append(receivers.post(TRACES, SPAN))) for _ in range(5)]
        for client in clients:
            client.start()
        until(lambda: len(answers) == 3)
        assert {answer.status for answer in answers} == {503}
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers)
        assert receivers.healthy()
        receivers.sink.gate.set()
        for client in clients:
            client.join(40)
        assert sorted(answer.status for answer in answers) == [200, 200, 503, 503, 503]
        assert len(receivers.sink.messages) == 2


def test_too_many_bodies_at_once_are_asked_to_come_again() -> None:
    with receiving(max_bytes=100_000) as receivers, open_post(receivers, 90_000, bytes(80_000)):
        until(lambda: not receivers.in_loop(lambda: receivers.worker.idle))
        assert receivers.post(TRACES, bytes(50_000)).status == 503
        assert receivers.post(TRACES, SPAN).status == 200


def test_stopping_finishes_what_has_arrived_and_turns_away_the_rest() -> None:
    answers: list[Answer] = []
    with contextlib.ExitStack() as open_ones:
        with receiving() as receivers:
            receivers.sink.gate = threading.Event()
            client = threading.Thread(target=lambda: answers.append(receivers.post(TRACES, SPAN)))
            client.start()
            until(lambda: not receivers.in_loop(lambda: receivers.worker.idle))
            late = open_ones.enter_context(open_post(receivers, 1000, b"x"))
            until(lambda: receivers.activity == 2)
            release = threading.Timer(0.5, receivers.sink.gate.set)
            release.start()
        client.join(40)
        release.join(40)
        assert late.recv(65536).startswith(b"HTTP/1.1 503")
    assert [answer.status for answer in answers] == [200]
    assert len(receivers.sink.messages) == 1
    assert receivers.sink.closed
    assert len(receivers.sink.threads) == 1


@settings(
    max_examples=examples(150),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    path=st.sampled_from([TRACES, "/v1/logs", "/v1/metrics", "/v1/other"]),
    content_type=st.sampled_from([PROTOBUF, JSON, "text/plain", "application/json; charset=x", ""]),
    encoding=st.sampled_from(["", "identity", "gzip", "br", "gzip, gzip"]),
    body=st.one_of(
        st.binary(max_size=400),
        st.binary(max_size=100).map(lambda noise: zipped(noise)),
        st.integers(0, len(SPAN)).map(lambda at: SPAN[:at]),
        st.tuples(st.integers(0, len(SPAN)), st.binary(max_size=9)).map(lambda cut: zipped(SPAN[: cut[0]] + cut[1])),
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
            lambda v: st.one_of(
                st.lists(v, max_size=3),
                st.dictionaries(st.sampled_from(["resourceSpans", "scopeSpans", "spans", "name", "resource"]), v),
            ),
            max_leaves=9,
        ).map(as_json),
    ),
)
def test_any_bytes_are_answered_and_stop_nothing(
    shared_receivers: Receivers, path: str, content_type: str, encoding: str, body: bytes
) -> None:
    headers = {"content_encoding": encoding} if encoding else {}
    got = shared_receivers.post(path, body, content_type, **headers)
    assert got.status in (200, 400, 404, 415)
    if got.status == 400:
        assert status_of(got).code == 3
    assert shared_receivers.healthy()
