"""OTLP over gRPC on real sockets: what is accepted, and how what is not is answered."""

import threading
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from flux_ls.otlp.grpc import GrpcServer, receives_otlp
from flux_ls.otlp.listen import PortInUse, listen, port_of
from flux_ls.otlp.payload import MAX_BODY
from flux_ls.otlp.sink import Outcome, SinkBusy
from flux_ls.otlp.worker import Worker

from .payloads import logs_message, trace_message
from .receiving import Receivers, Recording, receiving
from .test_http import until

TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"


def call(receivers: Receivers, method: str, body: bytes, host: str = "127.0.0.1", **options: Any) -> bytes:
    unlimited = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(f"{host}:{receivers.grpc_port}", options=unlimited) as channel:
        answer: bytes = channel.unary_unary(method)(body, timeout=40, **options)
        return answer


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_an_export_is_taken(receivers: Receivers, host: str, compression: grpc.Compression) -> None:
    assert call(receivers, TRACES, trace_message().SerializeToString(), host, compression=compression) == b""
    assert call(receivers, LOGS, logs_message().SerializeToString(), host, compression=compression) == b""
    assert receivers.sink.messages == [trace_message(), logs_message()]
    assert receivers.activity == 2


def test_the_official_stub_is_served(receivers: Receivers) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{receivers.grpc_port}") as channel:
        assert TraceServiceStub(channel).Export(trace_message(), timeout=40) == ExportTraceServiceResponse()
        MetricsServiceStub(channel).Export(ExportMetricsServiceRequest(), timeout=40)
    assert receivers.sink.messages == [trace_message()]


@pytest.mark.parametrize(
    ("method", "response", "count"),
    [
        (TRACES, ExportTraceServiceResponse, "rejected_spans"),
        (LOGS, ExportLogsServiceResponse, "rejected_log_records"),
    ],
)
def test_partial_success(receivers: Receivers, method: str, response: Any, count: str) -> None:
    receivers.sink.outcome = Outcome(3, "three were bad")
    partial = response.FromString(call(receivers, method, b"")).partial_success
    assert (getattr(partial, count), partial.error_message) == (3, "three were bad")


def test_a_batch_above_the_usual_limit_is_taken(receivers: Receivers) -> None:
    message = trace_message("x" * 8 * 1024 * 1024)
    assert call(receivers, TRACES, message.SerializeToString()) == b""
    assert receivers.sink.messages == [message]


@pytest.mark.parametrize(
    ("body", "compression", "expected"),
    [
        pytest.param(b"\xff\xff", None, grpc.StatusCode.INVALID_ARGUMENT, id="no protobuf"),
        pytest.param(trace_message().SerializeToString()[:-1], None, grpc.StatusCode.INVALID_ARGUMENT, id="truncated"),
        pytest.param(bytes(MAX_BODY + 1), None, grpc.StatusCode.RESOURCE_EXHAUSTED, id="too large"),
        pytest.param(bytes(MAX_BODY * 2), grpc.Compression.Gzip, grpc.StatusCode.RESOURCE_EXHAUSTED, id="bomb"),
    ],
)
def test_what_cannot_be_taken(receivers: Receivers, body: bytes, compression: Any, expected: grpc.StatusCode) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        call(receivers, TRACES, body, compression=compression)
    assert caught.value.code() == expected
    assert receivers.sink.messages == []
    assert call(receivers, TRACES, b"") == b""


@pytest.mark.parametrize("method", ["/flux.No/Export", TRACES.replace("Export", "Import")])
def test_unknown_methods(receivers: Receivers, method: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        call(receivers, method, b"")
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_a_busy_store_asks_to_come_again(receivers: Receivers) -> None:
    receivers.sink.error = SinkBusy(1.5, "the store is busy")
    with pytest.raises(grpc.RpcError) as caught:
        call(receivers, TRACES, b"")
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.UNAVAILABLE, "the store is busy")
    status = Status.FromString(dict(caught.value.trailing_metadata())["grpc-status-details-bin"])
    retry_info = RetryInfo()
    assert status.details[0].Unpack(retry_info)
    assert retry_info.retry_delay == Duration(seconds=1, nanos=500_000_000)


def test_a_failing_sink_fails_one_export(receivers: Receivers) -> None:
    receivers.sink.error = RuntimeError("with a secret in it")
    with pytest.raises(grpc.RpcError) as caught:
        call(receivers, TRACES, b"")
    assert caught.value.code() == grpc.StatusCode.INTERNAL
    assert "secret" not in caught.value.details()
    receivers.sink.error = None
    assert call(receivers, TRACES, b"") == b""


def test_a_client_that_gives_up_leaves_nothing_behind() -> None:
    with receiving(max_waiting=2) as receivers:
        receivers.sink.gate = threading.Event()
        with grpc.insecure_channel(f"127.0.0.1:{receivers.grpc_port}") as channel:
            for _ in range(5):
                with pytest.raises(grpc.RpcError):
                    channel.unary_unary(TRACES)(b"", timeout=0.1)
        receivers.sink.gate.set()
        until(lambda: receivers.in_loop(lambda: receivers.worker.idle))
        assert call(receivers, TRACES, b"") == b""


@pytest.mark.asyncio
async def test_a_port_that_somebody_has() -> None:
    sockets = listen(0)
    server = GrpcServer(Worker(Recording), port_of(sockets))
    try:
        with pytest.raises(PortInUse):
            await server.start()
    finally:
        await server.stop()
        for taken in sockets:
            taken.close()


def test_who_receives_otlp(receivers: Receivers) -> None:
    assert receives_otlp(receivers.grpc_port)
    assert not receives_otlp(receivers.http_port)
    assert receivers.healthy()
