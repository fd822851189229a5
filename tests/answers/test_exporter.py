"""What OpenTelemetry's variables say about where telemetry goes."""

import pytest

from flux_ls.answers.exporter import check_exporter
from flux_ls.config import Settings

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL"
TRACES_ENDPOINT = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {ENDPOINT: "http://localhost:4318", PROTOCOL: "http/protobuf"},
        {ENDPOINT: "http://127.0.0.1:4318/", PROTOCOL: "http/json"},
        {ENDPOINT: "http://localhost:4317", PROTOCOL: "grpc"},
        {ENDPOINT: "http://localhost:4317"},
        {ENDPOINT: "localhost:4317", PROTOCOL: "grpc"},
        {TRACES_ENDPOINT: "http://localhost:4318/v1/traces", PROTOCOL: "http/protobuf"},
        # What is only for traces wins over what is for everything.
        {ENDPOINT: "http://elsewhere:4318", TRACES_ENDPOINT: "http://[::1]:4318/v1/traces", PROTOCOL: "http/json"},
        {"OTEL_TRACES_EXPORTER": "otlp"},
        {"OTEL_TRACES_EXPORTER": "console,otlp_proto_http"},
        {"OTEL_SDK_DISABLED": "false"},
    ],
)
def test_what_arrives(environ: dict[str, str]) -> None:
    check = check_exporter(environ, Settings(), None)
    assert check.ok, check.detail
    assert check.mend is None


@pytest.mark.parametrize(
    ("environ", "detail", "mend"),
    [
        ({"OTEL_SDK_DISABLED": "TRUE"}, "keeps OpenTelemetry from recording", "unset OTEL_SDK_DISABLED"),
        ({"OTEL_TRACES_SAMPLER": "always_off"}, "drops every trace", "unset OTEL_TRACES_SAMPLER"),
        ({"OTEL_TRACES_EXPORTER": "none"}, "does not send OTLP", "OTEL_TRACES_EXPORTER=otlp"),
        ({"OTEL_TRACES_EXPORTER": "console"}, "does not send OTLP", "OTEL_TRACES_EXPORTER=otlp"),
        ({ENDPOINT: "http://collector:4318"}, "sends to another machine", "OTEL_EXPORTER_OTLP_ENDPOINT=http://127"),
        ({ENDPOINT: "http://localhost:9999"}, "sends to port 9999", "OTEL_EXPORTER_OTLP_ENDPOINT=http://127"),
        ({ENDPOINT: "https://localhost:4318"}, "speaks TLS", "http://127.0.0.1:4318"),
        ({ENDPOINT: "http://localhost:4318", PROTOCOL: "grpc"}, "is the HTTP port", "http/protobuf"),
        ({ENDPOINT: "http://localhost:4317", PROTOCOL: "http/protobuf"}, "is the gRPC port", "127.0.0.1:4318"),
        ({TRACES_ENDPOINT: "http://localhost:4318", PROTOCOL: "http/json"}, "without /v1/traces", "4318/v1/traces"),
        ({ENDPOINT: "http://[::1"}, "is no address", "http://127.0.0.1:4318"),
        ({ENDPOINT: "http://localhost:port"}, "is no address", "http://127.0.0.1:4318"),
    ],
)
def test_what_does_not_arrive_and_how_to_mend_it(environ: dict[str, str], detail: str, mend: str) -> None:
    check = check_exporter(environ, Settings(), None)
    assert not check.ok
    assert detail in check.detail
    assert check.mend is not None
    assert mend in check.mend


def test_an_endpoint_without_a_protocol_is_advice() -> None:
    check = check_exporter({ENDPOINT: "http://localhost:4318"}, Settings(), None)
    assert check.ok
    assert check.mend is not None
    assert "http/protobuf" in check.mend


def test_other_ports_than_the_standard_ones_have_to_be_told() -> None:
    moved = Settings(otlp_http_port=14318, otlp_grpc_port=0)
    assert check_exporter({}, moved, None).mend == "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:14318"
    assert not check_exporter({ENDPOINT: "http://localhost:4317"}, moved, None).ok
    assert check_exporter({ENDPOINT: "http://localhost:14318", PROTOCOL: "http/json"}, moved, None).ok
