"""Export requests to send: as the JSON that OTLP shows for its encoding, and as protobuf."""

import json
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

TRACE_ID = "4BF92F3577B34DA6A3CE929D0E0E4736"
SPAN_ID = "00F067AA0BA902B7"
PARENT_ID = "53995C3F42CD8AD8"

TRACE: dict[str, Any] = {
    "resourceSpans": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
            "scopeSpans": [
                {
                    "scope": {
                        "name": "shop.web",
                        "version": "2.1.0",
                        "attributes": [{"key": "scope.attribute", "value": {"stringValue": "of the scope"}}],
                    },
                    "spans": [
                        {
                            "traceId": TRACE_ID,
                            "spanId": SPAN_ID,
                            "parentSpanId": PARENT_ID,
                            "name": "GET /orders",
                            "startTimeUnixNano": "1544712660000000000",
                            "endTimeUnixNano": 1544712661000000000,
                            "kind": 2,
                            "attributes": [{"key": "http.request.method", "value": {"stringValue": "GET"}}],
                        }
                    ],
                }
            ],
        }
    ]
}

LOGS: dict[str, Any] = {
    "resourceLogs": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
            "scopeLogs": [
                {
                    "scope": {"name": "shop.web", "version": "2.1.0"},
                    "logRecords": [
                        {
                            "timeUnixNano": "1544712660300000000",
                            "observedTimeUnixNano": "1544712660300000000",
                            "severityNumber": 10,
                            "severityText": "Information",
                            "traceId": TRACE_ID,
                            "spanId": SPAN_ID,
                            "body": {"stringValue": "a log record"},
                            "attributes": [
                                {"key": "string", "value": {"stringValue": "some text"}},
                                {"key": "boolean", "value": {"boolValue": True}},
                                {"key": "int", "value": {"intValue": "10"}},
                                {"key": "double", "value": {"doubleValue": 637.704}},
                                {"key": "bytes", "value": {"bytesValue": "AP8="}},
                                {
                                    "key": "array",
                                    "value": {
                                        "arrayValue": {"values": [{"stringValue": "many"}, {"stringValue": "values"}]}
                                    },
                                },
                                {
                                    "key": "map",
                                    "value": {
                                        "kvlistValue": {
                                            "values": [{"key": "some.key", "value": {"stringValue": "some value"}}]
                                        }
                                    },
                                },
                            ],
                        }
                    ],
                }
            ],
        }
    ]
}


def as_json(payload: Any) -> bytes:
    return json.dumps(payload).encode()


def trace_message(name: str = "GET /orders", spans: int = 1) -> ExportTraceServiceRequest:
    message = ExportTraceServiceRequest()
    resource = message.resource_spans.add()
    attribute = resource.resource.attributes.add(key="service.name")
    attribute.value.string_value = "shop"
    scope = resource.scope_spans.add()
    for number in range(spans):
        scope.spans.add(
            trace_id=bytes.fromhex(TRACE_ID),
            span_id=(number + 1).to_bytes(8, "big"),
            name=name,
            kind=2,
            start_time_unix_nano=1_544_712_660_000_000_000,
            end_time_unix_nano=1_544_712_661_000_000_000,
        )
    return message


def logs_message() -> ExportLogsServiceRequest:
    message = ExportLogsServiceRequest()
    record = message.resource_logs.add().scope_logs.add().log_records.add(trace_id=bytes.fromhex(TRACE_ID))
    record.body.string_value = "a log record"
    return message
