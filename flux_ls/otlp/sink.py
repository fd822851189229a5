"""Where received telemetry goes, as the receivers see it."""

from typing import Protocol

from msgspec import Struct
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Outcome(Struct, frozen=True):
    """What was not kept of an export, and why; both empty when all of it was."""

    rejected: int = 0
    message: str = ""


class SinkBusy(Exception):
    """Nothing can be taken right now, but soon: the client keeps its data and tries again."""

    def __init__(self, retry_after_s: float = 1.0, reason: str = "busy, try again") -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class Sink(Protocol):
    """Takes exports, one at a time and always in the same thread, and returns when they are durable.

    `SinkBusy` asks the client to come again. Any other exception tells the client that it failed for good: exporters
    drop what they sent.
    """

    def traces(self, message: ExportTraceServiceRequest, body: bytes = b"", /) -> Outcome:
        """`body` is what the message was read from, if that was protobuf."""
        ...

    def logs(self, message: ExportLogsServiceRequest, /) -> Outcome: ...
