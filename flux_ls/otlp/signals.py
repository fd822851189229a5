"""The kinds of telemetry that are received, and the work that one export of each is."""

from collections.abc import Callable

from google.protobuf.message import Message
from msgspec import Struct
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from flux_ls.otlp.payload import Encoding, Format, decode, decompress
from flux_ls.otlp.sink import Outcome, Sink


class Signal(Struct, frozen=True):
    """One kind of telemetry: where it is sent to, and what becomes of an export."""

    path: str
    service: str
    """Of gRPC; its method is `Export`."""
    export: Callable[[Sink, bytes, Format], Outcome] | None
    """None: accepted and discarded."""
    answer: Callable[[Outcome], Message] | None
    """The response message for an export that was not kept as a whole."""


def _traces(sink: Sink, body: bytes, format: Format) -> Outcome:
    message = decode(body, format, ExportTraceServiceRequest)
    return sink.traces(message, body if format == "protobuf" else b"")


def _logs(sink: Sink, body: bytes, format: Format) -> Outcome:
    return sink.logs(decode(body, format, ExportLogsServiceRequest))


def _traces_answer(outcome: Outcome) -> Message:
    partial = ExportTracePartialSuccess(rejected_spans=outcome.rejected, error_message=outcome.message)
    return ExportTraceServiceResponse(partial_success=partial)


def _logs_answer(outcome: Outcome) -> Message:
    partial = ExportLogsPartialSuccess(rejected_log_records=outcome.rejected, error_message=outcome.message)
    return ExportLogsServiceResponse(partial_success=partial)


_COLLECTOR = "opentelemetry.proto.collector"
TRACES = Signal("/v1/traces", f"{_COLLECTOR}.trace.v1.TraceService", _traces, _traces_answer)
LOGS = Signal("/v1/logs", f"{_COLLECTOR}.logs.v1.LogsService", _logs, _logs_answer)
METRICS = Signal("/v1/metrics", f"{_COLLECTOR}.metrics.v1.MetricsService", None, None)
SIGNALS = (TRACES, LOGS, METRICS)


def export(signal: Signal, sink: Sink, body: bytes, encoding: Encoding, format: Format) -> bytes:
    """Does one export and returns the body of the answer. Raises `TooLarge`, `Undecodable`, what the sink raises."""
    if signal.export is None or signal.answer is None:
        return EMPTY[format]
    outcome = signal.export(sink, decompress(body, encoding), format)
    if not outcome.rejected and not outcome.message:
        return EMPTY[format]
    answer = signal.answer(outcome)
    if format == "protobuf":
        return answer.SerializeToString()
    from google.protobuf.json_format import MessageToJson  # partial success over JSON is rare

    return MessageToJson(answer, indent=None).encode()


EMPTY: dict[Format, bytes] = {"protobuf": b"", "json": b"{}"}
"""The answer to an export that was kept as a whole."""
