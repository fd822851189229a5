"""The exporters of the OpenTelemetry SDK, as applications use them, are served by both receivers."""

import logging
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from flux_ls.otlp.sink import SinkBusy

from .receiving import Receivers

pytestmark = pytest.mark.slow

SHOP = Resource({"service.name": "shop"})
Exporter = Callable[[Receivers], Any]
HTTP = [
    pytest.param({"compression": Compression.NoCompression}, id="http"),
    pytest.param({"compression": Compression.Gzip}, id="http gzip"),
]
GRPC = [
    pytest.param({"compression": grpc.Compression.NoCompression}, id="grpc"),
    pytest.param({"compression": grpc.Compression.Gzip}, id="grpc gzip"),
]


def http_endpoint(receivers: Receivers, path: str) -> str:
    return f"http://localhost:{receivers.http_port}{path}"


def grpc_endpoint(receivers: Receivers) -> str:
    return f"http://localhost:{receivers.grpc_port}"


@pytest.fixture
def complaints(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What the exporters complain about: they never raise."""
    caplog.set_level(logging.WARNING, "opentelemetry")
    return lambda: [record.getMessage() for record in caplog.records if record.name.startswith("opentelemetry")]


def export_spans(exporter: Any) -> None:
    provider = TracerProvider(resource=SHOP)
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=60_000))
    tracer = provider.get_tracer("shop.web")
    with tracer.start_as_current_span("parent"):
        for number in range(50):
            with tracer.start_as_current_span("child", attributes={"number": number, "text": "ü" * number}):
                pass
    provider.shutdown()


def export_log(exporter: Any) -> None:
    provider = LoggerProvider(resource=SHOP)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    record = LogRecord(timestamp=1, severity_number=SeverityNumber.ERROR, body="it failed", attributes={"k": [1, 2]})
    provider.get_logger("shop.web").emit(record)
    provider.shutdown()


def export_metric(exporter: Any) -> None:
    provider = MeterProvider([PeriodicExportingMetricReader(exporter, 60_000)], SHOP)
    provider.get_meter("shop.web").create_counter("orders").add(1)
    provider.shutdown()


def check_spans(receivers: Receivers) -> None:
    assert sorted(receivers.sink.span_names()) == ["child"] * 50 + ["parent"]
    message = receivers.sink.messages[0]
    assert any(pair.value.string_value == "shop" for pair in message.resource_spans[0].resource.attributes)


def check_log(receivers: Receivers) -> None:
    (message,) = receivers.sink.messages
    assert message.resource_logs[0].scope_logs[0].log_records[0].body.string_value == "it failed"


@pytest.mark.parametrize("options", HTTP)
def test_over_http(receivers: Receivers, options: dict[str, Any], complaints: Callable[[], list[str]]) -> None:
    export_spans(HttpSpanExporter(http_endpoint(receivers, "/v1/traces"), **options))
    check_spans(receivers)
    receivers.sink.messages.clear()
    export_log(HttpLogExporter(http_endpoint(receivers, "/v1/logs"), **options))
    check_log(receivers)
    export_metric(HttpMetricExporter(http_endpoint(receivers, "/v1/metrics"), **options))
    assert receivers.activity == 3
    assert complaints() == []


@pytest.mark.parametrize("options", GRPC)
def test_over_grpc(receivers: Receivers, options: dict[str, Any], complaints: Callable[[], list[str]]) -> None:
    export_spans(GrpcSpanExporter(grpc_endpoint(receivers), insecure=True, **options))
    check_spans(receivers)
    receivers.sink.messages.clear()
    export_log(GrpcLogExporter(grpc_endpoint(receivers), insecure=True, **options))
    check_log(receivers)
    export_metric(GrpcMetricExporter(grpc_endpoint(receivers), insecure=True, **options))
    assert receivers.activity == 3
    assert complaints() == []


@pytest.mark.parametrize("kind", ["http", "grpc"])
def test_an_exporter_comes_again_when_the_store_was_busy(receivers: Receivers, kind: str) -> None:
    busy = SinkBusy(0.1, "busy")
    refused: list[object] = []

    take = receivers.sink._take

    def busy_at_first(message: Any) -> Any:
        if not refused:
            refused.append(message)
            raise busy
        return take(message)

    receivers.sink._take = busy_at_first
    if kind == "http":
        export_spans(HttpSpanExporter(http_endpoint(receivers, "/v1/traces")))
    else:
        export_spans(GrpcSpanExporter(grpc_endpoint(receivers), insecure=True))
    check_spans(receivers)
    assert refused == receivers.sink.messages
